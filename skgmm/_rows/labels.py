"""Samples whose component is known: labels from 0 to K - 1, and -1 where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from skgmm._linalg import Array
from skgmm._rows.array_input import plain
from skgmm._rows.missing import is_missing
from skgmm._rows.noise import Background

# What a partition leaves to noise, as a part of all, if it is more than rounding.
SOME_NOISE = 1e-9


def check_labels(labels: ArrayLike | None, n_samples: int, n_components: int) -> Array | None:
    """Labels (n,) as int64; None where no component is known."""
    if labels is None:
        return None
    array = np.asarray(plain(labels, "labels"))
    if array.shape != (n_samples,):
        raise ValueError(
            f"labels should have the shape (n_samples,) = ({n_samples},), but got {array.shape}"
        )
    known = _integers(array)
    wrong = np.flatnonzero((known < -1) | (known >= n_components))
    if len(wrong):
        raise ValueError(
            f"labels should be components from 0 to n_components - 1 = {n_components - 1}, or -1 "
            f"where the component is unknown, but that of sample {wrong[0]} is {array[wrong[0]]}"
        )
    return known if (known >= 0).any() else None


def _integers(array: Array) -> Array:
    whole = array.dtype.kind in "iu" or (
        array.dtype.kind == "O" and all(_is_integer(value) for value in array)
    )
    if array.dtype.kind in "fO" and any(is_missing(value) for value in array):
        raise ValueError(
            "labels should be integers, -1 where the component is unknown, but some are missing: "
            "replace these by -1"
        )
    if not whole:
        raise ValueError(
            f"labels should be integers, -1 where the component is unknown, but got {array.dtype}. "
            "For classes with names: numpy.unique(names, return_inverse=True)[1]"
        )
    return array.astype(np.int64, copy=False)  # a memory map stays one


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def with_labels(partition: Array, known: Array, weights: Array, n_components: int) -> Array:
    """A partition whose components are named, and samples assigned, as labels say.

    Parameters
    ----------
    partition : ndarray
        Labels (n,) or responsibilities (n, K) of a start, whose components are in any order.
    known : ndarray of shape (n,)
        The component of a sample where it is known, else -1.
    """
    responsibilities = partition
    if partition.ndim == 1:
        responsibilities = np.eye(n_components)[partition]
    labelled = known >= 0
    agreement = np.zeros((n_components, n_components))  # label x component of the partition
    np.add.at(agreement, known[labelled], weights[labelled, None] * responsibilities[labelled])
    order = linear_sum_assignment(-agreement)[1]
    named = responsibilities[:, order].astype(np.float64)
    named[labelled] = np.eye(n_components)[known[labelled]]
    return named


def beside_known(
    partition: Array,
    n_components: int,
    weights: Array,
    known: Array | None,
    background: Background | None,
) -> Array:
    """A partition of a start, which knows neither of labels nor of noise, beside these.

    Parameters
    ----------
    partition : ndarray
        Labels (n,) or responsibilities (n, K), which may leave a part to noise.
    """
    if known is not None:
        partition = with_labels(partition, known, weights, n_components)
    if background is None:
        return partition
    responsibilities = partition
    if partition.ndim == 1:
        responsibilities = np.eye(n_components)[partition]
    left = weights @ (1.0 - responsibilities.sum(axis=1)) / weights.sum()
    if left > SOME_NOISE:
        return responsibilities
    return (1.0 - background.weight) * responsibilities
