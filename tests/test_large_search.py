"""A search over data of which only some samples are compared: drawn, and refitted to all."""

import pickle

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgmm import AllSamples, GaussianMixtureEM, GaussianMixtureSearch, RowBlocks, bic_scorer
from skgmm._rows.base import InMemoryRows
from skgmm._rows.subsample import subsample

TRIED = {"n_components": [1, 2, 3, 4], "covariance_types": ["full", "tied"], "random_state": 0}


def three_groups(n=6_000, d=2, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    return rng.normal(size=(n, d)) + 8.0 * np.eye(3, d)[truth] * [[1.0] * d], truth


def sources(X):
    return {
        "memory": X,
        "blocks": RowBlocks.from_iterable(lambda: np.array_split(X, 7)),
        "dask": da.from_array(X, chunks=(1_000, X.shape[1])),
        "frame": pd.DataFrame(X, columns=[f"f{i}" for i in range(X.shape[1])]),
    }


@pytest.mark.parametrize("kind", ["memory", "blocks", "dask", "frame"])
def test_models_are_compared_on_a_sample_and_the_best_is_fitted_to_all(kind):
    X, _ = three_groups()
    source = sources(X)[kind]
    search = GaussianMixtureSearch(**TRIED, max_samples=500).fit(source)
    assert search.best_n_components_ == 3
    best = search.best_estimator_
    assert best.total_weight_ == len(X)
    # The optimum on all samples, and the criteria of the 500.
    whole = GaussianMixtureEM(3, covariance_type=search.best_covariance_type_, random_state=0)
    assert float(best.score(source)) == pytest.approx(whole.fit(X).score(X), abs=1e-4)
    row = search.best_index_
    likelihood, bic = (search.results_[name][row] for name in ("log_likelihood", "bic"))
    n_parameters = search.results_["n_parameters"][row]
    assert bic == pytest.approx(n_parameters * np.log(500) - 2 * likelihood)
    assert search.best_score_ == bic


def test_every_source_draws_the_same_samples():
    X, _ = three_groups()
    first, *others = (
        GaussianMixtureSearch(**TRIED, max_samples=400).fit(source)
        for source in sources(X).values()
    )
    for other in others:
        np.testing.assert_allclose(
            other.results_["log_likelihood"], first.results_["log_likelihood"], rtol=1e-9
        )
        np.testing.assert_allclose(
            other.best_estimator_.means_, first.best_estimator_.means_, rtol=1e-6
        )


def test_seeds_draw_other_samples_and_a_seed_the_same():
    X, _ = three_groups()
    seeds = [0, 0, 1]
    scores = [
        GaussianMixtureSearch([3], "full", max_samples=400, random_state=seed).fit(X).best_score_
        for seed in seeds
    ]
    assert scores[0] == scores[1] != scores[2]


def test_a_sample_of_all_is_the_search_without_it():
    X, _ = three_groups(300)
    expected = GaussianMixtureSearch(**TRIED).fit(X)
    got = GaussianMixtureSearch(**TRIED, max_samples=300).fit(X)
    np.testing.assert_array_equal(got.results_["bic"], expected.results_["bic"])
    np.testing.assert_array_equal(got.best_estimator_.means_, expected.best_estimator_.means_)
    for source in (sources(X)["blocks"], sources(X)["dask"]):
        got = GaussianMixtureSearch(**TRIED).fit(source)
        np.testing.assert_allclose(got.results_["bic"], expected.results_["bic"], rtol=1e-9)


def test_drawn_samples_have_weights_in_units_of_the_light_ones():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5_000, 2))
    weights = rng.choice([0.0, 1.0, 2.0, 500.0], 5_000, p=[0.2, 0.5, 0.29, 0.01])
    rows, chosen = subsample(InMemoryRows(X, weights, 1), 1_000, key=3)
    assert len(chosen) == 1_000
    assert weights[chosen].all()
    np.testing.assert_array_equal(rows.X, X[chosen])
    assert np.isin(np.flatnonzero(weights == 500.0), chosen).all()  # heavy samples stay
    light = weights[chosen] < 500.0
    assert (rows.sample_weight[light] == 1.0).all()
    # Totals are unbiased: light samples stand for the others.
    unit = 500.0 / rows.sample_weight[~light][0]
    assert rows.sample_weight.sum() * unit == pytest.approx(weights.sum(), rel=0.1)


def test_weights_missing_values_labels_noise_and_errors_come_along():
    X, truth = three_groups()
    X = np.vstack([X, np.random.default_rng(1).uniform(-60, 60, size=(300, 2))])
    X[::7, 0] = np.nan
    labels = np.full(len(X), -1)
    labels[:60] = truth[:60]
    weights = np.r_[np.ones(6_000), np.full(300, 2.0)]
    options = {**TRIED, "n_components": [3, 4], "noise": "auto", "max_samples": 900}
    errors = np.full((len(X), 2), 0.01)
    given = {"sample_weight": weights, "labels": labels, "error_covariance": errors}
    search = GaussianMixtureSearch(**options).fit(X, **given)
    assert search.best_n_components_ == 3
    assert search.best_estimator_.total_weight_ == weights.sum()
    assert 0.05 < search.best_estimator_.noise_weight_ < 0.12
    assert (search.best_estimator_.predict(X[:60], errors[:60]) == labels[:60]).mean() > 0.95
    blocks = RowBlocks.from_iterable(
        lambda: zip(np.array_split(X, 5), np.array_split(weights, 5), strict=True)
    )
    other = GaussianMixtureSearch(**options).fit(blocks, labels=labels)
    assert other.best_n_components_ == 3
    assert other.best_estimator_.total_weight_ == weights.sum()


@pytest.mark.parametrize("weighted", [False, True])
def test_missing_values_out_of_core_are_those_in_memory(weighted):
    X, _ = three_groups()
    X[::5, 0] = np.nan
    weights = np.arange(len(X)) % 3 + 1.0 if weighted else None
    parts = np.array_split(X, 7)
    pairs = parts if weights is None else zip(parts, np.array_split(weights, 7), strict=True)
    pairs = list(pairs)
    options = {**TRIED, "max_samples": 400}
    expected = GaussianMixtureSearch(**options).fit(X, sample_weight=weights)
    got = GaussianMixtureSearch(**options).fit(RowBlocks.from_iterable(lambda: pairs))
    np.testing.assert_allclose(got.results_["bic"], expected.results_["bic"], rtol=1e-8)
    np.testing.assert_allclose(
        got.best_estimator_.means_, expected.best_estimator_.means_, rtol=1e-6
    )


@pytest.mark.parametrize("kind", ["memory", "blocks"])
def test_components_have_their_labels_even_if_no_labelled_sample_is_drawn(kind):
    X, truth = three_groups()
    order = np.random.default_rng(3).permutation(3)
    labels = np.full(len(X), -1)
    for k in range(3):
        labels[np.flatnonzero(truth == k)[:2]] = order[k]
    for seed in range(3):
        search = GaussianMixtureSearch([3], "full", max_samples=300, random_state=seed)
        search.fit(sources(X)[kind], labels=labels)
        known = labels >= 0
        np.testing.assert_array_equal(search.predict(X[known]), labels[known])


def test_splits_by_number_are_not_those_of_a_sample():
    X, _ = three_groups(900)
    options = {**TRIED, "criterion": "log_likelihood"}
    for numbers in (np.arange(900), np.arange(90)):
        half = len(numbers) // 2
        splits = [(numbers[:half], numbers[half:])]
        with pytest.raises(ValueError, match="cv should split the 300 samples drawn from X"):
            GaussianMixtureSearch(**options, cv=splits, max_samples=300).fit(X)
        assert GaussianMixtureSearch(**options, cv=splits).fit(X).best_score_ > -6
    outside = PredefinedSplit(np.arange(900) % 3)
    with pytest.raises(ValueError, match=r"cv should split the 300.*KFold"):
        GaussianMixtureSearch(**options, cv=outside, max_samples=300).fit(X)


@pytest.mark.parametrize("max_samples", [None, 200])
def test_groups_reach_the_splitter(max_samples):
    X, truth = three_groups(600)
    options = {**TRIED, "criterion": "log_likelihood", "max_samples": max_samples}
    search = GaussianMixtureSearch(**options, cv=LeaveOneGroupOut()).fit(X, groups=truth)
    # Who is left out is far from all others, so no model foresees them.
    assert search.best_score_ < -10
    mixed = GaussianMixtureSearch(**options, cv=GroupKFold(5)).fit(X, groups=np.arange(600) // 6)
    assert mixed.best_score_ > -5
    with pytest.raises(ValueError, match=r"groups should have an entry for each of the 600.*has 5"):
        GaussianMixtureSearch(**options, cv=GroupKFold(2)).fit(X, groups=np.arange(5))
    blocks = RowBlocks.from_iterable(lambda: [X])
    with pytest.raises(ValueError, match="groups are not supported with RowBlocks or Dask"):
        GaussianMixtureSearch(**options, cv=GroupKFold(2)).fit(blocks, groups=truth)


@pytest.mark.parametrize("bad", [0, 1, 2.5, "all"])
def test_max_samples_is_checked(bad):
    with pytest.raises(ValueError, match="max_samples"):
        GaussianMixtureSearch(**TRIED, max_samples=bad).fit(np.eye(3))


def test_too_few_samples_out_of_core_say_so():
    blocks = RowBlocks.from_iterable(lambda: [np.zeros((1, 2))])
    with pytest.raises(ValueError, match="sample"):
        GaussianMixtureSearch([2], "full").fit(blocks)


def test_all_samples_is_a_splitter_for_criteria():
    X = load_iris().data
    cv = AllSamples()
    ((train, test),) = cv.split(X)
    assert train.tolist() == test.tolist() == list(range(len(X)))
    assert cv.get_n_splits(X) == 1
    grid = {"gaussianmixtureem__n_components": [1, 2, 3]}
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureEM(random_state=0))
    search = GridSearchCV(pipeline, grid, scoring=bic_scorer, cv=cv).fit(X)
    assert search.best_params_ == {"gaussianmixtureem__n_components": 2}
    again = clone(search).fit(X.tolist())
    assert again.best_score_ == search.best_score_
    assert pickle.loads(pickle.dumps(search)).best_score_ == search.best_score_
