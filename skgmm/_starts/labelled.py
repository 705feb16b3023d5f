"""Errors of a fit that are due to labels: they name these."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._rows.base import Rows
from skgmm._starts.methods import EmptyStartError


@contextmanager
def naming_labels(rows: Rows, weights: Array | None) -> Iterator[None]:
    """Errors of a fit with labels say which labels and parameters contradict each other.

    Parameters
    ----------
    weights : ndarray of shape (K,) or None
        Those that were given to start from.
    """
    try:
        yield
    except EmptyStartError as error:
        if not rows.labelled:
            raise
        raise ValueError(
            f"No samples are left for components {error.components}, because labels assign (almost)"
            " all samples to other components. Decrease n_components, or give samples the label -1 "
            "whose component is not known."
        ) from error
    except LostRowError as error:
        of_weight_0 = [] if weights is None else np.flatnonzero(weights == 0.0).tolist()
        if not rows.labelled or not of_weight_0:
            raise
        raise ValueError(
            f"labels assign samples, such as sample {error.row}, to one of the components "
            f"{of_weight_0}, whose weight is 0 at the start (in weights_init, or in the previous "
            "fit with warm_start=True). Give it a positive weight, or these samples the label -1."
        ) from error
