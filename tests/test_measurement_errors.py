"""Samples that were measured with known errors (extreme deconvolution)."""

import pickle
import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import oracle
import oracle_incomplete
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureEM, RowBlocks, UniformNoise
from skgmm._em.quasi_newton import coordinates_around
from skgmm._objective import Objective
from skgmm._rows import measurement_errors
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._rows.measurement_errors import dense_errors
from skgmm._rows.noise import Background
from skgmm.covariance import STRUCTURES, find_structure

NAMES = list(STRUCTURES)
D, K = 3, 3
MEANS = np.array([[0.0, 0, 0], [5.0, 0, 1], [0.0, 5, -1]])
KINDS = ["variances", "covariances"]


def measured(n, kind, seed=0):
    """True values, what was measured, the same with holes, errors, labels."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = MEANS[z] + rng.normal(size=(n, D))
    if kind == "variances":
        errors = rng.exponential(0.5, size=(n, D))
        errors[rng.random((n, D)) < 0.2] = 0.0
    else:
        roots = 0.5 * rng.normal(size=(n, D, D))
        errors = roots @ np.swapaxes(roots, 1, 2)
        errors[: n // 5, 0] = errors[: n // 5, :, 0] = 0.0
    errors[n // 2 : n // 2 + 5] = 0.0  # some without
    root = np.linalg.cholesky(dense_errors(errors) + 1e-15 * np.eye(D))
    Y = X + (root @ rng.normal(size=(n, D, 1)))[:, :, 0]
    holes = Y.copy()
    holes[rng.random((n, D)) < 0.15] = np.nan
    holes[0] = np.nan
    return X, Y, holes, errors, np.where(rng.random(n) < 0.2, z, -1)


def parameters_of(name, X, noise_weight=0.0):
    mixture = GaussianMixtureEM(K, covariance_type=name, means_init=MEANS, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        parameters = mixture.fit(X)._parameters()
    return replace(parameters, log_weights=parameters.log_weights + np.log1p(-noise_weight))


def without_missing(X, errors):
    """Errors as `fit` checks them: 0 where the value is missing."""
    return measurement_errors.check_errors(errors, X)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [False, True], ids=["no noise", "noise"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_the_e_step_is_that_of_the_oracle(name, kind, noise, weighted, monkeypatch):
    monkeypatch.setattr(measurement_errors, "_NUMBERS", 7 * D * D)
    X, Y, holes, errors, labels = measured(30, kind)
    weights = np.random.default_rng(1).integers(0, 3, size=30).astype(float)
    weights = weights if weighted else np.ones(30)
    parameters = parameters_of(name, X, 0.1 if noise else 0.0)
    form, floor = find_structure(name).scatter, np.array([0.3, 0.2, 0.0])
    for given, known in product((Y, holes), (None, labels)):
        background = Background.of(InMemoryRows(given, weights), 4000.0, 0.05) if noise else None
        sides = np.exp(background.log_sides) if noise else None
        rows = GroupedRows.of(
            InMemoryRows(given, weights if weighted else None),
            known,
            background,
            errors=without_missing(given, errors),
        )
        got = rows.expectation(parameters, form, floor)
        expected = oracle_incomplete.expectation(
            given, weights, parameters, form, floor, known, sides, dense_errors(errors)
        )
        oracle.assert_moments_equal(got, expected, parameters)


@pytest.mark.parametrize("name", NAMES)
def test_em_never_lowers_the_objective_and_ends_at_a_maximum(name):
    X, _, holes, errors, labels = measured(150, "covariances")
    mixture = GaussianMixtureEM(
        K, covariance_type=name, means_init=MEANS, tol=1e-12, reg_covar=1e-3, max_iter=3000
    )
    mixture.fit(holes, labels=labels, error_covariance=errors)
    assert mixture.converged_
    assert np.diff(mixture.lower_bounds_).min() >= 0
    parameters = mixture._parameters()
    plain = oracle_incomplete.log_likelihood(
        holes,
        np.ones(150),
        parameters.weights,
        parameters.means,
        oracle_incomplete.dense(parameters),
        labels=labels,
        errors=dense_errors(errors),
    )
    assert mixture.lower_bound_ == pytest.approx(plain / 150, rel=1e-11)
    rows = GroupedRows.of(InMemoryRows(holes), labels, errors=without_missing(holes, errors))
    posed = Objective(rows, find_structure(name), np.full(D, 1e-3))
    moments = posed.evaluate(parameters)
    coordinates = coordinates_around(posed, parameters, moments)
    for i in range(coordinates.size):
        step = 1e-4 * np.eye(coordinates.size)[i]
        ends = [
            posed.evaluate(coordinates.at(vector).parameters).mean_objective
            for vector in (step, -step)
        ]
        assert abs(ends[0] - ends[1]) / 2e-4 < 2e-5
    parameters, objectives = parameters_of(name, X), []
    for _ in range(30):
        moments = posed.evaluate(parameters)
        objectives.append(moments.mean_objective)
        parameters = posed.maximise(moments, parameters)
    assert np.diff(objectives).min() > -1e-12


@pytest.mark.parametrize("name", NAMES)
def test_without_errors_it_is_the_fit_of_today(name):
    Y = measured(120, "variances")[1]
    options = {"covariance_type": name, "means_init": MEANS}
    plain = GaussianMixtureEM(K, **options).fit(Y)
    for zeros in (np.zeros((120, D)), np.zeros((120, D, D))):
        mixture = GaussianMixtureEM(K, **options).fit(Y, error_covariance=zeros)
        np.testing.assert_array_equal(mixture.means_, plain.means_)
        np.testing.assert_array_equal(mixture.covariances_, plain.covariances_)
    form, floor = find_structure(name).scatter, np.full(D, 1e-3)
    tiny = GroupedRows.of(InMemoryRows(Y), errors=np.full((120, D), 1e-300))
    parameters = parameters_of(name, Y)
    got = tiny.expectation(parameters, form, floor)
    oracle.assert_moments_equal(
        got, InMemoryRows(Y).expectation(parameters, form, floor), parameters
    )


def test_equal_errors_of_one_component_are_taken_from_its_covariance():
    rng = np.random.default_rng(0)
    root = np.array([[2.0, 0, 0], [1, 1.5, 0], [0.5, -0.5, 1]])
    Y = rng.normal(size=(500, D)) @ root.T
    error = np.array([[0.5, 0.2, 0], [0.2, 0.4, 0.1], [0, 0.1, 0.3]])
    errors = np.broadcast_to(error, (500, D, D))
    mixture = GaussianMixtureEM(1, tol=1e-14, max_iter=5000).fit(Y, error_covariance=errors)
    np.testing.assert_allclose(mixture.means_[0], Y.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(
        mixture.covariances_[0], np.cov(Y.T, bias=True) - error, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_deconvolution_finds_the_mixture_of_the_true_values(kind):
    X, Y, holes, errors, _ = measured(2000, kind)
    of_truth = GaussianMixtureEM(K, random_state=0).fit(X)
    for given in (Y, holes):
        mixture = GaussianMixtureEM(K, random_state=0).fit(given, error_covariance=errors)
        order = [np.abs(mixture.means_ - m).sum(axis=1).argmin() for m in of_truth.means_]
        np.testing.assert_allclose(mixture.means_[order], of_truth.means_, atol=0.15)
        np.testing.assert_allclose(mixture.covariances_[order], of_truth.covariances_, atol=0.3)
    raw = GaussianMixtureEM(K, random_state=0).fit(Y)
    assert raw.score(X) < mixture.score(X)


def test_methods_take_errors():
    X, Y, holes, errors, _ = measured(300, "covariances")
    mixture = GaussianMixtureEM(K, noise=UniformNoise(volume=1e5), random_state=0)
    mixture.fit(holes, error_covariance=errors)
    parameters = mixture._parameters()
    public = parameters.weights, parameters.means, oracle_incomplete.dense(parameters)
    sides = np.exp(Background.from_state(mixture._noise).log_sides)
    for given in (Y, holes):
        density = mixture.score_samples(given, error_covariance=errors)
        expected = [
            oracle_incomplete.log_likelihood(
                given[[i]], np.ones(1), *public, sides=sides, errors=errors[[i]]
            )
            for i in range(300)
        ]
        np.testing.assert_allclose(density, expected, rtol=1e-11, atol=1e-11)
        score = mixture.score(given, error_covariance=errors)
        assert score == pytest.approx(density.mean())
        proba = mixture.predict_proba(given, error_covariance=errors)
        np.testing.assert_allclose(proba.sum(axis=1), 1.0)
        labels = mixture.predict(given, error_covariance=errors)
        np.testing.assert_array_equal(labels, np.append(np.arange(K), -1)[proba.argmax(axis=1)])
    fresh = GaussianMixtureEM(K, random_state=0)
    labels = fresh.fit_predict(Y, error_covariance=errors)
    np.testing.assert_array_equal(labels, fresh.predict(Y, error_covariance=errors))
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(
        again.predict(Y, error_covariance=errors), mixture.predict(Y, error_covariance=errors)
    )
    assert np.square(mixture.denoise(Y, errors) - X).mean() < 0.9 * np.square(Y - X).mean()


def test_denoise():
    mixture = GaussianMixtureEM.from_parameters([1.0], [[1.0, 2.0]], [[[2.0, 1.0], [1.0, 3.0]]])
    Y = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, np.nan], [4.0, np.nan]])
    errors = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, np.nan], [0.0, 7.0]])
    gain = np.array([[2.0, 1.0], [1.0, 3.0]]) @ np.linalg.inv([[3.0, 1.0], [1.0, 3.0]])
    expected = np.array([1.0, 2.0]) + gain @ [3.0, -2.0]
    got = mixture.denoise(Y, errors)
    np.testing.assert_allclose(got[0], [expected[0], 0.0])
    assert got[0, 1] == 0.0  # known exactly
    np.testing.assert_array_equal(got[1], Y[1])
    np.testing.assert_allclose(got[2], [1.0 + 2.0, 2.0 + 1.0])
    np.testing.assert_allclose(got[3], [4.0, 2.0 + 1.5])
    assert mixture.denoise(Y.astype(np.float32), errors).dtype == np.float32


def test_weights_are_repetitions_and_the_order_of_samples_does_not_matter():
    _, _, holes, errors, _ = measured(120, "variances")
    weights = np.random.default_rng(3).integers(0, 3, size=120)
    options = {"means_init": MEANS, "tol": 1e-11}
    weighted = GaussianMixtureEM(K, **options).fit(
        holes, sample_weight=weights, error_covariance=errors
    )
    repeated = np.random.default_rng(4).permutation(np.repeat(np.arange(120), weights))
    other = GaussianMixtureEM(K, **options).fit(holes[repeated], error_covariance=errors[repeated])
    np.testing.assert_allclose(weighted.means_, other.means_, atol=1e-5)
    np.testing.assert_allclose(weighted.covariances_, other.covariances_, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e[:50], r"should have the shape \(n_samples, n_features\) = \(100, 3\)"),
        (lambda e: e[0], r"got \(3,\).*numpy.broadcast_to"),
        (lambda e: np.eye(3), r"got \(3, 3\).*numpy.broadcast_to"),
        (lambda e: -e - 1.0, "negative variance for sample 0"),
        (lambda e: np.where(np.arange(100)[:, None] == 7, np.inf, e), "not finite for sample 7"),
        (lambda e: np.where(np.arange(100)[:, None] == 7, np.nan, e), "not finite for sample 7"),
        (lambda e: np.tile(-np.eye(3), (100, 1, 1)), "sample 0 is not positive semi-definite"),
        (lambda e: np.tile(np.tri(3), (100, 1, 1)), "sample 0 is not symmetric"),
    ],
)
def test_errors_are_checked(change, message):
    _, Y, _, errors, _ = measured(100, "variances")
    mixture = GaussianMixtureEM(K, random_state=0)
    with pytest.raises(ValueError, match=f"error_covariance.*{message}"):
        mixture.fit(Y, error_covariance=change(errors))
    mixture.fit(Y)
    for method in (mixture.score_samples, mixture.predict, mixture.denoise):
        with pytest.raises(ValueError, match=message):
            method(Y, error_covariance=change(errors))


def test_blocks_say_that_they_take_no_errors():
    _, Y, _, errors, _ = measured(100, "variances")
    blocks = RowBlocks.from_iterable(lambda: [Y])
    with pytest.raises(ValueError, match="error_covariance is not supported with RowBlocks"):
        GaussianMixtureEM(K).fit(blocks, error_covariance=errors)


def test_float32():
    _, Y, _, errors, _ = measured(300, "variances")
    options = {"random_state": 0, "means_init": MEANS}
    single = GaussianMixtureEM(K, **options).fit(
        Y.astype(np.float32), error_covariance=errors.astype(np.float32)
    )
    double = GaussianMixtureEM(K, **options).fit(Y, error_covariance=errors)
    np.testing.assert_allclose(single.means_, double.means_, rtol=1e-3, atol=1e-3)
