"""The targets of a regression, and the names of features and targets together."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skgmm._applications.supervised.samples import check_target_given
from skgmm._linalg import Array
from skgmm._rows.array_input import plain
from skgmm._rows.checks import check_magnitude, magnitude
from skgmm._rows.missing import unmasked
from skgmm._sklearn_compat import get_feature_names


def check_targets(estimator: Any, y: Any, X: Array) -> Array:
    """Targets (n, t) as numbers, which must all be there."""
    check_target_given(estimator, y)
    array = check_array(
        plain(unmasked(y), "y"),  # dates are no numbers, though NumPy takes them for some
        dtype=X.dtype,
        ensure_2d=False,
        ensure_all_finite="allow-nan",
        estimator=estimator,
        input_name="y",
    )
    check_consistent_length(X, array)
    missing = np.isnan(array) if array.ndim == 1 else np.isnan(array).any(axis=1)
    if missing.any():
        raise ValueError(
            f"Input y contains NaN in {missing.sum()} of {len(array)} samples, the first of which "
            f"is {missing.argmax()}. Targets must be known: drop such samples of X and y, with "
            f"keep = ~np.isnan(y){'.any(axis=1)' if array.ndim == 2 else ''}."
        )
    check_magnitude(magnitude(array.reshape(len(array), -1)), "y")
    return array.reshape(len(array), -1)


def names_of_joint(estimator: Any, y: Any, n_targets: int) -> Array | None:
    """Names of the features and, after these, of the targets; None where features have none."""
    features = getattr(estimator, "feature_names_in_", None)
    if features is None:
        return None
    default = ["y"] if n_targets == 1 else [f"y{number}" for number in range(n_targets)]
    name = getattr(y, "name", None)  # of a series
    if hasattr(y, "columns"):
        found = get_feature_names(y)
        own = default if found is None else list(found)
    else:
        own = [name] if isinstance(name, str) else default
    names = np.array([*features, *own], dtype=object)
    return names if len(set(names)) == len(names) else None
