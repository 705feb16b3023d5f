"""Values that the samples of one component share: the fit is repeated with a cell for them."""

import logging
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from test_progress import Recorder, assert_bit_identical, needs_callbacks

from skgmm import GaussianMixtureEM, GaussianMixtureSearch, RowBlocks, fit_many
from skgmm._kernels import _native
from skgmm._progress import AGAIN
from skgmm._rows.base import InMemoryRows
from skgmm._rows.feature_scale import FeatureScale
from skgmm._rows.scale_of_rows import scale_of_rows
from skgmm.model_selection import _run
from skgmm.model_selection._sweep import sweep


def clusters(seed, n=400, d=3, apart=4.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    X = rng.normal(size=(n, d))
    X[:, 0] += apart * y
    return X, y, rng


def with_ages(seed=0, n=400):
    """Half of them are rounded to five years."""
    X, y, rng = clusters(seed, n)
    age = np.round(rng.normal(40, 12, size=n))
    rounded = rng.random(n) < 0.5
    age[rounded] = 5 * np.round(age[rounded] / 5)
    return np.column_stack([X, age]), y


def with_zeros(seed=0, n=400):
    """Too few for a pile, in a cluster of their own that is not far from all amounts."""
    X, y, rng = clusters(seed, n)
    zero = rng.random(n) < 0.07
    X[zero] += 6.0
    y[zero] = 2
    return np.column_stack([X, np.where(zero, 0.0, rng.gamma(3.0, size=n))]), y


def with_counts(seed=0, n=400):
    X, y, rng = clusters(seed, n)
    return np.column_stack([X, rng.negative_binomial(1, 0.12, size=n)]), y


def with_maximum(seed=0, n=400):
    X, y, _ = clusters(seed, n)
    return np.minimum(X, np.quantile(X, 0.93, axis=0, method="lower")), y


def mostly_integers(seed=0, n=400):
    X, y, rng = clusters(seed, n)
    answers = np.clip(np.round(3 + 2 * y + rng.normal(size=n)), 1, 7)
    return np.column_stack([X, np.where(rng.random(n) < 0.1, rng.uniform(1, 7, n), answers)]), y


# What is added for amounts without a cell is less.
WIDENED = 1e-6

TABLES = [with_ages, with_zeros, with_counts, with_maximum, mostly_integers]


def quiet_fit(X, n_components, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixtureEM(n_components, random_state=0, **options).fit(X)


def blocks_of(X):
    return RowBlocks.from_iterable(lambda: iter(np.array_split(X, 7)))


def usual_of(X):
    return scale_of_rows(InMemoryRows(X)).collapsed_variances


def degenerate_with_a_number(table, seed, n_components=12, structure="diag"):
    """A table whose components share values, where nothing but 1e-9 is added."""
    X, _ = table(seed)
    mixture = quiet_fit(X, n_components, covariance_type=structure, reg_covar=1e-9)
    return "degenerate" in mixture.status_


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("structure", ["full", "diag"])
@pytest.mark.parametrize("n_components", [6, 8])
def test_no_component_is_degenerate(table, structure, n_components):
    for seed in range(3):
        mixture = quiet_fit(table(seed)[0], n_components, covariance_type=structure)
        assert "degenerate" not in mixture.status_


@pytest.mark.parametrize("table", TABLES)
def test_without_cells_a_component_would_be_degenerate(table):
    assert any(degenerate_with_a_number(table, seed) for seed in range(3))


def test_what_is_added_shows_and_only_where_a_value_is_shared():
    X, _ = with_maximum()
    mixture = quiet_fit(X, 6)
    np.testing.assert_array_equal(mixture.reg_covar_[[0, 2]], usual_of(X)[[0, 2]])
    assert 0.002 < mixture.reg_covar_[1] < 0.05  # half of the variance of samples next to it
    assert quiet_fit(X, 6, reg_covar=1e-6).reg_covar_.max() == 1e-6


def test_a_value_that_is_far_from_all_others_widens_nothing():
    """It is a group of its own: its labels are right, and the status says what its density is."""
    X, y, rng = clusters(0)
    group = rng.random(len(X)) < 0.06
    y[group] = 2
    X[group, 0] = -40.0
    mixture = quiet_fit(X, 3)
    np.testing.assert_array_equal(mixture.reg_covar_, usual_of(X))
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.85
    assert "degenerate" in mixture.status_


def test_a_cell_that_would_hide_narrow_clusters_is_not_added():
    """Two clusters 30 deviations apart, beside ages of which many are a hundred."""
    rng = np.random.default_rng(0)
    n_samples = [200, 200, 400, 60]
    y = np.repeat(np.arange(4), n_samples)
    scale = np.repeat([0.01, 0.01, 20.0, 0.0], n_samples)
    x = np.repeat([0.0, 0.3, 100.0, 100.0], n_samples) + scale * rng.normal(size=len(y))
    X = np.column_stack([x, rng.normal(size=len(y)) + 6 * (y == 3)])
    assert adjusted_rand_score(y, quiet_fit(X, 4).predict(X)) == 1.0


def test_components_wider_than_the_rounding_change_nothing():
    """Values are shared, but no component has only one."""
    X, _, _ = clusters(0)
    X = X.round(1)
    np.testing.assert_array_equal(quiet_fit(X, 2).reg_covar_, usual_of(X))


def test_a_component_narrower_than_the_rounding_adds_it_to_all_rounded_features():
    """In a direction across features: two integers, of which half are equal in pairs."""
    rng = np.random.default_rng(0)
    first = np.round(rng.normal(60, 12, size=400))
    second = first + np.where(rng.random(400) < 0.5, 0.0, np.round(rng.normal(0, 3, size=400)))
    X = np.column_stack([first, second, rng.normal(size=400)])
    mixture = quiet_fit(X, 2)
    np.testing.assert_allclose(mixture.reg_covar_[:2], 1 / 12)
    assert mixture.reg_covar_[2] < 1e-9
    assert "degenerate" not in mixture.status_
    equal = first == second
    assert adjusted_rand_score(equal, mixture.predict(X)) > 0.4


def test_narrow_clusters_are_not_widened():
    """Samples that vary less than anything that is added share no value."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 2))
    X[:100, 0] = 50 + 1e-9 * X[:100, 0]
    np.testing.assert_array_equal(quiet_fit(X, 2).reg_covar_, usual_of(X))


@given(seed=st.integers(0, 50), log_unit=st.integers(-3, 3), shift=st.sampled_from([0.0, 64.0]))
@settings(max_examples=10)
def test_units_do_not_matter(seed, log_unit, shift):
    X, _ = with_zeros(seed)
    unit = 2.0**log_unit
    mixture, other = quiet_fit(X, 4), quiet_fit(unit * X + unit * shift, 4)
    np.testing.assert_allclose(other.reg_covar_, unit**2 * mixture.reg_covar_, rtol=1e-6)


def test_weights_that_are_relative_widen_the_same():
    X, _ = with_zeros()
    weights = np.full(len(X), 1e-3)
    np.testing.assert_allclose(
        GaussianMixtureEM(4, random_state=0).fit(X, sample_weight=weights).reg_covar_,
        quiet_fit(X, 4).reg_covar_,
    )


def test_integer_weights_are_repetitions():
    X, _ = with_ages()
    weights = np.random.default_rng(1).integers(0, 4, size=len(X))
    options = {"random_state": 0, "covariance_type": "diag"}
    weighted = GaussianMixtureEM(7, **options).fit(X, sample_weight=weights)
    repeated = GaussianMixtureEM(7, **options).fit(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(weighted.reg_covar_[3], repeated.reg_covar_[3], rtol=1e-6)


def test_nothing_is_added_to_the_given_the_fixed_and_what_has_a_prior_or_errors():
    X, _ = with_zeros()
    usual = usual_of(X)
    assert quiet_fit(X, 4).reg_covar_[3] > WIDENED
    for options in ({"prior": "auto"}, {"fixed": "weights"}, {"max_iter": 0}):
        np.testing.assert_array_equal(quiet_fit(X, 4, **options).reg_covar_, usual)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = GaussianMixtureEM(4, random_state=0)
        mixture.fit(X, error_covariance=np.full(X.shape, 1e-4))
    np.testing.assert_array_equal(mixture.reg_covar_, usual)


def test_blocks_and_arrays_are_widened_alike():
    X, _ = with_zeros(n=1500)
    whole, blocks = quiet_fit(X, 4), quiet_fit(blocks_of(X), 4)
    np.testing.assert_allclose(blocks.reg_covar_, whole.reg_covar_)
    np.testing.assert_array_equal(blocks.predict(X), whole.predict(X))


@pytest.mark.parametrize("part", [0.05, 0.5])
def test_missing_values_are_no_shared_value(part):
    X, _ = with_zeros(n=800)
    X[np.random.default_rng(3).random(len(X)) < part, 3] = np.nan
    mixture = quiet_fit(X, 4)
    assert "degenerate" not in mixture.status_
    assert mixture.reg_covar_[3] > WIDENED


def test_fits_side_by_side_are_repeated_too():
    data = [with_zeros(seed)[0] for seed in range(4)]
    prototype = GaussianMixtureEM(4, escape=False, random_state=0)
    found = fit_many(prototype, data)
    assert max(mixture.reg_covar_[3] for mixture in found) > WIDENED
    for X, mixture in zip(data, found, strict=True):
        single = GaussianMixtureEM(4, escape=False, random_state=0).fit(X)
        np.testing.assert_array_equal(mixture.means_, single.means_)
        np.testing.assert_array_equal(mixture.reg_covar_, single.reg_covar_)


def test_a_warm_start_goes_on_with_the_same_cells():
    X, _ = with_zeros()
    mixture = quiet_fit(X, 4, warm_start=True)
    assert mixture.reg_covar_[3] > WIDENED
    added = mixture.reg_covar_
    np.testing.assert_allclose(mixture.fit(X).reg_covar_, added)


@needs_callbacks
def test_callbacks_see_both_fits_and_change_nothing():
    X, _ = with_zeros()
    recorder = Recorder()
    plain = GaussianMixtureEM(4, n_init=2, random_state=0).fit(X)
    watched = GaussianMixtureEM(4, n_init=2, random_state=0).set_callbacks(recorder).fit(X)
    assert_bit_identical(watched, plain)
    assert recorder.names("begin").count("start") == recorder.names("end").count("start") == 4


@needs_callbacks
def test_a_callback_that_stops_a_fit_stops_its_repetition():
    X, _ = with_zeros()
    recorder = Recorder(stop=lambda name, count: name == "iteration")
    mixture = GaussianMixtureEM(4, random_state=0).set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(X)
    assert "callback" in mixture.status_
    assert recorder.names("begin").count("start") == 1


@needs_callbacks
@pytest.mark.parametrize("n_stop", [1, 2])
def test_a_callback_that_stops_after_a_start_leaves_the_best_so_far(n_stop):
    X, _ = with_zeros()
    recorder = Recorder(stop=lambda name, count: name == "start" and count == n_stop)
    mixture = GaussianMixtureEM(4, n_init=3, random_state=0).set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(X)
    assert np.isfinite(mixture.lower_bound_)
    assert recorder.names("begin").count("start") <= 3


def test_verbose_tells_that_the_fit_is_repeated(caplog):
    X, _ = with_zeros()
    with caplog.at_level(logging.INFO, logger="skgmm"):
        GaussianMixtureEM(4, random_state=0, verbose=1).fit(X)
        assert AGAIN in caplog.messages


def two_groups(seed):
    """Weights in kilograms and heights in centimetres, both measured and reported.

    Reported ones are rounded to five by half of the people.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=200)
    weight = np.round(np.where(y, 57, 76) + np.where(y, 7, 11) * rng.normal(size=200))
    height = np.round(np.where(y, 165, 178) + 6 * rng.normal(size=200))
    reported = []
    for measured in (weight, height):
        value = np.round(measured + rng.normal(size=200))
        reported.append(np.where(rng.random(200) < 0.5, 5 * np.round(value / 5), value))
    return np.column_stack([weight, *reported, height]), y


def test_the_search_does_not_count_values():
    for seed in range(3):
        X, _ = two_groups(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            search = GaussianMixtureSearch(random_state=0).fit(X)
        assert search.best_n_components_ <= 4


def searched(X, monkeypatch, interrupted_at=None, **options):
    """A search, and how many times all models were fitted."""
    sweeps = []

    def counted(*arguments):
        sweeps.append(arguments)
        if len(sweeps) == interrupted_at:
            raise KeyboardInterrupt
        return sweep(*arguments)

    monkeypatch.setattr(_run, "sweep", counted)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        search = GaussianMixtureSearch(random_state=0, **options).fit(X)
    return search, len(sweeps), " ".join(str(warning.message) for warning in caught)


def test_a_search_fits_all_models_again(monkeypatch):
    X, _ = two_groups(1)
    search, n_sweeps, _ = searched(X, monkeypatch)
    assert n_sweeps == 2
    np.testing.assert_allclose(search.best_estimator_.reg_covar_, 1 / 12)
    for options in ({"criterion": "log_likelihood", "cv": 3}, {"reg_covar": 1e-6}):
        assert searched(X, monkeypatch, **options)[1] == 1
    for options in ({"prior": "auto"}, {"fixed": "weights"}):
        assert searched(X, monkeypatch, **options)[1] == 1


def test_an_interrupt_while_models_are_fitted_again_leaves_the_first(monkeypatch):
    X, _ = two_groups(1)
    search, n_sweeps, messages = searched(X, monkeypatch, interrupted_at=2)
    assert n_sweeps == 2
    assert "fitted again" in messages
    assert np.isfinite(search.results_["bic"]).sum() > 50
    assert "interrupted" not in search.results_["status"]


def test_the_best_model_has_the_cells_of_its_search():
    """Also where that has compared models on a part of the samples."""
    X, _ = with_counts(3, 6000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GaussianMixtureSearch(random_state=0, max_samples=1500).fit(X)
    np.testing.assert_allclose(search.best_estimator_.reg_covar_[3], 1 / 12)


@pytest.mark.parametrize("max_samples", [50, 75, 100])
def test_what_is_coarse_in_a_part_of_the_samples_alone_is_not_added_to_all(max_samples):
    X = load_iris().data
    search = GaussianMixtureSearch([1, 2], random_state=0, max_samples=max_samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X)
    np.testing.assert_array_equal(search.best_estimator_.reg_covar_, usual_of(X))


@needs_callbacks
def test_a_search_is_repeated_with_callbacks():
    X, _ = two_groups(1)
    recorder = Recorder()
    search = GaussianMixtureSearch([1, 2, 9], random_state=0).set_callbacks(recorder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(X)
    names = recorder.names("begin")
    assert len(names) == len(recorder.names("end"))
    assert len(names) in (1 + 42, 1 + 2 * 42)


@pytest.mark.parametrize("center", [0.0, 3.0])
def test_the_cell_of_a_value_beside_others_that_are_shared_reaches_to_them(center):
    values = np.repeat(center + 2.0 * np.arange(30), 20)
    ones = np.ones(len(values))
    found = _native.shared_value(values, ones, center + 9.0, center + 11.0)
    assert found == (20, 2.0, 2.0)
    some = np.sort(np.append(values, center + np.linspace(0.1, 57.9, 100)))
    count, width, _ = _native.shared_value(some, np.ones(len(some)), center + 9.9, center + 10.1)
    assert (count, width) == (20, 2.0)


def test_the_cell_of_a_value_beside_samples_is_as_wide_as_these():
    values = np.sort(np.append(np.linspace(-10, 10, 2001), np.full(100, 3.0)))
    count, width, _ = _native.shared_value(values, np.ones(len(values)), 2.995, 3.005)
    assert count == 101
    # A hundred samples on one side are spread over a length of 1, as of a uniform distribution.
    np.testing.assert_allclose(width, 2.5 * 0.5 / 1.349, rtol=0.05)


def test_nothing_is_shared_where_there_is_no_sample():
    values = np.arange(10.0)
    assert _native.shared_value(values, np.ones(10), 3.2, 3.8)[0] == 0


@pytest.mark.parametrize("shift", [0.0, 61.0])
def test_ends_of_a_scale_that_are_closer_to_other_values_are_not_its_step(shift):
    """As of heights in whole inches, with all that are below or above the scale half an inch on."""
    rng = np.random.default_rng(0)
    values = np.clip(np.round(rng.normal(0, 1.5, size=600)), -4.5, 4.5) + shift
    X = np.column_stack([values, rng.normal(size=600)])
    assert FeatureScale.of(X, np.ones(600)).steps[0] == 1.0


def test_a_finer_grid_of_some_samples_is_the_step():
    """Of two groups at 0 and 1, beside others at tens."""
    values = np.r_[np.repeat([0.0, 1.0], 60), np.repeat(10.0 * np.arange(10, 20), 48)]
    X = np.column_stack([values, np.random.default_rng(0).normal(size=len(values))])
    assert FeatureScale.of(X, np.ones(len(X))).steps[0] == 1.0


def test_a_step_of_many_samples_is_not_that_of_a_far_value():
    values = np.repeat([0.0, 1.0, 2.0, 99.0], [100, 80, 60, 100])
    X = np.column_stack([values, np.random.default_rng(0).normal(size=len(values))])
    assert FeatureScale.of(X, np.ones(len(X))).steps[0] == 1.0


NORMAL = np.random.default_rng(0).normal(size=1000)


@pytest.mark.parametrize(
    ("values", "rounding"),
    [
        (np.random.default_rng(0).normal(50, 12, size=600), 0.0),
        (np.random.default_rng(0).normal(50, 12, size=600).round(), 1.0),
        (np.random.default_rng(0).normal(50, 12, size=6000).round() / 8, 0.125),
        (np.random.default_rng(0).normal(50, 12, size=600).round(2), 0.0),  # too many values
        (np.random.default_rng(0).integers(4, size=600), 0.0),  # coarse
        (1e6 + np.random.default_rng(0).normal(50, 12, size=600).round(), 1.0),
        # Some between those that many share, which are no whole steps apart.
        (np.r_[np.repeat([0.0, 1.13, 2.31, 3.22, 4.74, 5.56], 95), 5 * NORMAL[:30]], 0.0),
    ],
)
def test_the_step_to_which_a_feature_was_rounded(values, rounding):
    X = np.column_stack([values, np.random.default_rng(1).normal(size=len(values))])
    assert FeatureScale.of(X, np.ones(len(X))).rounding[0] == rounding


def test_one_rounded_cloud_is_one_cluster():
    """The default search chose nine components where two ends of a scale were closer."""
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 0], [[3.2, 2.0], [2.0, 6.3]], size=900)
    X = np.clip(np.round(X), [-4.5, -6.5], [4.5, 6.5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert GaussianMixtureSearch(random_state=0).fit(X).best_n_components_ <= 2
