"""Tied, diagonal and spherical mixtures, whose components share terms, against the oracle.

The kernel computes them as products of matrices about one common point as long as every mean is
within 16 standard deviations of it and sums about it keep their digits; else about the means. The
two ways must not be told apart.
"""

import numpy as np
import oracle
import pytest

from skgmm._moments import Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES

KINDS = ["tied", "one diagonal", "spherical", "diag"]
FORMS = [Scatter.POOLED, Scatter.DIAGONAL]


@pytest.fixture(autouse=True)
def one_block(monkeypatch):
    """The oracle adds no blocks: they lose what is below a rounding of their means."""
    monkeypatch.setattr(oracle, "BLOCK_ROWS", 10_000)


def mixture(kind, K=3, d=5, apart=5.0, seed=0):
    """Components `apart` standard deviations from each other, on a line of random direction."""
    rng = np.random.default_rng(seed)
    name = "diag" if kind == "one diagonal" else kind
    covariances = rng.uniform(0.3, 2.0, size=STRUCTURES[name].shape(K, d))
    if kind == "tied":
        root = rng.normal(size=(d, d)) + 2 * np.eye(d)
        covariances = root @ root.T / d
    covariance = STRUCTURES[name].from_covariances(covariances, d)
    if kind == "one diagonal":
        covariance = type(covariance)(covariance.factor[:1])
    direction = rng.normal(size=d)
    first = type(covariance)(covariance.factor[:1])
    direction /= np.linalg.norm(oracle.whitened(first, direction[None, None]))
    means = rng.normal(size=d) + apart * np.arange(K)[:, None] * direction
    return MixtureParameters.from_weights(rng.dirichlet(np.full(K, 5.0)), means, covariance)


def weighted_rows(parameters, n=2100, seed=0):
    """Rows of the mixture, and weights of which some are 0."""
    X, _ = parameters.draw(n, np.random.RandomState(seed))
    weights = np.random.default_rng(seed).exponential(size=n)
    weights[1::5] = 0.0
    return X, weights


def rescaled(parameters, X, scale):
    """The same mixture and rows in other units."""
    covariance = type(parameters.covariance)(parameters.covariance.factor / scale)
    means = parameters.means * scale
    return MixtureParameters(parameters.log_weights, means, covariance), X * scale


def assert_scatter_equal(got, expected, rtol):
    """Each entry relative to how much its own features (of its own component) vary."""
    variances = expected.form.diagonal(expected.scatter)
    size = variances
    if expected.form is Scatter.POOLED:
        deviations = np.sqrt(variances)
        size = deviations[:, None] * deviations
    heavy = slice(None)
    if expected.form is Scatter.DIAGONAL:
        heavy = expected.mass > 1e-3 * expected.total_weight
    error = np.abs(got.scatter - expected.scatter)
    assert (error <= rtol * size)[heavy].all()


def assert_as_oracle(parameters, X, weights=None, rtol=1e-12):
    """Moments in both forms, log-densities, responsibilities and labels."""
    for form in FORMS:
        expected = oracle.expectation(X, weights, parameters, form)
        got = InMemoryRows(X, weights, 2).expectation(parameters, form)
        oracle.assert_moments_equal(got, expected, parameters)
        assert_scatter_equal(got, expected, rtol)
    log_density, shares = oracle.responsibilities(X, parameters)
    got = e_step.log_densities(X, parameters)
    np.testing.assert_allclose(got, log_density, rtol=1e-12, atol=1e-12)
    # Responsibilities inherit a rounding of the log-density.
    slack = 1e-12 * (1 + np.abs(log_density))
    proba = e_step.responsibilities(X, parameters).T
    assert (np.abs(proba - shares) <= slack).all()
    labels = e_step.labels(X, parameters)
    assert (shares[labels, np.arange(len(X))] >= shares.max(axis=0) - slack).all()


@pytest.mark.parametrize("apart", [0.0, 5.0, 15.0, 15.99, 16.01, 40.0, 1e4, 1e8])
@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_of_the_bound_agree_with_the_oracle(instructions, kind, apart):
    """Of three components on a line the outer ones are `apart` from the common point."""
    parameters = mixture(kind, apart=apart)
    X, weights = weighted_rows(parameters)
    assert_as_oracle(parameters, X)
    assert_as_oracle(parameters, X, weights)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("K", "d"), [(1, 4), (2, 1), (4, 3), (5, 16), (7, 33), (33, 2)])
def test_tiles_of_components_and_features(instructions, kind, K, d):
    parameters = mixture(kind, K, d, apart=12.0 / K)
    assert_as_oracle(parameters, *weighted_rows(parameters))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_clusters_much_narrower_than_their_components(instructions, kind, offset):
    """Deviations of 1e-3 where the factors say 100: the bound holds, but sums lose 12 digits.

    The common point is ten factors' deviations from the clusters.
    """
    parameters, _ = rescaled(mixture(kind, apart=10.0), np.zeros(1), 100.0)
    parameters = MixtureParameters(
        parameters.log_weights, parameters.means + offset, parameters.covariance
    )
    rng = np.random.default_rng(0)
    X = parameters.means[rng.integers(3, size=600)] + 1e-3 * rng.normal(size=(600, 5))
    assert_as_oracle(parameters, X, rng.exponential(size=600))


@pytest.mark.parametrize("kind", KINDS)
def test_identical_samples_among_wide_components(instructions, kind):
    """All components share the rows, and no mean is near them, which costs the oracle digits."""
    parameters, _ = rescaled(mixture(kind), np.zeros(1), 100.0)
    rng = np.random.default_rng(0)
    X = parameters.means[2] + 50 + 1e-3 * rng.normal(size=(600, 5))
    assert_as_oracle(parameters, X, rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1e-140, 1e-80, 1e-69, 1e69, 1e80, 1e140])
def test_scales_whose_squares_leave_the_range(instructions, kind, scale):
    parameters = mixture(kind)
    X, weights = weighted_rows(parameters)
    parameters, X = rescaled(parameters, X, scale)
    assert_as_oracle(parameters, X, weights)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 1e60])
def test_sample_at_the_limit_of_float64(instructions, kind, scale):
    """Its distance in standard deviations has a square; its coordinates may have none."""
    parameters = mixture(kind)
    X, _ = weighted_rows(parameters)
    parameters, X = rescaled(parameters, X, scale)
    X[77] = 1e150 * scale
    log_density, shares = oracle.responsibilities(X, parameters)
    assert np.isfinite(log_density).all()
    got = e_step.log_densities(X, parameters)
    np.testing.assert_allclose(got, log_density, rtol=1e-12, atol=1e-12)
    labels = e_step.labels(X, parameters)
    others = np.arange(len(X)) != 77  # whose components are equally far, to the last digit
    assert (shares[labels, np.arange(len(X))] > 0.5 - 1e-12)[others].all() or kind == "diag"
    for form in FORMS:
        kept = np.where(others, 1.0, 0.0)
        expected = oracle.expectation(X, kept, parameters, form)
        got = InMemoryRows(X, kept).expectation(parameters, form)
        oracle.assert_moments_equal(got, expected, parameters)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.1, 1e8 / 3])
def test_a_constant_feature(instructions, kind, value):
    """Its scatter is 0, not a rounding: where all means share the value, so does the point."""
    parameters = mixture(kind)
    X, weights = weighted_rows(parameters)
    parameters.means[:, 2] = X[:, 2] = value
    assert_as_oracle(parameters, X, weights)
    for form in FORMS:
        got = InMemoryRows(X, weights).expectation(parameters, form)
        assert (got.mean[:, 2] == value).all()
        assert (form.diagonal(got.scatter)[..., 2] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_of_almost_no_mass(instructions, kind):
    """A mass whose square is 0, of narrow rows: that digits are lost must be seen all the same."""
    parameters, _ = rescaled(mixture(kind, apart=15.0), np.zeros(1), 100.0)
    X, components = parameters.draw(700, np.random.RandomState(0))
    parameters.log_weights[2] = -600.0
    rare = parameters.means[2] + 1e-3 * np.random.default_rng(0).normal(size=(300, 5))
    X = np.vstack([X[components != 2], rare])
    expected = oracle.expectation(X, None, parameters, Scatter.DIAGONAL)
    got = InMemoryRows(X, None).expectation(parameters, Scatter.DIAGONAL)
    assert 0 < expected.mass[2] < 1e-160
    np.testing.assert_allclose(got.mean[2], expected.mean[2], rtol=1e-12)
    np.testing.assert_allclose(got.scatter[2], expected.scatter[2], rtol=1e-11)


@pytest.mark.parametrize("component", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_component_without_weight(instructions, kind, component):
    parameters = mixture(kind)
    parameters.log_weights[component] = -np.inf
    assert_as_oracle(parameters, *weighted_rows(parameters))


def test_correlated_features(instructions):
    """A tied covariance of condition number 1e10, means apart along its longest axis."""
    rng = np.random.default_rng(0)
    root = np.diag([1e5, 1.0, 10.0]) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    covariance = STRUCTURES["tied"].from_covariances(root.T @ root, 3)
    means = np.arange(4)[:, None] * 8.0 * root[0]
    parameters = MixtureParameters.from_weights(np.full(4, 0.25), means, covariance)
    X, weights = weighted_rows(parameters)
    log_density, _ = oracle.responsibilities(X, parameters)
    np.testing.assert_allclose(e_step.log_densities(X, parameters), log_density, rtol=1e-8)
    expected = oracle.expectation(X, weights, parameters, Scatter.POOLED)
    got = InMemoryRows(X, weights).expectation(parameters, Scatter.POOLED)
    assert got.objective == pytest.approx(expected.objective, rel=1e-8)
