"""The classes of samples: labels of y as codes from 0 on, and -1 where the class is unknown."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skgmm._applications.supervised.samples import check_target_given
from skgmm._linalg import Array
from skgmm._rows.missing import is_missing, missing_values

# By how much given priors may miss a sum of 1.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class Classes:
    """The classes of a fit."""

    values: Array  # (C,) sorted
    codes: Array  # (n,) the class of each sample, -1 where it is unknown

    @classmethod
    def of(cls, estimator: Any, y: Any, unlabeled: Any, X: Array, counted: Any) -> Classes:
        """From the target of all samples X, those of the `counted` ones."""
        check_target_given(estimator, y)
        plain = type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "biuf"
        masked = np.ma.getmaskarray(y).ravel() if np.ma.isMaskedArray(y) else None
        if not plain:  # scikit-learn's check is slow
            y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        missing = missing_values(y) if masked is None else missing_values(y) | masked
        y = y[counted]
        unknown = _is_unknown(y, missing[counted], unlabeled)
        known = y[~unknown]
        integers = known.dtype.kind in "biu"
        if len(known) and not integers:
            assert_all_finite(known, estimator_name=type(estimator).__name__, input_name="y")
            check_classification_targets(known)
        values, own = np.unique(known, return_inverse=True)
        if integers and 2 * len(values) > len(known):  # the check is slow, and few are classes
            check_classification_targets(known)
        if len(values) < 2:
            found = f"one class, {_named(values[0])}" if len(values) else "no class"
            among = " among samples of positive weight" if isinstance(counted, np.ndarray) else ""
            raise ValueError(
                f"{type(estimator).__name__} needs samples of at least two classes, but y has "
                f"{found}{among}"
            )
        codes = np.full(len(y), -1, dtype=np.int64)
        codes[~unknown] = own
        return cls(values, codes)

    @property
    def number(self) -> int:
        return len(self.values)

    @property
    def all_known(self) -> bool:
        return bool((self.codes >= 0).all())

    def mass(self, weights: Array | None) -> Array:
        """The weight of the samples of each class, (C,)."""
        known = self.codes >= 0
        weights = None if weights is None else weights[known]
        return np.bincount(self.codes[known], weights=weights, minlength=self.number)

    def counts(self, weights: Array | None) -> Array:
        """Samples of each class, (C,): one of weight 3 is as good as three."""
        return np.maximum(self.mass(None), self.mass(weights))

    def proportions(self, weights: Array | None) -> Array:
        """The proportion of each class in the weight of the samples whose class is known, (C,)."""
        mass = self.mass(weights)
        return mass / mass.sum()

    def name(self, number: int) -> str:
        """How messages call a class."""
        return f"class {_named(self.values[number])}"


def _named(value: Any) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)


def _is_unknown(y: Array, missing: Array, unlabeled: Any) -> Array:
    """Which values of y mark samples without a class. Others must not be missing."""
    if unlabeled is not None and is_missing(unlabeled):
        return missing
    if missing.any():
        raise ValueError(
            f"Input y contains NaN in {missing.sum()} of {len(y)} samples. Drop such samples of X "
            "and y, or use unlabeled=np.nan to fit them as samples without a class."
        )
    if unlabeled is None:
        return missing
    comparable = y.dtype.kind in "biuf" and isinstance(unlabeled, Number)
    unknown = np.asarray((y if comparable else y.astype(object)) == unlabeled, dtype=bool)
    if not unknown.any() and (y.astype(str) == str(unlabeled)).any():
        raise ValueError(
            f"unlabeled={unlabeled!r} is no value of y, but {str(unlabeled)!r} in another type "
            f"is: y has {y.dtype}. Give unlabeled in the type of y."
        )
    return unknown


def check_priors(priors: ArrayLike, n_classes: int) -> Array:
    """Given priors (C,), scaled to sum 1, as LinearDiscriminantAnalysis takes them."""
    try:
        array = np.asarray(priors, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"priors should be numbers, one for each of the {n_classes} classes in the order of "
            f"classes_, but got {priors!r}"
        ) from error
    if array.shape != (n_classes,):
        raise ValueError(
            f"priors should have a number for each of the {n_classes} classes, in the order of "
            f"classes_, but has the shape {array.shape}"
        )
    if not np.isfinite(array).all() or array.min() < 0 or array.sum() == 0:
        raise ValueError(
            f"priors must be non-negative, with a positive sum, but got {array.tolist()}"
        )
    if abs(array.sum() - 1.0) > _ROUNDING:
        warnings.warn(
            f"The priors do not sum to 1 but to {array.sum():.5g}. Renormalizing.",
            UserWarning,
            stacklevel=5,
        )
    return array / array.sum()
