"""Moments: blocks = whole, addition, and the E-step against a direct computation."""

from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from strategies import mixtures, random_mixture, seeds

from skgmm._moments import Moments, Scatter
from skgmm._rows.base import InMemoryRows

FORMS = list(Scatter)


def direct_moments(X, weights, parameters, form):
    """Moments from dense arrays, in two passes, by the textbook."""
    K, d = parameters.means.shape
    covariances = np.broadcast_to(parameters.covariance.dense(), (K, d, d))
    joint = np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(X).reshape(len(X))
            for w, m, c in zip(parameters.weights, parameters.means, covariances, strict=True)
        ]
    )
    density = np.logaddexp.reduce(joint, axis=0)
    shares = np.exp(joint - density) * weights
    mass = shares.sum(axis=1)
    mean = shares @ X / mass[:, None]
    scatter = np.stack(
        [(r[:, None] * (X - m)).T @ (X - m) for r, m in zip(shares, mean, strict=True)]
    )
    if form is Scatter.POOLED:
        scatter = scatter.sum(axis=0)
    elif form is Scatter.DIAGONAL:
        scatter = np.diagonal(scatter, axis1=1, axis2=2)
    return Moments(form, mass, mean, scatter, weights @ density, weights.sum())


def assert_close(a, b, rtol=1e-12):
    """Equal to rounding; scatter and mean relative to their largest entries."""
    np.testing.assert_allclose(a.mass, b.mass, rtol=rtol, atol=rtol * b.total_weight)
    np.testing.assert_allclose(a.mean, b.mean, rtol=rtol, atol=rtol * abs(b.mean).max())
    np.testing.assert_allclose(a.scatter, b.scatter, rtol=rtol, atol=rtol * abs(b.scatter).max())
    assert a.objective == pytest.approx(b.objective, rel=rtol, abs=rtol * b.total_weight)
    assert a.total_weight == pytest.approx(b.total_weight, rel=rtol)


def rows_of(parameters, n_samples, seed):
    X, _ = parameters.draw(n_samples, np.random.RandomState(seed % 2**31))
    weights = np.random.default_rng(seed).uniform(0.2, 3.0, size=n_samples)
    return X, weights


@given(mixtures(), seeds, st.sampled_from(FORMS))
def test_e_step_is_the_textbook_one(case, seed, form):
    _, parameters = case
    X, weights = rows_of(parameters, 70, seed)
    got = InMemoryRows(X, weights).expectation(parameters, form)
    assert_close(got, direct_moments(X, weights, parameters, form), rtol=1e-9)


@given(mixtures(), seeds, st.sampled_from(FORMS), st.integers(1, 90))
def test_moments_do_not_depend_on_the_block_size(case, seed, form, size):
    _, parameters = case
    X, weights = rows_of(parameters, 90, seed)
    whole = InMemoryRows(X, weights).expectation(parameters, form)
    parts = [
        InMemoryRows(X[i : i + size], weights[i : i + size]).expectation(parameters, form)
        for i in range(0, 90, size)
    ]
    assert_close(reduce(add, parts), whole)


@given(mixtures(), seeds, st.sampled_from(FORMS))
def test_addition_is_commutative_and_associative(case, seed, form):
    _, parameters = case
    X, weights = rows_of(parameters, 60, seed)
    a, b, c = (InMemoryRows(X[i::3], weights[i::3]).expectation(parameters, form) for i in range(3))
    assert_close(a + b, b + a)
    assert_close((a + b) + c, a + (b + c))


@given(mixtures(), seeds)
def test_samples_of_weight_zero_are_ignored(case, seed):
    _, parameters = case
    X, weights = rows_of(parameters, 40, seed)
    weights[::3] = 0
    polluted = X.copy()
    polluted[::3] = 1e200
    form = Scatter.FULL
    with_zeros = InMemoryRows(polluted, weights).expectation(parameters, form)
    kept = weights > 0
    assert_close(with_zeros, InMemoryRows(X[kept], weights[kept]).expectation(parameters, form))


def test_addition_is_accurate_far_from_the_origin():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 2)) + 1e8
    parts = [
        InMemoryRows(X[i : i + 10], None).overall_moments(Scatter.FULL) for i in range(0, 2000, 10)
    ]
    scatter = reduce(add, parts).scatter[0] / 2000
    np.testing.assert_allclose(scatter, np.cov((X - 1e8).T, bias=True), atol=1e-6)


def test_a_component_without_mass_keeps_its_mean():
    parameters = random_mixture(0, 2, 2, "full")
    far = np.array([[0.0, 0.0], [1e4, 1e4]])
    parameters = type(parameters)(parameters.log_weights, far, parameters.covariance)
    X = np.random.default_rng(0).normal(size=(50, 2))
    moments = InMemoryRows(X, None).expectation(parameters, Scatter.FULL)
    assert moments.mass[1] == 0
    np.testing.assert_array_equal(moments.mean[1], far[1])
    assert np.isfinite(moments.scatter).all()


@given(seeds, st.sampled_from(FORMS), st.floats(1e-3, 1e3))
def test_scaled_moments_are_those_of_scaled_weights(seed, form, factor):
    parameters = random_mixture(seed, 3, 2, "full")
    X, _ = parameters.draw(50, np.random.RandomState(seed))
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, 50)
    plain = InMemoryRows(X, weights).expectation(parameters, form)
    heavy = InMemoryRows(X, factor * weights).expectation(parameters, form)
    assert_close(plain.scaled(factor), heavy, rtol=1e-10)


@given(seeds, st.sampled_from(FORMS))
def test_overall_moments_are_those_of_one_component(seed, form):
    parameters = random_mixture(seed, 3, 2, "full")
    X, _ = parameters.draw(50, np.random.RandomState(seed))
    overall = InMemoryRows(X).expectation(parameters, form).overall()
    np.testing.assert_allclose(overall.mean[0], X.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(overall.scatter[0] / 50, X.var(axis=0), rtol=1e-9)
