"""Many small fits in one call."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from skgmm._fitted import collected_warnings
from skgmm._inference.compiled_fits import compiled_fits, unsupported
from skgmm._inference.predict import MixtureInference
from skgmm._threads import available_threads, run_in_workers, single_threaded_blas

# Pieces of work for each process, so that one with slow fits does not keep the others waiting.
_PIECES = 4

# Ordinary fits beside compiled ones for which processes are worth their start.
_WORTH_PROCESSES = 500

# Numbers of fits that a warning lists.
_LISTED = 10

Outcome = tuple[Any, list[str], Exception | None]  # the mixture, its warnings, why it failed


def fit_many(
    mixture: Any,
    datasets: Iterable[Any],
    sample_weights: Iterable[Any] | None = None,
    n_jobs: int | None = None,
) -> list[Any]:
    """Fit a mixture to each of many data sets.

    The results are those of a loop, ``[clone(mixture).fit(X) for X in datasets]``, to the last bit
    and for any `n_jobs`. A fit that fails does not stop the others.

    With ``escape=False`` and ``init_params="kmeans"``, compiled code makes the fits, several at a
    time; see Notes.

    Parameters
    ----------
    mixture : GaussianMixtureEM
        Its parameters are those of each fit; it is not changed. With an integer `random_state`, all
        fits use this seed.
    datasets : sequence of array-like of shape (n_samples, n_features)
        Or an array of shape (n_datasets, n_samples, n_features). Numbers of samples and features
        may differ in a sequence.
    sample_weights : sequence of array-like of shape (n_samples,), default=None
        One for each data set; None for one without weights.
    n_jobs : int or None, default=None
        Number of threads of compiled fits; None means all processors, as for the estimator.
        Other fits are mostly spent in Python, which threads cannot share: for them it is the number
        of processes (:class:`joblib.Parallel`), which take about a second to start the first time.
        None means one process unless a :class:`joblib.parallel_config` context says otherwise.

    Returns
    -------
    mixtures : list of GaussianMixtureEM
        In the order of the data sets. One whose fit failed is not fitted: its `status_` is
        'failed: ' and the error, and its methods raise NotFittedError.

    Raises
    ------
    ValueError
        If parameters are invalid, or all fits fail.

    Warns
    -----
    FitFailedWarning
        If fits failed: one warning, with their numbers and the first error.
    ConvergenceWarning
        If fits had warnings: one for all, with their numbers and the first message.

    Notes
    -----
    Compiled fits need ``escape=False``, ``init_params="kmeans"``, ``n_init=1`` and two components
    or more; an integer `random_state` or None; no `sample_weights`, `prior`, `fixed` parameters,
    `noise`, given starts, callbacks or `verbose`; a built-in `covariance_type` other than "EVE" and
    "VVE", and for "EEV" and "VEV" also ``acceleration=None``. Data sets are float64 or float32
    arrays that are small (in two features, up to 10,000 samples for two components, in ten up to
    5,000 / `n_components`), without missing values, features that take few values, or equal
    samples. All other fits are made one after another.

    Examples
    --------
    >>> import numpy as np
    >>> from skgmm import GaussianMixtureEM, fit_many
    >>> rng = np.random.default_rng(0)
    >>> datasets = [rng.normal(size=(100, 2)) + centre for centre in (3, 5, 9)]
    >>> mixtures = fit_many(GaussianMixtureEM(1), datasets)
    >>> [float(mixture.means_[0, 0].round()) for mixture in mixtures]
    [3.0, 5.0, 9.0]
    """
    if not isinstance(mixture, MixtureInference):
        raise TypeError(
            f"mixture should be a GaussianMixtureEM, but got a {type(mixture).__name__}"
        )
    data = list(_listed_arrays(datasets, "datasets", 3, "X"))
    weights: Sequence[Any] = [None] * len(data)
    if sample_weights is not None:
        weights = _listed_arrays(sample_weights, "sample_weights", 2, "sample_weight")
    if len(weights) != len(data):
        raise ValueError(
            f"sample_weights should have one element for each of the {len(data)} data sets, but "
            f"has {len(weights)}"
        )
    mixture._validate_params()  # type: ignore[attr-defined]
    prototype = clone(mixture)
    found: dict[int, Outcome] = {}
    if sample_weights is None and unsupported(prototype) is None:
        with single_threaded_blas():
            for number, *fitted in compiled_fits(prototype, data, available_threads(n_jobs)):
                found[number] = (*fitted, None)
    others = [number for number in range(len(data)) if number not in found]
    tasks = [(data[number], weights[number]) for number in others]
    if found and len(others) < _WORTH_PROCESSES:
        n_jobs = 1
    found.update(zip(others, _fitted_in_turn(prototype, tasks, n_jobs), strict=True))
    outcomes = [found[number] for number in range(len(data))]
    _report(outcomes)
    return [fitted for fitted, _, _ in outcomes]


def _listed_arrays(arrays: Iterable[Any], name: str, n_dimensions: int, one: str) -> Sequence[Any]:
    """A list of them, or an array of them."""
    n_given = getattr(arrays, "ndim", n_dimensions)
    if n_given != n_dimensions or hasattr(arrays, "columns") or not hasattr(arrays, "__iter__"):
        what = f"{n_given} dimensions" if n_given != n_dimensions else type(arrays).__name__
        raise ValueError(
            f"{name} should be a list of arrays, or an array of {n_dimensions} dimensions, but got "
            f"{what}. For a single one: [{one}]."
        )
    return list(arrays)


def _fitted_in_turn(
    prototype: Any, tasks: Sequence[tuple[Any, Any]], n_jobs: int | None
) -> list[Outcome]:
    """Ordinary fits, one after another in each of some processes."""
    if not tasks:
        return []
    size = max(1, -(-len(tasks) // (_PIECES * effective_n_jobs(n_jobs))))
    pieces = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    found = run_in_workers(partial(_fitted, prototype), pieces, n_jobs)
    return [outcome for piece in found for outcome in piece]


def _fitted(prototype: Any, tasks: Sequence[tuple[Any, Any]]) -> list[Outcome]:
    """Clones that are fitted one after another, with what is to be said of each."""
    with single_threaded_blas():
        return [_attempt(clone(prototype), X, sample_weight) for X, sample_weight in tasks]


def _attempt(mixture: Any, X: Any, sample_weight: Any) -> Outcome:
    try:
        with collected_warnings() as messages:
            mixture._fit(X, sample_weight=sample_weight)
    except Exception as error:  # whatever is wrong with these data, others are fitted
        mixture.status_ = f"failed: {error}"
        return mixture, [], error
    return mixture, messages, None


def _report(outcomes: Sequence[Outcome]) -> None:
    """Warn of fits that failed, and of warnings; raise where all failed."""
    failed = [number for number, (_, _, error) in enumerate(outcomes) if error is not None]
    if failed:
        first = outcomes[failed[0]][2]
        message = (
            f"{len(failed)} of {len(outcomes)} fits failed ({_numbers(failed)}). The first: "
            f"{type(first).__name__}: {first}"
        )
        if len(failed) == len(outcomes):
            raise ValueError(message) from first
        warnings.warn(
            f"{message} Their mixtures are not fitted, and status_ has the error.",
            FitFailedWarning,
            stacklevel=3,
        )
    told = [number for number, (_, messages, _) in enumerate(outcomes) if messages]
    if told:
        warnings.warn(
            f"{len(told)} of {len(outcomes)} fits have warnings ({_numbers(told)}); status_ tells "
            f"how each ended. The first: {outcomes[told[0]][1][0]}",
            ConvergenceWarning,
            stacklevel=3,
        )


def _numbers(numbers: Sequence[int]) -> str:
    listed = ", ".join(str(number) for number in numbers[:_LISTED])
    more = f" and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else ""
    return f"data {'set' if len(numbers) == 1 else 'sets'} {listed}{more}"
