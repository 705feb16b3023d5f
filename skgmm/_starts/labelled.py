"""Components that start where their labels are, and errors of a fit that are due to labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
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


def order_of_labels(parameters: MixtureParameters, rows: Rows) -> Array:
    """For each label the component (K,) to which most of its samples belong, each component once.

    Component k of a fit stays where it starts, so it has to start at the samples of label k.
    """
    K = parameters.n_components

    def agreement(part: Any) -> Array:
        """Responsibilities (K, K) of components for the labels, summed over samples."""
        table = np.zeros((K, K))
        labelled = np.flatnonzero((part.known >= 0) & (part.weights > 0))
        if len(labelled):
            some = part.taken(labelled).unlabelled()
            np.add.at(table, part.known[labelled], some.responsibilities(parameters)[:, :K])
        return table

    return linear_sum_assignment(rows.summed(agreement), maximize=True)[1]
