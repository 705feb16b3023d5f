"""Iterations of the compiled loop, against those of the general code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from strategies import problems, random_mixture

from skgmm._em import compiled
from skgmm._em.compiled import run, supports
from skgmm._em.loop import EM, run_em
from skgmm._em.result import EMStatus
from skgmm._kernels import Decisions, Next
from skgmm._objective import Objective, Regularisation
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES, Full, find_structure

every_structure = pytest.mark.parametrize("name", STRUCTURES)


@pytest.fixture
def iris():
    return load_iris().data


def problem_of(name, X, weights=None, reg_covar="auto"):
    rows = InMemoryRows(X, weights)
    return Objective(rows, find_structure(name), Regularisation.of(reg_covar, rows)[0].variances)


def start_of(objective, partition):
    """Parameters from responsibilities (n, K)."""
    rows, form = objective.rows, objective.structure.scatter
    return objective.maximise(rows.partition_moments(partition, partition.shape[1], form), None)


def both(objective, start, **options):
    """By the compiled loop, and by the general code."""
    fast = run_em(objective, start, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FEW_ROWS", 0)
        return fast, run_em(objective, start, **options)


def assert_same(fast, slow, rtol):
    assert fast.status is slow.status
    np.testing.assert_allclose(fast.objectives, slow.objectives, rtol=rtol, atol=rtol)
    for name in ("log_weights", "means"):
        np.testing.assert_allclose(
            getattr(fast.parameters, name), getattr(slow.parameters, name), rtol=rtol, atol=rtol
        )
    factors = [result.parameters.covariance.factor for result in (fast, slow)]
    np.testing.assert_allclose(*factors, rtol=rtol, atol=rtol * np.abs(factors[1]).max())
    for part in ("mass", "mean", "scatter"):
        ours, theirs = (getattr(result.moments, part) for result in (fast, slow))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * np.abs(theirs).max())


@given(problems(max_components=4, max_features=4), st.sampled_from([np.float64, np.float32]))
def test_compiled_iterations_equal_python_iterations(drawn, dtype):
    name, X, partition = drawn
    weights = np.random.default_rng(len(X)).uniform(0.5, 2.0, size=len(X))
    objective = problem_of(name, X.astype(dtype), weights)
    start = start_of(objective, partition)
    for n in (1, 6):
        assert_same(*both(objective, start, tol=0.0, max_iter=n, acceleration=None), rtol=1e-7)


@pytest.mark.parametrize("name", ["EVE", "VVE"])
@pytest.mark.parametrize("seed", [4, 9, 19, 36, 42, 51, 56, 60])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_is_no_gain_at_the_maximum(name, seed, dtype):
    """One component starts there: two iterations show it, and a search for other axes."""
    X = random_mixture(seed, 1, 2, "full", 1).draw(60, np.random.RandomState(seed))[0]
    weights = np.random.default_rng(60).uniform(0.5, 2.0, size=60)
    problem = problem_of(name, X.astype(dtype), weights)
    start = start_of(problem, np.ones((60, 1)))
    for result in both(problem, start, tol=0.0, max_iter=20, acceleration=None):
        assert result.status is EMStatus.CONVERGED
        assert len(result.objectives) <= 3


@every_structure
def test_compiled_run_stops_like_the_python_loop(name, iris):
    rng = np.random.default_rng(0)
    objective = problem_of(name, iris)
    start = start_of(objective, rng.dirichlet(np.full(3, 0.3), size=len(iris)))
    fast, slow = both(objective, start, tol=1e-6, max_iter=300, acceleration=None)
    assert len(fast.objectives) == len(slow.objectives)
    assert fast.status is slow.status
    assert fast.objective == pytest.approx(slow.objective, abs=1e-9)
    assert fast.remaining == pytest.approx(slow.remaining, abs=1e-7)


@every_structure
def test_accelerated_compiled_run_agrees_with_python(name, iris):
    """Where nothing but rounding is left to gain, one may take a few evaluations more."""
    rng = np.random.default_rng(0)
    objective = problem_of(name, iris)
    start = start_of(objective, rng.dirichlet(np.full(3, 0.3), size=len(iris)))
    fast, slow = both(objective, start, tol=1e-6, max_iter=300, acceleration="auto")
    assert abs(len(fast.objectives) - len(slow.objectives)) <= 5
    assert fast.status is slow.status
    assert fast.objective == pytest.approx(slow.objective, abs=1e-7)


@every_structure
def test_built_in_structures_use_the_compiled_loop(name, iris):
    objective = problem_of(name, iris)
    start = start_of(objective, np.random.default_rng(0).dirichlet(np.ones(2), size=len(iris)))
    assert objective.structure.compiled == objective.structure.code
    decisions, moments = Decisions(0.0), objective.evaluate(start)
    decisions.until(5)
    parameters, reached = run(objective, start, moments, decisions)
    gains = np.diff([moments.mean_objective, *decisions.objectives])
    assert len(gains) == 5
    assert min(gains) > 0
    assert decisions.objectives[-1] == reached.mean_objective
    again = objective.evaluate(parameters)
    assert again.mean_objective == reached.mean_objective
    assert type(parameters.covariance) is type(start.covariance)


@every_structure
def test_initial_parameters_are_not_modified(name, iris):
    objective = problem_of(name, iris)
    start = start_of(objective, np.random.default_rng(0).dirichlet(np.ones(2), size=len(iris)))
    moments = objective.evaluate(start)
    parts = start.log_weights, start.means, start.covariance.factor, moments.mass, moments.scatter
    before = [part.copy() for part in parts]
    decisions = Decisions(0.0)
    decisions.until(3)
    assert run(objective, start, moments, decisions) is not None
    for was, part in zip(before, parts, strict=True):
        np.testing.assert_array_equal(part, was)


def test_compiled_iterations_end_at_a_stopping_or_acceleration_criterion(iris):
    objective = problem_of("full", iris)
    start = start_of(objective, np.random.default_rng(0).dirichlet(np.ones(2), size=len(iris)))
    moments = objective.evaluate(start)

    def made(max_iter=400, tol=0.0, acceleration=None):
        """Gains of the iterations of EM before quasi-Newton steps."""
        gains, decisions = [], Decisions(tol, acceleration)
        decisions.until(max_iter)

        def end(parameters, moments, gain, remaining):
            gains.append((gain, remaining))

        run(objective, start, moments, decisions, lambda: None, end)
        before_steps = [remaining is not None for _, remaining in gains]
        assert all(before_steps) == (acceleration is None)
        n_iterations = (before_steps + [False]).index(False)
        return [gain for gain, _ in gains[:n_iterations]]

    assert len(made(max_iter=7)) == 7
    gains = made(tol=1e-6)
    rate = gains[-1] / gains[-2]
    assert gains[-1] * rate / (1 - rate) < 1e-6
    gains = made(acceleration="auto")
    before, last = gains[-2] / gains[-3], gains[-1] / gains[-2]
    assert abs(last - before) <= 0.1 * (1 - last)
    assert gains == made()[: len(gains)]
    assert len(gains) < len(made())
    assert len(made(acceleration="lbfgs")) == 10
    assert made()[-1] < 1e-14  # nothing left but rounding
    assert min(made()[:-1]) > 0


def test_subclassed_structure_uses_its_own_m_step(iris):
    class Rounded(Full):
        name = "rounded"
        asked = 0

        def _maximise(self, spread, previous):
            type(self).asked += 1
            return super()._maximise(spread, previous)

    rows = InMemoryRows(iris)
    objective = Objective(rows, Rounded(), Regularisation.of("auto", rows)[0].variances)
    start = start_of(objective, np.random.default_rng(0).dirichlet(np.ones(2), size=len(iris)))
    result = run_em(objective, start, tol=0.0, max_iter=5, acceleration=None)
    assert Rounded.asked == 1 + len(result.objectives)


@pytest.mark.parametrize("name", ["VEV", "VEI"])
def test_compiled_loop_reports_numerical_problems_like_python(name):
    """A component that shrinks onto a point, without anything to hold it."""
    X = np.r_[np.random.default_rng(0).normal(size=(40, 2)), np.full((3, 2), 7.0)]
    objective = problem_of(name, X, reg_covar=1e-300)
    partition = np.zeros((len(X), 2))
    partition[:, 0], partition[-3:] = 1.0, [0.0, 1.0]
    partition[:3] = 0.7, 0.3
    start = start_of(objective, partition)
    fast, slow = both(objective, start, tol=1e-9, max_iter=100, acceleration=None)
    assert fast.status is slow.status is EMStatus.COLLAPSED
    assert fast.singular == slow.singular == [1]
    assert len(fast.objectives) == len(slow.objectives)


def test_far_samples_raise_the_same_error_in_the_compiled_loop(iris):
    objective = problem_of("full", np.r_[iris, np.full((1, 4), 1e160)], reg_covar=1e-3)
    start = start_of(problem_of("full", iris), np.eye(2)[np.arange(len(iris)) % 2])
    with pytest.raises(ValueError, match="Row 150 of X is so many standard deviations"):
        run_em(objective, start, tol=1e-3, max_iter=10)


@every_structure
def test_empty_component_keeps_its_parameters(name, iris):
    objective = problem_of(name, iris)
    partition = np.zeros((len(iris), 2))
    partition[:, 0] = 1.0
    start = start_of(objective, np.eye(2)[np.arange(len(iris)) % 2])
    moved = type(start)(start.log_weights, start.means + [[0.0], [1e9]], start.covariance)
    fast, slow = both(objective, moved, tol=1e-9, max_iter=6, acceleration=None)
    assert_same(fast, slow, rtol=1e-9)


def test_many_samples_use_the_python_implementation(monkeypatch):
    X = np.random.default_rng(0).normal(size=(200, 2))
    objective = problem_of("full", X)
    start = start_of(objective, np.eye(2)[np.arange(200) % 2])
    decisions = Decisions(0.0)
    decisions.until(3)
    assert supports(objective) is None
    assert run(objective, start, objective.evaluate(start), decisions) is not None
    assert decisions.next() is Next.OUT_OF_ITERATIONS
    monkeypatch.setattr(compiled, "FEW_ROWS", 199)
    assert "more than 199 samples" in supports(objective)


@pytest.mark.parametrize("supported", [True, False])
@pytest.mark.parametrize("name", ["full", "tied", "VEI", "EVE"])
@pytest.mark.parametrize("remaining", [1e-3, np.inf])
def test_a_paused_run_goes_on_as_if_it_had_not_paused(
    remaining, name, supported, iris, monkeypatch
):
    if not supported:
        monkeypatch.setattr(compiled, "FEW_ROWS", 0)
    objective = problem_of(name, iris)
    start = start_of(objective, np.eye(3)[np.arange(len(iris)) * 3 // len(iris)])
    whole = run_em(objective, start, tol=1e-7, max_iter=500, acceleration=None)
    run = EM(objective, start, tol=1e-7, acceleration=None)
    pause = run.until(500, remaining)
    assert run.paused
    assert pause.status is EMStatus.CONVERGED
    assert len(pause.objectives) < len(whole.objectives)
    assert bool(pause.objectives) == np.isfinite(remaining)  # or it pauses before it begins
    rest = run.until(500)
    assert not run.paused
    assert rest.objectives == whole.objectives
    np.testing.assert_array_equal(rest.parameters.means, whole.parameters.means)
