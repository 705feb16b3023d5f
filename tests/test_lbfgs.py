"""L-BFGS, and the compiled quasi-Newton steps beside those of the general code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_mixture, seeds

from skgmm import _kernels
from skgmm._em import compiled
from skgmm._em.loop import EM
from skgmm._kernels import Decisions, Next, Scatter, State, Sums, minimise
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES


def lowest(function, size, tol=1e-12):
    """The least value that one descent finds, where, and how many evaluations that took."""
    vector, gradient, found = np.zeros(size), np.empty(size), []

    def evaluate():
        value, gradient[:] = function(vector)
        found.append((value, vector.copy()))
        return value

    value = evaluate()
    minimise(evaluate, vector, gradient, value, tol)
    return *min(found, key=lambda pair: pair[0]), len(found)


@given(seeds, st.integers(1, 12))
def test_the_minimum_of_a_quadratic_is_found(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    hessian, target = root @ root.T / size + np.eye(size), rng.normal(size=size)

    def function(vector):
        away = vector - target
        return 0.5 * away @ hessian @ away, hessian @ away

    value, where, n_evaluations = lowest(function, size)
    np.testing.assert_allclose(where, target, atol=1e-4)
    assert value < 1e-9
    assert n_evaluations < 60


def test_a_curved_valley_is_followed():
    """Rosenbrock's function, from (0, 0)."""

    def function(vector):
        x, y = vector
        slope = np.array([-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)])
        return 100 * (y - x**2) ** 2 + (1 - x) ** 2, slope

    value, where, _ = lowest(function, 2)
    assert value < 1e-10
    np.testing.assert_allclose(where, 1.0, atol=1e-4)


def test_line_search_stays_where_the_function_is_finite():
    def function(vector):
        x = 1.0 + vector[0]
        if x <= 0:
            return np.inf, np.zeros(1)
        return 1e-3 * x - 1e-6 * np.log(x), np.array([1e-3 - 1e-6 / x])

    _, where, _ = lowest(function, 1, tol=1e-15)
    assert 1.0 + where[0] == pytest.approx(1e-3, rel=0.05)


def test_an_exception_of_the_function_comes_out():
    def evaluate():
        raise KeyError("told")

    with pytest.raises(KeyError, match="told"):
        minimise(evaluate, np.zeros(2), np.ones(2), 0.0, 0.0)


FIRST_ITERATIONS = 10


class StepsAtOnce(Decisions):
    """The decisions of a run that has made its first iterations already."""

    def __init__(self, level):
        super().__init__(0.0, "lbfgs")
        self.level = level

    def until(self, max_iter, *options):
        super().until(FIRST_ITERATIONS + max_iter, *options)
        for _ in range(FIRST_ITERATIONS):
            assert self.next() is Next.ITERATE
            self.iterated(self.level, 1.0)
        assert self.next() is Next.QUASI_NEWTON


def steps_at_once(objective, start, most):
    """A run that begins with quasi-Newton steps, and its objectives."""
    em = EM(objective, start, tol=0.0)
    em.decisions = StepsAtOnce(em.moments.mean_objective)
    result = em.until(most)
    return result, result.objectives[FIRST_ITERATIONS:]


@st.composite
def starts(draw, name):
    """A problem and a mixture that is not at its maximum."""
    seed, K, d = draw(seeds), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    rng = np.random.default_rng(seed)
    parameters = random_mixture(seed, K, d, name, spread=1.0)
    X, _ = parameters.draw(80 + 20 * K * d, np.random.RandomState(seed))
    if draw(st.booleans()):
        X = X.astype(np.float32)
    weights = rng.exponential(size=len(X)) if draw(st.booleans()) else None
    floor = rng.uniform(0.01, 0.1, size=d)
    return Objective(InMemoryRows(X, weights), STRUCTURES[name], floor), parameters


@pytest.mark.parametrize("name", STRUCTURES)
@given(data=st.data(), most=st.integers(1, 8))
def test_compiled_quasi_newton_steps_equal_python_steps(name, data, most):
    """The same evaluations of the same mixtures, but for roundings."""
    assert_same_steps(*data.draw(starts(name)), most)


@pytest.mark.parametrize(
    ("name", "seed", "K", "d"),
    [
        ("VEE", 177, 3, 3),
        ("tied-spherical", 239, 4, 1),
        ("tied-diag", 239, 4, 1),
        ("EVI", 239, 4, 1),
        ("EVV", 239, 4, 1),
    ],
)
def test_a_mean_tried_far_from_its_samples_is_evaluated_too(name, seed, K, d):
    """Second moments about the new mean lose digits there; values and slopes do not."""
    rng = np.random.default_rng(seed)
    rng.integers(1, 5), rng.integers(1, 6)
    start = random_mixture(seed, K, d, name, spread=1.0)
    X, _ = start.draw(80 + 20 * K * d, np.random.RandomState(seed))
    floor = rng.uniform(0.01, 0.1, size=d)
    assert_same_steps(Objective(InMemoryRows(X, None), STRUCTURES[name], floor), start, 8)


def assert_same_steps(objective, start, most):
    result, of_compiled = steps_at_once(objective, start, most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "FEW_ROWS", 0)
        _, in_python = steps_at_once(objective, start, most)
    # Where nothing but rounding is left to gain, one may end before the other.
    same = min(len(in_python), len(of_compiled))
    np.testing.assert_allclose(of_compiled[:same], in_python[:same], rtol=1e-8, atol=1e-8)
    for objectives in (of_compiled, in_python):
        assert len(objectives) <= most
        assert objectives[same:] == pytest.approx([objectives[same - 1]] * len(objectives[same:]))
    again = objective.evaluate(result.parameters)
    assert again.mean_objective == pytest.approx(of_compiled[-1], rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(again.mean, result.moments.mean, rtol=1e-9, atol=1e-9)


def test_moments_in_another_form_raise_an_error():
    K, d = 2, 3
    start = random_mixture(0, K, d, "full", spread=1.0)
    X, _ = start.draw(50, np.random.RandomState(0))
    sums = Sums(np.full(K, 25.0), start.means, np.ones((K, d)), -100.0, 50.0)
    state = State(
        start.log_weights, start.means, start.covariance.factor, None, Scatter.DIAGONAL, sums
    )
    arguments = "VVV", np.full(d, 0.1), *state.arrays, True, None, None, Decisions(0.0), 1
    with pytest.raises(ValueError, match="moments: as sums"):
        _kernels.run(X, None, *arguments, None, None)
