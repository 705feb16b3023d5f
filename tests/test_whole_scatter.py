"""The scatter of all rows, and what follows from it where components share a covariance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgmm._kernels import FEW_ROWS
from skgmm._moments import Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import find_structure


def clusters(rng, n, d, K):
    """Correlated, on scales of their own, far from 0."""
    turned = rng.normal(size=(d, d)) / np.sqrt(d) + np.eye(d)
    centres = rng.normal(size=(K, d)) * rng.uniform(0.5, 3.0)
    X = (centres[rng.integers(K, size=n)] + rng.normal(size=(n, d))) @ turned
    return X * 10.0 ** rng.uniform(-3, 3, d) + 10.0 ** rng.uniform(-2, 4)


def without_knowledge(rows):
    """Rows that compute all products of features."""
    rows.__dict__["whole_scatter"] = None
    return rows


def assert_same_moments(found, expected, tolerance=1e-9):
    unit = np.sqrt(expected.scatter.diagonal())
    assert found.form is expected.form
    assert found.total_weight == pytest.approx(expected.total_weight, rel=1e-14)
    assert found.mean_objective == pytest.approx(expected.mean_objective, rel=tolerance)
    np.testing.assert_allclose(found.mass, expected.mass, atol=tolerance * expected.mass.sum())
    np.testing.assert_allclose(found.mean / unit, expected.mean / unit, atol=tolerance)
    scales = unit * unit[:, None]
    np.testing.assert_allclose(found.scatter / scales, expected.scatter / scales, atol=tolerance)


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(80, 400),
    d=st.integers(41, 50),
    K=st.integers(2, 5),
    kind=st.sampled_from(["plain", "weighted", "far", "without weight"]),
)
def test_moments_are_those_from_all_products_of_features(seed, n, d, K, kind):
    rng = np.random.default_rng(seed)
    X = clusters(rng, n, d, K)
    spread = X.var(axis=0)
    covariance = np.cov(X.T) + 0.01 * np.diag(spread)
    means = X[rng.choice(n, K, replace=False)]
    log_weights = np.log(rng.dirichlet(np.full(K, 5.0)))
    if kind == "far":
        X[:2] = X.mean(axis=0) + (X[:2] - X.mean(axis=0)) * 10.0 ** rng.uniform(1, 5)
    if kind == "without weight":
        log_weights = np.log(np.r_[0.0, np.full(K - 1, 1.0 / (K - 1))].clip(1e-320))
        log_weights[0] = -np.inf
    weights = rng.choice([0.0, 0.5, 1.0, 3.0], size=n) if kind == "weighted" else None
    parameters = MixtureParameters(
        log_weights, means, find_structure("tied").from_covariances(covariance, d)
    )
    floor = 1e-3 * spread
    rows, plain = InMemoryRows(X, weights), without_knowledge(InMemoryRows(X, weights))
    found, expected = (one.expectation(parameters, Scatter.POOLED, floor) for one in (rows, plain))
    assert_same_moments(found, expected)
    labels = rng.integers(K, size=n)
    labels[:K] = np.arange(K)
    for partition in (labels, rng.dirichlet(np.ones(K), size=n)):
        found, expected = (
            one.partition_moments(partition, K, Scatter.POOLED, floor) for one in (rows, plain)
        )
        assert_same_moments(found, expected)


def test_a_far_sample_keeps_its_component():
    """Its densities differ by what would be rounding of its squared distance."""
    rng = np.random.default_rng(0)
    X = clusters(rng, 200, 41, 2)
    covariance, means = np.cov(X.T), np.stack([X[:100].mean(axis=0), X[100:].mean(axis=0)])
    parameters = MixtureParameters(
        np.log([0.5, 0.5]), means, find_structure("tied").from_covariances(covariance, 41)
    )
    towards = X[:1] + 1e6 * (means[1] - means[0])
    both = np.concatenate([X, towards])
    rows = InMemoryRows(both, np.r_[np.ones(200), 1e-9])
    assert rows.whole_scatter is not None
    found = rows.expectation(parameters, Scatter.POOLED)
    expected = without_knowledge(InMemoryRows(both, rows.sample_weight)).expectation(
        parameters, Scatter.POOLED
    )
    assert_same_moments(found, expected)


@pytest.mark.parametrize("kind", ["few features", "collinear", "constant", "many"])
def test_it_is_not_used_where_it_loses_digits_or_time(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(
        size=(FEW_ROWS + 1 if kind == "many" else 100, 40 if kind == "few features" else 41)
    )
    if kind == "collinear":
        X[:, 3] = X[:, 0] + 1e-4 * X[:, 3]
    if kind == "constant":
        X[:, 3] = 5.0
    assert InMemoryRows(X).whole_scatter is None
    assert InMemoryRows(rng.normal(size=(100, 41))).whole_scatter is not None


def test_groups_that_are_not_all_rows_are_summed():
    rng = np.random.default_rng(0)
    X, labels = clusters(rng, 100, 41, 2), rng.integers(-1, 2, size=100)
    known = labels >= 0
    found = InMemoryRows(X).partition_moments(labels, 2, Scatter.POOLED)
    expected = InMemoryRows(X[known]).partition_moments(labels[known], 2, Scatter.POOLED)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-9)


@pytest.mark.parametrize("power", [20, 35, 48])
def test_data_far_from_0_keep_their_digits(power):
    """Of the difference of two means, which are rounded, few digits would be left."""
    rng = np.random.default_rng(0)
    X = rng.integers(-200, 200, size=(200, 41)).astype(float)
    X[:100] += 300.0
    labels = np.repeat([0, 1], 100)
    near, far = InMemoryRows(X), InMemoryRows(X + 2.0**power)
    found = far.partition_moments(labels, 2, Scatter.POOLED)
    expected = near.partition_moments(labels, 2, Scatter.POOLED)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-12, atol=1e-6)
    structure = find_structure("tied")
    covariance = structure.from_covariances(expected.scatter / 200.0, 41)
    means = np.round(expected.mean)
    near_objective, far_objective = (
        rows.expectation(
            MixtureParameters(np.log([0.5, 0.5]), means + shift, covariance), Scatter.POOLED
        ).mean_objective
        for rows, shift in ((near, 0.0), (far, 2.0**power))
    )
    assert far_objective == pytest.approx(near_objective, rel=1e-13)
