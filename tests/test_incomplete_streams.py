"""Missing values and noise in streams, in merges and in the bootstrap."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skgmm import GaussianMixtureEM, UniformNoise, bootstrap_lrt
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm.covariance import STRUCTURES
from skgmm.model_selection._bootstrap import _missing, _Null

K, D = 3, 3
MEANS = np.array([[0.0, 0, 0], [6.0, 3, -2], [-6.0, 4, 2]])
VOLUME = UniformNoise(volume=27_000.0)


def problem(n, seed=0, share=0.2, outliers=0.0):
    """Incomplete samples of three clusters, some of which are outliers in a box."""
    rng = np.random.default_rng(seed)
    X = MEANS[rng.integers(K, size=n)] + rng.normal(size=(n, D))
    noise = rng.random(n) < outliers
    X[noise] = rng.uniform(-15, 15, size=(noise.sum(), D))
    X[rng.random(X.shape) < share] = np.nan
    return X


def streamed(mixture, X, size, weights=None):
    for i in range(0, len(X), size):
        own = None if weights is None else weights[i : i + size]
        mixture.partial_fit(X[i : i + size], sample_weight=own)
    return mixture


def in_order(mixture):
    order = np.argsort(mixture.means_[:, 0])
    return mixture.weights_[order], mixture.means_[order]


# partial_fit


@pytest.mark.parametrize("noise", [None, "auto", VOLUME])
def test_a_stream_comes_close_to_a_fit(noise):
    X = problem(4000, outliers=0.0 if noise is None else 0.1)
    fitted = GaussianMixtureEM(K, random_state=0, noise=noise).fit(X)
    stream = streamed(GaussianMixtureEM(K, random_state=0, noise=noise, warm_up=1000), X, 500)
    for got, expected in zip(in_order(stream), in_order(fitted), strict=True):
        np.testing.assert_allclose(got, expected, atol=0.04)
    assert stream.n_parameters_ == fitted.n_parameters_
    if noise is not None:
        assert stream.noise_weight_ == pytest.approx(fitted.noise_weight_, abs=0.01)
        first = clone(fitted).fit(X[:1000])  # the box is that of the warm-up
        assert stream.noise_volume_ == pytest.approx(first.noise_volume_, rel=1e-12)
        assert stream.predict_proba(X).shape == (4000, K + 1)
        assert stream.weights_.sum() == pytest.approx(1.0 - stream.noise_weight_)
    stream.partial_fit(np.full((3, D), np.nan))  # says nothing
    assert stream.total_weight_ == 4003


@pytest.mark.parametrize("noise", [None, "auto"])
@pytest.mark.parametrize("size", [40, 400])
def test_a_warm_up_is_a_fit(size, noise):
    X = problem(400, outliers=0.05)
    stream = GaussianMixtureEM(K, random_state=0, noise=noise, warm_up=400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of the first samples
        streamed(stream, X, size)
    fitted = GaussianMixtureEM(K, random_state=0, noise=noise).fit(X)
    np.testing.assert_allclose(stream.means_, fitted.means_, rtol=1e-12)
    assert stream.status_ == fitted.status_


def test_weights_are_repetitions():
    X = problem(900, outliers=0.1)
    weights = np.random.default_rng(0).integers(0, 3, size=900)
    options = {"noise": VOLUME, "random_state": 0, "warm_up": 10_000}
    start = GaussianMixtureEM(K, **options).fit(X[:400])
    one, other = (pickle.loads(pickle.dumps(start)) for _ in range(2))
    one.partial_fit(X[400:], sample_weight=weights[400:])
    other.partial_fit(np.repeat(X[400:], weights[400:], axis=0))
    np.testing.assert_allclose(one.means_, other.means_, atol=0.02)  # updates fall elsewhere
    assert one.total_weight_ == other.total_weight_


def test_a_feature_that_is_observed_late_is_waited_for():
    X = problem(300)
    X[:100, 1] = np.nan
    mixture = GaussianMixtureEM(K, random_state=0, warm_up=200).partial_fit(X[:100])
    with pytest.raises(NotFittedError):
        mixture.predict(X)
    mixture.partial_fit(X[100:])
    assert mixture.total_weight_ == 300
    X[:, 1] = np.nan
    with pytest.raises(ValueError, match="NaN in every sample of feature 1: nothing can be"):
        GaussianMixtureEM(K, warm_up=200).partial_fit(X)


def test_pickles_between_calls():
    X = problem(900, outliers=0.1)
    for n in (50, 500):
        mixture = GaussianMixtureEM(K, random_state=0, noise=VOLUME, warm_up=300).partial_fit(X[:n])
        other = pickle.loads(pickle.dumps(mixture))
        for stream in (mixture, other):
            stream.partial_fit(X[n:])
        np.testing.assert_array_equal(other.means_, mixture.means_)
        assert other.noise_weight_ == mixture.noise_weight_


def test_given_parameters_and_noise_learn_from_a_stream():
    X = problem(3000, outliers=0.1)
    given = GaussianMixtureEM.from_parameters(
        [0.2, 0.4, 0.3], MEANS, [np.eye(D)] * K, noise_volume=27_000.0
    ).set_params(warm_up=500)
    streamed(given, X, 300)
    assert given.noise_weight_ == pytest.approx(0.1, abs=0.02)
    np.testing.assert_allclose(given.means_, MEANS, atol=0.15)


def test_a_change_of_noise_between_calls_is_an_error():
    X = problem(300, outliers=0.1)
    with_noise = GaussianMixtureEM(K, random_state=0, noise="auto").fit(X)
    without = GaussianMixtureEM(K, random_state=0).fit(X)
    for mixture in (with_noise.set_params(noise=None), without.set_params(noise="auto")):
        with pytest.raises(ValueError, match=r"cannot continue after a change of noise\. Undo"):
            mixture.partial_fit(X)


# merge


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("noise", [None, VOLUME])
def test_updates_and_merges_with_common_parameters_are_iterations_of_em(name, noise):
    """partial_fit that forgets nothing, and merge, both from one start.

    Where values are missing, the density of noise is by the box of the samples of each fit.
    """
    X = problem(600, share=0.2 if noise is None else 0.0, outliers=0.1)
    fitted = GaussianMixtureEM(K, covariance_type=name, random_state=0, escape=False).fit(X)
    start = clone(fitted).set_params(
        weights_init=fitted.weights_,
        means_init=MEANS,
        precisions_init=fitted.precisions_,
        noise=noise,
        max_iter=0,
        reg_covar=1e-6,
        step_exponent=1.0,
    )
    expected = clone(start).set_params(max_iter=1).fit(X)
    first, second = clone(start).fit(X[:570]), clone(start).fit(X[570:])
    merged = GaussianMixtureEM.merge([first, second])
    for got in (merged, first.partial_fit(X[570:])):
        for attribute in ("weights_", "means_", "covariances_"):
            np.testing.assert_allclose(
                getattr(got, attribute), getattr(expected, attribute), rtol=1e-6, atol=1e-6
            )
        assert got.total_weight_ == 600
    if noise is not None:
        assert merged.noise_weight_ == pytest.approx(expected.noise_weight_, rel=1e-6)


def test_merged_shards_are_nearly_a_fit_of_all():
    X = problem(3000, outliers=0.1)
    options = {"random_state": 0, "noise": VOLUME}
    shards = [GaussianMixtureEM(K, **options).fit(shard) for shard in np.array_split(X, 3)]
    merged, fitted = GaussianMixtureEM.merge(shards), GaussianMixtureEM(K, **options).fit(X)
    for got, expected in zip(in_order(merged), in_order(fitted), strict=True):
        np.testing.assert_allclose(got, expected, atol=0.05)
    assert merged.noise_weight_ == pytest.approx(fitted.noise_weight_, abs=0.01)
    assert merged.noise_volume_ == fitted.noise_volume_
    assert merged.lower_bound_ == pytest.approx(fitted.lower_bound_, abs=0.02)
    drawn, labels = merged.sample(2000)
    low, high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
    noise = drawn[labels == -1]
    assert (noise >= low).all()
    assert (noise <= high).all()
    merged.partial_fit(X[:100])
    assert merged.total_weight_ == 3100


def test_mixtures_with_other_noise_cannot_be_merged():
    X = problem(600, outliers=0.1)
    auto = [GaussianMixtureEM(K, random_state=0, noise="auto").fit(part) for part in (X, X[:300])]
    plain = GaussianMixtureEM(K, random_state=0).fit(X)
    for mixtures in (auto, [plain, auto[0]]):
        with pytest.raises(ValueError, match=r"same noise_volume_.* Fit them with UniformNoise\("):
            GaussianMixtureEM.merge(mixtures)


# bootstrap_lrt


@pytest.mark.parametrize("noise", [None, "auto"])
def test_the_bootstrap_finds_the_number_of_components(noise):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(60, 2)), rng.normal(6, 1, size=(60, 2))])
    if noise is not None:
        X = np.concatenate([X, rng.uniform(-10, 16, size=(12, 2))])
    X[rng.random(X.shape) < 0.15] = np.nan
    result = bootstrap_lrt(
        X, covariance_type="tied", n_bootstrap=19, random_state=0, noise=noise, max_components=3
    )
    assert result.n_components == 2
    assert not np.isnan(result.bootstrap_statistics).any()


def test_data_sets_of_the_bootstrap_have_the_missing_values_of_the_data():
    X = problem(200, outliers=0.2)
    fitted = GaussianMixtureEM(K, random_state=0, noise="auto").fit(X)
    rows = GroupedRows.of(InMemoryRows(X))
    null = _Null(fitted._parameters(), 200, _missing(rows, 200), fitted._background())
    drawn = null.drawn(0).X
    np.testing.assert_array_equal(np.isnan(drawn), np.isnan(X))
    assert np.nanmin(drawn) > -16
    far = (np.abs(drawn[:, None] - MEANS) > 5).any(axis=2).all(axis=1)
    assert 0.02 < far.mean() < 0.3  # noise is drawn, too
    weights = np.random.default_rng(0).integers(0, 3, size=200).astype(float)
    weighted = GroupedRows.of(InMemoryRows(X, weights))
    repeated = np.isnan(np.repeat(X, weights.astype(int), axis=0))
    np.testing.assert_array_equal(_missing(weighted, int(weights.sum())), repeated)
    assert _missing(InMemoryRows(np.ones((5, 2))), 5) is None


def test_a_complete_data_set_has_the_bootstrap_of_before():
    """To the last bit: no draw more is taken where nothing is missing and there is no noise."""
    X = np.random.default_rng(0).normal(size=(60, 1))
    one, other = (
        bootstrap_lrt(data, n_bootstrap=9, random_state=0, max_components=1)
        for data in (X, np.ma.array(X, mask=False))
    )
    np.testing.assert_array_equal(one.bootstrap_statistics, other.bootstrap_statistics)
    with pytest.raises(ValueError, match="noise: volume should be a positive number"):
        bootstrap_lrt(X, noise=UniformNoise(volume=-1.0))
