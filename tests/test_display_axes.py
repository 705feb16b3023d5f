"""Plots in a user's axes, which may be small: no text is cut, and nothing hides a title."""

from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from sklearn.datasets import load_iris

import skgmm
from skgmm import GaussianMixtureEM, GaussianMixtureSearch, UniformNoise
from skgmm.display import (
    CDFDisplay,
    ConvergenceDisplay,
    CriterionDisplay,
    EntropyDisplay,
    MahalanobisDisplay,
    MixtureDisplay,
    UncertaintyDisplay,
)

IRIS = load_iris(as_frame=True).data
LONG = IRIS.rename(columns=lambda name: f"a feature with a long name: {name}")


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def search():
    return GaussianMixtureSearch(
        [1, 2, 3, 4], covariance_types=["EII", "VEV", "full", "diag", "EEV"], random_state=0
    ).fit(LONG)


@pytest.fixture(scope="module")
def mixture():
    return GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(LONG)


def draw_all(axes, mixture, search, X, feature):
    """One of each display; the mixture in one feature, in two and in the principal plane."""
    axes = iter(axes.ravel())
    return [
        MixtureDisplay.from_estimator(mixture, X, features=[feature], ax=next(axes)),
        MixtureDisplay.from_estimator(mixture, X, features=[0, 1], ax=next(axes)),
        MixtureDisplay.from_estimator(mixture, X, features="principal", ax=next(axes)),
        CriterionDisplay.from_estimator(search, ax=next(axes)),
        UncertaintyDisplay.from_estimator(mixture, X, ax=next(axes)),
        ConvergenceDisplay.from_estimator(mixture, ax=next(axes)),
        EntropyDisplay.from_estimator(mixture, X, ax=next(axes)),
        CDFDisplay.from_estimator(mixture, X, feature=feature, ax=next(axes)),
        MahalanobisDisplay.from_estimator(mixture, X, ax=next(axes)),
    ]


def texts_of(ax):
    """Texts that are drawn, without those of ticks, which have matplotlib's own places."""
    ticks = {id(t) for axis in (ax.xaxis, ax.yaxis) for t in axis.get_ticklabels(which="both")}
    found = [t for t in ax.findobj(Text) if id(t) not in ticks and t.get_visible()]
    return [text for text in found if text.get_text().strip()]


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
@pytest.mark.parametrize("shape", [(2, 3), (1, 1)])
def test_no_text_is_cut_in_given_axes(layout, shape, mixture, search):
    n_figures = -(-9 // (shape[0] * shape[1]))
    pairs = [plt.subplots(*shape, layout=layout, squeeze=False) for _ in range(n_figures)]
    axes = np.concatenate([panels.ravel() for _, panels in pairs])
    for ax in axes:
        ax.set_title("a title")
    displays = draw_all(axes, mixture, search, LONG, 2)
    for figure, _ in pairs:
        figure.draw_without_rendering()
    for display in displays:
        ax, figure = display.ax_, display.figure_
        title = ax.title.get_window_extent()
        for text in texts_of(ax):
            box = text.get_window_extent()
            where = f"{type(display).__name__}: {text.get_text()!r}"
            assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, where  # noqa: PT018
            assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, where  # noqa: PT018
            assert text is ax.title or not box.overlaps(title), where
        across = ax.xaxis.label.get_window_extent()
        assert across.width <= 1.1 * ax.bbox.width, ax.get_xlabel()
        up = ax.yaxis.label.get_window_extent()
        assert up.height <= 1.1 * ax.bbox.height, ax.get_ylabel()


def test_legends_leave_most_of_given_axes_free(mixture, search):
    figure, axes = plt.subplots(3, 3, layout="constrained")
    draw_all(axes, mixture, search, LONG, 2)
    figure.draw_without_rendering()
    for ax in axes.ravel():
        if (legend := ax.get_legend()) is not None:
            box = legend.get_window_extent()
            assert box.width * box.height < 0.35 * ax.bbox.width * ax.bbox.height


def test_components_without_a_legend_are_numbered(mixture):
    _, axes = plt.subplots(4, 6)
    display = MixtureDisplay.from_estimator(mixture, LONG, features=[2], ax=axes[0, 0])
    assert display.ax_.get_legend() is None
    assert [text.get_text() for text in display.ax_.texts] == ["0", "1", "2"]
    top = display.ax_.bbox.y1
    assert all(text.get_window_extent().y1 < top for text in display.ax_.texts)


def test_a_legend_of_a_criterion_is_beside_a_new_figure_and_within_given_axes(search):
    new = CriterionDisplay.from_estimator(search)
    new.figure_.draw_without_rendering()
    assert new.ax_.get_legend().get_window_extent().x0 >= new.ax_.bbox.x1
    _, ax = plt.subplots(figsize=(8, 5))
    given = CriterionDisplay.from_estimator(search, ax=ax)
    given.figure_.draw_without_rendering()
    box = given.ax_.get_legend().get_window_extent()
    assert ax.bbox.x0 <= box.x0
    assert box.x1 <= ax.bbox.x1
    ring = given.ax_.texts[0].get_window_extent()
    assert not box.overlaps(ring)


def test_a_matrix_takes_the_place_of_axes_in_a_grid(mixture):
    figure, axes = plt.subplots(1, 2, figsize=(9, 4))
    display = MixtureDisplay.from_estimator(mixture, LONG, features=[0, 1, 2], ax=axes[1])
    figure.draw_without_rendering()
    for panel in display.ax_[-1]:
        label = panel.xaxis.label
        assert label.get_text().endswith("…")
        assert label.get_window_extent().width <= panel.bbox.width
    free = figure.add_axes((0.1, 0.1, 0.3, 0.3))
    with pytest.raises(ValueError, match=r"ax should be axes of plt\.subplots for a scatter-plot"):
        MixtureDisplay.from_estimator(mixture, LONG, features=[0, 1, 2], ax=free)


def test_the_displays_are_an_attribute_of_the_package():
    assert skgmm.display.MixtureDisplay is MixtureDisplay
    assert "display" in dir(skgmm)
    with pytest.raises(AttributeError, match="module 'skgmm' has no attribute 'plots'"):
        skgmm.plots  # noqa: B018


CASES = {
    "one component": GaussianMixtureEM(1),
    "noise": GaussianMixtureEM(2, noise=UniformNoise(volume=100.0), random_state=0),
    "prior": GaussianMixtureEM(2, prior="auto", random_state=0),
    "many": GaussianMixtureEM(
        50, covariance_type="tied-spherical", random_state=0, escape=False, max_iter=5
    ),
}
DATA = {
    "frame": IRIS,
    "missing": IRIS.mask(np.random.default_rng(0).random(IRIS.shape) < 0.1),
    "one feature": IRIS[["petal width (cm)"]],
    "constant": pd.DataFrame({"a": IRIS.iloc[:, 0], "b": 1.0}),
}


@pytest.mark.parametrize(
    ("case", "data"),
    [pair for pair in product(CASES, DATA) if pair[0] != "many"] + [("many", "frame")],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_display_of_every_kind_of_mixture(case, data):
    X = DATA[data]
    y = np.full(len(X), -1)
    y[:2] = 0  # labels
    mixture = CASES[case].fit(X, labels=None if case == "many" else y)
    weights = np.linspace(0.0, 2.0, len(X))
    weighted = {"sample_weight": weights}
    _, axes = plt.subplots(2, 4)
    axes = iter(axes.ravel())
    plots = [
        MixtureDisplay.from_estimator(mixture, X, features=[0], ax=next(axes), **weighted),
        MixtureDisplay.from_estimator(mixture, X, uncertainty="size", ax=next(axes), **weighted),
        MixtureDisplay.from_estimator(mixture, ax=next(axes)),
        UncertaintyDisplay.from_estimator(mixture, X, ax=next(axes)),
        ConvergenceDisplay.from_estimator(mixture, ax=next(axes)),
        CDFDisplay.from_estimator(mixture, X, feature=0, ax=next(axes), **weighted),
        MahalanobisDisplay.from_estimator(mixture, X, ax=next(axes), **weighted),
    ]
    plots[0].figure_.draw_without_rendering()
    for display in plots:
        assert np.isfinite([*display.ax_.get_xlim(), *display.ax_.get_ylim()]).all()
    assert plots[0].ax_.get_xlabel().startswith(X.columns[0][:5])
