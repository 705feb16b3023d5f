"""The descent of quasi-Newton steps, and the compiled climb beside the general one."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_mixture, seeds

from skgmm import _kernels
from skgmm._em.compiled import climb as climb_in_one_go
from skgmm._em.quasi_newton import climb
from skgmm._kernels import Form, Sums
from skgmm._kernels._native import descend
from skgmm._objective import Problem
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES


def lowest(function, size, enough=1e-12):
    """The least value that one descent finds, where, and how many evaluations that took."""
    vector, gradient, found = np.zeros(size), np.empty(size), []

    def evaluate():
        value, gradient[:] = function(vector)
        found.append((value, vector.copy()))
        return value

    value = evaluate()
    descend(evaluate, vector, gradient, value, enough)
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


def test_steps_keep_to_where_the_function_is_finite():
    def function(vector):
        x = 1.0 + vector[0]
        if x <= 0:
            return np.inf, np.zeros(1)
        return 1e-3 * x - 1e-6 * np.log(x), np.array([1e-3 - 1e-6 / x])

    _, where, _ = lowest(function, 1, enough=1e-15)
    assert 1.0 + where[0] == pytest.approx(1e-3, rel=0.05)


def test_an_exception_of_the_function_comes_out():
    def evaluate():
        raise KeyError("told")

    with pytest.raises(KeyError, match="told"):
        descend(evaluate, np.zeros(2), np.ones(2), 0.0, 0.0)


IN_ONE_GO = [
    name
    for name, structure in STRUCTURES.items()
    if structure.ties.shape == structure.ties.rotation or structure.code.endswith("I")
]


class EnoughError(Exception):
    """As many evaluations as asked for."""


class OneByOne:
    """An ascent of which somebody sees every evaluation."""

    def __init__(self, problem, start, most):
        self.problem, self.most = problem, most
        self.parameters, self.moments = start, problem.evaluate(start)
        self.objectives = []

    def climb_in_one_go(self, enough):
        return None

    def evaluate(self, candidate):
        if len(self.objectives) == self.most:
            raise EnoughError
        moments = self.problem.evaluate(candidate)
        if moments.objective > self.moments.objective:
            self.parameters, self.moments = candidate, moments
        self.objectives.append(self.moments.mean_objective)
        return moments


@st.composite
def climbs(draw, name):
    """A problem and a mixture from which there is something to climb."""
    seed, K, d = draw(seeds), draw(st.integers(1, 4)), draw(st.integers(1, 5))
    rng = np.random.default_rng(seed)
    parameters = random_mixture(seed, K, d, name, spread=1.0)
    X, _ = parameters.draw(80 + 20 * K * d, np.random.RandomState(seed))
    if draw(st.booleans()):
        X = X.astype(np.float32)
    weights = rng.exponential(size=len(X)) if draw(st.booleans()) else None
    floor = rng.uniform(0.01, 0.1, size=d)
    return Problem(InMemoryRows(X, weights), STRUCTURES[name], floor), parameters


@pytest.mark.parametrize("name", IN_ONE_GO)
@given(data=st.data(), most=st.integers(1, 8))
def test_the_compiled_climb_is_the_general_one(name, data, most):
    """The same evaluations of the same mixtures, but for roundings."""
    assert_same_climbs(*data.draw(climbs(name)), most)


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
    assert_same_climbs(Problem(InMemoryRows(X, None), STRUCTURES[name], floor), start, 8)


def assert_same_climbs(problem, start, most):
    general = OneByOne(problem, start, most)
    with suppress(EnoughError):
        climb(problem, general, 0.0)
    compiled = climb_in_one_go(problem, start, problem.evaluate(start), 0.0, most)
    # Where nothing but rounding is left to gain, one may end before the other.
    same = min(len(general.objectives), len(compiled.objectives))
    np.testing.assert_allclose(
        compiled.objectives[:same], general.objectives[:same], rtol=1e-8, atol=1e-8
    )
    for objectives in (compiled.objectives, general.objectives):
        assert len(objectives) <= most
        assert objectives[same:] == pytest.approx([objectives[same - 1]] * len(objectives[same:]))
    again = problem.evaluate(compiled.parameters)
    assert again.mean_objective == pytest.approx(compiled.objectives[-1], rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(again.mean, compiled.moments.mean, rtol=1e-9, atol=1e-9)


def test_structures_that_turn_climb_in_general():
    assert [STRUCTURES[name].code for name in STRUCTURES if name not in IN_ONE_GO] == [
        "EVE", "VVE", "EEV", "VEV",
    ]  # fmt: skip
    start = random_mixture(0, 2, 3, "EVE", spread=1.0)
    X, _ = start.draw(100, np.random.RandomState(0))
    problem = Problem(InMemoryRows(X, None), STRUCTURES["EVE"], np.full(3, 0.1))
    assert climb_in_one_go(problem, start, problem.evaluate(start), 0.0, 5) is None


def test_moments_in_another_form_are_refused():
    K, d = 2, 3
    start = random_mixture(0, K, d, "full", spread=1.0)
    X, _ = start.draw(50, np.random.RandomState(0))
    sums = Sums(np.full(K, 25.0), start.means, np.ones((K, d)), -100.0, 50.0)
    mixture = start.log_weights, start.means, start.covariance.factor, sums
    options = {"floor": np.full(d, 0.1), "enough": 0.0, "most": 5, "n_threads": 1}
    with pytest.raises(ValueError, match="form: diagonal for diagonals"):
        _kernels.climb(X, None, *mixture, ties="VVV", form=Form.DIAGONAL, **options)
