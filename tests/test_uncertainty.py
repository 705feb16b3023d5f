"""How sure K is, and how sure parameters are."""

from copy import copy

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning

from skgmm import (
    ConjugatePrior,
    GaussianMixtureEM,
    GaussianMixtureSearch,
    RowBlocks,
    UniformNoise,
    bootstrap_lrt,
    parameter_uncertainty,
)
from skgmm.covariance import STRUCTURES, register

NAMES = ("weights", "means", "covariances")


def clusters(seed, n, apart=4.0, share=0.3):
    """Two clusters in the plane, the smaller first."""
    rng = np.random.default_rng(seed)
    small = rng.random(n) < share
    rows = rng.normal(size=(n, 2)) * np.where(small[:, None], [1.0, 0.5], [0.7, 1.5])
    rows[:, 1] += 0.5 * rows[:, 0]
    return rows + np.where(small[:, None], 0.0, apart)


def fitted(X, covariance_type="full", n_components=2, **options):
    mixture = GaussianMixtureEM(
        n_components, covariance_type=covariance_type, tol=1e-10, random_state=0
    )
    return mixture.fit(X, **options)


def errors(uncertainty):
    return np.concatenate([getattr(uncertainty, name).standard_error.ravel() for name in NAMES])


# The likelihood-ratio test


@pytest.mark.parametrize(
    "options",
    [
        {"prior": "auto"},
        {"prior": "mclust"},
        {"prior": ConjugatePrior(covariance_rows=0.5)},
        {"fixed": "weights"},
        {"fixed": "weights", "prior": "auto", "noise": UniformNoise(volume=1e3)},
    ],
)
def test_fits_of_the_lrt_take_priors_and_equal_weights(options):
    X = clusters(0, 120, apart=6.0)
    result = bootstrap_lrt(X, n_bootstrap=9, max_components=1, random_state=0, **options)
    assert result.p_value[0] == 0.1  # the least of 9 data sets
    one, two = (GaussianMixtureEM(k, random_state=0, **options).fit(X) for k in (1, 2))
    gain = 2.0 * len(X) * (two.score(X) - one.score(X))
    assert result.statistic[0] == pytest.approx(gain, rel=1e-3)
    assert np.isfinite(result.bootstrap_statistics).all()


@pytest.mark.parametrize("options", [{"fixed": "means"}, {"prior": "weak"}])
def test_the_lrt_names_what_it_does_not_take(options):
    with pytest.raises(ValueError, match=f"The '{next(iter(options))}' parameter of bootstrap_lrt"):
        bootstrap_lrt(clusters(0, 50), **options)


@pytest.mark.slow
def test_lrt_finds_three_components_in_old_faithful(faithful):
    result = bootstrap_lrt(
        faithful, covariance_type="tied", n_bootstrap=39, max_components=4, random_state=2
    )
    assert result.n_components == 3
    assert result.conclusive
    np.testing.assert_array_equal(result.tested, [1, 2, 3])
    search = GaussianMixtureSearch((1, 2, 3, 4), "tied", random_state=0).fit(faithful)
    gains = 2.0 * np.diff(search.results_["log_likelihood"])
    np.testing.assert_allclose(result.statistic, gains[:3], atol=0.05)
    for row, p_value in enumerate(result.p_value):
        above = np.count_nonzero(result.bootstrap_statistics[row] >= result.statistic[row])
        assert p_value == (1 + above) / 40
    assert (np.diff(result.bootstrap_statistics, axis=1) >= 0).all()
    assert "2 vs 3" in str(result)


@pytest.mark.slow
def test_lrt_under_the_null_is_calibrated():
    """40 data sets of one component: 2 rejections at 5 % are expected, 8 all but impossible."""
    rng = np.random.default_rng(0)
    p_values = [
        bootstrap_lrt(
            rng.normal(size=(60, 1)), max_components=1, n_bootstrap=19, random_state=seed
        ).p_value[0]
        for seed in range(40)
    ]
    assert np.count_nonzero(np.array(p_values) <= 0.05) <= 7
    assert 0.35 <= np.mean(p_values) <= 0.68


def test_lrt_at_the_last_k_is_not_conclusive(faithful):
    result = bootstrap_lrt(faithful, n_bootstrap=19, max_components=1, random_state=0)
    assert (result.n_components, result.conclusive) == (2, False)


def test_lrt_is_seeded_whatever_n_jobs():
    X = clusters(0, 80)
    one, two = (bootstrap_lrt(X, n_bootstrap=19, random_state=3, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.bootstrap_statistics, two.bootstrap_statistics)
    np.testing.assert_array_equal(one.p_value, two.p_value)


@pytest.mark.slow
def test_lrt_weights_are_repetitions():
    X = clusters(1, 60)
    weights = np.random.default_rng(0).integers(0, 3, size=60)
    weighted = bootstrap_lrt(X, sample_weight=weights, n_bootstrap=19, random_state=0)
    repeated = bootstrap_lrt(np.repeat(X, weights, axis=0), n_bootstrap=19, random_state=0)
    np.testing.assert_allclose(weighted.statistic, repeated.statistic, rtol=1e-7)
    np.testing.assert_array_equal(weighted.p_value, repeated.p_value)


def test_the_statistic_of_the_data_does_not_depend_on_the_seed():
    """A search finds one of three optima with three components, one third of the time the best."""
    columns = ["mean texture", "worst area", "worst smoothness"]
    X = np.log(load_breast_cancer(as_frame=True).data[columns])
    options = {"covariance_type": "VEI", "max_components": 2, "n_bootstrap": 1, "level": 0.9}
    statistics = [bootstrap_lrt(X, random_state=seed, **options).statistic for seed in range(6)]
    np.testing.assert_allclose(statistics, np.tile(statistics[:1], (6, 1)), atol=0.01)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_bootstrap": 0}, "'n_bootstrap' parameter of bootstrap_lrt"),
        ({"max_components": 1.5}, "'max_components' parameter"),
        ({"level": 1.0}, "'level' parameter"),
        ({"level": "high"}, "'level' parameter"),
        ({"tol": -1.0}, "'tol' parameter"),
        ({"reg_covar": "none"}, "'reg_covar' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"covariance_type": "fulll"}, "Did you mean 'full'"),
    ],
)
def test_lrt_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        bootstrap_lrt(clusters(0, 30), **parameters)


# Standard errors


def test_lrt_with_too_few_samples_raises_an_error():
    """A p-value of the data sets that could be fitted is not one of all."""
    rows = np.random.default_rng(0).normal(size=(16, 2)) + np.repeat([[0.0], [6.0]], 8, axis=0)
    with pytest.warns(ConvergenceWarning, match="data sets drawn from .* could not be fitted"):
        result = bootstrap_lrt(rows, n_bootstrap=19, level=0.99, random_state=0)
    assert np.isnan(result.bootstrap_statistics).any()


def test_lrt_without_a_gain_is_not_significant():
    """Both fits are the same, but for rounding: data sets drawn do not gain less."""
    rows = np.random.default_rng(0).normal(size=(2, 2))
    result = bootstrap_lrt(rows, n_bootstrap=19, random_state=0)
    np.testing.assert_allclose(result.statistic, 0.0, atol=1e-9)
    assert result.p_value[0] > 0.9


def test_one_component_has_textbook_standard_errors():
    X = clusters(0, 300)
    mixture = fitted(X, n_components=1)
    found = parameter_uncertainty(mixture, X)
    covariance = mixture.covariances_[0]
    variances = np.diag(covariance)
    np.testing.assert_allclose(found.means.standard_error[0], np.sqrt(variances / 300), rtol=1e-4)
    expected = np.sqrt((covariance**2 + np.outer(variances, variances)) / 300)
    np.testing.assert_allclose(found.covariances.standard_error[0], expected, rtol=1e-4)
    np.testing.assert_array_equal(found.weights.standard_error, [0.0])
    np.testing.assert_array_equal(found.weights.lower, [1.0])


def log_likelihood(theta, X):
    """Of two full components in the plane: their parameters themselves, one after the other."""
    weight, means, lower = theta[0], theta[1:5].reshape(2, 2), theta[5:].reshape(2, 3)
    density = 0.0
    for share, mean, (a, b, c) in zip((weight, 1 - weight), means, lower, strict=True):
        density = density + share * multivariate_normal(mean, [[a, b], [b, c]]).pdf(X)
    return np.log(density).sum()


def hessian(function, theta):
    steps = np.diag(1e-4 * np.maximum(np.abs(theta), 0.1))
    return np.array(
        [
            [
                (
                    function(theta + a + b)
                    - function(theta + a - b)
                    - function(theta - a + b)
                    + function(theta - a - b)
                )
                / (4 * a.max() * b.max())
                for b in steps
            ]
            for a in steps
        ]
    )


@pytest.mark.parametrize("apart", [4.0, 2.0])
def test_errors_are_those_of_a_hessian_in_other_coordinates(apart):
    X = clusters(2, 300, apart)
    mixture = fitted(X)
    found = parameter_uncertainty(mixture, X)
    parts = [[c[0, 0], c[0, 1], c[1, 1]] for c in mixture.covariances_]
    theta = np.concatenate([mixture.weights_[:1], mixture.means_.ravel(), np.ravel(parts)])
    information = -hessian(lambda point: log_likelihood(point, X), theta)
    expected = np.sqrt(np.diag(np.linalg.inv(information)))
    got = found.covariances.standard_error
    np.testing.assert_allclose(found.weights.standard_error, expected[0], rtol=1e-3)
    np.testing.assert_allclose(found.means.standard_error.ravel(), expected[1:5], rtol=1e-3)
    np.testing.assert_allclose(
        np.ravel([[c[0, 0], c[0, 1], c[1, 1]] for c in got]), expected[5:], rtol=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_both_methods_agree_where_clusters_are_clear(name):
    """On rows from the family itself, of which there are many."""
    source = fitted(clusters(0, 500, apart=8.0), name)
    X, _ = source.sample(3000, random_state=1)
    mixture = fitted(X, name)
    by_information = errors(parameter_uncertainty(mixture, X))
    by_bootstrap = errors(
        parameter_uncertainty(mixture, X, method="bootstrap", n_bootstrap=150, random_state=0)
    )
    free = by_information > 1e-6 * by_information.max()
    ratio = by_bootstrap[free] / by_information[free]
    assert np.exp(np.abs(np.log(ratio)).mean()) < 1.12
    assert np.abs(np.log(ratio)).max() < np.log(1.4)
    assert by_bootstrap[~free].max(initial=0.0) < 1e-6


@pytest.mark.parametrize("name", ["full", "tied", "VEI", "VEV"])
def test_a_registered_structure_has_the_errors_of_the_known_one(name):
    """Which has coordinates of its own; of the other nothing is known but its M-step."""
    X = clusters(0, 300)
    expected = errors(parameter_uncertainty(fitted(X, name), X))
    stranger = copy(STRUCTURES[name])
    stranger.name, stranger.aliases, stranger.ties = f"another-{name}", (), None
    register(stranger)
    try:
        got = errors(parameter_uncertainty(fitted(X, stranger.name), X))
    finally:
        STRUCTURES.pop(stranger.name)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-6 * expected.max())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["full", "VVE"])
def test_intervals_cover_the_truth(name):
    """100 data sets of 200 rows, 11 numbers each: 95 % intervals of which 90 to 98 % cover."""
    source = fitted(clusters(0, 2000), name)
    truth = np.concatenate([getattr(source, f"{part}_").ravel() for part in NAMES])
    covered = []
    for seed in range(100):
        X, _ = source.sample(200, random_state=seed)
        mixture = GaussianMixtureEM(
            2,
            covariance_type=name,
            weights_init=source.weights_,
            means_init=source.means_,
            precisions_init=source.precisions_,
        ).fit(X)
        found = parameter_uncertainty(mixture, X)
        ends = [
            np.concatenate([getattr(getattr(found, part), end).ravel() for part in NAMES])
            for end in ("lower", "upper")
        ]
        covered.append((ends[0] <= truth) & (truth <= ends[1]))
    assert 0.90 <= np.mean(covered) <= 0.98


def test_bootstrap_draws_keep_the_order_of_the_components():
    X = clusters(0, 150)
    mixture = fitted(X)
    found = parameter_uncertainty(mixture, X, method="bootstrap", n_bootstrap=40, random_state=0)
    apart = np.abs(found.draws["means"] - mixture.means_).max(axis=(1, 2))
    assert apart.max() < 1.5  # swapped components would lie 4 apart
    assert found.draws["covariances"].shape == (40, 2, 2, 2)
    np.testing.assert_allclose(found.means.standard_error, found.draws["means"].std(axis=0, ddof=1))
    assert (found.means.lower <= found.means.estimate).all()
    assert (found.means.estimate <= found.means.upper).all()


def test_bootstrap_is_seeded_whatever_n_jobs():
    X = clusters(0, 100)
    mixture = fitted(X)
    one, two = (
        parameter_uncertainty(
            mixture, X, method="bootstrap", n_bootstrap=20, random_state=1, n_jobs=n
        )
        for n in (1, 2)
    )
    np.testing.assert_array_equal(one.draws["means"], two.draws["means"])


def test_weights_are_repetitions():
    X = clusters(0, 100)
    weights = np.random.default_rng(0).integers(1, 4, size=100)
    mixture = fitted(X, sample_weight=weights)
    weighted = parameter_uncertainty(mixture, X, sample_weight=weights)
    repeated = parameter_uncertainty(mixture, np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(errors(weighted), errors(repeated), rtol=1e-6)


def test_intervals_are_within_the_parameter_space():
    X = clusters(0, 30, share=0.1)
    found = parameter_uncertainty(fitted(X, "diag"), X, level=0.999)
    assert found.weights.lower.min() > 0
    assert found.weights.upper.max() < 1
    assert found.covariances.lower.min() > 0


def test_functions_accept_a_search():
    X = load_iris().data
    search = GaussianMixtureSearch((2,), "full", random_state=0).fit(X)
    of_search = parameter_uncertainty(search, X)
    np.testing.assert_array_equal(
        errors(of_search), errors(parameter_uncertainty(search.best_estimator_, X))
    )


def test_information_without_a_maximum_raises_an_error():
    X = clusters(0, 200)
    mixture = fitted(X)
    elsewhere = GaussianMixtureEM.from_parameters(
        mixture.weights_, mixture.means_ + 3.0, mixture.covariances_
    )
    with pytest.raises(ValueError, match="not at a maximum"):
        parameter_uncertainty(elsewhere, X)


@pytest.mark.parametrize("covariance_type", ["full", "VEV"])
def test_information_with_other_weights_is_not_at_a_maximum(covariance_type):
    """The curvature may be that of a maximum where the slope is not."""
    X = clusters(0, 200)
    weights = np.linspace(0.1, 1.9, 200)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    mixture.fit(X, sample_weight=weights)
    parameter_uncertainty(mixture, X, sample_weight=weights)
    with pytest.raises(ValueError, match=r"gradient .* not at a maximum .* same sample_weight"):
        parameter_uncertainty(mixture, X)


def test_only_mixtures_have_an_uncertainty():
    with pytest.raises(TypeError, match="should be a GaussianMixtureEM"):
        parameter_uncertainty(KMeans(2), clusters(0, 50))


def test_bootstrap_needs_data_in_memory():
    X = clusters(0, 50)
    blocks = RowBlocks.from_iterable(lambda: iter([X]))
    with pytest.raises(TypeError, match="in memory"):
        parameter_uncertainty(fitted(X), blocks, method="bootstrap")
    of_blocks = parameter_uncertainty(fitted(X), blocks)
    np.testing.assert_allclose(errors(of_blocks), errors(parameter_uncertainty(fitted(X), X)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "jackknife"}, "'method' parameter of parameter_uncertainty"),
        ({"level": 0.0}, "'level' parameter"),
        ({"n_bootstrap": 1}, "'n_bootstrap' parameter"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    X = clusters(0, 50)
    with pytest.raises(ValueError, match=message):
        parameter_uncertainty(fitted(X), X, **parameters)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_bootstrap_intervals_are_symmetric_in_probability(level):
    X = clusters(0, 300)
    mixture = fitted(X)
    found = parameter_uncertainty(
        mixture, X, method="bootstrap", level=level, n_bootstrap=60, random_state=0
    )
    for name, draws in found.draws.items():
        part = getattr(found, name)
        for outside in (draws < part.lower, draws > part.upper):
            np.testing.assert_allclose(outside.mean(axis=0), 0.5 - 0.5 * level, atol=1 / 60)
        assert (part.lower < part.estimate).all()
        assert (part.estimate < part.upper).all()


@pytest.mark.parametrize("method", ["information", "bootstrap"])
def test_labels_of_the_fit_are_named(method):
    X = clusters(0, 200)
    labels = np.where(np.arange(200) < 20, 0, -1)
    mixture = GaussianMixtureEM(2, random_state=0).fit(X, labels=labels)
    with pytest.raises(ValueError, match="takes no labels, but the mixture was fitted with labels"):
        parameter_uncertainty(mixture, X, method=method)
    assert parameter_uncertainty(mixture.fit(X), X).means is not None
