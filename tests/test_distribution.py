"""A mixture as a distribution: parts, distances, probabilities, levels; and as a transformer."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import erfc, mp, mpf, sqrt
from scipy import stats
from scipy.integrate import simpson
from scipy.special import log_ndtr
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from strategies import as_estimator, mixtures, random_mixture, seeds

from skgmm import GaussianMixtureEM, RowBlocks

IRIS = load_iris(as_frame=True).data


@pytest.fixture(scope="module")
def iris():
    return GaussianMixtureEM(3, random_state=0).fit(IRIS)


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(200, 2)), rng.uniform(-15, 15, size=(20, 2))])
    return GaussianMixtureEM(1, noise="auto", random_state=0).fit(X)


def one_dimensional(seed, n_components, spread=3.0):
    return as_estimator(random_mixture(seed, n_components, 1, "full", spread), "full")


def samples_of(mixture, seed, n=50):
    return mixture.sample(n, random_state=np.random.RandomState(seed % 2**32))[0]


# Marginal and conditional distributions


@given(mixtures(), seeds, st.data())
def test_marginal_and_conditional_density_multiply_to_the_joint_density(case, seed, data):
    name, parameters = case
    mixture = as_estimator(parameters, name)
    d = parameters.n_features
    chosen = data.draw(st.permutations(range(d)))[: data.draw(st.integers(1, d))]
    X = samples_of(mixture, seed, 5)
    marginal = mixture.marginal(chosen)
    seen = np.full_like(X, np.nan)
    seen[:, chosen] = X[:, chosen]
    log_marginal = marginal.score_samples(X[:, chosen])
    np.testing.assert_allclose(log_marginal, mixture.score_samples(seen), rtol=1e-9, atol=1e-9)
    if len(chosen) < d:
        rest = [j for j in range(d) if j not in chosen]
        for x, row, own in zip(X, seen, log_marginal, strict=True):
            conditional = mixture.condition(row)
            assert conditional.covariance_type_ == "full"
            joint = own + conditional.score_samples(x[None, rest])
            np.testing.assert_allclose(joint, mixture.score_samples(x[None]), rtol=1e-9, atol=1e-9)


@given(mixtures(), st.data())
def test_marginals_of_marginals_are_marginals_and_order_is_kept(case, data):
    name, parameters = case
    mixture = as_estimator(parameters, name)
    order = data.draw(st.permutations(range(parameters.n_features)))
    last = data.draw(st.integers(0, len(order) - 1))
    once = mixture.marginal(order)
    assert np.array_equal(once.means_, mixture.means_[:, order])
    assert np.array_equal(once.weights_, mixture.weights_)
    twice, direct = once.marginal([last]), mixture.marginal([order[last]])
    np.testing.assert_allclose(twice.covariances_, direct.covariances_, rtol=1e-10)


@given(mixtures(), seeds)
def test_marginal_and_conditional_mixtures_commute(case, seed):
    """A marginal of a conditional is the conditional of a marginal."""
    name, parameters = case
    d = parameters.n_features
    if d < 3:
        return
    mixture = as_estimator(parameters, name)
    x = samples_of(mixture, seed, 1)[0]
    one = mixture.condition({0: x[0]}).marginal(0)
    other = mixture.marginal([1, 0]).condition({1: x[0]})
    for attribute in ("weights_", "means_", "covariances_"):
        first, second = getattr(one, attribute), getattr(other, attribute)
        np.testing.assert_allclose(first, second, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        *((name, name) for name in ("full", "tied", "diag", "spherical")),
        ("tied-diag", "tied-diag"),
        ("tied-spherical", "tied-spherical"),
        *((name, "full") for name in ("VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")),
    ],
)
def test_structure_of_a_marginal(name, kept):
    marginal = as_estimator(random_mixture(0, 3, 4, name), name).marginal([3, 1])
    assert marginal.covariance_type_ == kept
    again = GaussianMixtureEM.from_parameters(
        marginal.weights_, marginal.means_, marginal.covariances_, kept
    )
    assert again.n_parameters_ == marginal.n_parameters_


def test_features_by_name_and_their_names_follow(iris):
    part = iris.marginal(["petal width (cm)", "sepal length (cm)"])
    assert part.feature_names_in_.tolist() == ["petal width (cm)", "sepal length (cm)"]
    assert iris.marginal(2).feature_names_in_.tolist() == ["petal length (cm)"]
    assert iris.marginal("petal length (cm)").n_features_in_ == 1
    by_name = {"petal width (cm)": 1.0, "sepal width (cm)": 3.0}
    given_names = iris.condition(by_name)
    assert given_names.feature_names_in_.tolist() == ["sepal length (cm)", "petal length (cm)"]
    by_number = iris.condition([np.nan, 3.0, np.nan, 1.0])
    assert np.array_equal(by_number.means_, given_names.means_)
    series = pd.Series({**by_name, "sepal length (cm)": None})
    assert np.array_equal(iris.condition(series).means_, given_names.means_)
    assert iris.density_level(0.5, n_samples=10) < 0  # draws have no names, which is no matter
    assert given_names.predict(IRIS[given_names.feature_names_in_]).shape == (150,)


def test_conditional_weights_are_found_in_log_space(iris):
    """Far from all components densities underflow, their ratio does not."""
    far = iris.condition([1e6, np.nan, np.nan, np.nan])
    assert far.weights_.sum() == pytest.approx(1.0)
    widest = iris.marginal(0).covariances_.ravel().argmax()
    assert far.weights_.argmax() == widest


def test_regression_of_one_gaussian_is_least_squares():
    X = np.random.default_rng(0).normal(size=(100, 3)) @ np.array([[1, 2, 0], [0, 1, 1], [0, 0, 1]])
    mixture = GaussianMixtureEM(1, reg_covar=0).fit(X)
    design = np.column_stack([np.ones(100), X[:, :2]])
    coefficients, residual, *_ = np.linalg.lstsq(design, X[:, 2], rcond=None)
    found = mixture.condition({0: 0.5, 1: -1.0})
    np.testing.assert_allclose(found.means_[0, 0], coefficients @ [1, 0.5, -1.0], rtol=1e-9)
    np.testing.assert_allclose(found.covariances_[0, 0, 0], residual[0] / 100, rtol=1e-9)


def test_given_nothing_the_conditional_is_the_whole(iris):
    for nothing in ({}, np.full(4, np.nan)):
        np.testing.assert_allclose(iris.condition(nothing).means_, iris.means_)


def test_parts_of_a_mixture_with_noise(noisy):
    x = np.array([[0.3, -0.2], [9.0, 9.0]])
    marginal = noisy.marginal([1])
    assert marginal.noise_weight_ == pytest.approx(noisy.noise_weight_)
    for row in x:
        conditional = noisy.condition({1: row[1]})
        total = conditional.weights_.sum() + conditional.noise_weight_
        assert total == pytest.approx(1.0)
        joint = marginal.score_samples(row[None, 1:]) + conditional.score_samples(row[None, :1])
        np.testing.assert_allclose(joint, noisy.score_samples(row[None]), rtol=1e-10)
    assert conditional.noise_weight_ > 0.99


def test_parts_keep_float32():
    mixture = GaussianMixtureEM(2, random_state=0).fit(IRIS.to_numpy(np.float32))
    assert mixture.marginal([0, 1]).means_.dtype == np.float32
    assert mixture.condition({0: 5.0}).covariances_.dtype == np.float32


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["petal"], "features has the unknown feature 'petal'.*'sepal length"),
        ([4], "unknown feature 4. Features are the numbers 0 to 3"),
        ([-1], "unknown feature -1"),
        ([0.5], "unknown feature 0.5"),
        ([True], "unknown feature True"),
        ([], "at least one feature"),
        ([1, 1], "different features"),
        (None, "unknown feature None"),
    ],
)
def test_unknown_features_of_a_marginal(iris, features, message):
    with pytest.raises(ValueError, match=message):
        iris.marginal(features)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"petal": 1.0}, "values has the unknown feature 'petal'"),
        ([1.0, 2.0, 3.0, 4.0], "values gives all features"),
        ({0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}, "values gives all features"),
        ([1.0, np.nan], r"one sample of shape \(4,\).*but got the shape \(2,\)"),
        ([[1.0, np.nan, 1.0, 1.0]], r"shape \(1, 4\)"),
        ({0: np.nan}, "leave out what is not given"),
        ({0: np.inf}, "finite.*'sepal length"),
        ({0: "a"}, "numbers, but that of 0 is 'a'"),
        ("abc", "values should be a mapping"),
        ({0: 1e200}, "values holds values as large as"),
    ],
)
def test_wrong_values_of_a_condition(iris, values, message):
    with pytest.raises(ValueError, match=message):
        iris.condition(values)


# Distances and p-values


@given(mixtures(), seeds)
def test_squared_distances_are_those_of_the_formula(case, seed):
    name, parameters = case
    mixture = as_estimator(parameters, name)
    X = samples_of(mixture, seed, 6)
    X[np.random.default_rng(seed).random(X.shape) < 0.3] = np.nan
    dense = np.broadcast_to(
        parameters.covariance.dense(), (parameters.n_components, *2 * [X.shape[1]])
    )
    found = mixture.mahalanobis(X)
    for i, x in enumerate(X):
        o = ~np.isnan(x)
        for k, mean in enumerate(mixture.means_):
            centred = (x - mean)[o]
            expected = centred @ np.linalg.solve(dense[k][np.ix_(o, o)], centred)
            np.testing.assert_allclose(found[i, k], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_p_values_are_uniform_on_draws_of_separated_components(missing):
    mixture = as_estimator(random_mixture(3, 3, 4, "full", spread=60.0), "full")
    X = samples_of(mixture, 1, 4000)
    X[np.random.default_rng(1).random(X.shape) < missing] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    assert stats.kstest(mixture.outlier_p_values(X), "uniform").pvalue > 0.01


@pytest.mark.parametrize("seed", range(4))
def test_p_values_of_overlapping_components_have_mean_one_half_and_bounded_tails(seed):
    mixture = as_estimator(random_mixture(seed, 3, 2, "full", spread=1.0), "full")
    p_values = mixture.outlier_p_values(samples_of(mixture, seed, 20_000))
    assert p_values.mean() == pytest.approx(0.5, abs=0.01)
    for level in (0.001, 0.01, 0.1):
        assert np.mean(p_values <= level) < 2 * level + 4 * np.sqrt(level / len(p_values))


def test_p_values_far_from_all_components():
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0.0, 0.0]], [1.0], "spherical")
    found = mixture.outlier_p_values([[30.0, 0.0], [np.nan, np.nan], [np.nan, 30.0]])
    np.testing.assert_allclose(found, [np.exp(-450), 1.0, 2 * np.exp(log_ndtr(-30.0))], rtol=1e-10)


def test_p_values_beside_noise_are_those_of_the_components(noisy):
    assert noisy.outlier_p_values([[12.0, 12.0]])[0] < 1e-12
    assert noisy.mahalanobis([[12.0, 12.0]]).shape == (1, 1)


# Distribution function and quantiles


@given(st.integers(1, 4), seeds, st.integers(-80, 80).map(lambda tenths: tenths / 10))
def test_cdf_of_one_feature_is_the_integral_of_the_density(n_components, seed, x):
    mixture = one_dimensional(seed, n_components)
    low = (mixture.means_.ravel() - 12 * np.sqrt(mixture.covariances_.ravel())).min()
    expected = 0.0
    if x > low:
        grid = np.linspace(low, x, 20_001)
        expected = simpson(np.exp(mixture.score_samples(grid[:, None])), x=grid)
    assert mixture.cdf([[x]])[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "d", "error"),
    [("full", 2, 1e-12), ("tied", 3, 1e-5), ("diag", 3, 1e-12), ("EVE", 4, 2e-5)],
)
def test_cdf_of_several_features_is_that_of_scipy(name, d, error):
    mixture = as_estimator(random_mixture(1, 2, d, name), name)
    X = samples_of(mixture, 2, 8)
    dense = np.broadcast_to(mixture._parameters().covariance.dense(), (2, d, d))
    expected = sum(
        weight * stats.multivariate_normal.cdf(X, mean, covariance, abseps=1e-6)
        for weight, mean, covariance in zip(mixture.weights_, mixture.means_, dense, strict=True)
    )
    found = mixture.cdf(X)
    np.testing.assert_allclose(found, expected, atol=error)
    assert np.array_equal(found, mixture.cdf(X))


def test_cdf_of_equally_correlated_features():
    """P(all of d standard normals with correlation 1/2 are <= 0) is 1 / (d + 1)."""
    for d, error in ((3, 5e-6), (6, 5e-6), (20, 2e-4)):
        covariance = 0.5 * (np.eye(d) + 1.0)
        mixture = GaussianMixtureEM.from_parameters([1.0], np.zeros((1, d)), covariance, "tied")
        assert mixture.cdf(np.zeros((1, d)))[0] == pytest.approx(1 / (d + 1), abs=error)


def test_cdf_of_features_that_are_nearly_the_same():
    """In very different units too."""
    units = np.array([1e8, 1e-8])
    covariance = np.array([[1.0, 1.0 - 1e-12], [1.0 - 1e-12, 1.0]]) * np.outer(units, units)
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0.0, 0.0]], [covariance])
    assert mixture.cdf([[0.5, 0.7] * units])[0] == pytest.approx(stats.norm.cdf(0.5), abs=1e-9)


def test_cdf_with_nan_is_that_of_the_marginal(iris):
    X = IRIS[::30].copy()
    X.iloc[:, [1, 3]] = np.nan
    marginal = iris.marginal([0, 2])
    np.testing.assert_allclose(iris.cdf(X), marginal.cdf(X.iloc[:, [0, 2]]), rtol=1e-12)
    assert iris.cdf(X.iloc[:1] * np.nan)[0] == 1.0


@given(st.integers(1, 4), seeds, st.floats(-300, -1e-3), st.sampled_from([1.0, 10.0, 1000.0]))
def test_quantile_inverts_cdf_far_into_the_lower_tail(n_components, seed, exponent, spread):
    mixture = one_dimensional(seed, n_components, spread)
    q = 10.0**exponent
    assert mixture.cdf([[mixture.quantile(q)]])[0] == pytest.approx(q, rel=1e-9)


@given(st.integers(1, 4), seeds, st.floats(0.0, 1.0))
def test_quantiles_are_those_of_the_mirrored_mixture(n_components, seed, q):
    mixture = one_dimensional(seed, n_components)
    mirrored = GaussianMixtureEM.from_parameters(
        mixture.weights_, -mixture.means_, mixture.covariances_
    )
    if q > 0.5:
        np.testing.assert_allclose(
            mixture.quantile(q), -mirrored.quantile(1.0 - q), rtol=1e-9, atol=1e-9
        )


@given(st.integers(1, 4), seeds, st.floats(-30, 30))
def test_quantile_of_cdf_is_the_value(n_components, seed, z):
    mixture = one_dimensional(seed, n_components, spread=1.0)
    x = float(mixture.means_[0, 0] - abs(z) * np.sqrt(mixture.covariances_.max()))
    assert mixture.quantile(mixture.cdf([[x]])[0]) == pytest.approx(x, rel=1e-9, abs=1e-9)


def test_quantiles_at_the_ends_and_their_shape():
    mixture = one_dimensional(0, 2)
    assert mixture.quantile([0, 1]).tolist() == [-np.inf, np.inf]
    assert mixture.quantile(np.full((2, 3), 0.3)).shape == (2, 3)
    assert isinstance(mixture.quantile(0.3), float)
    assert mixture.quantile(np.array([])).shape == (0,)
    ordered = mixture.quantile(np.linspace(0, 1, 201))
    assert (np.diff(ordered) > 0).all()
    one = GaussianMixtureEM.from_parameters([1.0], [[5.0]], [[4.0]], "diag")
    q = np.array([1e-300, 1e-9, 0.3, 0.9, 1 - 1e-12])
    np.testing.assert_allclose(one.quantile(q), stats.norm(5, 2).ppf(q), rtol=1e-12)


def test_quantiles_are_right_to_rounding():
    """Against 40 digits, for components of very different places and scales."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        K = rng.integers(2, 5)
        weights = rng.dirichlet(np.full(K, 0.5))
        means, deviations = 10.0 ** rng.uniform(-3, 6, K), 10.0 ** rng.uniform(-6, 4, K)
        mixture = GaussianMixtureEM.from_parameters(
            weights, means[:, None], deviations[:, None] ** 2, "diag"
        )
        q = np.concatenate([10.0 ** rng.uniform(-300, -1, 4), rng.random(4)])
        for one, x in zip(q, mixture.quantile(q), strict=True):
            error = 1e-13 * abs(x) + 1e-14 * deviations.min()
            low, high = (exact_cdf(x + e, weights, means, deviations) for e in (-error, error))
            assert low * (1 - 1e-12) <= one <= high * (1 + 1e-12)


def exact_cdf(x, weights, means, deviations):
    with mp.workdps(40):
        return sum(
            mpf(w) * erfc((mpf(m) - mpf(x)) / mpf(s) / sqrt(2)) / 2
            for w, m, s in zip(*(a.tolist() for a in (weights, means, deviations)), strict=True)
        )


def test_quantiles_where_a_component_has_no_weight():
    mixture = GaussianMixtureEM.from_parameters([1.0, 0.0], [[0.0], [1e6]], [[1.0], [1.0]], "diag")
    np.testing.assert_allclose(mixture.quantile([0.1, 0.999]), stats.norm.ppf([0.1, 0.999]))


@pytest.mark.parametrize("q", [-0.1, 1.1, np.nan, [0.5, 2], "a"])
def test_wrong_probabilities(q):
    with pytest.raises(ValueError, match=r"q should be (from 0 to 1|numbers from 0 to 1)"):
        one_dimensional(0, 2).quantile(q)


def test_quantile_of_several_features_points_to_marginal(iris):
    with pytest.raises(ValueError, match=r"one feature, but this one has 4: use marginal\(feature"):
        iris.quantile(0.5)


@pytest.mark.parametrize(("method", "argument"), [("cdf", [[0.0]]), ("quantile", 0.5)])
def test_probabilities_beside_noise_are_an_error_that_names_it(noisy, method, argument):
    with pytest.raises(ValueError, match=f"{method} is not defined beside noise"):
        getattr(noisy.marginal(0), method)(argument)


# Levels


@given(mixtures(), st.floats(0.05, 0.95))
def test_a_density_level_holds_its_mass(case, mass):
    name, parameters = case
    mixture = as_estimator(parameters, name)
    level = mixture.density_level(mass, n_samples=4000, random_state=0)
    fresh = mixture.score_samples(samples_of(mixture, 1, 4000))
    assert np.mean(fresh > level) == pytest.approx(mass, abs=0.06)


def test_the_level_of_samples_is_the_quantile_of_their_densities(iris):
    mass = np.array([[0.0, 0.25], [0.933, 1.0]])
    expected = np.log(np.quantile(np.exp(iris.score_samples(IRIS)), 1 - mass))
    np.testing.assert_allclose(iris.density_level(mass, IRIS), expected, rtol=1e-10)
    assert isinstance(iris.density_level(0.5, IRIS), float)


def test_levels_do_not_underflow():
    d = 2000
    mixture = GaussianMixtureEM.from_parameters([1.0], np.zeros((1, d)), [1e4], "spherical")
    level = mixture.density_level(0.5, n_samples=1000, random_state=0)
    entropy = 0.5 * d * (np.log(2 * np.pi * 1e4) + 1)
    assert level == pytest.approx(-entropy, abs=3)


def test_levels_of_incomplete_samples_are_an_error(iris):
    X = IRIS.mask(IRIS > 7)
    with pytest.raises(ValueError, match=r"X contains NaN.*outlier_p_values"):
        iris.density_level(0.9, X)
    with pytest.raises(ValueError, match="mass should be from 0 to 1, but got 90"):
        iris.density_level(90, IRIS)


# All methods


@given(mixtures(), seeds)
def test_the_order_of_components_does_not_matter(case, seed):
    name, parameters = case
    order = np.random.default_rng(seed).permutation(parameters.n_components)
    mixture = as_estimator(parameters, name)
    other = as_estimator(parameters.reordered(order), name)
    X = samples_of(mixture, seed, 2)
    for method in ("outlier_p_values", "cdf"):
        np.testing.assert_allclose(
            getattr(other, method)(X), getattr(mixture, method)(X), rtol=1e-8, atol=1e-12
        )
    np.testing.assert_allclose(other.mahalanobis(X), mixture.mahalanobis(X)[:, order], rtol=1e-8)
    np.testing.assert_allclose(
        other.marginal(0).quantile([1e-9, 0.4, 0.999]),
        mixture.marginal(0).quantile([1e-9, 0.4, 0.999]),
        rtol=1e-8,
    )


@pytest.mark.parametrize("method", ["mahalanobis", "outlier_p_values", "cdf"])
def test_methods_say_what_they_take(method):
    iris = as_estimator(random_mixture(0, 2, 4, "full"), "full")
    with pytest.raises(TypeError, match=f"{method} takes X in memory, but got a RowBlocks"):
        getattr(iris, method)(RowBlocks.from_iterable(lambda: iter([IRIS.to_numpy()])))
    with pytest.raises(ValueError, match="expecting 4 features"):
        getattr(iris, method)(np.zeros((2, 3)))


# A transformer


def test_responsibilities_are_named_columns(iris):
    names = [f"gaussianmixtureem{k}" for k in range(3)]
    assert iris.get_feature_names_out().tolist() == names
    frame = clone(iris).set_output(transform="pandas").fit_transform(IRIS)
    assert frame.columns.tolist() == names
    assert np.array_equal(frame.to_numpy(), iris.predict_proba(IRIS))
    assert np.array_equal(iris.transform(IRIS), iris.predict_proba(IRIS))


def test_noise_is_a_named_column(noisy):
    expected = ["gaussianmixtureem0", "gaussianmixtureem_noise"]
    assert noisy.get_feature_names_out().tolist() == expected


def test_in_a_column_transformer_and_a_pipeline():
    species = load_iris().target
    columns = ColumnTransformer(
        [("petal", GaussianMixtureEM(3, random_state=0), list(IRIS.columns[2:]))],
        remainder="passthrough",
    ).set_output(transform="pandas")
    assert columns.fit_transform(IRIS).columns[0] == "petal__gaussianmixtureem0"
    pipeline = make_pipeline(columns, LogisticRegression()).fit(IRIS, species)
    assert pipeline.score(IRIS, species) > 0.9


# Parameters as a data frame


def test_parameters_as_a_frame(iris, noisy):
    frame = iris.to_frame()
    assert frame.index.name == "component"
    np.testing.assert_allclose(frame["weight"], iris.weights_)
    np.testing.assert_allclose(frame["mean_petal width (cm)"], iris.means_[:, 3])
    np.testing.assert_allclose(frame["variance_sepal width (cm)"], iris.covariances_[:, 1, 1])
    covariance = frame["covariance_sepal width (cm)_petal width (cm)"]
    np.testing.assert_allclose(covariance, iris.covariances_[:, 1, 3])
    assert noisy.to_frame().index.tolist() == [0, -1]
    assert noisy.to_frame().loc[-1, "weight"] == noisy.noise_weight_
    diagonal = as_estimator(random_mixture(0, 2, 2, "diag"), "diag").to_frame()
    assert diagonal.columns.tolist() == ["weight", "mean_x0", "mean_x1", "variance_x0",
                                         "variance_x1"]  # fmt: skip


def test_without_pandas_the_error_names_it(iris, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_frame needs pandas.*pip install pandas"):
        iris.to_frame()
