"""Parameters of a mixture as a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skgmm._inference.report import import_pandas
from skgmm._parameters import MixtureParameters

if TYPE_CHECKING:
    import pandas as pd


def frame_of(
    parameters: MixtureParameters, names: Sequence[str], noise_weight: float | None
) -> pd.DataFrame:
    """A row for each component; see `GaussianMixtureEM.to_frame`."""
    pd = import_pandas()
    covariance, K = parameters.covariance, parameters.n_components
    variances = np.broadcast_to(covariance.variances(), parameters.means.shape)
    labels = ["weight", *(f"mean_{a}" for a in names), *(f"variance_{a}" for a in names)]
    columns = [parameters.weights[:, None], parameters.means, variances]
    if not covariance.diagonal:
        i, j = np.tril_indices(len(names), -1)
        dense = covariance.dense()[:, i, j]
        columns.append(np.broadcast_to(dense, (K, len(i))))
        labels += [
            f"covariance_{names[b]}_{names[a]}" for a, b in zip(i.tolist(), j.tolist(), strict=True)
        ]
    index = pd.RangeIndex(K, name="component")
    frame = pd.DataFrame(np.concatenate(columns, axis=1), index=index, columns=labels)
    if noise_weight is not None:
        frame.loc[-1, "weight"] = noise_weight
    return frame
