"""Reports: summaries of a mixture and of a search, and results that print themselves."""

import sys

import numpy as np
import pytest

from skgmm import (
    BootstrapLRT,
    ConjugatePrior,
    GaussianMixtureEM,
    GaussianMixtureSearch,
    MixtureReport,
    SearchReport,
    bootstrap_lrt,
    parameter_uncertainty,
)
from skgmm._inference.report import Facts, Report, Section, Table
from skgmm._inference.report.numbers import MISSING, count, format_line
from skgmm._inference.report.text import display_width
from skgmm.covariance import STRUCTURES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(60, 3)), rng.normal(6.0, 1.0, size=(40, 3))])
    return pd.DataFrame(X, columns=["height", "width", "weight & <b>"])


@pytest.fixture(scope="module")
def mixture(clusters):
    return GaussianMixtureEM(2, random_state=0, tol=1e-9).fit(clusters)


def wide_mixture(n_components=30, n_features=50, names=None):
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(n_components, n_features, n_features))
    covariances = factors @ factors.transpose(0, 2, 1) + np.eye(n_features)
    means = 10.0 ** rng.integers(-12, 12, size=(n_components, n_features))
    weights = np.full(n_components, 1.0 / n_components)
    mixture = GaussianMixtureEM.from_parameters(weights, means, covariances)
    if names is not None:
        mixture.feature_names_in_ = np.array(names, dtype=object)
    return mixture


# The summary of a mixture


def test_summary_has_what_is_asked_of_a_fit(mixture, clusters):
    report = mixture.summary()
    assert isinstance(report, MixtureReport)
    text = str(report)
    total = mixture.lower_bound_ * 100
    assert "2 components, 3 features, 19 free parameters" in text
    assert "Covariances: full (" in text
    assert "Samples: 100\n" in text
    assert f"Log-likelihood: {total:.4f} (df 19), {mixture.lower_bound_:.6f} per sample" in text
    assert f"BIC: {mixture.bic(clusters):.4f} (lower is better)" in text
    assert f"ICL: {mixture.icl(clusters):.4f} (lower is better)" in text
    assert f"Ended: converged after {mixture.n_iter_} iterations" in text
    assert repr(report) == text


def test_features_are_down_and_components_across(mixture, clusters):
    frame = mixture.summary().to_frame()
    assert list(frame.columns) == [0, 1]
    names = list(clusters.columns)
    np.testing.assert_array_equal(frame.loc["mean"], mixture.means_.T)
    assert list(frame.loc["mean"].index) == names
    np.testing.assert_allclose(
        frame.loc["standard deviation"],
        np.sqrt(np.diagonal(mixture.covariances_, axis1=1, axis2=2)).T,
    )
    one = mixture.covariances_[1]
    assert frame.loc[("correlation", "height, width"), 1] == pytest.approx(
        one[0, 1] / np.sqrt(one[0, 0] * one[1, 1])
    )
    samples = mixture.predict_proba(clusters).sum(axis=0)
    np.testing.assert_allclose(frame.loc[("", "n (sum of responsibilities)")], samples, rtol=1e-3)


def test_samples_of_components_are_those_of_the_data_beside_a_prior(clusters):
    prior = ConjugatePrior(covariance_rows=1.0, weight_rows=50.0)
    fitted = GaussianMixtureEM(2, prior=prior, random_state=0).fit(clusters)
    samples = fitted.summary().to_frame().loc[("", "n (sum of responsibilities)")]
    np.testing.assert_allclose(np.sort(samples), [40.0, 60.0], atol=0.5)
    assert np.ptp(fitted.weights_) < 0.15


def test_the_prior_and_what_is_fixed_are_named(clusters):
    fitted = GaussianMixtureEM(
        2,
        prior="auto",
        fixed={"means": [True, False], "weights": [True, True]},
        means_init=np.zeros((2, 3)) + [[0], [6]],
        random_state=0,
    ).fit(clusters)
    text = " ".join(str(fitted.summary()).split())
    assert "Prior: ConjugatePrior of 0.02 samples in each covariance, 0 in each mean" in text
    assert f"log prior {fitted.log_prior_:.4f}" in text
    assert "Fixed: weights, means of components [0]" in text
    fitted.set_params(fixed=None)  # does not change what was fitted
    assert "Fixed: weights, means of components [0]" in str(fitted.summary())
    assert "Fixed" not in str(fitted.fit(clusters).summary())


@pytest.mark.parametrize("n_samples", [999, 1_234_567])
def test_counts_have_separators(n_samples):
    X = np.random.default_rng(0).normal(size=(n_samples, 1)).astype(np.float32)
    text = str(GaussianMixtureEM(1).fit(X).summary())
    assert f"Samples: {n_samples:,}\n" in text
    assert f"{n_samples:,}.0" in text
    # The E-step for ICL is not made for many samples.
    icl = "ICL: mixture.icl(X) computes it from the samples"
    assert (icl in text) == (n_samples > 10_000)


def test_icl_of_the_best_model_of_a_search_is_known_for_many_samples():
    X = np.random.default_rng(0).normal(size=(20_000, 1))
    search = GaussianMixtureSearch((1, 2), "full", random_state=0).fit(X)
    icl = float(search.results_["icl"][search.best_index_])
    assert f"ICL: {icl:.4f}" in str(search.best_estimator_.summary())


def test_icl_is_not_that_of_an_earlier_fit(mixture, clusters):
    streamed = GaussianMixtureEM(2, random_state=0, warm_up=50).fit(clusters)
    assert "ICL: mixture.icl(X)" not in str(streamed.summary())
    assert "ICL: mixture.icl(X)" in str(streamed.partial_fit(clusters).summary())
    merged = GaussianMixtureEM.merge([mixture, mixture])
    assert "ICL: mixture.icl(X)" in str(merged.summary())
    assert "Samples: 200\n" in str(merged.summary())


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_and_one_component(name, clusters):
    for K in (1, 3):
        fitted = GaussianMixtureEM(K, covariance_type=name, random_state=0).fit(clusters)
        frame = fitted.summary().to_frame()
        assert frame.shape[1] == K
        assert ("correlation" in frame.index) == (
            np.ndim(fitted.covariances_) > 2 or name == "tied"
        )


# Text fits the terminal


@pytest.mark.parametrize("width", [20, 40, 61, 80, 137, 400])
def test_no_line_is_wider_than_the_terminal(width, monkeypatch, mixture, clusters):
    monkeypatch.setenv("COLUMNS", str(width))
    names = [f"a long name of a column, number {j}" for j in range(25)] + ["身長" * 12] * 25
    search = GaussianMixtureSearch((1, 2), ["full", "diag"], random_state=0).fit(clusters)
    results = (
        wide_mixture(names=names).summary(),
        mixture.summary(),
        search.summary(),
        parameter_uncertainty(mixture, clusters),
    )
    for result in results:
        assert max(map(display_width, str(result).splitlines())) <= width


def test_long_tables_say_what_is_left_out():
    text = str(wide_mixture().summary())
    assert "  … 38 more features" in text
    assert "  … 1,213 more pairs of features" in text
    assert "\n… 6 more components" in text
    frame = wide_mixture().summary().to_frame()
    assert frame.shape[1] == 30
    assert len(frame.loc["mean"]) == 50


def test_the_largest_correlations_are_shown():
    covariance = np.eye(20)
    covariance[3, 17] = covariance[17, 3] = -0.9
    mixture = GaussianMixtureEM.from_parameters([1.0], np.zeros((1, 20)), [covariance])
    assert mixture.summary().to_frame().loc["correlation, largest pairs"].index[0] == "x3, x17"


def test_names_that_are_shortened_can_be_told_apart(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    names = ["a very long common beginning, first", "a very long common beginning, second"]
    text = str(wide_mixture(2, 2, names).summary())
    assert "first" in text
    assert "second" in text


def test_names_with_line_breaks_and_markup(mixture):
    report = wide_mixture(2, 2, ["two\nlines\x1b[31m", "<script>alert(1)</script>"]).summary()
    assert "two lines [31m" in str(report)
    assert "<script>" not in report._repr_html_()
    assert "weight &amp; &lt;b&gt;" in mixture.summary()._repr_html_()


def test_the_width_is_that_of_the_terminal_when_it_is_printed(monkeypatch):
    report = wide_mixture(10, 1).summary()
    monkeypatch.setenv("COLUMNS", "200")
    wide = len(str(report).splitlines())
    monkeypatch.setenv("COLUMNS", "40")
    assert len(str(report).splitlines()) > wide


# The report of a search


def test_report_of_a_search(clusters):
    search = GaussianMixtureSearch((1, 2, 3), "all", random_state=0).fit(clusters)
    report = search.summary()
    assert isinstance(report, SearchReport)
    text = str(report)
    assert "Criterion: BIC (lower is better)" in text
    n_fitted = int(np.isfinite(search.results_["bic"]).sum())
    assert f"Fitted: {n_fitted} of 42 models" in text
    name, K = search.best_covariance_type_, search.best_n_components_
    assert f"Best: {name}, {K} components" in text
    frame = report.to_frame()
    assert frame.shape == (14, 3)
    assert frame.loc[name, K] == search.best_score_
    assert f"{search.best_score_:.0f}*" in text
    assert text.count("*") == 2  # and in the title
    second = np.sort(search.results_["bic"])[1]
    assert f"{second:.2f}" in text
    assert f"{second - search.best_score_:.2f}" in text


def test_failures_are_grouped_with_their_number():
    X = np.random.default_rng(0).normal(size=(12, 3))
    search = GaussianMixtureSearch(range(1, 6), "all", random_state=0).fit(X)
    text = " ".join(str(search.summary()).split())
    n_failed = int(np.isnan(search.results_["bic"]).sum())
    numbers = [int(part.split()[0]) for part in text.split("Not compared, ")[1:]]
    assert sum(numbers) == n_failed > 10
    assert len(numbers) < 6
    assert "inadmissible: " in text
    assert MISSING in text


def test_held_out_log_likelihood_is_higher_for_better_models(clusters):
    search = GaussianMixtureSearch((1, 2), "full", "log_likelihood", random_state=0).fit(clusters)
    search.set_params(criterion="bic")  # does not change what was compared
    text = str(search.summary())
    assert "held-out log-likelihood (higher is better, nats per sample)" in text
    frame = search.summary().to_frame()
    difference = frame.loc["full", 2] - frame.loc["full", 1]
    assert f"{difference:.4f}" in text
    assert difference > 0


# Other results


def test_uncertainty_prints_a_table(mixture, clusters):
    result = parameter_uncertainty(mixture, clusters, level=0.9)
    text = str(result)
    assert repr(result) == text
    assert "Confidence intervals: 90 %" in text
    assert "estimate" in text
    assert "5 %" in text
    assert "95 %" in text
    frame = result.to_frame()
    mean = frame.loc[("mean of component 1", "width")]
    assert mean["estimate"] == mixture.means_[1, 1]
    assert mean["std. error"] == result.means.standard_error[1, 1]
    assert mean["5 %"] == result.means.lower[1, 1]
    covariance = frame.loc[("covariance of component 0", "width, height")]
    assert covariance["95 %"] == result.covariances.upper[0, 1, 0]
    assert "<table" in result._repr_html_()


@pytest.mark.parametrize("name", ["tied", "diag", "tied-diag", "spherical", "VEV"])
def test_uncertainty_of_every_shape_of_covariances(name):
    """Also where numbers of components and features are equal, and shapes do not tell."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(60, 2)), rng.normal(6.0, 1.0, size=(60, 2))])
    fitted = GaussianMixtureEM(2, covariance_type=name, random_state=0, tol=1e-9).fit(X)
    frame = parameter_uncertainty(fitted, X).to_frame()
    n_lines = {"tied": 3, "diag": 4, "tied-diag": 4, "spherical": 2, "VEV": 6}[name]
    assert len(frame) == 2 + 4 + n_lines
    if name == "tied":
        found = frame.loc[("covariance of all components", "x1"), "estimate"]
        assert found == fitted.covariances_[1, 1]


def test_uncertainty_of_the_weight_of_noise(clusters):
    X = np.concatenate([clusters, np.random.default_rng(1).uniform(-15, 20, size=(20, 3))])
    fitted = GaussianMixtureEM(2, noise="auto", random_state=0, tol=1e-9).fit(X)
    frame = parameter_uncertainty(fitted, X).to_frame()
    assert frame.loc[("", "weight of noise"), "estimate"] == pytest.approx(fitted.noise_weight_)


def test_bootstrap_test_prints_a_table(clusters):
    result = bootstrap_lrt(clusters, n_bootstrap=5, max_components=1, random_state=0)
    assert isinstance(result, BootstrapLRT)
    frame = result.to_frame()
    assert list(frame.index) == ["1 vs 2"]
    assert frame.loc["1 vs 2", "p-value"] == result.p_value[0]
    assert f"{result.statistic[0]:.4f}" in str(result)
    assert "<table" in result._repr_html_()


# Tables


def test_numbers_of_a_line_have_the_same_decimals():
    assert format_line([1.0, 22.25, None, float("nan")]) == ["1.000", "22.250", MISSING, MISSING]
    assert format_line([1e-9, 1.0]) == ["1e-09", "1"]
    assert format_line([0.0, 0.0]) == ["0.0", "0.0"]
    assert format_line([1234, "text"]) == ["1,234", "text"]
    assert format_line([float("inf"), 1.0]) == ["inf", "1.0000"]


def test_counts():
    assert [count(n) for n in (272, 1234567.0, 1234.56, 0.25, 1e20)] == [
        "272",
        "1,234,567",
        "1,234.6",
        "0.25",
        "1e+20",
    ]


def test_columns_that_do_not_fit_are_below():
    section = Section("", ("a",), (tuple(range(10)),), ".0f")
    report = Report((Facts((("Name", "text"),)), Table(tuple(range(10)), (section,))))
    assert report.text(18) == (
        "Name: text\n\n   0  1  2  3  4\na  0  1  2  3  4\n\n   5  6  7  8  9\na  5  6  7  8  9"
    )


def test_equal_reports_are_equal(mixture):
    assert mixture.summary() == mixture.summary()
    assert mixture.summary() != wide_mixture(2, 3).summary()


def test_to_frame_without_pandas(mixture, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_frame needs pandas"):
        mixture.summary().to_frame()
