"""With many components, those that are misplaced are moved before the iterations."""

import numpy as np
import pytest
from test_neighbourhoods import line, misplaced

from skgmm import GaussianMixtureEM
from skgmm._em.loop import run_em
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._starts import relocation
from skgmm._starts.methods import start_of
from skgmm._starts.relocation import relocated
from skgmm._starts.swap_search import Tried, find_swaps
from skgmm.covariance import find_structure

K, N_EACH = 64, 60


@pytest.fixture(autouse=True)
def large_budget(monkeypatch):
    """With so few samples, a call takes longer than a pass, and a budget of passes is soon used."""
    monkeypatch.setattr(relocation, "_PASSES", 10_000)


def relocate(objective, start, max_iter=10_000, seed=0):
    def draw():
        return objective.rows.start_sample(start.n_components, lambda: np.random.RandomState(seed))

    rng = np.random.RandomState(seed)
    return relocated(objective, start, draw, lambda: rng, Tried(), max_iter)


def problem(n_clusters=K, covariance_type="full", n_each=N_EACH, n_wrong=5):
    """An objective, a start with misplaced components, and the objective from the truth."""
    X, y = line(n_clusters, n_each)
    objective = Objective(InMemoryRows(X), find_structure(covariance_type), np.full(2, 1e-6))
    truth = run_em(objective, start_of(objective, y, n_clusters), tol=1e-5, max_iter=500)
    start = start_of(objective, misplaced(X, y, n_wrong), n_clusters)
    return objective, start, truth.objective


def test_misplaced_components_are_moved():
    objective, start, truth = problem(n_each=150)
    alone = run_em(objective, start, tol=1e-5, max_iter=1000)
    end = run_em(objective, relocate(objective, start), tol=1e-5, max_iter=1000)
    behind = truth - alone.objective
    assert behind > 0.03
    assert truth - end.objective < 0.25 * behind


@pytest.mark.parametrize("covariance_type", ["full", "diag", "VEV"])
def test_objective_never_falls(covariance_type):
    objective, start, _ = problem(covariance_type=covariance_type, n_wrong=2)
    few = run_em(objective, start, tol=1e-3, max_iter=15, acceleration=None)
    end = objective.evaluate(relocate(objective, start))
    assert end.objective > few.moments.objective


@pytest.mark.parametrize(
    ("changes", "max_iter"),
    [
        ({"n_clusters": 11}, 1000),  # few components
        ({"covariance_type": "tied"}, 1000),  # a change of one component changes all
        ({"n_each": 15}, 1000),  # too few samples for trials to mean anything
        ({}, 10),  # few iterations are wanted
    ],
)
def test_otherwise_the_start_is_kept(changes, max_iter):
    objective, start, _ = problem(**changes)
    assert relocate(objective, start, max_iter) is start


def test_same_for_any_number_of_threads():
    X, _ = line(K, N_EACH)
    one, two = (
        GaussianMixtureEM(K, random_state=0, tol=1e-3, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2)
    )
    assert np.array_equal(one.means_, two.means_)


def test_without_escape_the_start_is_kept():
    X, _ = line(K, N_EACH)
    plain, moved = (
        GaussianMixtureEM(K, random_state=0, tol=1e-3, escape=escape).fit(X)
        for escape in (False, True)
    )
    assert plain.lower_bounds_[0] < moved.lower_bounds_[0]


def with_missing_values(X):
    X = X.copy()
    X[::7, 1] = np.nan
    return X, {}, {}


def with_labels(X):
    labels = np.full(len(X), -1)
    labels[: 2 * N_EACH : 4] = 3
    return X, {}, {"labels": labels}


def with_noise(X):
    return X, {"noise": "auto"}, {}


def with_prior(X):
    return X, {"prior": "auto"}, {}


def with_weights(X):
    return X, {}, {"sample_weight": np.random.default_rng(0).uniform(0.5, 2.0, len(X))}


def with_equal_weights(X):
    return X, {"fixed": "weights"}, {}


def with_errors(X):
    return X, {}, {"error_covariance": np.full(X.shape, 0.1)}


@pytest.mark.parametrize(
    "variant",
    [
        with_missing_values,
        with_labels,
        with_noise,
        with_prior,
        with_weights,
        with_equal_weights,
        with_errors,
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_works_with_what_a_fit_may_know(variant, monkeypatch):
    X, settings, known = variant(line(K, N_EACH)[0])
    counts = []

    def counted(*arguments):
        swaps = find_swaps(*arguments)
        counts.append(len(swaps))
        return swaps

    monkeypatch.setattr(relocation, "find_swaps", counted)
    fit = GaussianMixtureEM(K, random_state=0, tol=1e-3, **settings).fit(X, **known)
    assert counts[0] > 0
    assert np.all(np.diff(fit.lower_bounds_) >= 0)
    assert fit.weights_.min() > 0


def test_no_passes_beyond_the_budget(monkeypatch):
    objective, start, _ = problem()
    monkeypatch.setattr(relocation, "_PASSES", 10)
    assert relocate(objective, start) is start


def test_fixed_covariance_stays():
    X, _ = line(K, N_EACH)
    precisions = np.tile(np.eye(2), (K, 1, 1))
    precisions[5] *= 0.5
    fixed = {"covariances": np.arange(K) == 5}
    fit = GaussianMixtureEM(
        K, random_state=0, tol=1e-3, precisions_init=precisions, fixed=fixed
    ).fit(X)
    np.testing.assert_allclose(fit.covariances_[5], 2.0 * np.eye(2))
