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

from skgmm import (
    GaussianMixtureEM,
    GaussianMixtureSearch,
    RowBlocks,
    UniformNoise,
    _kernels,
    parameter_uncertainty,
)
from skgmm._em.quasi_newton import coordinates_around
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._rows import groups, measurement_errors
from skgmm._rows.base import InMemoryRows
from skgmm._rows.deconvolution import ErrorGroup
from skgmm._rows.grouped import GroupedRows
from skgmm._rows.noise import Background
from skgmm.covariance import STRUCTURES, find_structure

NAMES = list(STRUCTURES)
D, K = 3, 3
MEANS = np.array([[0.0, 0, 0], [5.0, 0, 1], [0.0, 5, -1]])
KINDS = ["variances", "covariances"]


def dense_errors(errors):
    """Covariances (n, d, d) from these or from variances (n, d)."""
    return errors[:, :, None] * np.eye(errors.shape[1]) if errors.ndim == 2 else errors


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
def test_the_e_step_is_that_of_the_oracle(name, kind, noise, weighted):
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
        (lambda e: np.where(np.arange(100)[:, None] == 7, 1e305, e), "holds values as large as 1e"),
        (lambda e: e.astype(complex) + 1j, "real numbers"),
        (lambda e: [["a"] * 3] * 100, "real numbers, but got <U1"),
        (lambda e: [[{}] * 3] * 100, "real numbers, but got object"),
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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [False, True], ids=["no noise", "noise"])
def test_samples_that_share_their_errors_have_the_e_step_of_the_oracle(
    name, kind, noise, monkeypatch
):
    """They are seen together: one covariance of the measurements for all of them."""
    monkeypatch.setattr(groups, "_MANY", 4)
    X, Y, holes, errors, labels = measured(40, kind)
    errors = errors[np.arange(40) % 2]  # two covariances
    weights = np.random.default_rng(1).integers(0, 3, size=40).astype(float)
    parameters = parameters_of(name, X, 0.1 if noise else 0.0)
    form, floor = find_structure(name).scatter, np.array([0.3, 0.2, 0.0])
    for given, known in product((Y, holes), (None, labels)):
        background = Background.of(InMemoryRows(given, weights), 4000.0, 0.05) if noise else None
        sides = np.exp(background.log_sides) if noise else None
        rows = GroupedRows.of(
            InMemoryRows(given, weights), known, background, errors=without_missing(given, errors)
        )
        assert any(isinstance(group, groups.PatternGroup) for group in rows.groups)
        assert not any(isinstance(group, ErrorGroup) for group in rows.groups) or given is holes
        got = rows.expectation(parameters, form, floor)
        expected = oracle_incomplete.expectation(
            given, weights, parameters, form, floor, known, sides, dense_errors(errors)
        )
        oracle.assert_moments_equal(got, expected, parameters)
        density, logs = rows._log_joint(parameters)
        alone = ErrorGroup.of(given, weights, rows.errors, np.arange(40), known, background)
        expected_density, expected_logs = alone.log_parts(parameters)
        np.testing.assert_allclose(density, expected_density, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(np.exp(logs), np.exp(expected_logs), atol=1e-12)


@pytest.mark.parametrize("form", list(Scatter))
@pytest.mark.parametrize("name", ["full", "tied", "diag", "tied-spherical"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("many", [1, 10**9], ids=["shared", "alone"])
def test_any_form_of_scatter_of_any_structure(name, form, kind, many, monkeypatch):
    monkeypatch.setattr(groups, "_MANY", many)
    X, _, holes, errors, _ = measured(30, kind)
    errors = np.repeat(errors[:3], 10, axis=0)
    parameters, floor = parameters_of(name, X), np.full(D, 0.1)
    rows = GroupedRows.of(InMemoryRows(holes), errors=without_missing(holes, errors))
    got = rows.expectation(parameters, form, floor)
    expected = oracle_incomplete.expectation(
        holes, np.ones(30), parameters, form, floor, errors=dense_errors(errors)
    )
    oracle.assert_moments_equal(got, expected, parameters)


@pytest.mark.parametrize("kind", KINDS)
def test_results_do_not_depend_on_threads_or_instruction_sets(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5000, D)) + 2 * rng.integers(2, size=(5000, 1))
    X[rng.random(X.shape) < 0.1] = np.nan
    errors = rng.exponential(size=(5000, D))
    errors = without_missing(X, errors if kind == "variances" else dense_errors(errors))
    parameters = parameters_of("full", rng.normal(size=(100, D)))
    one, two = (
        GroupedRows.of(InMemoryRows(X, n_threads=n), errors=errors).expectation(
            parameters, Scatter.FULL, np.full(D, 1e-3)
        )
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one.scatter, two.scatter)
    np.testing.assert_array_equal(one.mean, two.mean)
    assert one.objective == two.objective
    active = _kernels.active()
    try:
        for instructions in _kernels.available():
            _kernels.use(instructions)
            rows = GroupedRows.of(InMemoryRows(X), errors=errors)
            other = rows.expectation(parameters, Scatter.FULL, np.full(D, 1e-3))
            oracle.assert_moments_equal(other, one, parameters)
    finally:
        _kernels.use(active)


def test_starts_share_the_threads():
    _, Y, _, errors, _ = measured(60, "variances")
    rows = GroupedRows.of(InMemoryRows(Y, n_threads=4), errors=errors)
    _, split = rows.split_threads(2)
    found = [group.n_threads for group in split.groups if isinstance(group, ErrorGroup)]
    assert found == [2]


def test_components_that_start_far_from_their_samples_keep_their_digits():
    """Their second moments about the old mean have lost all digits of those about the new one."""
    rng = np.random.default_rng(0)
    X, errors = rng.normal(size=(200, 2)), rng.exponential(size=(200, 2))
    parameters = GaussianMixtureEM.from_parameters([1.0], [[1e9, -1e8]], [np.eye(2)])._parameters()
    rows = GroupedRows.of(InMemoryRows(X), errors=errors)
    got = rows.expectation(parameters, Scatter.FULL, np.zeros(2))
    gain = 1.0 / (1.0 + errors)  # the true values are near the mean of the component
    true = [1e9, -1e8] + gain * (X - [1e9, -1e8])
    expected = np.cov(true.T, bias=True) + np.diag((gain * errors).mean(axis=0))
    np.testing.assert_allclose(got.scatter[0] / 200, expected, rtol=1e-9)
    single = rows.reweighted(np.eye(200)[0]).expectation(parameters, Scatter.FULL, np.zeros(2))
    np.testing.assert_allclose(single.scatter[0], np.diag((gain * errors)[0]), rtol=1e-7, atol=1e-7)


def test_narrow_components_keep_their_digits():
    """Variances of 1 and 1e-12 along turned axes, errors between."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    covariance = (axes * [1.0, 1e-6, 1e-12]) @ axes.T
    root = (axes * [1.0, 1e-3, 1e-6]) @ axes.T
    X = rng.normal(size=(300, 3)) @ root
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0.0] * 3], [covariance])
    errors = 1e-9 * rng.exponential(size=(300, 3))
    rows = GroupedRows.of(InMemoryRows(X), errors=errors)
    got = rows.expectation(mixture._parameters(), Scatter.FULL, np.zeros(3)).scatter[0] / 300
    turned = axes.T @ got @ axes
    assert (np.diagonal(turned) > 0).all()
    assert turned[2, 2] == pytest.approx(1e-12, rel=0.05)
    assert turned[1, 1] == pytest.approx(1e-6, rel=0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_criteria_take_errors(kind):
    _, _, holes, errors, _ = measured(150, kind)
    mixture = GaussianMixtureEM(K, random_state=0).fit(holes, error_covariance=errors)
    weights = np.random.default_rng(0).integers(1, 3, size=150)
    total = weights @ mixture.score_samples(holes, errors)
    n_free, n = mixture.n_parameters_, weights.sum()
    bic = -2 * total + n_free * np.log(n)
    assert mixture.bic(holes, weights, errors) == pytest.approx(bic, rel=1e-12)
    assert mixture.aic(holes, weights, errors) == pytest.approx(-2 * total + 2 * n_free, rel=1e-12)
    certainty = weights @ mixture.predict_log_proba(holes, errors).max(axis=1)
    assert mixture.icl(holes, weights, errors) == pytest.approx(bic - 2 * certainty, rel=1e-12)
    assert mixture.bic(holes, error_covariance=errors) != mixture.bic(holes)


@pytest.mark.parametrize("kind", KINDS)
def test_search_takes_errors(kind):
    _, Y, holes, errors, labels = measured(300, kind)
    errors = 2.0 * errors
    types = ["spherical", "tied", "full"]
    search = GaussianMixtureSearch([2, 3, 4], types, random_state=0)
    predicted = search.fit_predict(holes, error_covariance=errors)
    assert search.best_n_components_ == 3
    best = search.best_estimator_
    np.testing.assert_array_equal(predicted, best.predict(holes, errors))
    assert best.bic(holes, error_covariance=errors) == pytest.approx(search.best_score_, rel=1e-9)
    assert search.bic(holes, error_covariance=errors) == best.bic(holes, error_covariance=errors)
    alone = GaussianMixtureEM(3, covariance_type=search.best_covariance_type_, random_state=0)
    alone.fit(holes, error_covariance=errors)
    assert best.lower_bound_ == pytest.approx(alone.lower_bound_, abs=1e-4)
    np.testing.assert_array_equal(search.denoise(holes, errors), best.denoise(holes, errors))
    both = GaussianMixtureSearch([3], "full", random_state=0, noise=UniformNoise(volume=1e5))
    both.fit(holes, labels=labels, error_covariance=errors)
    np.testing.assert_allclose(both.best_estimator_.means_, MEANS, atol=0.5)
    held_out = GaussianMixtureSearch([1, 3, 4], "diag", criterion="log_likelihood", cv=2)
    assert held_out.fit(Y, error_covariance=errors).best_n_components_ == 3
    with pytest.raises(ValueError, match="error_covariance should have the shape"):
        search.fit(holes, error_covariance=errors[:10])


@pytest.mark.parametrize("kind", KINDS)
def test_parameter_uncertainty_takes_errors(kind):
    """Of one Gaussian with equal errors: those of a covariance of which the errors are part."""
    rng = np.random.default_rng(0)
    error = np.diag([0.5, 1.0]) if kind == "variances" else np.array([[0.5, 0.3], [0.3, 1.0]])
    Y = rng.multivariate_normal([0.0, 0.0], [[1.0, 0.4], [0.4, 2.0]] + error, size=500)
    shared = np.diag(error) if kind == "variances" else error
    errors = np.broadcast_to(shared, (500, *shared.shape))
    mixture = GaussianMixtureEM(1, tol=1e-14, reg_covar=0).fit(Y, error_covariance=errors)
    found = parameter_uncertainty(mixture, Y, error_covariance=errors)
    plain = parameter_uncertainty(GaussianMixtureEM(1, reg_covar=0).fit(Y), Y)
    for name in ("means", "covariances"):
        own, whole = (getattr(each, name).standard_error for each in (found, plain))
        np.testing.assert_allclose(own, whole, rtol=1e-3)
    with pytest.raises(ValueError, match=r"not at a maximum .* error_covariance"):
        parameter_uncertainty(mixture, Y)
    drawn = parameter_uncertainty(
        mixture, Y, error_covariance=errors, method="bootstrap", n_bootstrap=40, random_state=0
    )
    np.testing.assert_allclose(drawn.means.standard_error, found.means.standard_error, rtol=0.5)


def test_an_array_with_two_dimensions_always_has_variances():
    """Also with as many samples as features: row i is of sample i."""
    X, variances = np.arange(9.0).reshape(3, 3) ** 2, np.arange(1.0, 10.0).reshape(3, 3)
    mixture = GaussianMixtureEM.from_parameters([1.0], [[1.0, 2.0, 3.0]], [np.eye(3)])
    got = mixture.score_samples(X, variances)
    expected = mixture.score_samples(X, variances[:, :, None] * np.eye(3))
    np.testing.assert_allclose(got, expected, rtol=1e-13)
    total = 1.0 + variances[2]
    log_density = -0.5 * (np.log(2 * np.pi * total) + (X[2] - [1, 2, 3]) ** 2 / total).sum()
    assert got[2] == pytest.approx(log_density, rel=1e-13)


def test_columns_of_errors_are_those_of_the_samples():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
    errors = X.abs() * [0.1, 0.5, 1.0]
    mixture = GaussianMixtureEM(1).fit(X, error_covariance=errors)
    plain = GaussianMixtureEM(1).fit(X, error_covariance=errors.to_numpy())
    np.testing.assert_array_equal(mixture.means_, plain.means_)
    other = errors[["c", "a", "b"]]
    for method in (mixture.fit, mixture.predict, mixture.bic, mixture.denoise):
        with pytest.raises(ValueError, match=r"error_covariance should have the columns of X.*'c'"):
            method(X, error_covariance=other)


@pytest.mark.parametrize("kind", ["mixture", "search"])
def test_fit_transform_takes_errors_as_fit_and_transform_do(kind):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(80, 2)), rng.normal(size=(80, 2)) + 4.0])
    errors = rng.uniform(0.0, 3.0, X.shape)
    model = GaussianMixtureEM(2, random_state=0)
    if kind == "search":
        model = GaussianMixtureSearch((1, 2, 3), ["tied"], random_state=0)
    found = model.fit_transform(X, error_covariance=errors)
    np.testing.assert_array_equal(found, model.transform(X, error_covariance=errors))
    np.testing.assert_array_equal(found, model.predict_proba(X, error_covariance=errors))
    assert not np.array_equal(found, model.transform(X))
