"""Pictures: what they show, for every mixture, and that they cost nothing to who draws none."""

import subprocess
import sys
from itertools import pairwise

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from conftest import REFERENCE
from matplotlib.colors import to_hex, to_rgb
from matplotlib.testing.compare import compare_images
from matplotlib.testing.decorators import remove_ticks_and_titles
from scipy.integrate import trapezoid
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES
from skgmm.display import (
    ConvergenceDisplay,
    CriterionDisplay,
    MixtureDisplay,
    UncertaintyDisplay,
)
from skgmm.display._style import COLOURS, MARKERS
from skgmm.display._view import view_of

IRIS = load_iris(as_frame=True).data


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def known():
    """The user guide's mixture: a tall cluster and a tilted one that overlap."""
    return GaussianMixtureEM.from_parameters(
        [1 / 3, 2 / 3],
        [[-1, 0], [2, 2]],
        [[[1, 0], [0, 9]], [[1, 0.7], [0.7, 1]]],
    )


@pytest.fixture(scope="module")
def rows(known):
    return known.sample(300, random_state=0)[0]


class Search(BaseEstimator):
    """What CriterionDisplay asks of a fitted search."""

    def __init__(self, criterion="bic"):
        self.criterion = criterion

    def fit(self, X):
        structures, K = ["EII", "VEV", "full"], [1, 2, 3]
        models = [(k, name) for k in K for name in structures]
        values = np.array([9.0, 8.0, 7.5, 7.0, 3.0, 5.0, 6.5, 4.0, np.nan])
        self.results_ = {
            "n_components": np.array([k for k, _ in models]),
            "covariance_type": np.array([name for _, name in models]),
            "bic": values,
            "icl": np.roll(values, 1) + 1.0,
            "converged": np.array([True] * 7 + [False] * 2),
        }
        self.best_n_components_, self.best_covariance_type_ = 2, "VEV"
        return self


@pytest.mark.slow
def test_importing_skgmm_and_its_displays_imports_no_matplotlib():
    code = "import sys, skgmm, skgmm.display; print('matplotlib' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_without_matplotlib_the_error_names_it(known, rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.delattr("matplotlib.pyplot")  # as the attribute of the parent package
    with pytest.raises(ImportError, match=r"MixtureDisplay.plot .* pip install matplotlib"):
        MixtureDisplay.from_estimator(known, rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "n_components"), [*((name, 3) for name in STRUCTURES), ("full", 1), ("EII", 1)]
)
def test_displays_accept_every_structure(name, n_components):
    mixture = GaussianMixtureEM(
        n_components, covariance_type=name, random_state=0, escape=False
    ).fit(IRIS)
    for features in (["petal width (cm)"], [0, 2], "principal"):
        display = MixtureDisplay.from_estimator(mixture, IRIS, features=features)
        display.figure_.canvas.draw()
        plt.close(display.figure_)
    UncertaintyDisplay.from_estimator(mixture, IRIS).figure_.canvas.draw()
    ConvergenceDisplay.from_estimator(mixture).figure_.canvas.draw()


def test_ellipses_contain_the_stated_fraction_of_a_component(known):
    view, _ = view_of(known, [[0.0, 0.0]], None)
    drawn = np.random.default_rng(0).multivariate_normal(
        known.means_[1], known.covariances_[1], size=20_000
    )
    inverse = np.linalg.inv(known.covariances_[1])
    for mass in (0.5, 0.95):
        outline = (view.ellipse(1, mass) - known.means_[1][:, None]).T
        radii = np.einsum("ni,ij,nj->n", outline, inverse, outline)
        assert np.ptp(radii) < 1e-9
        apart = drawn - known.means_[1]
        inside = np.einsum("ni,ij,nj->n", apart, inverse, apart) < radii[0]
        assert inside.mean() == pytest.approx(mass, abs=0.01)


def test_grey_levels_contain_the_stated_fraction_of_the_mixture(known):
    view, _ = view_of(known, [[0.0, 0.0]], None)
    fresh, _ = known.sample(20_000, random_state=7)
    levels = view.region_levels([0.25, 0.5, 0.75, 0.95])
    held = [(view.density(fresh) >= level).mean() for level in levels]
    np.testing.assert_allclose(held, [0.95, 0.75, 0.5, 0.25], atol=0.02)


def test_plotted_marginal_is_that_of_the_mixture():
    mixture = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(IRIS)
    view, shown = view_of(mixture, IRIS, [2])
    assert shown.shape == (150, 1)
    grid = np.linspace(-5, 15, 20_001)[:, None]
    density = view.density(grid)
    assert trapezoid(density, grid[:, 0]) == pytest.approx(1.0, abs=1e-9)
    total = sum(view.component_density(k, grid) for k in range(3))
    np.testing.assert_allclose(total, density, rtol=1e-12)


def test_the_principal_plane_does_not_depend_on_units():
    factors = np.array([1.0, 1e4, 1e-3, 7.0])
    views = []
    for X in (IRIS.to_numpy(), IRIS.to_numpy() * factors):
        mixture = GaussianMixtureEM(3, tol=1e-12, random_state=0).fit(X)
        views.append(view_of(mixture, X, "principal"))
    (one, rows_one), (other, rows_other) = views
    np.testing.assert_allclose(rows_one, rows_other, atol=1e-6)
    # From k-means on features as given the components may come in another order.
    ordered = [view.covariances[np.argsort(view.covariances[:, 0, 0])] for view in (one, other)]
    np.testing.assert_allclose(*ordered, atol=1e-6)
    assert one.names == other.names
    assert one.names[0] == "principal axis 1 (73 % of the variance)"


def test_markers_are_hollow_where_components_are_even(known):
    even = np.array([[-1.0, 0.0], [2.0, 2.0]])
    path = np.linspace(*even, 2000)
    balance = np.abs(known.predict_proba(path)[:, 0] - 0.5)
    X = np.vstack([even, path[balance.argmin()]])
    display = MixtureDisplay.from_estimator(known, X, density=False)
    collections = {to_hex(c.get_edgecolors()[0]).upper(): c for c in display.ax_.collections}
    opacity = np.concatenate([c.get_facecolors()[:, 3] for c in collections.values()])
    assert set(collections) == {COLOURS[0], COLOURS[1]}
    assert np.sort(opacity)[0] < 0.01
    assert np.sort(opacity)[1] > 0.6
    for colour, collection in collections.items():
        np.testing.assert_allclose(collection.get_facecolors()[0, :3], to_rgb(colour))


def test_each_colour_has_its_own_marker():
    pairs = {(COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]) for k in range(56)}
    assert len(pairs) == 56


def test_bars_add_up_to_the_soft_assignment(faithful):
    X = faithful[:, 1:]
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X)
    shares = mixture.predict_proba(X).mean(axis=0)
    for k, share in enumerate(shares):
        bars = display.ax_.containers[k]
        area = sum(bar.get_width() * bar.get_height() for bar in bars)
        assert area == pytest.approx(share, abs=1e-9)


def test_a_weight_is_a_repetition_in_the_histogram(known):
    X, repeats = np.array([[0.1], [0.5], [3.0]]), np.array([3.0, 0.0, 2.0])
    mixture = GaussianMixtureEM.from_parameters([0.5, 0.5], [[0], [3]], [[[1]], [[1]]])
    weighted = MixtureDisplay.from_estimator(mixture, X, sample_weight=repeats)
    repeated = MixtureDisplay.from_estimator(mixture, np.repeat(X, repeats.astype(int), axis=0))
    heights = [
        [bar.get_height() for bars in display.ax_.containers for bar in bars]
        for display in (weighted, repeated)
    ]
    assert sum(heights[0]) == pytest.approx(sum(heights[1]), rel=0.3)
    np.testing.assert_array_equal(weighted.rows[:, 0], [0.1, 3.0])


def test_many_samples_are_subsampled_and_the_given_axes_used(known):
    X, _ = known.sample(30_000, random_state=0)
    figure, ax = plt.subplots()
    display = MixtureDisplay.from_estimator(known, X, ax=ax, max_rows=500)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert sum(len(c.get_offsets()) for c in ax.collections if c.get_rasterized()) == 0
    drawn = [c for c in ax.collections if len(c.get_offsets()) > 1]
    assert sum(len(c.get_offsets()) for c in drawn) == 500


def test_scatter_plot_matrix_has_a_panel_for_each_pair():
    mixture = GaussianMixtureEM(3, random_state=0).fit(IRIS)
    figure, ax = plt.subplots()
    display = MixtureDisplay.from_estimator(mixture, IRIS, features=list(IRIS), ax=ax)
    assert display.figure_ is figure
    present = np.array([[panel is not None for panel in row] for row in display.ax_])
    np.testing.assert_array_equal(present, np.tri(4, dtype=bool))
    assert [panel.get_xlabel() for panel in display.ax_[3]] == list(IRIS)


def test_empty_component_is_named_and_not_plotted(rows):
    mixture = GaussianMixtureEM.from_parameters(
        [1 / 3, 2 / 3, 0.0],
        [[-1, 0], [2, 2], [500, 500]],
        [[[1, 0], [0, 9]], [[1, 0.7], [0.7, 1]], [[1, 0], [0, 1]]],
    )
    display = MixtureDisplay.from_estimator(mixture, rows)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "component 2: empty" in labels
    assert display.ax_.get_xlim()[1] < 10
    UncertaintyDisplay.from_estimator(mixture, rows)


def test_uncertain_samples_are_ordered_and_counted(known, rows):
    display = UncertaintyDisplay.from_estimator(known, rows, threshold=0.2)
    uncertainty = 1 - known.predict_proba(rows).max(axis=1)
    np.testing.assert_allclose(display.uncertainty_, uncertainty)
    assert (np.diff(display.uncertainty_[display.order_]) <= 0).all()
    hard, doubtful = known.predict(rows), uncertainty > 0.2
    texts = [text.get_text() for text in display.ax_.texts]
    for k in (0, 1):
        n_rows, unsure = (hard == k).sum(), doubtful[hard == k].sum()
        assert f"component {k}\n{n_rows} samples\n{unsure} uncertain" in texts


def test_convergence_shows_every_evaluation(rows):
    mixture = GaussianMixtureEM(3, random_state=0, n_init=3).fit(rows)
    display = ConvergenceDisplay.from_estimator(mixture, gap=False)
    line = display.ax_.lines[0]
    np.testing.assert_array_equal(line.get_ydata(), mixture.lower_bounds_)
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, mixture.n_iter_ + 1))
    others = next(line for line in display.ax_.lines if line.get_label().startswith("other"))
    assert len(others.get_xdata()) == 2
    gaps = ConvergenceDisplay.from_estimator(mixture).ax_.lines[0].get_ydata()
    assert (np.diff(gaps) <= 0).all()
    assert (gaps > 0).all()


@pytest.mark.parametrize("max_iter", [0, 1])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_convergence_plot_after_at_most_one_evaluation(rows, max_iter):
    mixture = GaussianMixtureEM(2, random_state=0, max_iter=max_iter).fit(rows)
    for gap in (True, False):
        ConvergenceDisplay.from_estimator(mixture, gap=gap).figure_.canvas.draw()


def test_the_criterion_has_a_line_for_each_structure_and_a_ring():
    search = Search().fit(None)
    display = CriterionDisplay.from_estimator(search)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["VEV  3", "VVV 'full'  5", "EII  6.5", "1 worse model off the axis"]
    ring = next(line for line in display.ax_.lines if line.get_markersize() == 15)
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (2, 3.0)
    low, high = display.ax_.get_ylim()
    assert low < 3.0
    assert 6.5 < high < 9.0
    other = CriterionDisplay.from_estimator(search, criterion="icl")
    assert other.ax_.get_ylabel() == "ICL  (lower is better)"
    assert other.best == (2, "full")


def test_one_bad_structure_does_not_compress_the_axis():
    def display(hopeless):
        return CriterionDisplay(
            n_components=np.tile([1, 2, 3], 3),
            covariance_type=np.repeat(["tied", "full", "spherical"], 3),
            values=[40.0, 20.0, 30.0, 50.0, 25.0, 45.0, hopeless, hopeless, hopeless],
            converged=np.ones(9, dtype=bool),
            best=(2, "tied"),
            criterion="bic",
        ).plot()

    assert display(30.0).ax_.get_ylim()[1] < display(1e6).ax_.get_ylim()[1] < 100.0


def test_ticks_do_not_overlap_with_many_numbers_of_components():
    sizes = np.arange(1, 41)
    display = CriterionDisplay(
        n_components=sizes,
        covariance_type=["full"] * 40,
        values=(sizes - 20.0) ** 2,
        converged=np.ones(40, dtype=bool),
        best=(20, "full"),
        criterion="bic",
    ).plot()
    assert 5 < len(display.ax_.get_xticks()) <= 15


def test_dark_style_has_no_black_on_black(known, rows):
    with plt.style.context("dark_background"):
        displays = [
            MixtureDisplay.from_estimator(known, rows),
            MixtureDisplay.from_estimator(known, rows, features=[0]),
            CriterionDisplay.from_estimator(Search().fit(None)),
        ]
        for display in displays:
            shown = [line for line in display.ax_.lines if line.get_alpha() is None]
            assert shown
            assert all(max(to_rgb(line.get_color())) > 0.3 for line in shown)
        for text in displays[0].ax_.texts:
            inside = text.get_bbox_patch().get_facecolor()
            assert np.abs(np.subtract(to_rgb(text.get_color()), inside[:3])).max() > 0.5


def test_density_of_a_narrow_component_is_plotted_in_full():
    mixture = GaussianMixtureEM.from_parameters([0.5, 0.5], [[0.3], [900.7]], [[[1e-4]], [[1.0]]])
    display = MixtureDisplay.from_estimator(mixture, [[0.3], [900.0]])
    peak = 0.5 / np.sqrt(2.0 * np.pi * 1e-4)
    assert display.ax_.lines[1].get_ydata().max() == pytest.approx(peak, rel=1e-3)


def test_more_components_than_a_legend_names_have_numbers():
    means = np.arange(12.0)[:, None] * 10.0
    mixture = GaussianMixtureEM.from_parameters(np.full(12, 1 / 12), means, np.ones((12, 1, 1)))
    display = MixtureDisplay.from_estimator(mixture, means)
    assert [text.get_text() for text in display.ax_.texts] == [str(k) for k in range(12)]


def test_names_of_narrow_blocks_do_not_overlap():
    hard = np.repeat(np.arange(6), [3, 4, 5, 40, 3, 45])
    display = UncertaintyDisplay(responsibilities=np.eye(6)[hard]).plot()
    display.figure_.draw_without_rendering()
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    assert len(boxes) == 6
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


def test_higher_held_out_log_likelihood_is_better():
    search = Search("log_likelihood").fit(None)
    search.results_["held_out_log_likelihood"] = -search.results_["bic"]
    display = CriterionDisplay.from_estimator(search)
    assert (
        display.ax_.get_ylabel() == "held-out log-likelihood, nats per sample  (higher is better)"
    )
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["VEV  -3", "VVV 'full'  -5", "EII  -6.5", "1 worse model off the axis"]
    low, high = display.ax_.get_ylim()
    assert -9.0 < low < -6.5
    assert high > -3.0


def test_displays_accept_a_search():
    X = IRIS.to_numpy()
    search = GridSearchCV(GaussianMixtureEM(random_state=0), {"n_components": [1, 2]}).fit(X)
    display = MixtureDisplay.from_estimator(search, X)
    np.testing.assert_array_equal(display.weights, search.best_estimator_.weights_)


def test_bad_input_is_named(known, rows):
    frame = pd.DataFrame(rows, columns=["a", "b"])
    with pytest.raises(TypeError, match=r"should be a GaussianMixtureEM.* but got Search"):
        MixtureDisplay.from_estimator(Search().fit(None), rows)
    with pytest.raises(NotFittedError):
        MixtureDisplay.from_estimator(GaussianMixtureEM(), rows)
    with pytest.raises(NotFittedError):
        ConvergenceDisplay.from_estimator(known)
    with pytest.raises(NotFittedError):
        CriterionDisplay.from_estimator(Search())
    mixture = GaussianMixtureEM(2, random_state=0).fit(frame)
    for features in ([2], ["c"], "a", [0, -1]):
        with pytest.raises(ValueError, match=r"features should be 'principal' or .*0 to 1\) or"):
            MixtureDisplay.from_estimator(mixture, frame, features=features)
    for features in ([0, "a"], []):
        with pytest.raises(ValueError, match="features should name 1 to 10 different features"):
            MixtureDisplay.from_estimator(mixture, frame, features=features)
    for criterion in ("gap", "converged"):
        with pytest.raises(ValueError, match="criterion should be one of "):
            CriterionDisplay.from_estimator(Search().fit(None), criterion=criterion)
    with pytest.raises(ValueError, match="threshold should be between 0 and 1, but got 2"):
        UncertaintyDisplay.from_estimator(known, rows, threshold=2)


def test_plots_do_not_modify_user_arrays(known, rows):
    before = rows.copy()
    rows.flags.writeable = False
    display = MixtureDisplay.from_estimator(known, rows)
    UncertaintyDisplay.from_estimator(known, rows)
    np.testing.assert_array_equal(rows, before)
    first = display.ax_
    assert display.plot().ax_ is not first


def histogram(known, rows):
    view = GaussianMixtureEM.from_parameters([0.4, 0.6], [[-1], [2]], [[[1]], [[1]]])
    return MixtureDisplay.from_estimator(view, rows[:, :1], legend=False)


PICTURES = {
    "plane": lambda known, rows: MixtureDisplay.from_estimator(known, rows, legend=False),
    "histogram": histogram,
    "uncertainty": UncertaintyDisplay.from_estimator,
    "criterion": lambda *_: CriterionDisplay.from_estimator(Search().fit(None), legend=False),
}


@pytest.mark.skipif(
    matplotlib.__version_info__ < (3, 10), reason="Matplotlib 3.8 rounds sizes otherwise"
)
@pytest.mark.parametrize("name", list(PICTURES))
def test_plots_match_the_stored_images(name, known, rows, tmp_path):
    """Without text, which depends on the fonts; write anew by deleting the stored picture."""
    display = PICTURES[name](known, rows)
    remove_ticks_and_titles(display.figure_)
    for text in display.ax_.texts:
        text.set_visible(False)
    display.ax_.set(xlabel="", ylabel="")
    stored, drawn = REFERENCE / f"display_{name}.png", tmp_path / f"{name}.png"
    display.figure_.savefig(drawn, dpi=50, metadata={"Software": None})
    if not stored.exists():
        stored.write_bytes(drawn.read_bytes())
        pytest.fail(f"{stored.name} was missing and is written: look at it")
    assert compare_images(str(stored), str(drawn), tol=6.0) is None
