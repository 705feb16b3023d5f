"""The default start and the escape after convergence."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from strategies import random_mixture
from synthetic_data import apart, wide

from skgmm import GaussianMixtureEM
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._starts import candidates
from skgmm._starts.given import check_given
from skgmm._starts.methods import moments_of_partition, start_of
from skgmm._starts.overlap_moves import _lowest_kurtosis
from skgmm.covariance import find_structure

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def blobs():
    return make_blobs(300, centers=3, cluster_std=0.7, random_state=0)


def sheets(seed, n=400):
    """Long and thin, side by side, and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    return np.column_stack([30 * rng.normal(size=n), 0.1 * rng.normal(size=n) + 2 * y]), y


CHANGES = {
    "as they are": lambda X: X,
    "features 1 : 1e5": lambda X: X * [1.0, 1e5],
    "x 1e-4": lambda X: X * 1e-4,
    "offset 1e6": lambda X: X + 1e6,
    "rotated": lambda X: X @ [[0.6, 0.8], [-0.8, 0.6]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_thin_parallel_clusters_in_any_units(change):
    for seed in range(5):
        X, y = sheets(seed)
        labels = GaussianMixtureEM(2, random_state=seed).fit_predict(CHANGES[change](X))
        assert adjusted_rand_score(y, labels) == 1.0


def test_fit_is_reproducible_with_a_seed(blobs):
    X, _ = blobs
    one, two = (GaussianMixtureEM(4, random_state=3).fit(X) for _ in range(2))
    np.testing.assert_array_equal(one.means_, two.means_)
    assert one.starts_ == two.starts_


def test_weights_are_repetitions_and_order_does_not_matter(faithful):
    times = 1 + np.arange(len(faithful)) % 3
    weighted = GaussianMixtureEM(3, random_state=0).fit(faithful, sample_weight=times)
    repeated = np.repeat(faithful, times, axis=0)
    shuffled = np.random.default_rng(0).permutation(len(repeated))
    again = GaussianMixtureEM(3, random_state=0).fit(repeated[shuffled])
    np.testing.assert_allclose(again.means_, weighted.means_, rtol=1e-4)


def test_starts_has_a_row_for_each_start(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(4, random_state=0, n_init=3, n_jobs=2).fit(X)
    table = mixture.starts_
    assert set(table) == {"start", "kind", "log_likelihood", "n_evaluations", "moved_at", "status"}
    assert len({len(column) for column in table.values()}) == 1
    ends = [row for row in range(len(table["start"])) if table["status"][row] != "discarded"]
    assert [table["start"][row] for row in ends] == [0, 1, 2]
    best = max(table["log_likelihood"][row] for row in ends)
    assert best == pytest.approx(mixture.lower_bounds_[-1])
    behind = [n for n, s in zip(table["n_evaluations"], table["status"], strict=True)
              if s == "discarded"]  # fmt: skip
    assert 0 < max(behind) <= 1 + candidates._MORE


@pytest.mark.parametrize("n_components", [2, 4, 9])
def test_candidates_take_at_most_thirty_iterations(n_components, blobs):
    table = GaussianMixtureEM(n_components, random_state=0, max_iter=1).fit(blobs[0]).starts_
    assert len(table["n_evaluations"]) > 2
    assert sum(table["n_evaluations"]) <= 30


def test_old_faithful_with_three_components_from_any_seed(faithful):
    """The best known optimum, with components of at least 15 rows."""
    for seed in range(10):
        mixture = GaussianMixtureEM(3, random_state=seed).fit(faithful)
        assert mixture.score(faithful) * len(faithful) > -1114.45
        assert mixture.weights_.min() * len(faithful) > 15


def two_on_one_cluster():
    """Four clusters, and responsibilities that put two components on one and one on two."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 150)
    X = np.array([[0, 0], [4, 0], [30, 0], [60, 0]])[y] + rng.normal(size=(600, 2))
    labels = np.array([0, 0, 1, 2])[y]
    labels[450::2] = 3
    return X, y, labels


def test_escape_moves_a_component_to_where_it_is_needed():
    X, y, labels = two_on_one_cluster()
    start = lambda *_: labels  # noqa: E731
    stuck = GaussianMixtureEM(4, init_params=start, escape=False, random_state=0).fit(X)
    free = GaussianMixtureEM(4, init_params=start, random_state=0).fit(X)
    assert adjusted_rand_score(y, stuck.predict(X)) < 0.8
    assert adjusted_rand_score(y, free.predict(X)) > 0.9
    assert free.lower_bound_ > stuck.lower_bound_ + 0.05
    assert np.diff(free.lower_bounds_).min() >= 0
    assert len(free.lower_bounds_) == free.n_iter_


def test_given_start_is_only_repaired():
    X, _, labels = two_on_one_cluster()
    given = GaussianMixtureEM(4, responsibilities_init=np.eye(4)[labels]).fit(X)
    stuck = GaussianMixtureEM(4, responsibilities_init=np.eye(4)[labels], escape=False).fit(X)
    np.testing.assert_array_equal(given.means_, stuck.means_)


@pytest.mark.parametrize("n_distinct", [2, 3, 5])
def test_few_distinct_samples(n_distinct):
    X = np.random.default_rng(0).normal(size=(n_distinct, 2))[np.arange(20) % n_distinct]
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    assert np.isfinite(mixture.lower_bound_)


def test_a_saddle_of_equal_components_is_left_or_reported():
    """Two components that share everything stay equal under EM: steps cannot part them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(450, 2)) + np.repeat([[0, 0], [8, 8], [0, 16]], 150, axis=0)
    arguments = {"responsibilities_init": np.tile([0.25, 0.25, 0.5], (450, 1))}
    stuck = GaussianMixtureEM(3, escape=False, **arguments).fit(X)
    assert stuck.status_ == "converged, component 1 the same as 0, component 2 the same as 0"
    free = GaussianMixtureEM(3, **arguments).fit(X)
    assert free.converged_
    assert free.status_ == "converged, stationary saddle left"
    assert free.lower_bound_ > stuck.lower_bound_ + 1.0


def test_a_repaired_component_has_a_status_of_its_own(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(
        2,
        means_init=[X.mean(axis=0), [1e6, 1e6]],
        weights_init=[0.5, 0.5],
        precisions_init=[np.eye(2)] * 2,
    ).fit(X)
    assert mixture.converged_
    assert mixture.status_ == "converged, collapsed component repaired"
    assert mixture.weights_.min() > 0.01


def test_optimum_of_all_data_is_not_replaced_by_one_of_the_subsample():
    """Fitted to 5,000 of the rows alone, any mixture is higher on these."""
    rng = np.random.default_rng(1)
    centres = 3.0 * rng.normal(size=(8, 8))
    X = centres[rng.integers(8, size=40_000)] + rng.normal(size=(40_000, 8))
    alone = GaussianMixtureEM(8, escape=False, random_state=0).fit(X)
    assert GaussianMixtureEM(8, random_state=0).fit(X).n_iter_ == alone.n_iter_


@pytest.mark.parametrize("name", ["full", "diag"])
def test_kurtosis_counts_weights(name):
    """A weight of 5 is five samples, of the component that is split as of the whole mixture."""
    parameters = random_mixture(0, 2, 3, name)
    X, _ = parameters.draw(60, np.random.RandomState(0))
    rng = np.random.default_rng(0)
    counts, own = rng.integers(1, 20, size=60), rng.uniform(size=60)
    weighted = InMemoryRows(X, counts.astype(np.float64))
    repeated = InMemoryRows(np.repeat(X, counts, axis=0), np.ones(counts.sum()))
    one, along = _lowest_kurtosis(weighted, parameters, own, 0)
    other, along_repeated = _lowest_kurtosis(repeated, parameters, np.repeat(own, counts), 0)
    assert one == pytest.approx(other, rel=1e-12)
    np.testing.assert_array_equal(np.repeat(along, counts), along_repeated)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical", "VEV", "EEI"])
def test_classification_likelihood_is_that_of_samples_and_groups(name, blobs):
    X, y = blobs
    structure, floor = find_structure(name), np.full(2, 1e-9)
    objective = Objective(InMemoryRows(X), structure, floor)

    def up_to_a_constant(groups):
        parameters = start_of(objective, groups, 3)
        covariances, _, _ = structure.public(parameters.covariance, 3)
        dense = covariance_of_each(covariances, 3, 2)
        of_groups = [
            multivariate_normal(mean, one).logpdf(X[groups == k]).sum()
            for k, (mean, one) in enumerate(zip(parameters.means, dense, strict=True))
        ]
        sizes = np.bincount(groups)
        exact = (np.sum(of_groups) + sizes @ np.log(sizes / len(X))) / len(X)
        return exact - candidates.classification_likelihood(parameters)

    other = np.where(X[:, 0] > np.median(X[:, 0]), y, (y + 1) % 3)
    assert up_to_a_constant(y) == pytest.approx(up_to_a_constant(other), abs=1e-6)


def covariance_of_each(covariances, n_components, n_features):
    """(K, d, d), from the form of the structure."""
    if covariances.ndim == 3:
        return covariances
    if covariances.shape == (n_features, n_features):
        return np.repeat(covariances[None], n_components, axis=0)
    if covariances.ndim == 1:
        return covariances[:, None, None] * np.eye(n_features)
    return covariances[:, None] * np.eye(n_features)


def test_of_many_samples_four_candidates_are_evaluated():
    X, _ = make_blobs(20_000, n_features=8, centers=6, cluster_std=3.0, random_state=0)
    kinds = GaussianMixtureEM(6, random_state=0).fit(X).starts_["kind"]
    assert len(kinds) == 4


def test_where_left_out_samples_are_classified_no_candidate_is_evaluated():
    X = wide(0, 240, 40, 3).X
    assert len(GaussianMixtureEM(3, random_state=0).fit(X).starts_["kind"]) == 1
    assert len(GaussianMixtureEM(3, escape=False, random_state=0).fit(X).starts_["kind"]) > 1


FULL = find_structure("full")


def partition_start(objective, labels, kind):
    groups = moments_of_partition(objective, labels, 3)
    return candidates.PartitionStart(kind, b"", groups, check_given(None, None, None, FULL, 3, 4))


def test_clusters_apart_are_found_where_samples_are_too_few_for_all_covariances():
    data = apart(2, 520, 80, 7)
    for seed in range(12):
        with pytest.warns(ConvergenceWarning, match="520 distinct samples.*needs 567"):
            fit = GaussianMixtureEM(7, reg_covar=1e-3, random_state=seed).fit(data.X)
        assert adjusted_rand_score(data.labels, fit.predict(data.X)) > 0.9


def test_candidates_with_groups_too_small_for_a_covariance_come_last():
    data = wide(0, 60, 4, 3)
    objective = Objective(InMemoryRows(data.X), FULL, np.full(4, 1e-9))
    small = np.where(np.arange(60) < 5, 0, 1 + np.arange(60) % 2)
    partly = np.where(np.arange(60) < 10, 0, data.labels)
    labels = {"small": small, "mixed": np.arange(60) // 20, "partly": partly, "true": data.labels}
    starts = [partition_start(objective, each, kind) for kind, each in labels.items()]
    ranked = candidates.by_classification(objective, starts)
    assert [one.kind for one in ranked] == ["true", "partly", "mixed", "small"]
    assert candidates.by_classification(objective, starts[:1]) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_fit_that_finds_nothing_better_is_the_one_without_the_search(seed):
    X, _ = make_blobs(600, n_features=3, centers=3, cluster_std=2.0, random_state=seed)
    options = {"random_state": 0, "acceleration": None}
    searched = GaussianMixtureEM(3, **options).fit(X)
    alone = GaussianMixtureEM(3, escape=False, **options).fit(X)
    if searched.starts_["moved_at"][0]:
        assert searched.lower_bound_ > alone.lower_bound_ - 1e-6
    else:
        assert searched.lower_bounds_ == alone.lower_bounds_
        np.testing.assert_array_equal(searched.means_, alone.means_)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("max_iter", [14, 15, 16, 20, 30, 60])
def test_max_iter_limits_iterations_and_moves_together(max_iter, seed):
    X, _ = make_blobs(400, n_features=2, centers=7, cluster_std=1.5, random_state=seed)
    mixture = GaussianMixtureEM(7, max_iter=max_iter, random_state=seed, tol=1e-9).fit(X)
    assert mixture.n_iter_ == len(mixture.lower_bounds_) <= max_iter
    assert np.all(np.diff(mixture.lower_bounds_) >= 0)
    if not mixture.converged_:
        assert mixture.n_iter_ == max_iter
