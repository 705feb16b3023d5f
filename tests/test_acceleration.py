"""Quasi-Newton steps: the same optimum as plain EM, in fewer passes over the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import nearest_member, random_mixture, seeds

from skgmm import GaussianMixtureEM
from skgmm._coordinates import Coordinates
from skgmm._problem import Problem
from skgmm._rows import InMemoryRows
from skgmm.covariance import STRUCTURES, Ellipsoidal
from skgmm.covariance._ellipsoidal import Full

ABLE = [name for name, structure in STRUCTURES.items() if structure.ties]


def overlapping(seed=1, n=1500, d=2, K=2, apart=1.2):
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + 0.15 * rng.normal(size=(K, d, d))
    means = apart * rng.normal(size=(K, d))
    labels = rng.integers(K, size=n)
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d))), labels


def test_which_structures_have_coordinates():
    assert {STRUCTURES[name].code for name in STRUCTURES if name not in ABLE} == {
        "EVE", "VVE", "EEV", "VEV",
    }  # fmt: skip


def test_ties_are_declared_and_neither_guessed_nor_inherited_by_another_estimate():
    class Shrunk(Full):
        name = "XYY"  # which looks like a code

        def _maximise(self, spread, previous):
            return Ellipsoidal.from_dense(super()._maximise(spread, previous).dense() + np.eye(2))

    assert Shrunk().ties is None
    assert Full().ties is not None


@pytest.mark.parametrize("name", ABLE)
@given(seed=seeds, K=st.integers(1, 3), d=st.integers(1, 4), weighted=st.booleans())
def test_the_gradient_is_that_of_the_objective(name, seed, K, d, weighted):
    """Central differences, with reg_covar in; and every point is in the family."""
    parameters = random_mixture(seed, K, d, name, spread=1.0)
    X, _ = parameters.draw(60, np.random.RandomState(seed))
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=60) if weighted else None
    problem = Problem(InMemoryRows(X, weights), STRUCTURES[name], rng.uniform(0.0, 0.3, size=d))
    coordinates = Coordinates(
        parameters, problem.evaluate(parameters), STRUCTURES[name].ties, problem.floor
    )
    at = 0.1 * rng.normal(size=coordinates.size)

    def objective(vector):
        return problem.evaluate(coordinates.at(vector).parameters).log_likelihood

    point = coordinates.at(at)
    gradient = point.gradient(problem.evaluate(point.parameters))
    direction = rng.normal(size=coordinates.size)
    direction /= np.linalg.norm(direction)
    slope = (objective(at + 1e-5 * direction) - objective(at - 1e-5 * direction)) / 2e-5
    scale = np.abs(gradient).sum() + 1.0
    assert gradient @ direction == pytest.approx(slope, abs=1e-6 * scale)
    STRUCTURES[name].check_member(point.parameters.covariance, K)


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_same_optimum_in_no_more_evaluations(name):
    X, labels = overlapping()
    arguments = {"covariance_type": name, "responsibilities_init": np.eye(2)[labels]}
    arguments |= {"tol": 1e-9, "max_iter": 50_000}
    plain = GaussianMixtureEM(2, acceleration=None, **arguments).fit(X)
    for acceleration in ("auto", "lbfgs"):
        fast = GaussianMixtureEM(2, acceleration=acceleration, **arguments).fit(X)
        assert fast.lower_bound_ > plain.lower_bound_ - 1e-8
        assert fast.n_iter_ <= plain.n_iter_ or plain.n_iter_ < 100
        assert len(fast.lower_bounds_) == fast.n_iter_
        assert np.diff(fast.lower_bounds_).min(initial=0) >= 0


def test_a_slow_mixture_takes_ten_times_fewer_evaluations():
    X, labels = overlapping(n=2000)
    arguments = {"responsibilities_init": np.eye(2)[labels], "tol": 1e-9}
    plain = GaussianMixtureEM(2, acceleration=None, max_iter=50_000, **arguments).fit(X)
    fast = GaussianMixtureEM(2, **arguments).fit(X)
    assert 10 * fast.n_iter_ < plain.n_iter_
    assert fast.lower_bound_ > plain.lower_bound_ - 1e-8


def test_every_evaluation_is_counted(monkeypatch):
    from skgmm import _rows

    X, labels = overlapping()
    calls = []
    e_step = _rows.expectation
    monkeypatch.setattr(
        _rows, "expectation", lambda *a, **options: calls.append(1) or e_step(*a, **options)
    )
    fast = GaussianMixtureEM(2, responsibilities_init=np.eye(2)[labels], tol=1e-9).fit(X)
    assert fast.n_iter_ > 20
    assert len(calls) == fast.n_iter_ + 1  # and the start's


def test_max_iter_holds_for_accelerated_fits_too():
    X, labels = overlapping()
    mixture = GaussianMixtureEM(2, responsibilities_init=np.eye(2)[labels], tol=1e-12, max_iter=25)
    with pytest.warns(UserWarning, match=r"An estimated .* nats per row are still to be gained"):
        mixture.fit(X)
    assert mixture.n_iter_ == 25
    assert mixture.status_ == "reached max_iter"


def test_reg_covar_is_in_the_objective_of_both():
    X, labels = overlapping()
    arguments = {"responsibilities_init": np.eye(2)[labels], "reg_covar": 0.3, "tol": 1e-11}
    plain = GaussianMixtureEM(2, acceleration=None, max_iter=50_000, **arguments).fit(X)
    fast = GaussianMixtureEM(2, acceleration="lbfgs", **arguments).fit(X)
    np.testing.assert_allclose(fast.means_, plain.means_, atol=1e-3)
    assert fast.lower_bounds_[-1] == pytest.approx(plain.lower_bounds_[-1], abs=1e-9)


def test_steps_that_are_much_too_long_are_survived():
    """Rows at 1e3 deviations: a line search may leave the floats, not the fit."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(300, 2)), 1e3 * rng.standard_cauchy(size=(40, 2))]
    mixture = GaussianMixtureEM(3, acceleration="lbfgs", random_state=0).fit(X)
    assert np.isfinite(mixture.lower_bounds_).all()


def test_nearest_member_is_kept_by_steps():
    """An anchor in the family has only neighbours in the family (VEE: one shared matrix)."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 4, 4))
    covariance = nearest_member(
        STRUCTURES["VEE"], np.ones(3), root @ root.transpose(0, 2, 1) + np.eye(4)
    )
    STRUCTURES["VEE"].check_member(covariance, 3)
