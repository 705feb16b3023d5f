"""Quasi-Newton steps: the same optimum as plain EM, in fewer passes over the data."""

from contextlib import contextmanager
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from strategies import nearest_member, random_mixture, seeds

from skgmm import GaussianMixtureEM
from skgmm._em.quasi_newton import coordinates_around
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES, AxisAligned, Ellipsoidal, find_structure, register
from skgmm.covariance._axis_aligned import Diagonal
from skgmm.covariance._ellipsoidal import Full, Tied


def overlapping(seed=1, n=1500, d=2, K=2, apart=1.2):
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + 0.15 * rng.normal(size=(K, d, d))
    means = apart * rng.normal(size=(K, d))
    labels = rng.integers(K, size=n)
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d))), labels


def test_ties_are_declared_and_neither_guessed_nor_inherited_by_another_estimate():
    class Shrunk(Full):
        name = "XYY"  # which looks like a code

        def _maximise(self, spread, previous):
            return Ellipsoidal.from_dense(super()._maximise(spread, previous).dense() + np.eye(2))

    assert Shrunk().ties is None
    assert all(structure.ties is not None for structure in STRUCTURES.values())


def untied(name):
    """The family as a user's own would be: nothing is known of it but its M-step."""
    stranger = copy(STRUCTURES[name])
    stranger.name, stranger.aliases, stranger.ties = f"untied-{name}", (), None
    return stranger


@st.composite
def places(draw, spheres=True):
    """For the name of a structure: rows, a mixture, a floor, and how far to go from there."""
    seed, K, d = draw(seeds), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    unit, weighted = draw(st.sampled_from([1e-6, 1.0, 1e6])), draw(st.booleans())
    round_, empty = spheres and draw(st.booleans()), draw(st.booleans())

    def place(name):
        parameters = random_mixture(seed, K, d, name, spread=1.0)
        X, _ = parameters.draw(60, np.random.RandomState(seed))
        rng = np.random.default_rng(seed)
        if round_:  # its axes, all of one length, have no direction
            sphere = np.repeat(np.eye(d)[None], K, axis=0)
            sphere = nearest_member(STRUCTURES[name], np.ones(K), sphere)
            parameters = replace(parameters, covariance=sphere)
        if empty and K > 1:
            weights = np.r_[0.0, np.full(K - 1, 1.0 / (K - 1))]
            parameters = MixtureParameters.from_weights(
                weights, parameters.means, parameters.covariance
            )
        factor = parameters.covariance.factor / unit
        covariance = replace(parameters.covariance, factor=factor)
        parameters = replace(parameters, means=unit * parameters.means, covariance=covariance)
        rows = InMemoryRows(unit * X, rng.exponential(size=60) if weighted else None)
        # Nothing holds a component without rows: it moves as if it had a millionth of them.
        reach = 1e-4 if empty else 0.1
        return rows, parameters, unit**2 * rng.uniform(0.0, 0.3, size=d), reach

    return place


def difference(objective, parameters, reach, step):
    """A slope of the objective against central differences, and a point there."""
    coordinates = coordinates_around(objective, parameters, objective.evaluate(parameters))
    rng = np.random.default_rng(0)
    at = reach * rng.normal(size=coordinates.size)

    def value(vector):
        return objective.evaluate(coordinates.at(vector).parameters).objective

    point = coordinates.at(at)
    gradient = point.gradient(objective.evaluate(point.parameters))
    direction = rng.normal(size=coordinates.size)
    direction *= step / np.linalg.norm(direction)
    slope = (value(at + direction) - value(at - direction)) / (2.0 * step)
    scale = np.abs(gradient).sum() + 1.0
    return abs(gradient @ direction / step - slope) / scale, point.parameters


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
@given(place=places())
def test_the_gradient_is_that_of_the_objective(name, place):
    """With reg_covar in; and every point is in the family."""
    rows, parameters, floor, reach = place(name)
    error, there = difference(
        Objective(rows, STRUCTURES[name], floor), parameters, reach, step=1e-5
    )
    assert error < 1e-6
    STRUCTURES[name].check_member(there.covariance, there.n_components)


@pytest.mark.parametrize("name", STRUCTURES)
def test_so_is_the_one_in_many_features(name):
    """Where matrices are LAPACK's."""
    parameters = random_mixture(0, 2, 20, name, spread=1.0)
    X, _ = parameters.draw(300, np.random.RandomState(0))
    objective = Objective(InMemoryRows(X), STRUCTURES[name], np.full(20, 0.1))
    error, there = difference(objective, parameters, 0.1, step=1e-5)
    assert error < 1e-6
    STRUCTURES[name].check_member(there.covariance, 2)


class TiedOfEach(Tied):
    """It asks for more than it needs: a matrix for each component."""

    scatter = Scatter.FULL

    def _maximise(self, spread, previous):
        return Ellipsoidal.from_dense(spread.scatter.sum(axis=0)[None] / spread.total)


class DiagonalOfMatrices(Diagonal):
    """It has variances, and asks for matrices."""

    scatter = Scatter.FULL

    def _maximise(self, spread, previous):
        scatter = np.diagonal(spread.own_scatter, axis1=1, axis2=2)
        return AxisAligned.from_variances(scatter / spread.own_mass[:, None])


# Not those whose M-step goes on from where it was, and so is no function of the moments; and not at
# spheres, where the order of the axes of EEV and VEV has no derivative.
STRANGERS = [untied(name) for name, known in STRUCTURES.items() if not known.several_optima]
STRANGERS += [TiedOfEach(), DiagonalOfMatrices()]


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRANGERS, ids=lambda s: type(s).__name__)
@given(place=places(spheres=False))
def test_gradient_from_the_m_step_alone_is_that_of_the_objective(structure, place):
    rows, parameters, floor, reach = place(structure.name.removeprefix("untied-"))
    error, there = difference(Objective(rows, structure, floor), parameters, reach, step=1e-3)
    assert error < 1e-3
    structure.check_member(there.covariance, there.n_components)


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
        structure = find_structure(name)
        structure.check_member(structure.from_covariances(fast.covariances_, 2), 2)


def test_slow_mixture_takes_ten_times_fewer_evaluations():
    X, labels = overlapping(n=2000)
    arguments = {"responsibilities_init": np.eye(2)[labels], "tol": 1e-9}
    plain = GaussianMixtureEM(2, acceleration=None, max_iter=50_000, **arguments).fit(X)
    fast = GaussianMixtureEM(2, **arguments).fit(X)
    assert 10 * fast.n_iter_ < plain.n_iter_
    assert fast.lower_bound_ > plain.lower_bound_ - 1e-8


def test_every_evaluation_is_counted(passes):
    X, labels = overlapping()
    fast = GaussianMixtureEM(2, responsibilities_init=np.eye(2)[labels], tol=1e-9).fit(X)
    assert fast.n_iter_ > 20
    assert len(passes) == fast.n_iter_ + 1  # and the start's


def test_max_iter_holds_for_accelerated_fits_too():
    X, labels = overlapping()
    mixture = GaussianMixtureEM(2, responsibilities_init=np.eye(2)[labels], tol=1e-12, max_iter=25)
    with pytest.warns(UserWarning, match="no estimate of the remaining gain yet"):
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


def test_line_search_recovers_from_too_long_steps():
    """Rows at 1e3 deviations: a line search may leave the floats, not the fit."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(300, 2)), 1e3 * rng.standard_cauchy(size=(40, 2))]
    mixture = GaussianMixtureEM(3, acceleration="lbfgs", random_state=0).fit(X)
    assert np.isfinite(mixture.lower_bounds_).all()


def slow_rows():
    X, labels = overlapping(n=2000)
    return X, {"responsibilities_init": np.eye(2)[labels], "escape": False, "tol": 1e-9}


@contextmanager
def registered(structure):
    register(structure)
    try:
        yield structure.name
    finally:
        STRUCTURES.pop(structure.name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full", "diag", "tied", "VEI", "VEV"])
def test_a_registered_structure_is_accelerated_by_its_m_step_alone(name):
    X, arguments = slow_rows()
    with registered(untied(name)) as own:
        plain = GaussianMixtureEM(
            2, covariance_type=own, acceleration=None, max_iter=50_000, **arguments
        ).fit(X)
        fast = GaussianMixtureEM(2, covariance_type=own, **arguments).fit(X)
    assert 10 * fast.n_iter_ < plain.n_iter_
    assert len(fast.lower_bounds_) == fast.n_iter_
    assert np.diff(fast.lower_bounds_).min() >= 0
    assert fast.lower_bound_ > plain.lower_bound_ - 1e-8


class HalfWay(Full):
    """An M-step that raises the ECLL and does not maximise it, so it promises a wrong gradient."""

    name, aliases, ties = "half-way", (), None

    def _maximise(self, spread, previous):
        best = super()._maximise(spread, previous)
        if previous is None:
            return best
        return Ellipsoidal.from_dense(0.5 * (best.dense() + previous.dense()))


def test_acceleration_ends_if_the_m_step_is_not_a_maximum():
    X, arguments = slow_rows()
    with registered(HalfWay()) as own:
        plain = GaussianMixtureEM(
            2, covariance_type=own, acceleration=None, max_iter=50_000, **arguments
        ).fit(X)
        fast = GaussianMixtureEM(2, covariance_type=own, max_iter=50_000, **arguments).fit(X)
    assert fast.lower_bound_ > plain.lower_bound_ - 1e-8
    assert fast.n_iter_ < 1.5 * plain.n_iter_


def test_plateau_is_not_mistaken_for_convergence():
    """There gains of EM are tiny and shrink; hundreds of iterations on they grow again."""
    X, _ = overlapping(11, 2000, 2, 3, 1.4)
    start = {"n_components": 3, "covariance_type": "tied"}
    labels = KMeans(3, n_init=1, random_state=0).fit_predict(X)
    start["responsibilities_init"] = np.eye(3)[labels]
    best = GaussianMixtureEM(**start, acceleration=None, tol=1e-12, max_iter=50_000).fit(X)
    default = GaussianMixtureEM(**start, escape=False).fit(X)
    assert default.lower_bound_ > best.lower_bound_ - 1e-6
    assert default.n_iter_ < 200
