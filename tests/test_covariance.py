"""The contract of every covariance structure in the registry, against dense copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import random_mixture, seeds

from skgmm import _expectation
from skgmm._moments import Moments, Scatter
from skgmm.covariance import STRUCTURES, IllDefinedCovarianceError

sizes = st.tuples(st.integers(1, 4), st.integers(1, 5))  # components, features
every_structure = pytest.mark.parametrize("name", sorted(STRUCTURES))


def dense(covariance, n_components):
    stack = covariance.dense()
    return np.broadcast_to(stack, (n_components, *stack.shape[1:]))


def estimate(name, n_components, n_features, seed):
    """An M-step on random responsibilities: the covariance and the moments."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40 + 10 * n_features, n_features)) @ rng.normal(size=(n_features,) * 2)
    shares = rng.dirichlet(np.ones(n_components), size=len(X))
    structure = STRUCTURES[name]
    moments = _expectation.partition_moments(X, None, shares, n_components, structure.scatter)
    return structure.estimate(moments, np.zeros(n_features)), moments


@every_structure
@given(size=sizes, seed=seeds)
def test_answers_agree_with_the_dense_copy(name, size, seed):
    n_components, n_features = size
    covariance = random_mixture(seed, n_components, n_features, name).covariance
    matrices = dense(covariance, n_components)
    _, log_det = np.linalg.slogdet(matrices)
    np.testing.assert_allclose(
        np.broadcast_to(covariance.log_det, n_components), log_det, rtol=1e-9, atol=1e-9
    )
    rows = np.random.default_rng(seed).normal(size=(n_components, 7, n_features))
    whitened = covariance.whiten(rows)
    expected = np.einsum("kbi,kij,kbj->kb", rows, np.linalg.inv(matrices), rows)
    np.testing.assert_allclose((whitened**2).sum(axis=2), expected, rtol=1e-7)
    for k in range(n_components):
        coloured = covariance.colour(whitened[k], k)
        np.testing.assert_allclose(coloured, rows[k], rtol=1e-7, atol=1e-9)


@every_structure
@given(size=sizes, seed=seeds)
def test_public_arrays_round_trip(name, size, seed):
    n_components, n_features = size
    structure = STRUCTURES[name]
    covariance = random_mixture(seed, n_components, n_features, name).covariance
    covariances, precisions, factors = structure.public(covariance)
    shape = structure.shape(n_components, n_features)
    assert covariances.shape == precisions.shape == factors.shape == shape
    for again in (
        structure.from_covariances(covariances, n_features),
        structure.from_precisions(precisions, n_features),
        structure.from_factors(factors, n_features),
    ):
        np.testing.assert_allclose(again.factor, covariance.factor, rtol=1e-6, atol=1e-9)


@every_structure
@given(size=sizes, seed=seeds)
def test_the_estimate_lies_in_the_family(name, size, seed):
    n_components, n_features = size
    structure = STRUCTURES[name]
    covariance, _ = estimate(name, n_components, n_features, seed)
    covariances, _, _ = structure.public(covariance)
    again = structure.from_covariances(covariances, n_features)
    np.testing.assert_allclose(again.dense(), covariance.dense(), rtol=1e-9, atol=1e-12)


@every_structure
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (1, 3), (3, 1), (2, 3), (4, 4)])
def test_n_parameters_is_the_rank_of_the_jacobian(name, n_components, n_features):
    """Public Cholesky factors -> dense covariances, differentiated numerically."""
    structure = STRUCTURES[name]
    base = random_mixture(0, n_components, n_features, name).covariance
    factors = structure.public(base)[2]

    def dense_of(change):
        moved = structure.from_factors(factors + change.reshape(factors.shape), n_features)
        return dense(moved, n_components).ravel()

    step = 1e-6
    directions = np.eye(factors.size)
    if factors.shape[-2:] == (n_features, n_features) and name in ("full", "tied"):
        upper = np.broadcast_to(np.triu(np.ones((n_features,) * 2)), factors.shape).ravel()
        directions = directions[upper > 0]
    jacobian = [(dense_of(step * v) - dense_of(-step * v)) / (2 * step) for v in directions]
    rank = np.linalg.matrix_rank(np.array(jacobian), tol=1e-5)
    assert structure.n_parameters(n_components, n_features) == rank


@given(sizes, seeds)
def test_structures_coincide_where_they_should(size, seed):
    n_components, n_features = size
    one = {name: dense(estimate(name, 1, n_features, seed)[0], 1) for name in STRUCTURES}
    np.testing.assert_allclose(one["full"], one["tied"], rtol=1e-9, atol=1e-12)
    in_1d = {
        name: dense(estimate(name, n_components, 1, seed)[0], n_components) for name in STRUCTURES
    }
    np.testing.assert_allclose(in_1d["full"], in_1d["diag"], rtol=1e-9)
    np.testing.assert_allclose(in_1d["full"], in_1d["spherical"], rtol=1e-9)


@every_structure
def test_reg_covar_is_added_along_the_axes(name):
    covariance, moments = estimate(name, 2, 3, 0)
    floor = np.array([1.0, 2.0, 3.0])
    more = STRUCTURES[name].estimate(moments, floor)
    expected = np.diag(floor) if name != "spherical" else 2.0 * np.eye(3)
    np.testing.assert_allclose(
        more.dense() - covariance.dense(), expected + 0 * more.dense(), atol=1e-9
    )


def moments_of_noise(structure, lost):
    """Moments of ten rows at (0.1, 0.3), equal but for a rounding in the features `lost`."""
    scatter = np.where(lost, 10 * 1e-34, 1.0)
    if structure.scatter is Scatter.FULL:
        scatter = np.diag(scatter)[None]
    elif structure.scatter is Scatter.DIAGONAL:
        scatter = scatter[None]
    else:
        scatter = np.diag(scatter)
    return Moments(structure.scatter, np.array([10.0]), np.array([[0.1, 0.3]]), scatter, 0.0, 10.0)


@every_structure
def test_a_variance_below_the_rounding_of_the_mean_is_ill_defined(name):
    structure = STRUCTURES[name]
    all_lost = moments_of_noise(structure, np.array([True, True]))
    with pytest.raises(IllDefinedCovarianceError, match=r"Components: \[0\]"):
        structure.estimate(all_lost, np.zeros(2))
    assert np.isfinite(structure.estimate(all_lost, np.full(2, 1e-40)).log_det).all()


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_one_feature_without_variance_is_ill_defined(name):
    structure = STRUCTURES[name]
    with pytest.raises(IllDefinedCovarianceError):
        structure.estimate(moments_of_noise(structure, np.array([True, False])), np.zeros(2))


def test_one_feature_without_variance_is_no_matter_to_spherical():
    structure = STRUCTURES["spherical"]
    covariance = structure.estimate(
        moments_of_noise(structure, np.array([True, False])), np.zeros(2)
    )
    np.testing.assert_allclose(covariance.factor, np.sqrt(20.0))


@pytest.mark.parametrize("name", ["full", "tied"])
def test_collinear_rows_are_ill_defined(name):
    structure = STRUCTURES[name]
    line = np.random.default_rng(0).normal(size=50)
    X = np.column_stack([line, 3 * line + 1])
    moments = _expectation.overall_moments(X, None, structure.scatter)
    with pytest.raises(IllDefinedCovarianceError):
        structure.estimate(moments, np.zeros(2))


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_a_component_without_mass_keeps_its_covariance(name):
    structure = STRUCTURES[name]
    previous = random_mixture(0, 2, 2, name).covariance
    X = np.random.default_rng(0).normal(size=(30, 2))
    shares = np.tile([1.0, 0.0], (30, 1))
    moments = _expectation.partition_moments(X, None, shares, 2, structure.scatter)
    estimate = structure.estimate(moments, np.zeros(2), previous)
    np.testing.assert_array_equal(estimate.factor[1], previous.factor[1])
    assert not np.array_equal(estimate.factor[0], previous.factor[0])


@every_structure
def test_a_covariance_of_condition_1e10_keeps_its_digits(name):
    structure = STRUCTURES[name]
    axes = np.array([1e5, 1.0])
    if name == "spherical":
        axes = np.array([1e5, 1e5])
    angle = 0.3 if name in ("full", "tied") else 0.0
    Q = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    X = np.random.default_rng(0).normal(size=(500, 2)) * axes
    moments = _expectation.overall_moments(X @ Q.T, None, structure.scatter)
    log_det = structure.estimate(moments, np.zeros(2)).log_det
    _, expected = np.linalg.slogdet(np.cov(X.T, bias=True))
    if name == "diag":
        expected = np.log(X.var(axis=0)).sum()
    elif name == "spherical":
        expected = 2 * np.log(X.var(axis=0).mean())
    assert log_det[0] == pytest.approx(expected, abs=1e-5)
