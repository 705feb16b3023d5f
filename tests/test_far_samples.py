"""Incomplete and inexact samples far from every component, and noise in their place."""

import mpmath
import numpy as np
import pytest

from skgmm import GaussianMixtureEM, UniformNoise
from skgmm._kernels import LostRowError
from skgmm._moments import Scatter
from skgmm._rows import groups
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm.covariance import STRUCTURES

D = 4
WAYS = ["view", "batch", "variances", "covariances", "shared"]


def log_ratio(x, means, covariances, error):
    """log(0.6 N(x; means[1])) - log(0.4 N(x; means[0])) of what is observed, in many digits."""
    o = np.flatnonzero(~np.isnan(x))
    squares, log_dets = [], []
    for mean, covariance in zip(means, covariances, strict=True):
        c = mpmath.matrix([mpmath.mpf(x[j]) - mpmath.mpf(mean[j]) for j in o])
        total = mpmath.matrix(covariance[np.ix_(o, o)].tolist())
        total += mpmath.matrix(error[np.ix_(o, o)].tolist())
        squares.append((c.T * mpmath.lu_solve(total, c))[0])
        log_dets.append(mpmath.log(mpmath.det(total)))
    return float(mpmath.log(1.5) + (squares[0] - squares[1] + log_dets[0] - log_dets[1]) / 2)


def given_in(way, X, monkeypatch):
    """Errors for these samples, as `fit` takes them and as matrices; and how they are visited."""
    monkeypatch.setattr(groups, "_MANY", 1 if way in ("view", "shared") else 10**9)
    rng = np.random.default_rng(3)
    if way in ("view", "batch"):
        return None, np.zeros((len(X), D, D))
    errors = rng.exponential(size=(1 if way == "shared" else len(X), D))
    if way == "variances":
        return errors, errors[:, :, None] * np.eye(D)
    roots = rng.normal(size=(len(errors), D, D))
    errors = np.broadcast_to(roots @ np.swapaxes(roots, 1, 2), (len(X), D, D))
    return errors, errors


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["full", "diag", "tied", "tied-diag"])
@pytest.mark.parametrize("distance", [1e3, 1e6, 1e10, 1e13])
def test_log_responsibilities_keep_their_digits_at_any_distance(name, distance, way, monkeypatch):
    """Samples on the plane between two means with the same covariance."""
    rng = np.random.default_rng(4)
    root = np.tril(rng.normal(size=(D, D)), -1) + np.eye(D)
    covariance = np.eye(D) if "diag" in name else root @ root.T
    means = rng.normal(size=(2, D))
    X = rng.normal(size=(12, D))
    X[np.arange(12), np.arange(12) % D] = np.nan
    X[::3, 0] = np.nan
    errors, dense = given_in(way, X, monkeypatch)
    across = np.zeros_like(X)
    for i, x in enumerate(X):
        o = ~np.isnan(x)
        across[i, o] = np.linalg.solve(
            (covariance + dense[i])[np.ix_(o, o)], (means[1] - means[0])[o]
        )
        x[o] -= (x[o] @ across[i, o]) / (across[i, o] @ across[i, o]) * across[i, o]
    X = distance * X + means.mean(axis=0) + 0.1 * rng.normal(size=X.shape)
    covariances = np.broadcast_to(
        1.0 if "diag" in name else covariance, STRUCTURES[name].shape(2, D)
    )
    mixture = GaussianMixtureEM.from_parameters(
        [0.4, 0.6], means, covariances, covariance_type=name
    )
    got = np.diff(mixture.predict_log_proba(X, error_covariance=errors), axis=1)[:, 0]
    with mpmath.workdps(60):
        expected = [
            log_ratio(x, means, [covariance] * 2, error) for x, error in zip(X, dense, strict=True)
        ]
    rounding = np.finfo(float).eps * D * (np.nan_to_num(np.abs(X)) * np.abs(across)).sum(axis=1)
    assert (np.abs(got - expected) <= 20 * rounding + 1e-10).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("distance", [100.0, 1e5, 1e25])
def test_responsibilities_far_from_equal_components_are_the_weights(way, distance, monkeypatch):
    """Also in the E-step: the mass of the components."""
    root = np.random.default_rng(0).normal(size=(D, D))
    mixture = GaussianMixtureEM.from_parameters(
        [0.3, 0.7], np.zeros((2, D)), [root @ root.T + np.eye(D)] * 2
    )
    X = distance * np.random.default_rng(1).normal(size=(10, D))
    X[np.arange(10), np.arange(10) % D] = np.nan
    errors, _ = given_in(way, X, monkeypatch)
    shares = mixture.predict_proba(X, error_covariance=errors)
    np.testing.assert_allclose(shares, [[0.3, 0.7]] * 10, rtol=1e-12)
    rows = mixture._rows(X, error_covariance=errors)
    for floor in (np.zeros(D), np.full(D, 0.1)):
        moments = rows.expectation(mixture._parameters(), Scatter.FULL, floor)
        np.testing.assert_allclose(moments.mass, [3.0, 7.0], rtol=1e-12)


def test_a_label_decides_at_any_distance(monkeypatch):
    mixture = GaussianMixtureEM.from_parameters([0.3, 0.7], [[0.0, 0], [3, 0]], [np.eye(2)] * 2)
    X, labels = np.array([[1e6, np.nan], [np.nan, 1e6], [-1e6, np.nan]]), np.array([0, 1, -1])
    for errors in (None, np.where(np.isnan(X), 0.0, [[1.0, 2.0]])):
        rows = GroupedRows.of(InMemoryRows(X), labels, errors=errors)
        mass = rows.expectation(mixture._parameters(), Scatter.FULL, np.zeros(2)).mass
        np.testing.assert_allclose(mass, [2.0, 1.0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("missing", [False, True])
def test_a_sample_that_no_component_reaches_belongs_to_the_noise(way, missing, monkeypatch):
    """1e157 standard deviations away: its log-density is no float64 number."""
    rng, scale = np.random.default_rng(0), 1e-9
    X = scale * (rng.normal(size=(120, D)) + 10 * rng.integers(2, size=(120, 1)))
    X[0] = 1e148
    if missing:
        X[:40][rng.random((40, D)) < 0.2] = np.nan
        X[0] = [np.nan, 1e148, 1e148, np.nan]
    errors, _ = given_in(way, X, monkeypatch)
    errors = None if errors is None else 0.01 * scale**2 * errors
    noise = UniformNoise(volume=(100 * scale) ** D)
    mixture = GaussianMixtureEM(2, noise=noise, random_state=0)
    mixture.fit(X, error_covariance=errors)
    few = None if errors is None else errors[:2]
    assert mixture.predict(X[:2], few).tolist()[0] == -1
    assert mixture.predict_proba(X[:2], few)[0].tolist() == [0.0, 0.0, 1.0]
    assert np.isfinite(mixture.score_samples(X, errors)).all()
    np.testing.assert_allclose(
        np.diagonal(mixture.covariances_, axis1=1, axis2=2) / scale**2, 1.0, atol=0.7
    )
    without = GaussianMixtureEM.from_parameters([0.5, 0.5], mixture.means_, mixture.covariances_)
    with pytest.raises(LostRowError, match="Row 0 of X is so many standard deviations"):
        without.score_samples(X, errors)
    if errors is not None:
        with pytest.raises(LostRowError, match="Row 0 of X is so many standard deviations"):
            without.denoise(X, errors)


def test_weights_of_zero_hide_samples_that_no_component_reaches():
    X = np.random.default_rng(0).normal(size=(30, 2)) * 1e-9
    X[5:9, 0] = np.nan
    X[5, 1], X[0] = 1e148, 1e148
    weights = np.where(np.isin(np.arange(30), [0, 5]), 0.0, 1.0)
    mixture = GaussianMixtureEM(1).fit(X, sample_weight=weights)
    errors = np.full(X.shape, 1e-19) * np.arange(30)[:, None]
    again = GaussianMixtureEM(1).fit(X, sample_weight=weights, error_covariance=errors)
    assert np.abs([mixture.means_, again.means_]).max() < 1e-8
