"""Options of the plots, mixtures without data, spikes, one feature, clipping and moves."""

import dask.array
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgba
from scipy.integrate import trapezoid
from sklearn.datasets import load_iris

from skgmm import GaussianMixtureEM, GaussianMixtureSearch, RowBlocks, UniformNoise
from skgmm.display import ConvergenceDisplay, CriterionDisplay, MixtureDisplay, UncertaintyDisplay

IRIS = load_iris(as_frame=True).data


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def known():
    return GaussianMixtureEM.from_parameters(
        [1 / 3, 2 / 3], [[-1, 0], [2, 2]], [[[1, 0], [0, 9]], [[1, 0.7], [0.7, 1]]]
    )


@pytest.fixture(scope="module")
def X(known):
    return known.sample(300, random_state=0)[0]


@pytest.fixture(scope="module")
def spike():
    """A broad component, and one that is a thousand times narrower."""
    return GaussianMixtureEM.from_parameters([0.8, 0.2], [[0], [2]], [[[1]], [[1e-6]]])


def markers_of(ax):
    return [one for one in ax.collections if isinstance(one, PathCollection)]


# One feature


def test_bars_are_in_the_units_of_their_lines():
    """Bars of each component begin at 0, so that they estimate its line."""
    mixture = GaussianMixtureEM.from_parameters([0.4, 0.6], [[0], [2]], [[[1]], [[1]]])
    values, _ = mixture.sample(20_000, random_state=0)
    ax = MixtureDisplay.from_estimator(mixture, values).ax_
    lines = ax.lines[1:3]
    for bars, line in zip(ax.containers, lines, strict=True):
        centres = [bar.get_x() + 0.5 * bar.get_width() for bar in bars]
        assert {bar.get_y() for bar in bars} == {0.0}
        expected = np.interp(centres, line.get_xdata(), line.get_ydata())
        np.testing.assert_allclose([bar.get_height() for bar in bars], expected, atol=0.012)


def test_the_outline_of_all_bars_belongs_to_the_line_of_the_mixture():
    mixture = GaussianMixtureEM.from_parameters([0.4, 0.6], [[0], [2]], [[[1]], [[1]]])
    values, _ = mixture.sample(500, random_state=0)
    ax = MixtureDisplay.from_estimator(mixture, values).ax_
    x, heights = ax.lines[3].get_data()
    assert trapezoid(heights, x) == pytest.approx(1.0)
    together = sum(np.array([bar.get_height() for bar in bars]) for bars in ax.containers)
    np.testing.assert_allclose(heights[1:-1:2], together)


@pytest.mark.parametrize("with_data", [True, False])
def test_the_axis_follows_the_bars_where_a_component_is_a_spike(spike, with_data):
    values = spike.sample(500, random_state=0)[0] if with_data else None
    ax = MixtureDisplay.from_estimator(spike, values).ax_
    peak = ax.lines[2].get_ydata().max()
    assert peak == pytest.approx(0.2 / np.sqrt(2 * np.pi * 1e-6), rel=1e-3)
    assert 0.3 < ax.get_ylim()[1] < 0.05 * peak
    if with_data:
        assert ax.get_ylim()[1] == pytest.approx(1.08 * ax.lines[3].get_ydata().max())
    mark = next(line for line in ax.lines if line.get_marker() == "^")
    assert mark.get_xdata() == [2.0]
    assert [text.get_text() for text in ax.texts] == ["1: 20 %"]


def test_the_axis_shows_lines_in_full_where_no_component_is_a_spike(X, known):
    ax = MixtureDisplay.from_estimator(known, X, features=[0]).ax_
    assert ax.get_ylim()[1] > max(line.get_ydata().max() for line in ax.lines)
    assert not ax.texts


# Mixtures without data


@pytest.mark.parametrize("features", [None, [0], "principal", [0, 1, 2]])
def test_a_mixture_is_drawn_without_data(features):
    mixture = GaussianMixtureEM(3, random_state=0).fit(IRIS)
    display = MixtureDisplay.from_estimator(mixture, features=features)
    axes = [ax for ax in np.ravel(display.ax_) if ax is not None]
    assert not any(markers_of(ax) or ax.containers for ax in axes)
    reach = 3 * np.sqrt(np.diagonal(display.covariances, axis1=1, axis2=2))
    low, high = axes[0].get_xlim()
    assert (display.means - reach).min(axis=0)[0] - 1 < low < display.means.min(axis=0)[0]
    assert display.means.max(axis=0)[0] < high < (display.means + reach).max(axis=0)[0] + 1
    if features is None:
        texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert texts[0].startswith("component 0: ")
        assert "hollow: uncertain" not in texts


def test_noise_is_named_without_data(X):
    mixture = GaussianMixtureEM(2, noise=UniformNoise(volume=100.0), random_state=0).fit(X)
    ax = MixtureDisplay.from_estimator(mixture).ax_
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"noise: {100 * mixture.noise_weight_:.0f} %" in texts


def test_data_out_of_core_are_refused_with_a_remedy(known, X):
    for data in (dask.array.from_array(X), RowBlocks.from_iterable(lambda: [X])):
        mixture = GaussianMixtureEM(2, random_state=0).fit(data)
        assert MixtureDisplay.from_estimator(mixture).ax_.lines
        name = type(data).__name__
        with pytest.raises(TypeError, match=rf"X should be samples in memory, but got a {name}"):
            MixtureDisplay.from_estimator(mixture, data)
    with pytest.raises(ValueError, match="sample_weight needs X"):
        MixtureDisplay.from_estimator(known, sample_weight=np.ones(3))


# Styling


def test_levels_are_parts_of_the_mixture(known, X):
    shaded = MixtureDisplay.from_estimator(known, X, levels=[0.5, 0.9]).ax_.collections[0]
    assert len(shaded.get_facecolor()) == 2
    many = MixtureDisplay.from_estimator(known, X, levels=np.linspace(0.1, 0.9, 9))
    assert len(many.ax_.collections[0].get_facecolor()) == 9


@pytest.mark.parametrize(
    ("palette", "expected"),
    [
        ("Dark2", [to_hex(one) for one in matplotlib.color_sequences["Dark2"][:2]]),
        (["red", "#0000ff"], ["#ff0000", "#0000ff"]),
        (plt.get_cmap("viridis")([0.0, 1.0]), ["#440154", "#fde725"]),
        (["black"], ["#000000", "#000000"]),
    ],
)
def test_palette_gives_the_colours_of_components(known, X, palette, expected):
    display = MixtureDisplay.from_estimator(known, X, palette=palette)
    drawn = [to_hex(one.get_edgecolors()[0]) for one in markers_of(display.ax_)]
    assert drawn == expected
    ax = MixtureDisplay.from_estimator(known, X, features=[0], palette=palette).ax_
    assert [to_hex(line.get_color()) for line in ax.lines[1:3]] == expected
    blocks = UncertaintyDisplay.from_estimator(known, X, palette=palette).ax_.collections
    assert [to_hex(block.get_facecolor()[0]) for block in blocks] == expected


def test_keywords_override_those_of_the_plot(known, X):
    display = MixtureDisplay.from_estimator(
        known, X, scatter_kwargs={"s": 3.0, "lw": 2.0, "color": "red"},
        contour_kwargs={"cmap": "Blues", "alpha": 0.5},
    )  # fmt: skip
    for markers in markers_of(display.ax_):
        assert set(markers.get_sizes()) == {3.0}
        assert set(markers.get_linewidths()) == {2.0}
        np.testing.assert_array_equal(markers.get_facecolors(), [to_rgba("red")])
    regions = display.ax_.collections[0]
    assert regions.get_cmap().name == "Blues"
    assert regions.get_alpha() == 0.5


def test_markers_are_large_where_components_are_even(known):
    even = np.array([[-1.0, 0.0], [2.0, 2.0]])
    path = np.linspace(*even, 2000)
    balance = np.abs(known.predict_proba(path)[:, 0] - 0.5)
    points = np.vstack([even, path[balance.argmin()]])
    display = MixtureDisplay.from_estimator(known, points, uncertainty="size")
    places = np.vstack([one.get_offsets() for one in markers_of(display.ax_)])
    sizes = np.concatenate([one.get_sizes() for one in markers_of(display.ax_)])
    largest = places[sizes.argmax()]
    np.testing.assert_allclose(largest, points[2])
    assert sizes.max() > 4 * np.sort(sizes)[1]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "large: uncertain" in texts
    same = MixtureDisplay.from_estimator(known, points, uncertainty=None)
    faces = np.vstack([one.get_facecolors() for one in markers_of(same.ax_)])
    assert len(set(faces[:, 3])) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"palette": "rainbows"},
            r"palette should be a name in matplotlib\.color_sequences .*tab10",
        ),
        ({"palette": 3}, "palette should be a name"),
        ({"palette": []}, "palette should be a name"),
        ({"levels": [0.5, 1.0]}, "levels should be numbers between 0 and 1, .*but got"),
        ({"levels": "a"}, "levels should be numbers between 0 and 1"),
        ({"uncertainty": "colour"}, r"uncertainty should be one of \('shade', 'size', None\)"),
        (
            {"scatter_kwargs": 3},
            "scatter_kwargs should be a dict of keywords of matplotlib's scatt",
        ),
        ({"contour_kwargs": ["a"]}, "contour_kwargs should be a dict of keywords of matplotlib's"),
        ({"contour_kwargs": {"levels": 3}}, r"contour_kwargs should not have levels: pass levels="),
    ],
)
def test_unknown_options_are_named(known, X, options, message):
    with pytest.raises(ValueError, match=message):
        MixtureDisplay.from_estimator(known, X, **options)


# Criteria


@pytest.mark.parametrize("criterion", ["bic", "log_likelihood"])
def test_one_feature_has_two_structures(criterion):
    values = np.concatenate([np.random.default_rng(0).normal(m, 1, 60) for m in (0, 6)])
    search = GaussianMixtureSearch([1, 2, 3], random_state=0).fit(values[:, None])
    display = CriterionDisplay.from_estimator(search, criterion=criterion)
    assert set(display.covariance_type) == {"E", "V"}
    assert len(display.values) == 6
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert sorted(label.split("  ")[0] for label in labels[:2]) == [
        "E (equal variances)", "V (varying variances)",
    ]  # fmt: skip
    results = pd.DataFrame(search.results_)
    equal = results.covariance_type.str.startswith(("E", "tied"))
    best = results[equal & (results.n_components == 2)][criterion]
    shown = display.values[(display.covariance_type == "E") & (display.n_components == 2)]
    assert shown == (best.min() if criterion == "bic" else best.max())
    assert display.best[1] in ("E", "V")
    assert display.ax_.texts[0].get_text() == f"{display.best[1]}, K = {display.best[0]}"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_models_off_the_axis_are_marked(sign):
    display = CriterionDisplay(
        n_components=[1, 2, 3, 4, 5] * 2,
        covariance_type=["full"] * 5 + ["diag"] * 5,
        values=sign * np.array([90.0, 20.0, 21.0, 22.0, 1e5, 30.0, 24.0, 25.0, 25.5, np.nan]),
        converged=np.ones(10, dtype=bool),
        best=(2, "full"),
        criterion="bic" if sign > 0 else "log_likelihood",
    ).plot()
    ax = display.ax_
    label = "3 worse models off the axis"
    marks = next(line for line in ax.lines if line.get_label() == label)
    np.testing.assert_array_equal(marks.get_xdata(), [1, 5])
    assert marks.get_marker() == ("^" if sign > 0 else "v")
    assert set(marks.get_ydata()) == {1.0 if sign > 0 else 0.0}
    assert label in [text.get_text() for text in ax.get_legend().get_texts()]


# Convergence


def test_moves_are_marked():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 150)
    X = np.array([[0, 0], [4, 0], [30, 0], [60, 0]])[y] + rng.normal(size=(600, 2))
    labels = np.array([0, 0, 1, 2])[y]
    labels[450::2] = 3  # two components on one cluster, and one on two
    start = lambda *_: labels  # noqa: E731
    moved = GaussianMixtureEM(4, init_params=start, random_state=0).fit(X)
    (moved_at,) = moved.starts_["moved_at"]
    assert 1 < moved_at <= moved.n_iter_
    before, after = moved.lower_bounds_[moved_at - 2], moved.lower_bounds_[-1]
    stuck = GaussianMixtureEM(4, init_params=start, escape=False, random_state=0).fit(X)
    assert before == stuck.lower_bounds_[-1] < after
    display = ConvergenceDisplay.from_estimator(moved)
    (line,) = [one for one in display.ax_.lines if one.get_label() == "split-and-merge move"]
    assert line.get_xdata() == [moved_at, moved_at]
    assert stuck.starts_["moved_at"] == [0]
    labels = [one.get_label() for one in ConvergenceDisplay.from_estimator(stuck).ax_.lines]
    assert "split-and-merge move" not in labels


def test_a_fit_of_an_earlier_version_has_no_moves(X):
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    del mixture.starts_["moved_at"]
    ConvergenceDisplay.from_estimator(mixture)


def test_what_a_logarithmic_axis_cannot_show_is_said():
    starts = {
        "start": [0, 1],
        "kind": ["kmeans"] * 2,
        "log_likelihood": [-1.0, -0.5],
        "n_evaluations": [4, 7],
        "moved_at": [0, 0],
        "status": ["converged", "converged, components [1] collapsed"],
    }
    objectives = [-2.0, -1.1, -1.0 - 5e-15, -1.0]
    display = ConvergenceDisplay(objectives=objectives, starts=starts).plot()
    marks = next(line for line in display.ax_.lines if line.get_marker() == "v")
    np.testing.assert_array_equal(marks.get_xdata(), [3])
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "other starts: 1 higher, not shown" in texts
