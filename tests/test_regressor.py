"""GaussianMixtureRegressor, and the conditional distribution that it predicts with."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from strategies import random_mixture, seeds

from skgmm import GaussianMixtureEM, GaussianMixtureRegressor, GaussianMixtureSearch, RowBlocks
from skgmm._inference.conditional import Conditioning
from skgmm._parameters import MixtureParameters
from skgmm._rows.view import View
from skgmm.covariance import AxisAligned, Ellipsoidal


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.slow
@parametrize_with_checks(
    [
        GaussianMixtureRegressor(),
        GaussianMixtureRegressor(GaussianMixtureEM(2, covariance_type="diag", random_state=0)),
    ]
)
def test_sklearn_check(estimator, check):
    check(estimator)


def dense(parameters):
    size = parameters.means.shape
    return np.broadcast_to(parameters.covariance.dense(), (*size, size[1]))


def conditional_by_definition(parameters, given_features, x):
    """Weights (K,), means (K, q) and covariances (K, q, q), for one sample, by inverses."""
    seen = np.array([g for g, value in zip(given_features, x, strict=True) if value == value])
    seen = seen.astype(int)
    value = x[~np.isnan(x)]
    wanted = np.setdiff1d(np.arange(parameters.n_features), given_features)
    log_weights, means, covariances = [], [], []
    for k, S in enumerate(dense(parameters)):
        mean, log_density = parameters.means[k], 0.0
        gain = np.zeros((len(wanted), len(seen)))
        if len(seen):
            gain = S[np.ix_(wanted, seen)] @ np.linalg.inv(S[np.ix_(seen, seen)])
            log_density = multivariate_normal(mean[seen], S[np.ix_(seen, seen)]).logpdf(value)
        log_weights.append(parameters.log_weights[k] + log_density)
        means.append(mean[wanted] + gain @ (value - mean[seen]))
        covariances.append(S[np.ix_(wanted, wanted)] - gain @ S[np.ix_(seen, wanted)])
    return np.array(log_weights) - logsumexp(log_weights), np.array(means), np.array(covariances)


@st.composite
def conditionings(draw):
    """A mixture, the features that are given, and samples of these with missing values."""
    n_components, n_features = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    parameters = random_mixture(draw(seeds), n_components, n_features, "full")
    chosen = draw(
        st.lists(st.integers(0, n_features - 1), min_size=1, max_size=n_features - 1, unique=True)
    )
    rng = np.random.default_rng(draw(seeds))
    X = 3 * rng.normal(size=(20, len(chosen)))
    return parameters, np.array(chosen), np.where(rng.random(X.shape) < 0.3, np.nan, X)


@given(problem=conditionings())
def test_conditional_is_that_of_the_definition(problem):
    parameters, chosen, X = problem
    conditioning = Conditioning(parameters, chosen)
    found = conditioning.distribution(X)
    np.testing.assert_allclose(conditioning.mean(X), found.mean(), rtol=1e-9, atol=1e-9)
    for i, x in enumerate(X):
        log_weights, means, covariances = conditional_by_definition(parameters, chosen, x)
        np.testing.assert_allclose(found.log_weights[i], log_weights, atol=1e-8)
        np.testing.assert_allclose(found.means[i], means, rtol=1e-8, atol=1e-8)
        own = found.covariances[found.pattern[i]]
        np.testing.assert_allclose(own, covariances, rtol=1e-7, atol=1e-8)
        weights = np.exp(log_weights)
        mean = weights @ means
        apart = means - mean
        total = np.einsum("k,kij->ij", weights, covariances) + (weights * apart.T) @ apart
        np.testing.assert_allclose(found.mean()[i], mean, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(found.covariance()[i], total, rtol=1e-7, atol=1e-8)
        np.testing.assert_allclose(found.variances()[i], np.diag(total), rtol=1e-7, atol=1e-8)


@given(seed=seeds)
def test_conditional_means_are_those_of_impute(seed):
    parameters = random_mixture(seed, 3, 4, "full")
    mixture = GaussianMixtureEM.from_parameters(
        parameters.weights, parameters.means, dense(parameters)
    )
    X = np.random.default_rng(seed).normal(size=(30, 3))
    joint = np.column_stack([X[:, :1], np.full(30, np.nan), X[:, 1:]])
    found = Conditioning(parameters, np.array([0, 2, 3])).distribution(X)
    np.testing.assert_allclose(found.mean()[:, 0], mixture.impute(joint)[:, 1], rtol=1e-8)


def test_draws_have_the_moments_of_the_conditional():
    parameters = random_mixture(1, 3, 4, "full")
    X = np.array([[0.5, 1.0], [np.nan, -1.0], [np.nan, np.nan]])
    found = Conditioning(parameters, np.array([0, 3])).distribution(X)
    draws = found.draw(40_000, np.random.RandomState(0))
    assert draws.shape == (40_000, 3, 2)
    scale = np.sqrt(found.variances())
    np.testing.assert_allclose(draws.mean(axis=0) / scale, found.mean() / scale, atol=0.03)
    for i, covariance in enumerate(found.covariance()):
        units = np.outer(scale[i], scale[i])
        np.testing.assert_allclose(np.cov(draws[:, i].T) / units, covariance / units, atol=0.04)


def test_weights_of_a_sample_far_from_all_components():
    """Densities underflow, their ratios are exact."""
    means = np.array([[0.0, 0.0], [1.0, 5.0]])
    parameters = MixtureParameters(
        np.log([0.5, 0.5]), means, AxisAligned.from_variances(np.ones((1, 2)))
    )
    conditioning = Conditioning(parameters, np.array([0]))
    found = conditioning.distribution(np.array([[1e5]]))
    np.testing.assert_allclose(found.log_weights[0], [-(1e5 - 0.5), 0.0])
    np.testing.assert_allclose(found.mean(), [[5.0]])
    for method in (conditioning.distribution, conditioning.mean):
        with pytest.raises(ValueError, match="Row 0 of X is so many standard deviations"):
            method(np.array([[1e300]]))


def test_errors_number_a_lost_sample_among_all():
    X = np.array([[0.0, 1.0], [np.nan, 1.0], [0.0, np.nan], [np.nan, 1e300]])
    conditioning = Conditioning(random_mixture(0, 2, 3, "full"), np.array([0, 1]))
    for method in (conditioning.distribution, conditioning.mean):
        with pytest.raises(ValueError, match="Row 3 of X"):
            method(X)


def test_a_pattern_of_missing_values_is_looked_at_once(monkeypatch):
    """However many blocks of samples have it."""
    parameters = random_mixture(1, 3, 4, "full")
    X = np.random.default_rng(0).normal(size=(50, 3))
    X[::2, 1] = np.nan
    patterns = []
    push = View.push
    monkeypatch.setattr(View, "push", lambda self, *a: patterns.append(1) or push(self, *a))
    conditioning = Conditioning(parameters, np.arange(3))
    blocks = [conditioning.mean(X[first : first + 10]) for first in range(0, 50, 10)]
    assert len(patterns) == 2
    np.testing.assert_allclose(np.concatenate(blocks), conditioning.mean(X), rtol=1e-12)


def test_regressions_are_kept_until_parameters_change(monkeypatch):
    X, y = curve()
    regressor = GaussianMixtureRegressor(GaussianMixtureEM(2, random_state=0)).fit(X, y)
    regressions = []
    push = View.push
    monkeypatch.setattr(View, "push", lambda self, *a: regressions.append(1) or push(self, *a))
    before = regressor.predict(X)
    np.testing.assert_array_equal(regressor.predict(X), before)
    assert len(regressions) == 1
    regressor.mixture_.means_[:, -1] += 1.0  # in place
    np.testing.assert_allclose(regressor.predict(X), before + 1.0)
    assert len(regressions) == 2
    assert set(vars(pickle.loads(pickle.dumps(regressor)))) == set(vars(regressor))


def test_few_regressions_are_kept():
    """However many patterns of missing values there are."""
    X = np.random.default_rng(0).normal(size=(3000, 12))
    X[np.random.default_rng(1).random(X.shape) < 0.5] = np.nan
    conditioning = Conditioning(random_mixture(0, 1, 13, "full"), np.arange(12))
    mean = conditioning.mean(X)
    assert len(conditioning._regressions) <= 1000
    np.testing.assert_allclose(mean[-5:], conditioning.mean(X[-5:]))


@pytest.mark.parametrize("covariance_type", ["tied", "diag", "spherical"])
def test_structures_condition_as_their_full_matrices(covariance_type):
    X, y = curve(n_targets=2)
    regressor = GaussianMixtureRegressor(
        GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    ).fit(X, y)
    parameters = regressor.mixture_._parameters()
    covariances = np.broadcast_to(parameters.covariance.dense(), (2, 4, 4))
    full = MixtureParameters(
        parameters.log_weights, parameters.means, Ellipsoidal.from_dense(covariances.copy())
    )
    expected = Conditioning(full, np.arange(2)).distribution(X)
    mean, std = regressor.predict(X, return_std=True)
    np.testing.assert_allclose(mean, expected.mean(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(std**2, expected.variances(), rtol=1e-9)
    np.testing.assert_allclose(regressor.predict(X), mean, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shift", [0.0, 1e7])
def test_offsets_lose_no_digits_of_means(shift):
    parameters = random_mixture(2, 3, 3, "full")
    X = np.random.default_rng(0).normal(size=(20, 2))
    moved = replace(parameters, means=parameters.means + shift)
    found = Conditioning(moved, np.arange(2)).mean(X + shift) - shift
    np.testing.assert_allclose(found, Conditioning(parameters, np.arange(2)).mean(X), atol=1e-6)


# The estimator


def curve(n=300, n_targets=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(n, 2))
    y = np.column_stack([np.sin(X[:, 0]) + X[:, 1], X[:, 0] * X[:, 1]])[:, :n_targets]
    y = y + 0.1 * rng.normal(size=y.shape)
    return X, y[:, 0] if n_targets == 1 else y


MIXTURE = GaussianMixtureEM(3, random_state=0)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_one_gaussian_is_linear_regression(n_targets):
    X, y = load_diabetes(return_X_y=True)
    y = y if n_targets == 1 else np.column_stack([y, X[:, 0] ** 2])
    ours = GaussianMixtureRegressor(GaussianMixtureEM(reg_covar=0)).fit(X, y)
    theirs = LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7, atol=1e-9)
    residual = np.sqrt(np.mean((y - theirs.predict(X)) ** 2, axis=0))
    _, std = ours.predict(X, return_std=True)
    np.testing.assert_allclose(std, np.broadcast_to(residual, std.shape), rtol=1e-7)


@given(seed=seeds, scale=st.sampled_from([1e-5, 1e5]), shift=st.sampled_from([0.0, 3.0]))
def test_units_of_the_target_do_not_matter(seed, scale, shift):
    """Where clusters are clear; else the k-means of features as given may lead elsewhere."""
    X, y = curve(120, seed=seed)
    X[:, 0] += 3.0 * np.sign(X[:, 0])
    mixture = GaussianMixtureEM(2, random_state=0, tol=1e-10)
    mean, std = GaussianMixtureRegressor(mixture).fit(X, y).predict(X, return_std=True)
    other = GaussianMixtureRegressor(mixture).fit(X, scale * (y + shift))
    found, found_std = other.predict(X, return_std=True)
    np.testing.assert_allclose(found / scale - shift, mean, atol=1e-3)
    np.testing.assert_allclose(found_std / scale, std, atol=1e-3)


def test_weights_are_repetitions():
    X, y = curve()
    weights = np.random.default_rng(0).integers(0, 3, size=300)
    mixture = GaussianMixtureEM(2, random_state=0, tol=1e-11)
    one = GaussianMixtureRegressor(mixture).fit(X, y, sample_weight=weights)
    other = GaussianMixtureRegressor(mixture).fit(
        np.repeat(X, weights, axis=0), np.repeat(y, weights)
    )
    np.testing.assert_allclose(one.predict(X), other.predict(X), atol=1e-4)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_shapes_are_those_of_gaussian_process_regressor(n_targets):
    X, y = curve(40, n_targets)
    ours = GaussianMixtureRegressor().fit(X, y)
    theirs = GaussianProcessRegressor(alpha=0.1, optimizer=None).fit(X, y)
    some = X[:7]
    for options in ({"return_std": True}, {"return_cov": True}):
        for own, other in zip(
            ours.predict(some, **options), theirs.predict(some, **options), strict=True
        ):
            assert own.shape == other.shape
    for n_samples in (1, 5):
        assert ours.sample_y(some, n_samples).shape == theirs.sample_y(some, n_samples).shape
    mean, std = ours.predict(some, return_std=True)
    _, covariance = ours.predict(some, return_cov=True)
    diagonal = covariance[np.arange(7), np.arange(7)]
    np.testing.assert_allclose(diagonal, std**2)
    np.testing.assert_allclose(covariance.sum(axis=1), diagonal)
    np.testing.assert_array_equal(mean, ours.predict(some))
    np.testing.assert_array_equal(ours.sample_y(some, 2), ours.sample_y(some, 2))
    assert (ours.sample_y(some, 2) != ours.sample_y(some, 2, random_state=1)).all()


def test_two_branches_have_a_mean_between_and_draws_on_both():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(400, 1))
    y = np.where(np.arange(400) % 2, 3.0, -3.0) + 0.1 * rng.normal(size=400)
    regressor = GaussianMixtureRegressor(GaussianMixtureEM(2, random_state=0)).fit(x, y)
    mean, std = regressor.predict([[0.0]], return_std=True)
    assert abs(mean[0]) < 0.5
    assert 2.8 < std[0] < 3.2
    draws = regressor.sample_y([[0.0]], 1000)[0]
    assert np.abs(np.abs(draws) - 3.0).max() < 0.6
    assert 0.4 < np.mean(draws > 0) < 0.6


def test_missing_features():
    X, y = curve(600)
    rng = np.random.default_rng(0)
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    regressor = GaussianMixtureRegressor(MIXTURE).fit(holes, y)
    assert regressor.score(X, y) > 0.8
    assert regressor.score(X, y) > regressor.score(holes, y) > 0.4
    mixture = regressor.mixture_
    joint = np.column_stack([holes, np.full(600, np.nan)])
    np.testing.assert_allclose(regressor.predict(holes), mixture.impute(joint)[:, 2], rtol=1e-7)
    nothing, std = regressor.predict([[np.nan, np.nan]], return_std=True)
    np.testing.assert_allclose(nothing, mixture.weights_ @ mixture.means_[:, 2:])
    assert std[0] == pytest.approx(y.std(), rel=0.05)


def test_blocks_of_samples_are_the_same(monkeypatch):
    X, y = curve()
    regressor = GaussianMixtureRegressor(MIXTURE).fit(X, y)
    whole = regressor.predict(X, return_std=True)
    monkeypatch.setattr("skgmm._applications.supervised.regressor._NUMBERS", 100)
    np.testing.assert_allclose(regressor.predict(X, return_std=True), whole, rtol=1e-12)


def test_a_search_chooses_the_mixture():
    X, y = curve()
    search = GaussianMixtureSearch(range(1, 6), ["full", "tied"], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regressor = GaussianMixtureRegressor(search).fit(X, y)
    assert regressor.mixture_.n_components > 1
    assert regressor.score(X, y) > 0.9


def test_pipeline_grid_search_clone_and_pickle():
    X, y = curve()
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureRegressor(MIXTURE))
    grid = {"gaussianmixtureregressor__mixture__n_components": [1, 4]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    regressor = search.best_estimator_[-1]
    assert regressor.mixture_.n_components == 4
    again = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(again.predict(X), regressor.predict(X))
    assert not hasattr(clone(regressor), "mixture_")
    scaled = TransformedTargetRegressor(
        GaussianMixtureRegressor(MIXTURE), transformer=StandardScaler()
    )
    assert scaled.fit(X, y).score(X, y) > 0.9


def test_names_of_features_and_targets():
    pd = pytest.importorskip("pandas")
    X, y = curve(n_targets=2)
    frame = pd.DataFrame(X, columns=["a", "b"])
    regressor = GaussianMixtureRegressor().fit(frame, pd.Series(y[:, 0], name="height"))
    assert regressor.feature_names_in_.tolist() == ["a", "b"]
    assert regressor.mixture_.feature_names_in_.tolist() == ["a", "b", "height"]
    assert regressor.predict(frame).shape == (300,)
    with pytest.raises(ValueError, match="feature names should match"):
        regressor.predict(frame[["b", "a"]])
    regressor.fit(frame, pd.DataFrame(y, columns=["u", "v"]))
    assert regressor.mixture_.feature_names_in_.tolist() == ["a", "b", "u", "v"]
    regressor.fit(frame, y)
    assert regressor.mixture_.feature_names_in_.tolist() == ["a", "b", "y0", "y1"]
    regressor.fit(X, y)
    assert not hasattr(regressor.mixture_, "feature_names_in_")


def test_float32():
    X, y = curve()
    single = GaussianMixtureRegressor(MIXTURE).fit(X.astype(np.float32), y.astype(np.float32))
    assert single.mixture_.means_.dtype == np.float32
    assert single.predict(X.astype(np.float32)).dtype == np.float32
    double = GaussianMixtureRegressor(MIXTURE).fit(X, y)
    np.testing.assert_allclose(single.predict(X), double.predict(X), atol=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, np.where(y > y[5], np.nan, y)), r"Input y contains NaN in \d+ of 300"),
        (lambda X, y: (X, np.ma.masked_greater(y, y[5])), r"Input y contains NaN in \d+ of 300"),
        (lambda X, y: (X, np.where(y > 0, np.inf, y)), r"Input y contains infinity"),
        (lambda X, y: (X, None), r"requires y to be passed, but the target y is None"),
        (lambda X, y: (X, y[:-1]), r"inconsistent numbers of samples"),
        (lambda X, y: (X, y[:, None, None]), r"Found array with dim 3, while dim <= 2"),
        (lambda X, y: (np.where(X > 0, np.inf, X), y), r"Input X contains infinity"),
        (lambda X, y: (X * [1.0, np.nan], y), r"Input X contains NaN in every sample of feature 1"),
        (lambda X, y: (X, np.array(["a"] * len(X))), r"could not convert string to float"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureRegressor().fit(*change(*curve()))


def test_targets_that_are_nan_can_be_dropped_as_the_error_says():
    X, y = curve(n_targets=2)
    y[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"in 1 of 300 samples, the first of which is 3") as error:
        GaussianMixtureRegressor().fit(X, y)
    assert "keep = ~np.isnan(y).any(axis=1)" in str(error.value)
    keep = ~np.isnan(y).any(axis=1)
    assert GaussianMixtureRegressor().fit(X[keep], y[keep]).predict(X).shape == (300, 2)


def test_other_faults():
    X, y = curve()
    regressor = GaussianMixtureRegressor()
    for method in ("predict", "sample_y"):
        with pytest.raises(NotFittedError):
            getattr(regressor, method)(X)
    with pytest.raises(ValueError, match="does not support a mixture with noise"):
        GaussianMixtureRegressor(GaussianMixtureEM(noise="auto")).fit(X, y)
    with pytest.raises(TypeError, match="takes X in memory, but got a RowBlocks"):
        regressor.fit(RowBlocks.from_iterable(lambda: [X]), y)
    regressor.fit(X, y)
    with pytest.raises(ValueError, match="return_std and return_cov cannot both be True"):
        regressor.predict(X, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="n_samples should be a positive integer, but got 0"):
        regressor.sample_y(X, 0)
    before = dict(vars(regressor))
    with pytest.raises(ValueError, match="contains NaN"):
        regressor.fit(X, np.where(y > 0, np.nan, y))
    assert vars(regressor) == before


def dates(n):
    return np.datetime64("2020-01-01") + np.arange(n)


@pytest.mark.parametrize("kind", ["array", "series", "index", "with a time zone", "durations"])
def test_dates_are_no_numbers(kind):
    """NumPy takes them for nanoseconds since 1970."""
    pd = pytest.importorskip("pandas")
    X, when = np.random.default_rng(0).normal(size=(30, 2)), dates(30).astype("M8[ns]")
    given = {
        "array": when,
        "series": pd.Series(when),
        "index": pd.DatetimeIndex(when),
        "with a time zone": pd.Series(pd.DatetimeIndex(when).tz_localize("UTC")),
        "durations": pd.Series(when - when[0]),
    }[kind]
    with pytest.raises(ValueError, match="y should hold numbers, but holds dates or times"):
        GaussianMixtureRegressor().fit(X, given)
    with pytest.raises(ValueError, match="sample_weight should hold numbers, but holds dates"):
        GaussianMixtureEM(2).fit(X, sample_weight=given)


def test_targets_in_a_column_of_dates_are_named():
    pd = pytest.importorskip("pandas")
    X = np.random.default_rng(0).normal(size=(30, 2))
    y = pd.DataFrame({"price": X[:, 0], "day": dates(30)})
    with pytest.raises(ValueError, match="y has dates or times in column 'day'"):
        GaussianMixtureRegressor().fit(X, y)
