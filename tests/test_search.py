"""GaussianMixtureSearch: the table, the choice, what is shared, and what may go wrong."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgmm import (
    GaussianMixtureEM,
    GaussianMixtureSearch,
    aic_scorer,
    bic_scorer,
    icl_scorer,
)
from skgmm.covariance import STRUCTURES, find_structure
from skgmm.model_selection import _sweep
from skgmm.model_selection._leader import Leader
from skgmm.model_selection._nesting import contained_in, contains, waves
from skgmm.model_selection._table import best_row

IRIS_ROWS = load_iris().data[:5]

CLASSIC = ["spherical", "diag", "tied", "full"]

# What the search says of its range and of spurious models is tested in test_admissible.py.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The best number of components",
    "ignore:.* models with a better value",
    "ignore:.* models are left out",
)


@pytest.fixture(scope="module")
def iris():
    return load_iris().data


@pytest.fixture(scope="module")
def searched(iris):
    return GaussianMixtureSearch(random_state=0).fit(iris)


def overlapping(seed, n=240, d=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    roots = np.eye(d) + 0.4 * rng.normal(size=(3, d, d))
    return 2.0 * rng.normal(size=(3, d))[labels] + np.einsum(
        "nij,nj->ni", roots[labels], rng.normal(size=(n, d))
    )


@parametrize_with_checks(
    [GaussianMixtureSearch((1, 2), CLASSIC), GaussianMixtureSearch((1, 3), ["VEI", "EVV"], "icl")]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearn_check(estimator, check):
    check(estimator)


# The choice


@pytest.mark.parametrize(
    ("data", "bic", "model"), [("faithful", 2314.316, (3, "tied")), ("iris", 561.7285, (2, "VEV"))]
)
def test_search_is_at_least_as_good_as_mclust(data, bic, model, request):
    X = request.getfixturevalue(data)
    search = GaussianMixtureSearch(random_state=0).fit(X)
    assert len(search.results_["bic"]) == 14 * 9
    assert search.best_score_ <= bic + 1e-3
    assert (search.best_n_components_, search.best_covariance_type_) == model
    assert search.best_estimator_.bic(X) == pytest.approx(search.best_score_, abs=1e-8)


@pytest.mark.parametrize("criterion", ["bic", "aic", "icl"])
def test_columns_are_the_criteria_and_the_lowest_is_best(iris, criterion):
    search = GaussianMixtureSearch(range(1, 5), CLASSIC, criterion, random_state=0).fit(iris)
    column = search.results_[criterion]
    assert search.best_score_ == column[search.best_index_] == column.min()
    assert getattr(search, criterion)(iris) == pytest.approx(search.best_score_, abs=1e-8)
    assert search.results_["n_parameters"][search.best_index_] == (
        search.best_estimator_.n_parameters_
    )


def test_results_are_a_row_per_model_ready_for_pandas(searched):
    table = pd.DataFrame(searched.results_)
    assert list(table) == [
        "n_components",
        "covariance_type",
        "log_likelihood",
        "n_parameters",
        "bic",
        "aic",
        "icl",
        "converged",
        "status",
        "fit_time",
    ]
    assert set(zip(table.n_components, table.covariance_type, strict=True)) == {
        (K, name) for K in range(1, 10) for name in STRUCTURES
    }
    assert (table.fit_time >= 0).all()
    assert (table.converged == (table.status == "converged")).all()


def test_simplest_of_equal_models_is_chosen():
    """With one feature all structures of one volume rule are the same."""
    X = np.random.default_rng(0).normal(size=(80, 1))
    search = GaussianMixtureSearch((1, 2), random_state=0).fit(X)
    assert (search.best_n_components_, search.best_covariance_type_) == (1, "tied-spherical")


def test_search_methods_are_those_of_the_best_model(searched, iris):
    best = searched.best_estimator_
    assert isinstance(best, GaussianMixtureEM)
    for name in ("predict", "predict_proba", "predict_log_proba", "score_samples"):
        np.testing.assert_array_equal(getattr(searched, name)(iris), getattr(best, name)(iris))
    assert searched.score(iris) == best.score(iris) == pytest.approx(best.lower_bound_)
    rows, labels = searched.sample(5, random_state=0)
    np.testing.assert_array_equal(rows, best.sample(5, random_state=0)[0])
    assert labels.shape == (5,)
    assert searched.n_iter_ == best.n_iter_
    np.testing.assert_array_equal(
        clone(searched).fit_predict(iris[:100]), clone(searched).fit(iris[:100]).predict(iris[:100])
    )


QUESTIONS = {
    "marginal": ([1, 0],),
    "condition": ({0: 5.0},),
    "mahalanobis": (IRIS_ROWS,),
    "outlier_p_values": (IRIS_ROWS,),
    "cdf": (IRIS_ROWS,),
    "density_level": (0.9, IRIS_ROWS),
    "expected_complete_log_likelihood": (IRIS_ROWS,),
    "to_frame": (),
    "to_json": (),
    "to_sklearn": (),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_search_answers_questions_once_it_is_fitted(name, searched):
    unfitted = clone(searched)
    assert not hasattr(unfitted, name)
    with pytest.raises(AttributeError, match=f"no attribute '{name}'") as error:
        getattr(unfitted, name)
    assert isinstance(error.value.__cause__, NotFittedError)
    assert name in dir(GaussianMixtureSearch)
    found = getattr(searched, name)(*QUESTIONS[name])
    expected = getattr(searched.best_estimator_, name)(*QUESTIONS[name])
    if isinstance(found, BaseEstimator):
        found, expected = found.means_, expected.means_
    if isinstance(found, str):
        assert found == expected
    else:
        np.testing.assert_array_equal(found, expected)


def test_quantiles_and_onnx_of_the_best_model():
    pytest.importorskip("onnx")
    X = np.random.default_rng(0).normal(size=(80, 1))
    search = GaussianMixtureSearch((1, 2), random_state=0)
    assert not hasattr(search, "quantile")
    assert not hasattr(search, "to_onnx")
    search.fit(X)
    assert search.quantile(0.5) == search.best_estimator_.quantile(0.5)
    assert search.to_onnx() == search.best_estimator_.to_onnx()


def test_the_search_is_a_step_before_a_classifier():
    X, y = load_iris(return_X_y=True, as_frame=True)
    search = GaussianMixtureSearch((2, 3), "full", random_state=0)
    pipeline = make_pipeline(search, LogisticRegression()).fit(X, y)
    assert pipeline.score(X, y) > 0.6
    frame = search.set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == list(search.get_feature_names_out())
    np.testing.assert_array_equal(frame, search.predict_proba(X))


def test_the_best_model_is_a_stationary_point_of_its_own_em(searched, iris):
    best = searched.best_estimator_
    again = GaussianMixtureEM(
        best.n_components,
        covariance_type=best.covariance_type,
        weights_init=best.weights_,
        means_init=best.means_,
        precisions_init=best.precisions_,
        escape=False,
    ).fit(iris)
    assert again.score(iris) == pytest.approx(best.score(iris), abs=2e-6)


def test_not_fitted():
    for method in ("predict", "transform"):
        with pytest.raises(NotFittedError):
            getattr(GaussianMixtureSearch(), method)([[0.0]])


# What is shared: no model ends below one that it contains


def test_containment_of_the_fourteen():
    codes = {code: find_structure(code) for code in (s.code for s in STRUCTURES.values())}
    assert contains(codes["VVV"], codes["EEV"])
    assert contains(codes["VEI"], codes["EII"])
    assert not contains(codes["EVI"], codes["VEI"])
    assert not contains(codes["EII"], codes["EEI"])
    assert {s.code for s in contained_in(codes["VVV"], list(codes.values()))} == {
        "VVE",
        "VEV",
        "EVV",
    }


def test_waves_depend_on_previous_waves_only():
    structures = list(STRUCTURES.values())
    done = set()
    for wave in waves(structures, [1, 2, 4]):
        for name, K in wave:
            for other in structures:
                if other.name != name and contains(STRUCTURES[name], other):
                    assert (other.name, K) in done
            if K > 1:
                assert (name, K // 2) in done
        done |= set(wave)
    assert len(done) == 14 * 3


DATA = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data[:, [0, 6, 9]],
    "overlapping": lambda: overlapping(0),
    "noise": lambda: np.random.default_rng(1).normal(size=(120, 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("reg_covar", ["auto", 0.0])
def test_no_model_ends_below_one_that_it_contains(name, reg_covar):
    X = DATA[name]()
    search = GaussianMixtureSearch((1, 2, 3, 4, 6), reg_covar=reg_covar, random_state=0).fit(X)
    results = search.results_
    reached = dict(
        zip(
            zip(results["covariance_type"], results["n_components"], strict=True),
            results["log_likelihood"],
            strict=True,
        )
    )
    compared = 0
    for (rich, K), high in reached.items():
        for (simple, fewer), low in reached.items():
            if fewer <= K and contains(STRUCTURES[rich], STRUCTURES[simple]):
                if np.isnan(high) or np.isnan(low):
                    continue
                assert low <= high + 1e-6 * len(X), (simple, fewer, rich, K)
                compared += 1
    assert compared > 800  # of 1,065: few models collapse or rest on too few samples


def test_models_far_behind_are_fitted_nearly_to_the_end_and_the_best_one_is():
    X = overlapping(0, n=12_000)
    options = {"n_components": range(1, 6), "covariance_types": ["VII", "EEV", "VVV"]}
    options["random_state"] = 0
    exact = GaussianMixtureSearch(criterion="log_likelihood", cv=2, **options).fit(X)
    for criterion in ("bic", "aic", "icl"):
        search = GaussianMixtureSearch(criterion=criterion, **options).fit(X)
        criteria, best = exact.results_[criterion], search.best_index_
        assert best == np.argmin(criteria)
        assert search.best_score_ == pytest.approx(criteria[best], abs=1e-6)
        behind = criteria - criteria[best]
        apart = search.results_["log_likelihood"] - exact.results_["log_likelihood"]
        assert (np.abs(apart) <= 2e-4 * behind + 1e-3).all()
        assert np.abs(apart).max() > 1e-3  # some were not fitted to the end


def test_a_model_that_overtakes_the_best_one_is_fitted_to_the_end(monkeypatch):
    X, tol, run, ends = np.random.default_rng(0).exponential(size=(10_500, 2)), 1e-9, Leader.run, []

    def overtaken(leader, objective, start, moments):
        end = run(leader, objective, start, moments)
        log_likelihood = len(X) * objective.mean_log_probability(end.parameters, end.moments)
        model = log_likelihood, objective.structure, end.parameters.n_components
        leader = replace(leader, score=leader._penalised(*model) + 2.0)
        ends.append((end, run(leader, objective, start, moments)))
        return end

    monkeypatch.setattr(Leader, "run", overtaken)
    monkeypatch.setattr(Leader, "among", lambda leader, fits: leader)
    options = {"tol": tol, "max_iter": 3000, "random_state": 0}
    GaussianMixtureSearch([1, 5, 6], covariance_types="VVV", **options).fit(X)
    assert len(ends) >= 3
    for end, again in ends:
        assert again.remaining < tol or again.remaining == np.inf  # its gains vanish in rounding
        assert again.objective > end.objective - 1e-8


def test_collapsed_model_is_not_chosen():
    """Ten rows share a value: a component on them has no variance and any likelihood."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    X[:10, 1] = 0.5
    search = GaussianMixtureSearch(range(1, 6), random_state=0).fit(X)
    assert search.best_n_components_ == 1
    variances = [search.best_estimator_.covariances_]
    assert np.min(variances) > 0.1 or search.best_covariance_type_ in ("full", "tied")
    failed = np.isnan(search.results_["bic"])
    reasons = search.results_["status"][failed]
    assert all("collapsed" in reason or "inadmissible" in reason for reason in reasons)


def test_constant_features_do_not_count_as_collapse():
    X = np.column_stack([overlapping(3, d=2), np.full(240, 7.0)])
    with pytest.warns(ConvergenceWarning, match="Column x2 is constant"):
        search = GaussianMixtureSearch((1, 2, 3), ["diag", "full"], random_state=0).fit(X)
    assert np.isfinite(search.results_["bic"]).all()


# Weights, seeds, threads, numbers


def test_weights_are_repetitions(iris):
    X = iris[::2]
    weights = np.random.default_rng(0).integers(0, 4, size=len(X))
    search = GaussianMixtureSearch((1, 2, 3), random_state=0)
    weighted = clone(search).fit(X, sample_weight=weights)
    repeated = clone(search).fit(np.repeat(X, weights, axis=0))
    for name in ("log_likelihood", "bic", "icl"):
        np.testing.assert_allclose(
            weighted.results_[name], repeated.results_[name], rtol=1e-9, atol=1e-9
        )
    assert weighted.best_index_ == repeated.best_index_


@pytest.mark.parametrize("n_samples", [150, 6000])
def test_search_result_does_not_depend_on_n_jobs(n_samples):
    X = overlapping(5, n=n_samples, d=12 if n_samples > 1000 else 3)
    one, two = (
        GaussianMixtureSearch((1, 2, 4), CLASSIC, random_state=1, n_jobs=n).fit(X) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.results_["bic"], two.results_["bic"])
    np.testing.assert_array_equal(one.best_estimator_.means_, two.best_estimator_.means_)


def test_search_is_reproducible_and_invariant_to_units(iris):
    search = GaussianMixtureSearch((1, 2, 3), ["diag", "full"], random_state=3)
    first, second = clone(search).fit(iris), clone(search).fit(iris)
    np.testing.assert_array_equal(first.results_["bic"], second.results_["bic"])
    scaled = clone(search).fit(iris * [1.0, 1e3, 1e-3, 1.0])
    np.testing.assert_allclose(
        scaled.results_["log_likelihood"], first.results_["log_likelihood"], atol=0.05
    )


def test_float32_data_and_feature_names(iris):
    frame = pd.DataFrame(iris.astype(np.float32), columns=list("abcd"))
    search = GaussianMixtureSearch((2,), "full", random_state=0).fit(frame)
    assert search.best_estimator_.means_.dtype == np.float32
    assert list(search.best_estimator_.feature_names_in_) == list("abcd")
    search.predict(frame)


def test_kernel_does_not_modify_data_or_parameters(iris):
    X, sizes, names = iris.copy(), [3, 1], ["full", "tied"]
    X.setflags(write=False)
    search = GaussianMixtureSearch(sizes, names, random_state=0).fit(X)
    assert sizes == [3, 1]
    assert names == ["full", "tied"]
    assert search.get_params()["n_components"] is sizes
    assert search.results_["n_components"].tolist() == [1, 1, 3, 3]


# Cross-validation


def test_cross_validation_is_the_mean_over_held_out_samples(iris):
    folds = KFold(4, shuffle=True, random_state=0)
    search = GaussianMixtureSearch(
        (1, 2), ["full", "diag"], "log_likelihood", cv=folds, random_state=0
    ).fit(iris)
    results = search.results_
    scores, sizes = [], []
    for train, test in folds.split(iris):
        mixture = GaussianMixtureEM(1, covariance_type="diag").fit(iris[train])
        scores.append(mixture.score(iris[test]))
        sizes.append(len(test))
    row = np.flatnonzero((results["n_components"] == 1) & (results["covariance_type"] == "diag"))
    held_out = results["held_out_log_likelihood"]
    assert held_out[row[0]] == pytest.approx(np.average(scores, weights=sizes), abs=1e-9)
    assert search.best_score_ == held_out.max()
    assert np.isfinite(results["held_out_error"]).all()


def test_splits_may_come_from_an_iterator(iris):
    """Which is used up by one pass."""
    splits = list(KFold(3, shuffle=True, random_state=0).split(iris))
    searches = [
        GaussianMixtureSearch((1, 2), "tied", "log_likelihood", cv=cv, random_state=0).fit(iris)
        for cv in (splits, iter(splits))
    ]
    assert searches[0].best_score_ == searches[1].best_score_


@pytest.mark.parametrize(
    ("cv", "weighted", "message"),
    [
        ([], slice(None), "cv makes no folds"),
        ([([0], [1, 2])], slice(None), "fold 0 needs 2 samples .* has 1 and weight 2"),
        ([([0, 1, 50], [])], slice(None), "fold 0 needs .* 1 to score, but has 3 and weight 0"),
        (3, slice(50, None), "fold 0 needs .* shuffle"),
    ],
)
def test_folds_without_samples_raise_an_error(cv, weighted, message, iris):
    weights = np.zeros(len(iris))
    weights[weighted] = 1.0
    search = GaussianMixtureSearch((1, 2), "tied", "log_likelihood", cv=cv)
    with pytest.raises(ValueError, match=message):
        search.fit(iris, sample_weight=weights)


# Failures


class Unlucky(type(STRUCTURES["diag"])):
    name = "unlucky"
    aliases = ()

    def _maximise(self, spread, previous):
        raise RuntimeError("no luck today")


def test_a_model_that_cannot_be_fitted_does_not_stop_the_others(iris, monkeypatch):
    monkeypatch.setitem(STRUCTURES, "unlucky", Unlucky())
    search = GaussianMixtureSearch((1, 2), random_state=0).fit(iris)
    failed = search.results_["covariance_type"] == "unlucky"
    for name in ("log_likelihood", "bic", "aic", "icl"):
        np.testing.assert_array_equal(np.isnan(search.results_[name]), failed)
    assert all("no luck today" in status for status in search.results_["status"][failed])
    assert search.best_covariance_type_ == "VEV"


def test_more_components_than_distinct_samples_gives_a_warning():
    X = np.repeat(np.random.default_rng(0).normal(size=(4, 1)), 5, axis=0)
    search = GaussianMixtureSearch((1, 6), "tied", random_state=0).fit(X)
    assert search.best_n_components_ == 1
    assert "4 distinct samples" in search.results_["status"][1]


def test_search_without_any_fitted_model_raises_an_error(iris):
    search = GaussianMixtureSearch((1, 2), "full", reg_covar=0)
    with pytest.raises(ValueError, match="None of the 2 models could be fitted"):
        search.fit(np.column_stack([iris[:, 0], iris[:, 0]]))
    assert not hasattr(search, "results_")
    assert not hasattr(search, "n_features_in_")


def interrupting(monkeypatch, after):
    """Let fits be interrupted after so many models."""
    fitted, fit_model = [], _sweep.fit_model

    def interrupted(*args):
        if len(fitted) == after:
            raise KeyboardInterrupt
        fitted.append(args)
        return fit_model(*args)

    monkeypatch.setattr(_sweep, "fit_model", interrupted)


def test_interrupt_returns_the_models_so_far(iris, monkeypatch):
    interrupting(monkeypatch, after=6)
    search = GaussianMixtureSearch((1, 2), CLASSIC, random_state=0)
    with pytest.warns(ConvergenceWarning, match="interrupted before 2 of 8 models"):
        search.fit(iris)
    missing = search.results_["status"] == "interrupted"
    assert missing.sum() == 2
    assert np.isnan(search.results_["bic"][missing]).all()
    assert search.best_score_ == np.nanmin(search.results_["bic"])
    search.predict(iris)


@pytest.mark.parametrize(
    ("criterion", "after"), [("bic", 0), ("log_likelihood", 3), ("log_likelihood", 8)]
)
def test_interrupt_before_the_first_model_is_raised(criterion, after, iris, monkeypatch):
    """In a cross-validation that is before a fold has begun: nothing else is fitted then."""
    interrupting(monkeypatch, after)
    search = GaussianMixtureSearch((1, 2), CLASSIC, criterion)
    with pytest.raises(KeyboardInterrupt):
        search.fit(iris)
    assert not vars(search).keys() - search.get_params().keys()


@pytest.mark.parametrize(("after", "n_scored"), [(8 + 3, 3), (8 + 8, 8), (8 + 8 + 3, 8)])
def test_interrupted_cross_validation_uses_previous_folds(after, n_scored, iris, monkeypatch):
    folds = KFold(3, shuffle=True, random_state=0)
    search = GaussianMixtureSearch((1, 2), CLASSIC, "log_likelihood", cv=folds, random_state=0)
    whole = clone(search).set_params(cv=list(folds.split(iris))[:1]).fit(iris)
    interrupting(monkeypatch, after)
    with pytest.warns(ConvergenceWarning, match="interrupted during its cross-validation"):
        search.fit(iris)
    scores = search.results_["held_out_log_likelihood"]
    known = np.isfinite(scores)
    assert known.sum() == n_scored
    np.testing.assert_array_equal(scores[known], whole.results_["held_out_log_likelihood"][known])
    assert search.best_score_ == np.nanmax(scores)
    search.predict(iris)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": []}, "n_components should be"),
        ({"n_components": (1, 0)}, "n_components should be"),
        ({"n_components": (1.5,)}, "n_components should be"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": np.array(3)}, "n_components should be"),
        ({"covariance_types": ["ful"]}, "covariance_types: .* Did you mean 'full'"),
        ({"covariance_types": "ful"}, "covariance_types: .* Did you mean 'full'"),
        ({"covariance_types": []}, "covariance_types is empty"),
        ({"criterion": "BIC"}, "criterion"),
        ({"tol": -1}, "tol"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_bad_parameters_are_named(parameters, message, iris):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureSearch(**parameters).fit(iris)


# scikit-learn's own search


@pytest.mark.parametrize(
    ("scorer", "criterion"), [(bic_scorer, "bic"), (aic_scorer, "aic"), (icl_scorer, "icl")]
)
def test_scorers_are_the_negative_criteria(scorer, criterion, iris):
    mixture = GaussianMixtureEM(2, random_state=0).fit(iris)
    assert scorer(mixture, iris) == -getattr(mixture, criterion)(iris)
    assert scorer(mixture, iris, None) == scorer(mixture, iris)


def test_scorers_in_a_grid_search_over_a_pipeline(iris):
    every = np.arange(len(iris))
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(random_state=0))
    grid = {"gaussianmixtureem__n_components": [1, 2, 3]}
    search = GridSearchCV(pipeline, grid, scoring=bic_scorer, cv=[(every, every)]).fit(iris)
    assert search.best_params_ == {"gaussianmixtureem__n_components": 2}
    mixture = search.best_estimator_[-1]
    assert search.best_score_ == pytest.approx(-mixture.bic(StandardScaler().fit_transform(iris)))


@pytest.mark.parametrize(("scores", "best"), [([5, 3, 3, 3], 2), ([np.nan, 3, 3, 2], 3)])
def test_simplest_model_of_equal_scores_is_best(scores, best):
    results = {"bic": np.array(scores, dtype=float), "n_parameters": np.array([1, 9, 4, 7])}
    assert best_row(results, "bic", higher_is_better=False) == best
    results["bic"] *= -1.0
    assert best_row(results, "bic", higher_is_better=True) == best
