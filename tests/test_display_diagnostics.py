"""Q-Q plot of Mahalanobis distances, and distribution functions."""

import dask.array
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import load_iris

from skgmm import GaussianMixtureEM, UniformNoise
from skgmm.display import CDFDisplay, MahalanobisDisplay

IRIS = load_iris(as_frame=True).data


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def overlapping():
    """Two components that overlap much, in three features."""
    means = [[0, 0, 0], [1.5, 0, 0]]
    return GaussianMixtureEM.from_parameters([0.4, 0.6], means, [np.eye(3), 2.0 * np.eye(3)])


def inside(display):
    """Whether each point is within the band."""
    vertices = display.ax_.collections[0].get_paths()[0].vertices
    ends = [vertices[vertices[:, 0] == x, 1] for x in display.quantiles_]
    low, high = [end.min() for end in ends], [end.max() for end in ends]
    return (low <= display.distances) & (display.distances <= high)


def missing_at_random(X, part, seed=0):
    return np.where(np.random.default_rng(seed).random(X.shape) < part, np.nan, X)


# Mahalanobis distances


def test_distances_of_one_gaussian_are_its_order_statistics():
    X = np.random.default_rng(0).normal(size=(60, 3))
    mixture = GaussianMixtureEM(1).fit(X)
    display = MahalanobisDisplay.from_estimator(mixture, X)
    distances = np.sort(np.sqrt(mixture.mahalanobis(X)[:, 0]))
    np.testing.assert_allclose(display.distances, distances)
    expected = stats.chi.ppf((np.arange(60) + 0.5) / 60, df=3)
    np.testing.assert_allclose(display.quantiles_, expected)
    drawn = display.ax_.collections[1].get_offsets()
    np.testing.assert_allclose(drawn, np.column_stack([expected, distances]))


@pytest.mark.parametrize("part", [0.0, 0.3])
def test_samples_of_the_model_are_on_the_diagonal(overlapping, part):
    """Also where components overlap, and where values are missing."""
    X = missing_at_random(overlapping.sample(4000, random_state=0)[0], part)
    display = MahalanobisDisplay.from_estimator(overlapping, X)
    assert len(display.distances) < 1000
    middle = (display.probabilities > 0.01) & (display.probabilities < 0.99)
    np.testing.assert_allclose(display.distances[middle], display.quantiles_[middle], atol=0.08)
    assert inside(display).mean() > 0.8
    assert set(display.components) == {0, 1}


def test_heavy_tails_are_above_the_band():
    X = np.random.default_rng(0).standard_t(3, size=(500, 2))
    display = MahalanobisDisplay.from_estimator(GaussianMixtureEM(1).fit(X), X)
    assert display.distances[-1] > 1.5 * display.quantiles_[-1]
    assert not inside(display)[-5:].any()


def test_an_incomplete_outlier_is_as_far_as_its_p_value():
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0, 0]], [1.0], "spherical")
    X = np.array([[0.5, 0.1], [-0.2, 0.9], [4.0, np.nan], [np.nan, np.nan]])
    display = MahalanobisDisplay.from_estimator(mixture, X)
    assert len(display.distances) == 3
    p_value = stats.chi.sf(display.distances[-1], df=2)
    assert p_value == pytest.approx(mixture.outlier_p_values(X)[2])
    far = MahalanobisDisplay.from_estimator(mixture, [[0.1, 0.2], [1e4, np.nan]])
    assert far.distances[-1] == pytest.approx(1e4)


def test_a_weight_is_a_repetition(overlapping):
    X = overlapping.sample(50, random_state=0)[0]
    times = np.arange(50) % 3
    weighted = MahalanobisDisplay.from_estimator(overlapping, X, sample_weight=times)
    repeated = MahalanobisDisplay.from_estimator(overlapping, np.repeat(X, times, axis=0))
    at = np.interp([0.1, 0.5, 0.9], weighted.probabilities, weighted.distances)
    expected = np.interp([0.1, 0.5, 0.9], repeated.probabilities, repeated.distances)
    np.testing.assert_allclose(at, expected, atol=0.15)
    both = [
        CDFDisplay.from_estimator(overlapping, X, feature=0, sample_weight=times),
        CDFDisplay.from_estimator(overlapping, np.repeat(X, times, axis=0), feature=0),
    ]
    assert both[0].distance_ == pytest.approx(both[1].distance_)


def test_noise_does_not_count(overlapping):
    """Distances of samples that are noise would be far above the diagonal."""
    inliers = overlapping.sample(600, random_state=0)[0]
    X = np.vstack([inliers, np.random.default_rng(0).uniform(-40, 40, (60, 3))])
    mixture = GaussianMixtureEM(2, noise=UniformNoise(), random_state=0).fit(X)
    display = MahalanobisDisplay.from_estimator(mixture, X)
    assert display.distances[-1] < 5.5
    plain = GaussianMixtureEM(2, random_state=0).fit(inliers)
    function = CDFDisplay.from_estimator(mixture, X, feature="x0")
    assert function.distance_ < 0.06
    assert function.probabilities[-1] == pytest.approx(1.0, abs=1e-3)
    assert len(MahalanobisDisplay.from_estimator(plain, X).distances) > 500


# Distribution function


def test_steps_and_line_are_the_distribution_functions():
    mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(IRIS)
    name = "petal length (cm)"
    display = CDFDisplay.from_estimator(mixture, IRIS, feature=name)
    steps, line = display.ax_.lines
    values = IRIS[name].to_numpy()
    x, y = steps.get_data()
    np.testing.assert_allclose(y[1:-1], [(values <= v).mean() for v in x[1:-1]])
    assert steps.get_drawstyle() == "steps-post"
    grid, probabilities = line.get_data()
    marginal = mixture.marginal(name)

    def model(points):
        return marginal.cdf(pd.DataFrame({name: points}))

    np.testing.assert_allclose(probabilities, model(grid), atol=1e-12)
    expected = stats.kstest(values, model).statistic
    assert display.distance_ == pytest.approx(expected)
    assert display.ax_.get_xlabel() == name
    assert f"{expected:.2g}" in display.ax_.get_legend().get_texts()[0].get_text()


def test_missing_values_are_left_out():
    mixture = GaussianMixtureEM(2, random_state=0).fit(IRIS.to_numpy())
    X = missing_at_random(IRIS.to_numpy(), 0.4)
    seen = X[~np.isnan(X[:, 1])]
    display = CDFDisplay.from_estimator(mixture, X, feature=1)
    np.testing.assert_array_equal(display.values, np.sort(seen[:, 1]))


def test_the_band_contains_samples_of_the_model(overlapping):
    marginal = overlapping.marginal(0)
    displays = [
        CDFDisplay.from_estimator(marginal, marginal.sample(200, random_state=seed)[0])
        for seed in range(20)
    ]
    half = np.sqrt(np.log(2 / 0.05) / 400)
    assert sum(display.distance_ < half for display in displays) >= 17
    band = displays[0].ax_.collections[0].get_paths()[0].vertices
    middle = marginal.quantile(0.5)
    around = band[np.abs(band[:, 0] - middle) < 0.02, 1]
    np.testing.assert_allclose([around.min(), around.max()], [0.5 - half, 0.5 + half], atol=0.01)


def test_a_constant_feature_has_one_step():
    X = np.column_stack([IRIS.iloc[:, 0], np.ones(150)])
    with pytest.warns(Warning, match="constant"):
        mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    display = CDFDisplay.from_estimator(mixture, X, feature=1)
    low, high = display.ax_.get_xlim()
    assert low < 1.0 < high
    assert high - low < 1e-2


def test_bad_input_is_named(overlapping):
    X = overlapping.sample(20, random_state=0)[0]
    for feature in (None, 3, -1, "a", True):
        with pytest.raises(ValueError, match=r"feature should be the number \(0 to 2\) or the nam"):
            CDFDisplay.from_estimator(overlapping, X, feature=feature)
    for display in (CDFDisplay, MahalanobisDisplay):
        options = {"feature": 0} if display is CDFDisplay else {}
        with pytest.raises(ValueError, match=rf"{display.__name__}.from_estimator needs X"):
            display.from_estimator(overlapping, None, **options)
        with pytest.raises(TypeError, match="X should be samples in memory, but got a Array"):
            display.from_estimator(overlapping, dask.array.from_array(X), **options)
        with pytest.raises(ValueError, match=r"X has no (value|sample)"):
            display.from_estimator(overlapping, np.full((2, 3), np.nan), **options)
        with pytest.raises(TypeError, match="should be a GaussianMixtureEM"):
            display.from_estimator(X, X, **options)
    with pytest.raises(ValueError, match="palette should be a name"):
        MahalanobisDisplay.from_estimator(overlapping, X, palette="none")
