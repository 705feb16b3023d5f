"""Missing values in EM itself: equal to textbook formulas, sample by sample."""

import pickle
import warnings

import numpy as np
import oracle
import oracle_incomplete
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

from skgmm import GaussianMixtureEM, GaussianMixtureSearch, parameter_uncertainty
from skgmm._em.loop import run_em
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._rows import groups, incomplete
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm.covariance import STRUCTURES, find_structure

NAMES = list(STRUCTURES)
D, K = 4, 3
MEANS = np.array([[0.0, 0, 0, 0], [4.0, 3, -2, 1], [-3.0, 4, 2, 2]])


def clusters(n, seed=0, share=0.2):
    """Three overlapping clusters of d = 4, some of whose values are missing, and weights."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = MEANS[z] + rng.normal(size=(n, D)) @ (np.eye(D) + 0.3 * rng.normal(size=(D, D)))
    holes = X.copy()
    holes[rng.random((n, D)) < share] = np.nan
    holes[0], holes[1] = np.nan, X[1]  # one with no value, one with all
    return X, holes, rng.integers(0, 4, size=n).astype(float)


def parameters_of(name, X, sample_weight=None):
    mixture = GaussianMixtureEM(K, covariance_type=name, random_state=0, max_iter=3, escape=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(X, sample_weight=sample_weight)._parameters()


@pytest.fixture(params=[1, 10**9], ids=["views", "batches"])
def ways(request, monkeypatch):
    """Both ways to visit incomplete samples: by pattern, and many patterns together."""
    monkeypatch.setattr(groups, "_MANY", request.param)
    monkeypatch.setattr(incomplete, "_NUMBERS", 24 * D)  # several batches


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0.0, 0.3])
def test_the_e_step_is_that_of_the_oracle(name, size, ways):
    X, holes, weights = clusters(60)
    floor = size * np.array([1.0, 0.5, 2.0, 0.0])
    parameters, form = parameters_of(name, X), find_structure(name).scatter
    rows = GroupedRows.of(InMemoryRows(holes, weights))
    got = rows.expectation(parameters, form, floor)
    expected = oracle_incomplete.expectation(holes, weights, parameters, form, floor)
    oracle.assert_moments_equal(got, expected, parameters)
    if form is not Scatter.DIAGONAL:
        np.testing.assert_array_equal(got.scatter, np.swapaxes(got.scatter, -1, -2))


@pytest.mark.parametrize("form", list(Scatter))
@pytest.mark.parametrize("name", ["full", "tied", "diag", "tied-spherical"])
def test_any_form_of_scatter_of_any_structure(name, form, ways):
    """As a search asks for it: a mixture of one structure, for the M-step of another."""
    X, holes, weights = clusters(50)
    parameters, floor = parameters_of(name, X), np.full(D, 0.1)
    got = GroupedRows.of(InMemoryRows(holes, weights)).expectation(parameters, form, floor)
    expected = oracle_incomplete.expectation(holes, weights, parameters, form, floor)
    oracle.assert_moments_equal(got, expected, parameters)


def test_many_missing_features_at_once(ways):
    """More than are eliminated one by one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 14)) @ rng.normal(size=(14, 14))
    parameters = GaussianMixtureEM(1).fit(X)._parameters()
    X[rng.random(X.shape) < 0.75] = np.nan
    got = GroupedRows.of(InMemoryRows(X)).expectation(parameters, Scatter.FULL, np.zeros(14))
    expected = oracle_incomplete.expectation(X, np.ones(80), parameters, Scatter.FULL, np.zeros(14))
    oracle.assert_moments_equal(got, expected, parameters, rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reg_covar", [0.0, 0.2])
def test_no_step_of_em_lowers_the_objective(name, reg_covar):
    """200 steps: where a conditional covariance is not exact, EM diverges after some 50."""
    X, holes, weights = clusters(150, share=0.35)
    objective = Objective(
        GroupedRows.of(InMemoryRows(holes, weights)),
        find_structure(name),
        np.full(D, reg_covar),
    )
    parameters, objectives = parameters_of(name, X), []
    for _ in range(200):
        moments = objective.evaluate(parameters)
        objectives.append(moments.mean_objective)
        parameters = objective.maximise(moments, parameters)
    assert np.diff(objectives).min() > -1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_fit_ends_where_the_gradient_of_the_observed_log_likelihood_is_zero(name):
    _, holes, weights = clusters(40, share=0.15)
    mixture = GaussianMixtureEM(
        K, covariance_type=name, means_init=MEANS, tol=1e-11, max_iter=3000, reg_covar=1e-3
    )
    mixture.fit(holes, sample_weight=weights)
    assert mixture.converged_
    assert np.diff(mixture.lower_bounds_).min() >= 0
    parameters, floor, counted = mixture._parameters(), np.full(D, 1e-3), weights > 0
    X, weights = holes[counted], weights[counted]

    def objective(*moved):
        return oracle_incomplete.log_likelihood(X, weights, *moved, floor=floor) / weights.sum()

    step = 1e-4
    for along in oracle_incomplete.directions_of(name, parameters):
        slope = (objective(*along(step)) - objective(*along(-step))) / (2 * step)
        assert abs(slope) < 2e-5
    public = parameters.weights, parameters.means, oracle_incomplete.dense(parameters)
    plain = oracle_incomplete.log_likelihood(X, weights, *public) / weights.sum()
    assert mixture.lower_bound_ == pytest.approx(plain, rel=1e-12)
    assert mixture.score(X, sample_weight=weights) == pytest.approx(plain, rel=1e-12)


def test_one_gaussian_with_monotone_missing_values():
    """Anderson (1957): features a, always seen, and b, seen of some: b regressed on a."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 2)) @ [[1.0, 0.8], [0.0, 0.6]] + [3.0, -50.0]
    seen = np.arange(200) < 120
    X[~seen, 1] = np.nan
    a, b = X[:, 0], X[seen, 1]
    mixture = GaussianMixtureEM(1, reg_covar=0, tol=1e-14, max_iter=5000).fit(X)
    variance_a = a.var()
    slope = np.cov(a[seen], b, bias=True)[0, 1] / a[seen].var()
    rest = (b - b.mean() - slope * (a[seen] - a[seen].mean())).var()
    mean_b = b.mean() + slope * (a.mean() - a[seen].mean())
    np.testing.assert_allclose(mixture.means_[0], [a.mean(), mean_b], rtol=1e-7)
    expected = [
        [variance_a, slope * variance_a],
        [slope * variance_a, rest + slope**2 * variance_a],
    ]
    np.testing.assert_allclose(mixture.covariances_[0], expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "VVE"])
def test_values_by_sample(name, ways):
    X, holes, _ = clusters(80)
    mixture = GaussianMixtureEM(K, covariance_type=name, random_state=0).fit(X)
    parameters = mixture._parameters()
    public = parameters.weights, parameters.means, oracle_incomplete.dense(parameters)
    joint = np.array([oracle_incomplete.log_joint(x, *public) for x in holes])
    density = np.logaddexp.reduce(joint, axis=1)
    np.testing.assert_allclose(mixture.score_samples(holes), density, rtol=1e-12, atol=1e-12)
    log_shares = joint - density[:, None]
    np.testing.assert_allclose(mixture.predict_log_proba(holes), log_shares, atol=1e-10)
    np.testing.assert_allclose(mixture.predict_proba(holes), np.exp(log_shares), atol=1e-12)
    np.testing.assert_array_equal(mixture.predict(holes), joint.argmax(axis=1))
    assert mixture.score(holes) == pytest.approx(density.mean(), rel=1e-13)
    n, n_free = len(holes), mixture.n_parameters_
    certainty = log_shares.max(axis=1).sum()
    bic = -2 * density.sum() + n_free * np.log(n)
    assert mixture.bic(holes) == pytest.approx(bic, rel=1e-12)
    assert mixture.aic(holes) == pytest.approx(-2 * density.sum() + 2 * n_free, rel=1e-12)
    assert mixture.icl(holes) == pytest.approx(bic - 2 * certainty, rel=1e-12)
    ecll = (np.exp(log_shares) * joint).sum()
    assert mixture.expected_complete_log_likelihood(holes) == pytest.approx(ecll, rel=1e-12)
    np.testing.assert_allclose(
        mixture.impute(holes), oracle_incomplete.impute(holes, *public), rtol=1e-10, atol=1e-10
    )


def test_a_sample_without_any_value():
    X, _, _ = clusters(80)
    mixture = GaussianMixtureEM(K, random_state=0).fit(X)
    nothing = np.full((2, D), np.nan)
    np.testing.assert_array_equal(mixture.score_samples(nothing), 0.0)
    np.testing.assert_allclose(mixture.predict_proba(nothing)[0], mixture.weights_, rtol=1e-14)
    np.testing.assert_allclose(mixture.impute(nothing)[0], mixture.weights_ @ mixture.means_)
    # It teaches nothing.
    options = {"means_init": MEANS, "tol": 1e-12, "reg_covar": 0.1}
    holes = X.copy()
    holes[4, 2] = np.nan
    without = GaussianMixtureEM(K, **options).fit(holes)
    beside = GaussianMixtureEM(K, **options).fit(np.concatenate([holes, nothing]))
    np.testing.assert_allclose(beside.covariances_, without.covariances_, atol=1e-4)


@pytest.mark.parametrize("name", ["full", "tied", "VVI", "VEV"])
def test_nothing_missing_is_the_same_to_rounding(name):
    """Where rows are visited as incomplete although they are not."""
    X, _, weights = clusters(90)
    parameters, structure = parameters_of(name, X), find_structure(name)
    plain = InMemoryRows(X, weights)
    floor = np.full(D, 0.1)
    expected = plain.expectation(parameters, structure.scatter, floor)
    got = GroupedRows.of(plain).expectation(parameters, structure.scatter, floor)
    np.testing.assert_allclose(got.scatter, expected.scatter, rtol=1e-14)
    assert got.objective == pytest.approx(expected.objective, rel=1e-14)


def test_weights_are_repetitions_and_zero_is_absence():
    _, holes, weights = clusters(90)
    options = {"random_state": 0, "tol": 1e-12}
    repeated = np.repeat(holes, weights.astype(int), axis=0)
    one = GaussianMixtureEM(K, **options).fit(holes, sample_weight=weights)
    other = GaussianMixtureEM(K, **options).fit(repeated)
    np.testing.assert_allclose(one.means_, other.means_, rtol=1e-6)
    np.testing.assert_allclose(one.covariances_, other.covariances_, rtol=1e-4, atol=1e-6)
    assert one.bic(holes, sample_weight=weights) == pytest.approx(one.bic(repeated), rel=1e-12)


def test_permutations_of_samples_and_features():
    _, holes, weights = clusters(200, share=0.1)
    rng = np.random.default_rng(1)
    order, features = rng.permutation(200), rng.permutation(D)
    options = {"random_state": 0, "tol": 1e-12}
    mixture = GaussianMixtureEM(K, **options).fit(holes, sample_weight=weights)
    again = GaussianMixtureEM(K, **options).fit(holes[order], sample_weight=weights[order])
    np.testing.assert_allclose(again.means_, mixture.means_, rtol=1e-8)
    moved = GaussianMixtureEM(K, **options).fit(holes[:, features], sample_weight=weights)
    assert moved.lower_bound_ == pytest.approx(mixture.lower_bound_, abs=1e-8)
    np.testing.assert_allclose(
        mixture.score_samples(holes)[order], mixture.score_samples(holes[order]), rtol=1e-12
    )


def test_float32():
    _, holes, _ = clusters(200, share=0.1)
    single = holes.astype(np.float32)
    mixture = GaussianMixtureEM(K, random_state=0).fit(single)
    double = GaussianMixtureEM(K, random_state=0).fit(single.astype(np.float64))
    np.testing.assert_allclose(mixture.means_, double.means_, rtol=1e-4, atol=1e-5)
    for method in ("predict_proba", "score_samples", "predict_log_proba", "impute"):
        assert getattr(mixture, method)(single).dtype == np.float32
    assert mixture.means_.dtype == np.float32
    seen = ~np.isnan(single)
    np.testing.assert_array_equal(mixture.impute(single)[seen], single[seen])


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_threads_do_not_change_the_answer(n_jobs):
    _, holes, _ = clusters(300, share=0.1)
    mixture = GaussianMixtureEM(K, n_init=2, random_state=0, n_jobs=n_jobs).fit(holes)
    one = GaussianMixtureEM(K, n_init=2, random_state=0, n_jobs=1).fit(holes)
    np.testing.assert_array_equal(mixture.covariances_, one.covariances_)


@pytest.mark.parametrize("name", ["full", "EEE", "VVE", "VEI"])
def test_acceleration_needs_fewer_evaluations(name):
    rng = np.random.default_rng(5)
    z = rng.integers(2, size=300)
    X = rng.normal(size=(300, 3)) + 1.2 * z[:, None]
    X[rng.random(X.shape) < 0.15] = np.nan
    rows = GroupedRows.of(InMemoryRows(X))
    objective = Objective(rows, find_structure(name), np.full(3, 1e-10))
    options = {"covariance_type": name, "means_init": [[0.0] * 3, [1.2] * 3]}
    start = GaussianMixtureEM(2, **options, max_iter=0).fit(X)._parameters()
    plain = run_em(objective, start, tol=1e-9, max_iter=4000, acceleration=None)
    fast = run_em(objective, start, tol=1e-9, max_iter=4000)
    assert fast.objective > plain.objective - 1e-8
    assert len(fast.objectives) < 0.5 * len(plain.objectives)


# impute


def test_imputation_keeps_what_was_seen_and_beats_means():
    X, holes, _ = clusters(400)
    mixture = GaussianMixtureEM(K, random_state=0).fit(holes)
    filled, missing = mixture.impute(holes), np.isnan(holes)
    np.testing.assert_array_equal(filled[~missing], holes[~missing])
    error, naive = (
        np.square((guess - X)[missing]).mean() for guess in (filled, np.nanmean(holes, axis=0))
    )
    assert error < 0.8 * naive
    np.testing.assert_array_equal(mixture.impute(X), X)
    assert np.isnan(holes).any()  # not written to


@pytest.mark.parametrize("name", ["full", "diag"])
def test_draws_follow_the_conditional_distribution(name):
    X, _, _ = clusters(300)
    mixture = GaussianMixtureEM(K, covariance_type=name, random_state=0).fit(X)
    holes = np.array([[1.0, np.nan, np.nan, 0.5], [np.nan] * 4, [1.0, 2.0, 3.0, 4.0]])
    draws = mixture.impute(holes, n_draws=4000, random_state=0)
    assert draws.shape == (4000, 3, 4)
    np.testing.assert_array_equal(draws[:, 2], np.tile(holes[2], (4000, 1)))
    means = mixture.impute(holes)
    np.testing.assert_allclose(draws.mean(axis=0), means, atol=0.25)
    # Completed samples of no value are draws from the mixture.
    own, _ = mixture.sample(4000, random_state=1)
    np.testing.assert_allclose(np.cov(draws[:, 1].T), np.cov(own.T), atol=1.0)
    # And of two: the second moments of the oracle.
    parameters = mixture._parameters()
    public = parameters.weights, parameters.means, oracle_incomplete.dense(parameters)
    joint = oracle_incomplete.log_joint(holes[0], *public)
    responsibilities = np.exp(joint - np.logaddexp.reduce(joint))
    points, within = oracle_incomplete.completed(holes[0], *public[1:], np.zeros(D))
    second = np.einsum("k,ki,kj->ij", responsibilities, points, points)
    second += np.einsum("k,kij->ij", responsibilities, within)
    np.testing.assert_allclose(
        draws[:, 0].T @ draws[:, 0] / 4000, second, atol=0.06 * np.abs(second).max()
    )
    np.testing.assert_array_equal(draws, mixture.impute(holes, n_draws=4000, random_state=0))


def test_n_draws_is_checked():
    mixture = GaussianMixtureEM(1).fit(clusters(20)[0])
    for bad in (0, 1.5, "a"):
        with pytest.raises(ValueError, match="n_draws should be a positive integer or None"):
            mixture.impute(np.zeros((1, D)), n_draws=bad)


# Everywhere else


@pytest.mark.filterwarnings("ignore:Components .* are degenerate")  # where a random start ends
def test_every_start_takes_missing_values():
    _, holes, weights = clusters(200, share=0.1)
    shares = np.random.default_rng(0).dirichlet(np.ones(K), size=200)
    by_callable = {"init_params": lambda X, K, rng, w: np.arange(len(X)) % K}
    for options in (
        *({"init_params": kind} for kind in ("kmeans", "k-means++", "random", "random_from_data")),
        by_callable,
        {"responsibilities_init": shares},
        {"means_init": MEANS},
    ):
        mixture = GaussianMixtureEM(K, random_state=0, **options).fit(holes, sample_weight=weights)
        assert mixture.converged_
        assert np.isfinite(mixture.lower_bound_)
    again = mixture.set_params(warm_start=True).fit(holes, sample_weight=weights)
    assert again.n_iter_ < 10


def test_features_that_are_constant_or_coarse():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=300), np.full(300, 7.0), rng.integers(3, size=300)])
    X[rng.random(X.shape) < 0.3] = np.nan
    with pytest.warns(ConvergenceWarning, match="Column x1 is constant"):
        mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    assert mixture.reg_covar_[2] == pytest.approx(1 / 12, rel=1e-6)
    np.testing.assert_allclose(mixture.means_[:, 1], 7.0, rtol=1e-9)
    # The cell of a value that was not recorded is none: variances do not grow with what is missing.
    single = GaussianMixtureEM(1, covariance_type="diag", reg_covar=0.5, tol=1e-14).fit(
        X[:, [0, 2]]
    )
    expected = np.nanvar(X[:, [0, 2]], axis=0) + 0.5
    np.testing.assert_allclose(single.covariances_[0], expected, rtol=1e-5)


def test_search():
    _, holes, weights = clusters(200, share=0.1)
    search = GaussianMixtureSearch([1, 2, 3, 4], covariance_types=["diag", "tied", "full"])
    search.set_params(random_state=0).fit(holes, sample_weight=weights)
    results = search.results_
    assert (results["status"] == "converged").all()
    best = search.best_estimator_
    assert best.bic(holes, sample_weight=weights) == pytest.approx(search.best_score_, rel=1e-10)
    assert search.impute(holes).shape == holes.shape
    level = dict(
        zip(
            zip(results["covariance_type"], results["n_components"], strict=True),
            results["log_likelihood"],
            strict=True,
        )
    )
    for n_components in (1, 2, 3, 4):
        assert level["full", n_components] > level["diag", n_components] - 1e-6
        assert level["full", n_components] > level["tied", n_components] - 1e-6


def test_search_by_cross_validation():
    _, holes, _ = clusters(150, share=0.1)
    search = GaussianMixtureSearch(
        [1, 3, 4], covariance_types="diag", criterion="log_likelihood", cv=3
    )
    search.set_params(random_state=0).fit(holes)
    assert search.best_n_components_ == 3
    lonely = np.column_stack([holes[:, 0], np.where(np.arange(150) == 140, 1.0, np.nan)])
    with pytest.raises(ValueError, match="cv: fold 2 leaves no observed value of feature 1"):
        search.fit(lonely)


def test_uncertainty_grows_with_what_is_missing():
    """Observed information: of one Gaussian with independent features, 1 / sqrt(observed)."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    X[100:, 1] = np.nan
    mixture = GaussianMixtureEM(1, covariance_type="diag", tol=1e-12).fit(X)
    error = parameter_uncertainty(mixture, X).means.standard_error[0]
    deviations = np.sqrt(mixture.covariances_[0])
    np.testing.assert_allclose(error, deviations / np.sqrt([400, 100]), rtol=1e-3)
    drawn = parameter_uncertainty(mixture, X, method="bootstrap", n_bootstrap=60, random_state=0)
    np.testing.assert_allclose(drawn.means.standard_error[0], error, rtol=0.4)


def test_pickles_and_attributes_are_those_of_any_fit():
    _, holes, _ = clusters(100)
    mixture = GaussianMixtureEM(2, random_state=0).fit(holes)
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(again.predict_proba(holes), mixture.predict_proba(holes))
    assert mixture.total_weight_ == 100
    assert len(pickle.dumps(mixture)) < 20_000
    assert mixture.__sklearn_tags__().input_tags.allow_nan
    assert GaussianMixtureSearch().__sklearn_tags__().input_tags.allow_nan


def test_partial_fit_goes_on_from_a_fit_to_incomplete_samples():
    X, holes, _ = clusters(200, share=0.1)
    mixture = GaussianMixtureEM(K, random_state=0).fit(holes)
    assert mixture.partial_fit(X).total_weight_ == 400


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_check_estimator():
    for estimator in (GaussianMixtureEM(2), GaussianMixtureSearch([1], covariance_types="diag")):
        results = check_estimator(estimator, on_skip=None)
        assert {result["status"] for result in results} <= {"passed", "skipped"}
