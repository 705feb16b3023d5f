"""From Dask arrays and data frames, as users hand them in, to DaskRows."""

from __future__ import annotations

from typing import Any

import dask.array
import numpy as np

from skgmm._rows.array_input import plain
from skgmm._rows.bad_values import names_of
from skgmm._rows.block import Features, numbers_of
from skgmm._rows.dask_rows import DaskRows


def header_of(X: Any) -> Any:
    """No rows of a Dask array or data frame: number, names and types of features."""
    if not hasattr(X, "_meta") or X.ndim != 2:
        raise ValueError(
            f"X should be a Dask array or data frame of shape (n_samples, n_features), but got {X}"
        )
    return X._meta if hasattr(X, "to_dask_array") else np.empty((0, X.shape[1]), X.dtype)


def dask_rows(X: Any, sample_weight: Any, n_threads: int, to_fit: bool) -> DaskRows:
    """Rows of a Dask array or data frame, and of weights that may be either or NumPy's.

    Raises
    ------
    ValueError, TypeError
        If the chunks are not NumPy arrays of numbers, are cut along the features or, `to_fit`, of
        unknown length; if the weights do not fit.
    """
    names = names_of(X._meta)
    X = _array(X if names is None else _of_numbers(X), to_fit)
    if not isinstance(X._meta, np.ndarray):
        raise TypeError(f"X should consist of NumPy arrays, but has {type(X._meta).__name__}")
    if X.dtype.kind not in "biuf":
        dates = ": convert dates to numbers, for example to days since a date"
        advice = dates if X.dtype.kind in "mM" else ""
        raise ValueError(f"X should hold real numbers, but holds {X.dtype}{advice}")
    if X.numblocks[1] > 1:
        raise ValueError(
            f"X is chunked along the features, into chunks of {X.chunks[1]}, but a chunk must "
            "contain all features. Use X.rechunk({0: 'auto', 1: -1})."
        )
    if to_fit and np.isnan(X.shape[0]):
        raise ValueError(
            "X has chunks of unknown length. Call X.compute_chunk_sizes() before, or create it by "
            "to_dask_array(lengths=True)."
        )
    weights = None
    if sample_weight is not None:
        weights = _weights(sample_weight, X, to_fit)
    return DaskRows(X, weights, Features(X.shape[1], names), n_threads)


def _of_numbers(frame: Any) -> Any:
    """A data frame whose partitions are float64, or float32, and have the columns it says."""
    columns = frame._meta.columns
    single = all(dtype == np.float32 for dtype in frame._meta.dtypes)
    empty = np.empty((0, len(columns)), np.float32 if single else np.float64)
    meta = type(frame._meta)(empty, columns=columns)
    return frame.map_partitions(_partition_of_numbers, list(columns), meta=meta)


def _partition_of_numbers(part: Any, columns: list[Any]) -> Any:
    if list(part.columns) != columns:
        raise ValueError(
            f"X: a partition has the columns {list(part.columns)}, but the data frame {columns}"
        )
    return type(part)(numbers_of(part), index=part.index, columns=part.columns)


def _array(collection: Any, to_fit: bool) -> Any:
    if hasattr(collection, "to_dask_array"):
        return collection.to_dask_array(lengths=True if to_fit else None)
    return collection


def _weights(sample_weight: Any, X: Any, to_fit: bool) -> Any:
    """Weights as a Dask array in the chunks of X."""
    lengths = X.chunks[0]
    weights = _array(sample_weight, to_fit)
    given = isinstance(weights, dask.array.Array)
    if not given:
        weights = np.asarray(plain(weights, "sample_weight"), dtype=np.float64)
        weights = dask.array.from_array(weights)
    unknown = np.isnan(X.shape[0]) or np.isnan(weights.shape[0])
    if weights.ndim != 1 or (weights.shape != X.shape[:1] and not unknown):
        raise ValueError(
            f"sample_weight.shape == {weights.shape}, expected {X.shape[:1]} (a Dask array with "
            "the chunks of X, or a NumPy array)"
        )
    if unknown and weights.numblocks != X.numblocks[:1]:
        raise ValueError(
            f"sample_weight has {weights.numblocks[0]} chunks, but X {X.numblocks[0]} of unknown "
            "length. Call compute_chunk_sizes() on both before."
        )
    if not unknown:
        weights = weights.rechunk((lengths,))
    # Weights of the client move to the workers once, not with every pass.
    return weights if given else weights.persist()
