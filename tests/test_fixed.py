"""Parameters that are held at given values."""

import warnings
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris

from skgmm import (
    ConjugatePrior,
    GaussianMixtureEM,
    GaussianMixtureSearch,
    RowBlocks,
    UniformNoise,
    parameter_uncertainty,
)
from skgmm._em.quasi_newton import coordinates_around
from skgmm._fixed import Fixed, fixed_masks
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._prior import OneGaussian, Prior, prior_of
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._rows.noise import Background
from skgmm.covariance import STRUCTURES, find_structure

NAMES = list(STRUCTURES)
SEPARATE = ["full", "diag", "spherical"]
IRIS = load_iris().data
D, K = 3, 3
MEANS = np.array([[0.0, 0, 0], [5.0, 0, 1], [0.0, 5, -1]])
FEATURES = ["missing", "errors", "labels", "noise", "prior", "fixed"]


def given_values(name):
    """A fit of iris, moved a little, as initial parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture = GaussianMixtureEM(3, covariance_type=name, random_state=0).fit(IRIS)
    return {
        "weights_init": np.array([0.2, 0.3, 0.5]),
        "means_init": mixture.means_ + 0.1,
        "precisions_init": 1.25 * mixture.precisions_,
    }


def assert_held(mixture, fixed):
    values = {"weights": "weights", "means": "means", "covariances": "precisions"}
    for name, mask in fixed_masks(fixed, mixture.n_components).items():
        got = getattr(mixture, f"{values[name]}_")
        expected = np.asarray(getattr(mixture, f"{values[name]}_init"))
        held = ... if mask.all() else mask
        np.testing.assert_array_equal(got[held], expected[held])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "fixed",
    [
        "weights",
        "means",
        "covariances",
        ["weights", "means"],
        ["means", "covariances"],
        {"weights": np.array([True, False, False]), "means": np.array([False, True, True])},
    ],
    ids=["weights", "means", "covariances", "weights, means", "means, covariances", "masks"],
)
def test_what_is_fixed_is_returned_to_the_last_bit(name, fixed):
    mixture = GaussianMixtureEM(3, covariance_type=name, fixed=fixed, **given_values(name))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture.fit(IRIS)
    assert_held(mixture, fixed)
    assert np.diff(mixture.lower_bounds_).min(initial=0.0) >= 0
    assert mixture.weights_.sum() == pytest.approx(1.0, abs=1e-14)
    assert mixture.lower_bound_ == pytest.approx(mixture.score(IRIS), abs=1e-10)


@pytest.mark.parametrize("name", SEPARATE)
def test_covariances_of_some_components_can_be_fixed(name):
    fixed = {"covariances": np.array([True, False, False])}
    values = given_values(name)
    mixture = GaussianMixtureEM(3, covariance_type=name, fixed=fixed, **values).fit(IRIS)
    assert_held(mixture, fixed)
    free = GaussianMixtureEM(3, covariance_type=name, **values).fit(IRIS)
    own = free.n_parameters_ - mixture.n_parameters_
    assert own == {"full": 10, "diag": 4, "spherical": 1}[name]
    assert mixture.lower_bound_ <= free.lower_bound_ + 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_if_everything_is_fixed_one_e_step_is_the_fit(name):
    fixed, values = ["weights", "means", "covariances"], given_values(name)
    mixture = GaussianMixtureEM(3, covariance_type=name, fixed=fixed, **values).fit(IRIS)
    assert_held(mixture, fixed)
    assert (mixture.n_iter_, mixture.n_parameters_, mixture.converged_) == (1, 0, True)


def test_weights_alone_are_equal():
    mixture = GaussianMixtureEM(3, fixed="weights", random_state=0).fit(IRIS)
    np.testing.assert_array_equal(mixture.weights_, np.full(3, 1 / 3))
    assert mixture.n_parameters_ == 42
    beside = GaussianMixtureEM(3, fixed="weights", noise="auto", random_state=0).fit(IRIS)
    assert np.ptp(beside.weights_) < 1e-15
    assert beside.weights_.sum() + beside.noise_weight_ == pytest.approx(1.0)


def test_the_scatter_is_about_the_fixed_mean():
    mixture = GaussianMixtureEM(1, fixed="means", means_init=[[0.0] * 4], reg_covar=0.0).fit(IRIS)
    np.testing.assert_allclose(mixture.covariances_[0], IRIS.T @ IRIS / 150, rtol=1e-12)


def test_free_weights_share_what_the_fixed_ones_leave():
    fixed = {"weights": np.array([True, False, False])}
    values = given_values("full")
    mixture = GaussianMixtureEM(3, fixed=fixed, tol=1e-10, **values).fit(IRIS)
    free = mixture.predict_proba(IRIS)[:, 1:].sum(axis=0)
    np.testing.assert_allclose(mixture.weights_[1:], 0.8 * free / free.sum(), atol=2e-5)


def known(name, features, n=60, seed=0):
    """An objective with some of the features, parameters to start from, and what is fixed."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = MEANS[z] + rng.normal(size=(n, D))
    structure, given = find_structure(name), {}
    if "errors" in features:
        given["errors"] = np.where(np.arange(n)[:, None] % 3 > 0, rng.exponential(0.3, (n, D)), 0)
        X = X + np.sqrt(given["errors"]) * rng.normal(size=(n, D))
    if "missing" in features:
        holes = rng.random((n, D)) < 0.15
        X[holes] = np.nan
        if "errors" in given:
            given["errors"][holes] = 0.0
    labels = np.where(rng.random(n) < 0.2, z, -1) if "labels" in features else None
    if labels is not None or "missing" in features or "noise" in features or given:
        background = Background.of(InMemoryRows(X), None, 0.05) if "noise" in features else None
        rows = GroupedRows.of(InMemoryRows(X), labels, background, **given)
    else:
        rows = InMemoryRows(X)
    fixed = None
    if "fixed" in features:
        masks = {"weights": np.array([True, False, False]), "means": np.array([False, True, False])}
        if structure.separate:
            masks["covariances"] = np.array([False, False, True])
        shape = structure.shape(K, D)
        values = np.ones(shape) if structure.scatter is Scatter.DIAGONAL else np.eye(D)
        one = structure.from_covariances(np.broadcast_to(values, shape), D)
        fixed = Fixed.of(masks, structure, K, np.array([0.4, 0.3, 0.3]), MEANS + 0.2, one)
    prior = None
    if "prior" in features:
        values = ConjugatePrior(
            mean_rows=2.0, covariance=2.0, covariance_rows=4.0, weight_rows=[1.0, 2.0, 0.5]
        )
        data = OneGaussian(MEANS.mean(axis=0), np.eye(D), float(n))
        prior = Prior.of(prior_of(values, data, structure, K))
    floor = np.full(D, 1e-3)
    objective = Objective(rows, structure, floor, prior=prior, fixed=fixed)
    moments = InMemoryRows(np.where(np.isnan(X), MEANS[z], X)).partition_moments(
        z, K, structure.scatter, floor
    )
    start = objective.maximise(moments, None)
    if "noise" in features:
        start = type(start)(start.log_weights + np.log(0.9), start.means, start.covariance)
    return objective, objective.feasible(start)


@pytest.mark.parametrize("name", NAMES)
def test_in_every_combination_the_objective_never_falls_and_gradients_are_right(name):
    every = chain.from_iterable(combinations(FEATURES, r) for r in range(len(FEATURES) + 1))
    rng = np.random.default_rng(0)
    for features in every:
        if not {"prior", "fixed"} & set(features):
            continue  # those are tested where they are at home
        objective, parameters = known(name, features)
        objectives = []
        for _ in range(6):
            moments = objective.evaluate(parameters)
            objectives.append(moments.mean_objective)
            parameters = objective.maximise(moments, parameters)
        assert np.diff(objectives).min() > -1e-12, features
        if "fixed" in features:
            assert parameters.means[1].tolist() == (MEANS[1] + 0.2).tolist()
            assert parameters.proportions[0] == pytest.approx(0.4, rel=1e-13)
        moments = objective.evaluate(parameters)
        coordinates = coordinates_around(objective, parameters, moments)
        free = coordinates.at(np.zeros(coordinates.size)).gradient(moments)
        # As far as a quasi-Newton step: along the gradient, so that nothing moves that is held.
        here, step = 0.05 * free / np.abs(free).max(), rng.normal(size=coordinates.size)
        step = 0.02 * np.where(free == 0.0, 0.0, step)
        point = coordinates.at(here)
        slope = point.gradient(objective.evaluate(point.parameters)) @ step
        ends = [
            objective.evaluate(coordinates.at(here + sign * 1e-3 * step).parameters).objective
            for sign in (1, -1)
        ]
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-3, abs=2e-5 * 60), features


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fixed", [None, "weights", "means"])
def test_a_fit_ends_where_nothing_free_has_a_gradient(name, fixed):
    values = {} if fixed is None else {"means_init": given_values(name)["means_init"]}
    mixture = GaussianMixtureEM(
        3, covariance_type=name, fixed=fixed, prior=ConjugatePrior(covariance_rows=3.0),
        noise=UniformNoise(), random_state=0, tol=1e-12, max_iter=5000, **values,
    )  # fmt: skip
    labels = np.where(np.arange(150) % 10 == 0, np.repeat([0, 1, 2], 50), -1)
    holes = np.where(np.random.default_rng(0).random(IRIS.shape) < 0.05, np.nan, IRIS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture.fit(holes, labels=labels)
    background = Background.of(InMemoryRows(holes), None, 0.05)
    rows = GroupedRows.of(InMemoryRows(holes), labels, background)
    held = None
    if fixed is not None:
        masks = fixed_masks(fixed, 3)
        held = Fixed.of(masks, find_structure(name), 3, None, values["means_init"], None)
    prior = Prior.of(mixture.prior_)
    structure = find_structure(name)
    objective = Objective(rows, structure, mixture.reg_covar_, prior=prior, fixed=held)
    parameters = mixture._parameters()
    coordinates = coordinates_around(objective, parameters, objective.evaluate(parameters))
    rng = np.random.default_rng(0)
    for step in 1e-4 * rng.normal(size=(8, coordinates.size)):
        ends = [
            objective.evaluate(coordinates.at(vector).parameters).mean_objective
            for vector in (step, -step)
        ]
        assert abs(ends[0] - ends[1]) / 2e-4 < 2e-5 * np.sqrt(coordinates.size)


@pytest.mark.parametrize("fixed", ["weights", {"covariances": np.array([True, False])}])
def test_acceleration_reaches_the_same_maximum_in_fewer_evaluations(fixed):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(400, 2)), rng.normal(size=(200, 2)) + 1.7]
    values = {"means_init": [[0.0, 0], [2.0, 2]], "precisions_init": [np.eye(2)] * 2}
    plain, fast = (
        GaussianMixtureEM(
            2, fixed=fixed, prior="auto", acceleration=a, tol=1e-9, max_iter=20_000, **values
        ).fit(X)
        for a in (None, "auto")
    )
    assert fast.lower_bounds_[-1] == pytest.approx(plain.lower_bounds_[-1], abs=1e-8)
    assert fast.n_iter_ < 0.5 * plain.n_iter_


@given(st.permutations([0, 1, 2]))
def test_the_order_of_components_does_not_matter(order):
    order, values = np.array(order), given_values("diag")
    mask = np.array([True, False, False])
    mixture = GaussianMixtureEM(3, covariance_type="diag", tol=1e-10)
    one = clone(mixture).set_params(fixed={"means": mask, "covariances": ~mask}, **values)
    moved = {name: value[order] for name, value in values.items()}
    other = clone(mixture).set_params(
        fixed={"means": mask[order], "covariances": ~mask[order]}, **moved
    )
    np.testing.assert_allclose(
        other.fit(IRIS).means_, one.fit(IRIS).means_[order], rtol=1e-5, atol=1e-5
    )


def test_moves_leave_components_alone_that_are_fixed():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0], [8.0, 8.0]])
    X = np.concatenate([rng.normal(size=(50, 2)) + c for c in centres])
    background = np.array([np.eye(2) / 100] + [np.eye(2)] * 4)
    fixed = {"covariances": np.arange(5) == 0}
    mixture = GaussianMixtureEM(5, fixed=fixed, precisions_init=background, random_state=0).fit(X)
    np.testing.assert_array_equal(mixture.precisions_[0], np.eye(2) / 100)
    assert mixture.status_.startswith("converged")
    for centre in centres:
        assert np.abs(mixture.means_ - centre).max(axis=1).min() < 1.0


@pytest.mark.filterwarnings("ignore:The best number of components")
def test_more_components_of_equal_weights_may_have_a_lower_likelihood():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(mean, 0.3, size=(400, 2)) for mean in (0.0, 5.0)])
    search = GaussianMixtureSearch(range(1, 4), ["EII", "VVV"], fixed="weights", random_state=0)
    results = search.fit(X).results_
    assert np.isfinite(results["log_likelihood"]).all()
    of_spheres = results["log_likelihood"][results["covariance_type"] == "tied-spherical"]
    assert (np.diff(of_spheres) < 0).any()  # otherwise this test shows nothing


def test_blocks_streams_and_the_search_take_fixed_parameters():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(2000, 2)), rng.normal(size=(1000, 2)) + 5.0]
    X = X[rng.permutation(3000)]
    mixture = GaussianMixtureEM(2, fixed="means", means_init=[[0, 0], [5, 5.0]])
    whole = clone(mixture).fit(X)
    blocks = clone(mixture).fit(RowBlocks.from_iterable(lambda: [X[:1100], X[1100:]]))
    np.testing.assert_allclose(blocks.weights_, whole.weights_, rtol=1e-9)
    stream = clone(mixture).set_params(warm_up=500)
    for start in range(0, 3000, 250):
        stream.partial_fit(X[start : start + 250])
    assert_held(stream, "means")
    assert stream.n_parameters_ == whole.n_parameters_ == 7
    search = GaussianMixtureSearch(range(1, 7), ["full", "tied"], fixed="weights")
    best = search.set_params(random_state=0).fit(X).best_estimator_
    assert np.ptp(best.weights_) == 0.0
    assert best.bic(X) == pytest.approx(search.best_score_)
    with pytest.raises(ValueError, match="merge does not support mixtures with fixed"):
        GaussianMixtureEM.merge([whole])


@pytest.mark.parametrize(
    ("fixed", "values", "message"),
    [
        ("shapes", {}, "fixed should be None, 'weights', .* but names 'shapes'"),
        ({"means": [True]}, {"means_init": IRIS[:3]}, "mask of 'means' should be 3 booleans"),
        ({"means": [1, 0, 0]}, {"means_init": IRIS[:3]}, "mask of 'means' should be 3 booleans"),
        ("means", {}, "fixed='means' holds the values of means_init, but that is None"),
        ("covariances", {}, "holds the values of precisions_init"),
        ({"weights": np.array([True, False, False])}, {}, "holds the values of weights_init"),
        (
            {"covariances": np.array([True, False, False])},
            {"precisions_init": np.eye(4), "covariance_type": "tied"},
            "can be held for covariance_type 'full', 'diag' and 'spherical'",
        ),
    ],
)
def test_bad_values_are_refused(fixed, values, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(3, fixed=fixed, **values).fit(IRIS)


@pytest.mark.parametrize("method", ["information", "bootstrap"])
def test_what_is_fixed_has_no_standard_error(method):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(150, 1)), rng.normal(size=(50, 1)) + 6.0]
    values = {"means_init": [[0.0], [6.0]], "tol": 1e-10}
    mixture = GaussianMixtureEM(2, fixed={"means": np.array([True, False])}, **values).fit(X)
    options = {"n_bootstrap": 60, "random_state": 0} if method == "bootstrap" else {}
    found = parameter_uncertainty(mixture, X, method=method, **options)
    assert found.means.standard_error[0, 0] == 0.0
    assert found.means.standard_error[1, 0] == pytest.approx(1 / np.sqrt(50), rel=0.4)
    assert (found.weights.standard_error > 0.01).all()
