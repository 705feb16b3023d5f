"""ConditionalDisplay, and scikit-learn's display of decision regions."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.inspection import DecisionBoundaryDisplay

from skgmm import (
    GaussianMixtureClassifier,
    GaussianMixtureEM,
    GaussianMixtureRegressor,
    GaussianMixtureSearch,
    UniformNoise,
)
from skgmm.display import ConditionalDisplay

CORRELATED = GaussianMixtureEM.from_parameters([1.0], [[0, 5]], [[[1, 0.6], [0.6, 1]]])


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def drawn(mixture, n=200):
    return mixture.sample(n, random_state=0)[0]


def test_bands_of_one_gaussian_are_its_central_intervals():
    display = ConditionalDisplay.from_estimator(CORRELATED, drawn(CORRELATED))
    np.testing.assert_allclose(display.mean, 5.0 + 0.6 * display.given, atol=1e-12)
    distance = np.abs(display.target[:, None] - display.mean) / 0.8
    np.testing.assert_allclose(display.mass, 2.0 * norm.cdf(distance) - 1.0, atol=0.006)
    assert len(display.samples) == 200
    assert display.names == ("x0", "x1")
    assert display.ax_.get_xlabel() == "x0"
    assert display.ax_.get_ylabel() == "x1"


def test_bands_have_as_many_parts_as_there_are_modes():
    mixture = GaussianMixtureEM.from_parameters(
        [0.5, 0.5], [[0, -4], [0, 4]], [[1, 0.25], [1, 0.25]], "diag"
    )
    display = ConditionalDisplay.from_estimator(mixture, drawn(mixture))
    inside = display.mass[:, 100] < 0.5
    assert np.count_nonzero(np.diff(inside.astype(int)) == 1) == 2
    np.testing.assert_allclose(display.mean, 0.0, atol=1e-9)
    # What the bands hold, by the density itself.
    density = np.exp(mixture.marginal(1).score_samples(display.target[:, None]))
    width = display.target[1] - display.target[0]
    for mass in (0.25, 0.5, 0.75, 0.95):
        held = density[display.mass[:, 100] < mass].sum() * width
        assert held == pytest.approx(mass, abs=0.06)


def test_other_features_are_integrated_out_and_the_order_is_that_of_the_axes():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)) @ rng.normal(size=(3, 3)), columns=["a", "b", "c"])
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    display = ConditionalDisplay.from_estimator(mixture, X, given="c", target="a")
    part = ConditionalDisplay.from_estimator(mixture.marginal(["c", "a"]), X[["c", "a"]])
    np.testing.assert_allclose(display.mass, part.mass)
    np.testing.assert_allclose(display.samples, X[["c", "a"]])
    assert display.names == ("c", "a")


def test_a_regressor_and_its_targets():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["left", "right"])
    y = np.column_stack([X["left"] ** 2, X["right"]]) + 0.1 * rng.normal(size=(200, 2))
    regressor = GaussianMixtureRegressor(GaussianMixtureEM(3, random_state=0)).fit(X, y)
    display = ConditionalDisplay.from_estimator(regressor, X, y, given="right", target=1)
    assert display.names == ("right", "y1")
    np.testing.assert_array_equal(display.samples, np.column_stack([X["right"], y[:, 1]]))
    missing = np.column_stack([np.full(200, np.nan), display.given])
    expected = regressor.predict(pd.DataFrame(missing, columns=X.columns))[:, 1]
    np.testing.assert_allclose(display.mean, expected, rtol=1e-9)
    nameless = GaussianMixtureRegressor().fit(X.to_numpy(), y[:, 0])
    display = ConditionalDisplay.from_estimator(nameless, X.to_numpy())
    assert display.names == ("x0", "y")
    assert len(display.samples) == 0


def test_missing_values_and_noise_are_left_out():
    X = drawn(CORRELATED, 300)
    X[::4, 0] = np.nan
    mixture = GaussianMixtureEM(1, noise=UniformNoise(volume=100.0), random_state=0).fit(X)
    display = ConditionalDisplay.from_estimator(mixture, X)
    assert len(display.samples) == 225
    means, covariances = mixture.means_[0], mixture.covariances_[0]
    slope = covariances[0, 1] / covariances[0, 0]
    np.testing.assert_allclose(display.mean, means[1] + slope * (display.given - means[0]))


def test_a_search_axes_and_plotting_again():
    X = load_iris(as_frame=True).data
    search = GaussianMixtureSearch((2, 3), "full", random_state=0).fit(X)
    ax = plt.subplots()[1]
    display = ConditionalDisplay.from_estimator(search, X, ax=ax, legend=False)
    assert display.ax_ is ax
    assert ax.get_legend() is None
    assert display.names == (X.columns[0], X.columns[-1])
    again = display.plot()
    assert again.ax_ is not ax
    assert len(again.ax_.get_legend().get_texts()) == 5


def test_bad_input():
    X = drawn(CORRELATED)
    with pytest.raises(ValueError, match="given and target has the unknown feature 'speed'"):
        ConditionalDisplay.from_estimator(CORRELATED, X, given="speed")
    with pytest.raises(ValueError, match="given and target should name different features"):
        ConditionalDisplay.from_estimator(CORRELATED, X, given=1)
    with pytest.raises(ValueError, match="needs X"):
        ConditionalDisplay.from_estimator(CORRELATED, None)
    with pytest.raises(NotFittedError):
        ConditionalDisplay.from_estimator(GaussianMixtureRegressor(), X)
    with pytest.raises(TypeError, match="GaussianMixtureEM"):
        ConditionalDisplay.from_estimator(GaussianMixtureClassifier().fit(X, X[:, 0] > 0), X)
    regressor = GaussianMixtureRegressor().fit(X[:, :1], X[:, 1])
    with pytest.raises(ValueError, match="target has the unknown feature 1"):
        ConditionalDisplay.from_estimator(regressor, X[:, :1], target=1)
    with pytest.raises(ValueError, match="y should have 1 targets, but has 2"):
        ConditionalDisplay.from_estimator(regressor, X[:, :1], X)
    with pytest.raises(ValueError, match=r"mass should have the shape"):
        ConditionalDisplay(given=[0, 1], target=[0], mass=[[0, 1, 2]], mean=[0, 1])


# scikit-learn's display of decision regions


@pytest.mark.parametrize("response", ["predict", "predict_proba"])
@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("names", [False, True])
def test_decision_regions_of_a_classifier(response, framed, names):
    X, y = load_iris(return_X_y=True, as_frame=True)
    X, y = X.iloc[:, 2:], y.to_numpy()
    if names:
        y = load_iris().target_names[y]
    classifier = GaussianMixtureClassifier().fit(X if framed else X.to_numpy(), y)
    display = DecisionBoundaryDisplay.from_estimator(
        classifier, X if framed else X.to_numpy(), response_method=response, grid_resolution=20
    )
    place = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    place = pd.DataFrame(place, columns=X.columns) if framed else place
    expected = getattr(classifier, response)(place)
    if response == "predict":
        expected = np.searchsorted(classifier.classes_, expected)
    np.testing.assert_allclose(display.response.reshape(expected.shape), expected)


def test_decision_regions_of_a_mixture():
    X = load_iris(as_frame=True).data.iloc[:, 2:]
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    display = DecisionBoundaryDisplay.from_estimator(
        mixture, X, response_method="predict", grid_resolution=20
    )
    assert set(np.unique(display.response)) == {0, 1, 2}
