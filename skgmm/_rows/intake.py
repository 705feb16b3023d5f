"""From what a user hands in to Rows: where kinds of data part, before anything is converted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import isinf, isnan
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skgmm._linalg import Array
from skgmm._rows import checks
from skgmm._rows.array_input import converted, is_plain, plain
from skgmm._rows.bad_values import names_of
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.block import Features
from skgmm._rows.block_rows import BlockRows
from skgmm._rows.grouped import GroupedRows, RowsInMemory
from skgmm._rows.labels import check_labels
from skgmm._rows.measurement_errors import check_errors
from skgmm._rows.missing import (
    check_features_observed,
    observed_magnitude,
    only_missing,
    refuse_infinity,
    unmasked,
    with_nan,
)
from skgmm._rows.row_blocks import RowBlocks
from skgmm._rows.sample import sample_key, sample_size
from skgmm._threads import available_threads, threads_for

if TYPE_CHECKING:
    from skgmm._rows.dask_rows import DaskRows


def rows_to_fit(
    mixture: BaseEstimator,
    X: Any,
    sample_weight: ArrayLike | None,
    rng: np.random.RandomState,
    labels: ArrayLike | None = None,
) -> Rows:
    """Rows that the mixture is fitted to; sets its `n_features_in_` and `feature_names_in_`."""
    size, key = sample_size(mixture.n_components), partial(sample_key, rng)
    return rows_and_sample(mixture, X, sample_weight, labels, mixture.n_components, size, key)


def rows_and_sample(
    mixture: BaseEstimator,
    X: Any,
    sample_weight: ArrayLike | None,
    labels: ArrayLike | None,
    n_components: int,
    size: int,
    key: Callable[[], int],
) -> Rows:
    """Rows that so many components can be fitted to; `size` of them are drawn if they are not in
    memory.
    """
    if isinstance(X, RowBlocks):
        blocks = _blocks(mixture, X, sample_weight, reset=True)
        if labels is not None:
            blocks = blocks.with_labels(check_labels(labels, blocks.n_samples, n_components))
        return blocks.with_first_pass(n_components, size, key())
    if _is_dask(X):
        if labels is not None:
            raise ValueError(
                "labels are not supported with Dask yet: use RowBlocks, give X in memory, or "
                "means_init from a fit to a labelled sample"
            )
        chunks = _chunks(mixture, X, sample_weight, reset=True)
        return chunks.with_first_pass(n_components, size, key())
    rows = rows_in_memory(mixture, X, sample_weight, n_components)
    return labelled(rows, labels, n_components)


def labelled(rows: RowsInMemory, labels: ArrayLike | None, n_components: int) -> RowsInMemory:
    """The samples with their components where labels tell these."""
    known = check_labels(labels, rows.n_samples, n_components)
    if known is None:
        return rows
    return GroupedRows.knowing(rows, known=known)


@overload
def with_errors(
    estimator: BaseEstimator, rows: RowsInMemory, error_covariance: ArrayLike | None
) -> RowsInMemory: ...


@overload
def with_errors(
    estimator: BaseEstimator, rows: Rows, error_covariance: ArrayLike | None
) -> Rows: ...


def with_errors(estimator: BaseEstimator, rows: Rows, error_covariance: ArrayLike | None) -> Rows:
    """The samples with measurement errors, if there are any."""
    if error_covariance is None:
        return rows
    if not isinstance(rows, RowsInMemory):
        raise ValueError(
            "error_covariance is not supported with RowBlocks or Dask yet: give X in memory"
        )
    errors = check_errors(error_covariance, rows.X, estimator)
    return rows if errors is None else GroupedRows.knowing(rows, errors=errors)


def rows_in_memory(
    estimator: BaseEstimator,
    X: Any,
    sample_weight: ArrayLike | None,
    n_components: int,
) -> RowsInMemory:
    """Rows that so many components can be fitted to, as `rows_to_fit`."""
    if is_out_of_core(X):
        raise TypeError(
            f"{type(estimator).__name__} takes X in memory, but got a {type(X).__name__}: "
            "search on a random sample of the data, and fit the chosen GaussianMixtureEM to all"
        )
    rows, largest, whole = _in_memory(estimator, X, sample_weight, n_components, reset=True)
    if not whole:
        check_features_observed(estimator, rows.X, rows.sample_weight)
    n_counted = total_weight = float(rows.n_samples)
    if (weights := rows.sample_weight) is not None:
        n_counted, total_weight = float(np.count_nonzero(weights)), float(weights.sum())
        checks.check_weighted_squares(total_weight, largest)
    checks.check_enough_rows(n_counted, total_weight, n_components)
    return rows if whole else GroupedRows.of(rows)


def rows_to_learn_from(
    mixture: BaseEstimator, X: Any, sample_weight: ArrayLike | None
) -> InMemoryRows:
    """Rows of a stream, NaN where a value is missing; the first set the mixture's features."""
    if is_out_of_core(X):
        raise TypeError(
            f"partial_fit takes X in memory, but got a {type(X).__name__}: pass one block at a "
            "time, or use fit"
        )
    first = not hasattr(mixture, "n_features_in_")
    rows, largest, _ = _in_memory(mixture, X, sample_weight, mixture.n_components, first)
    if rows.sample_weight is not None:
        checks.check_weighted_squares(float(rows.sample_weight.sum()), largest)
    return rows


def rows_to_ask_about(
    mixture: BaseEstimator, X: Any, sample_weight: ArrayLike | None, n_components: int
) -> Rows:
    """Rows with the features of the fit."""
    if isinstance(X, RowBlocks):
        return _blocks(mixture, X, sample_weight, reset=False)
    if _is_dask(X):
        return _chunks(mixture, X, sample_weight, reset=False)
    rows, _, whole = _in_memory(mixture, X, sample_weight, n_components, reset=False)
    return rows if whole else GroupedRows.of(rows)


def complete_or_not(mixture: BaseEstimator, X: Any, method: str = "impute") -> Array:
    """Samples in memory with the features of the fit, NaN where a value is missing."""
    if is_out_of_core(X):
        raise TypeError(f"{method} takes X in memory, but got a {type(X).__name__}")
    array, largest, _ = array_with_missing(mixture, X, reset=False)
    checks.check_magnitude(largest)
    return array


def _in_memory(
    mixture: BaseEstimator,
    X: Any,
    sample_weight: ArrayLike | None,
    n_components: int,
    reset: bool,
) -> tuple[InMemoryRows, float, bool]:
    """Rows as float64 or float32, in place where they are that, NaN where a value is missing.

    And their largest magnitude, and whether no value is missing.
    """
    if isinstance(X, Iterator):
        raise TypeError(
            f"X is an iterator ({type(X).__name__}), which can be read only once. Use "
            "RowBlocks.from_iterable with a function that returns a new one at every call."
        )
    array, largest, whole = array_with_missing(mixture, X, reset)
    checks.check_magnitude(largest)
    weights = checks.check_weights_of_rows(sample_weight, array)
    n_threads = threads_for(mixture.n_jobs, array, n_components)
    return InMemoryRows(checks.readable(array), weights, n_threads), largest, whole


def array_with_missing(estimator: BaseEstimator, X: Any, reset: bool) -> tuple[Array, float, bool]:
    """X as float64 or float32, in place where it is that, NaN where a value is missing; its largest
    magnitude, and whether no value is missing.

    Sets the features of the estimator, or checks them.
    """
    if is_plain(X, np.float64, np.float32):
        array = _validated(estimator, reset, X)
    else:
        X = plain(unmasked(X), "X")
        try:
            array = converted(X, partial(_validated, estimator, reset))
        except (TypeError, ValueError):
            if not only_missing(X):
                raise
            validate_data(estimator, X, skip_check_array=True, reset=reset)
            array = check_array(with_nan(X), ensure_all_finite=False)
    largest = checks.magnitude(array)
    whole = not isnan(largest)
    if not whole:
        largest = observed_magnitude(array)
    if isinf(largest):
        refuse_infinity(X, array)
    return array, largest, whole


def _validated(estimator: BaseEstimator, reset: bool, X: Any) -> Array:
    dtypes = [np.float64, np.float32]
    if is_plain(X, *dtypes) and X.ndim == 2 and X.size:
        # As `validate_data`, which takes longer to find that an array has no names.
        known = vars(estimator)
        if reset:
            known.pop("feature_names_in_", None)
            estimator.n_features_in_ = X.shape[1]
        elif known.get("n_features_in_") != X.shape[1] or "feature_names_in_" in known:
            validate_data(estimator, X, skip_check_array=True, reset=reset)
        return X
    return validate_data(estimator, X, dtype=dtypes, ensure_all_finite=False, reset=reset)


def is_out_of_core(X: Any) -> bool:
    """Whether X is read a part at a time."""
    return isinstance(X, RowBlocks) or _is_dask(X)


def _is_dask(X: Any) -> bool:
    """Told by the name of its module, so that Dask is imported for nobody else."""
    # Data frames of Dask 2024 are of a package of its own.
    return type(X).__module__.partition(".")[0] in {"dask", "dask_expr"}


def _chunks(mixture: BaseEstimator, X: Any, sample_weight: Any, reset: bool) -> DaskRows:
    """The chunks of a Dask array or data frame, once scikit-learn has seen their features."""
    from skgmm._rows.dask_input import dask_rows, header_of

    validate_data(mixture, header_of(X), skip_check_array=True, reset=reset)
    if reset and getattr(mixture, "responsibilities_init", None) is not None:
        raise ValueError(
            "responsibilities_init is not supported with Dask arrays, because it would have to be "
            "sent to the workers. Use means_init, or the parameters of a fit to a random sample."
        )
    return dask_rows(X, sample_weight, available_threads(mixture.n_jobs), to_fit=reset)


def _blocks(
    mixture: BaseEstimator, X: RowBlocks, sample_weight: ArrayLike | None, reset: bool
) -> BlockRows:
    """The blocks, once scikit-learn has seen their features."""
    if sample_weight is not None:
        raise ValueError(
            "sample_weight is not supported with RowBlocks, whose weights come with the data: pass "
            "sample_weight to the method that makes them, such as RowBlocks.from_npy, or yield "
            "pairs of data and weights in .from_iterable"
        )
    header = X.source.header()
    if len(header.shape) != 2:
        raise ValueError(f"X: blocks should have two dimensions, but have {len(header.shape)}")
    validate_data(mixture, header, skip_check_array=True, reset=reset)
    return BlockRows(
        X,
        Features(header.shape[1], names_of(header)),
        np.dtype(np.float32 if _is_single(header) else np.float64),
        available_threads(mixture.n_jobs),
    )


def _is_single(header: Any) -> bool:
    """Whether all columns are float32."""
    try:
        return bool(np.asarray(header).dtype == np.float32)
    except TypeError:  # numbers beside dates; the blocks will be refused
        return False
