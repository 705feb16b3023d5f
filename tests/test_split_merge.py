"""Moves away from poor optima, leave-one-out responsibilities, and what they cost."""

import numpy as np
import pytest
from numpy.random import RandomState
from scipy.special import digamma
from sklearn.metrics import adjusted_rand_score
from synthetic_data import many_components, wide

from skgmm import GaussianMixtureEM
from skgmm._em.loop import run_em
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import StartSample, rows_of_moves
from skgmm._starts.budget import Budget
from skgmm._starts.leave_one_out import (
    EStep,
    Proposal,
    freezes,
    leave_one_out,
    leave_one_out_proposal,
)
from skgmm._starts.methods import start_of
from skgmm._starts.move_search import MoveSearch
from skgmm._starts.moves import Merge, Move, Part, Split, between, disjoint, together
from skgmm._starts.race import thinned
from skgmm.covariance import find_structure

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rotated(seed, n, d, K, apart, spread=0.3):
    """Samples of clusters with covariances of their own, and their labels."""
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + spread * rng.normal(size=(K, d, d))
    y = rng.integers(K, size=n)
    noise = np.einsum("nij,nj->ni", roots[y], rng.normal(size=(n, d)))
    return apart * rng.normal(size=(K, d))[y] + noise, y


def elongated(seed, n, d, K, distance):
    """Samples of clusters of several sizes, each with its own axes of length .3 to 3; labels."""
    rng = np.random.default_rng(seed)
    y = rng.choice(K, size=n, p=rng.dirichlet(np.full(K, 2.0)))
    centres = rng.normal(size=(K, d))
    apart = np.linalg.norm(centres[:, None] - centres, axis=2)
    centres *= distance / np.median((apart + np.diag(np.full(K, np.inf))).min(axis=1))
    axes = [
        np.geomspace(0.3, 3.0, d)[:, None] * np.linalg.qr(m)[0] for m in rng.normal(size=(K, d, d))
    ]
    return centres[y] + np.einsum("nj,nji->ni", rng.normal(size=(n, d)), np.stack(axes)[y]), y


def axis_aligned(seed, n, d, K, distance):
    """Samples of clusters of several sizes, each with its own variances; labels."""
    rng = np.random.default_rng(seed)
    y = rng.choice(K, p=rng.dirichlet(np.full(K, 5.0)), size=n)
    centres = distance / np.sqrt(2 * d) * rng.normal(size=(K, d))
    return centres[y] + np.exp(0.5 * rng.normal(size=(K, d)))[y] * rng.normal(size=(n, d)), y


def below_the_truth(X, y, K, seeds, **options):
    """Nats per sample that default fits end below EM started at the truth."""
    start = {"responsibilities_init": np.eye(K)[y]}
    truth = GaussianMixtureEM(K, **start, **options).fit(X)
    fits = [GaussianMixtureEM(K, random_state=seed, **options).fit(X) for seed in seeds]
    return np.array([truth.lower_bound_ - fit.lower_bound_ for fit in fits])


def test_many_components_are_all_found():
    """EM from the best of the candidates puts two components on some clusters, and one on two."""
    truth = many_components(0, 9000, 8, 30)
    X, y = truth.X, truth.labels
    assert below_the_truth(X, y, 30, range(5)).max() < 0.002
    assert below_the_truth(X, y, 30, range(2), escape=False).min() > 0.02


@pytest.mark.parametrize("seed", [0, 2])
def test_moves_on_a_part_of_the_samples_find_clusters_of_many_features(seed):
    """EM was fitted to the part first, and so slowly there that nothing was left for moves."""
    X, y = elongated(seed, 8000, 35, 6, 4.0)
    assert below_the_truth(X, y, 6, range(4)).max() < 0.002


def test_the_part_that_moves_are_tried_on_is_large_enough_not_to_freeze():
    K, d = 4, 80
    n = rows_of_moves(K, d)
    X = np.random.default_rng(0).normal(size=(n + 1, d))
    objective = Objective(InMemoryRows(X), find_structure("full"), np.zeros(d))
    for seed in range(5):
        part = thinned(StartSample(X, np.ones(len(X)), True), n, RandomState(seed))
        assert len(part) < n
        assert not freezes(objective.on(part), K)


@pytest.mark.parametrize(
    ("n", "d", "K", "distance", "seed"), [(1200, 35, 8, 5.0, 0), (800, 60, 12, 6.0, 2)]
)
def test_variances_need_fewer_samples_than_covariance_matrices(n, d, K, distance, seed):
    """150 and 67 samples of each cluster: moves were not tried with so few for the features."""
    X, y = axis_aligned(seed, n, d, K, distance)
    mixture = GaussianMixtureEM(K, covariance_type="diag", random_state=seed).fit(X)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.98


def test_a_search_ends_when_its_budget_is_used_up(monkeypatch):
    """Leave-one-out steps from every trial took several times the budget where none settled."""
    left, best = [], MoveSearch.best

    def recorded(search):
        found = best(search)
        left.append(search.budget.left)
        return found

    monkeypatch.setattr(MoveSearch, "best", recorded)
    for seed in range(3):
        X, _ = elongated(seed, 110, 35, 10, 6.0)
        GaussianMixtureEM(10, covariance_type="spherical", random_state=0).fit(X)
    assert len(left) == 3
    assert min(left) > -3e8


@pytest.mark.parametrize(("n", "d", "K"), [(300, 50, 3), (450, 60, 3), (500, 50, 5)])
def test_few_samples_to_a_feature_do_not_freeze(n, d, K):
    """With 1.5 to 5 d samples to a component, EM stays where k-means has begun."""
    X, y = rotated(1, n, d, K, 1.2)
    short = below_the_truth(X, y, K, range(5), reg_covar=1e-3)
    assert (short < 0.01).sum() >= 4


def test_where_covariances_are_singular_the_likelihood_decides_nothing():
    """20 samples to a component in 30 dimensions: height is the number of dimensions without."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = 3.0 * rng.normal(size=(3, 30))[y] + rng.normal(size=(60, 30))
    for seed in range(4):
        labels = GaussianMixtureEM(3, reg_covar=1e-3, random_state=seed).fit_predict(X)
        assert adjusted_rand_score(y, labels) == 1.0


@pytest.mark.parametrize("covariance_type", ["tied", "EEI", "EEV", "VEE", "VEI", "spherical"])
def test_a_far_minority_is_never_lost(covariance_type):
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[:10, 0] += 8
    for seed in range(12):
        mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=seed)
        assert adjusted_rand_score(np.arange(200) < 10, mixture.fit_predict(X)) == 1.0


@pytest.mark.parametrize(("n_features", "n_outliers"), [(2, 1), (4, 3), (10, 2), (10, 6)])
def test_a_few_outliers_are_no_component_of_their_own(n_features, n_outliers):
    """Under a shared covariance matrix they have the highest likelihood, whatever the clusters."""
    rng = np.random.default_rng(n_features)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, n_features))
    X[:, 0] += 4 * y
    X[:n_outliers] += 12 * rng.normal(size=(n_outliers, n_features))
    for seed in range(3):
        labels = GaussianMixtureEM(2, covariance_type="tied", random_state=seed).fit_predict(X)
        assert adjusted_rand_score(y[n_outliers:], labels[n_outliers:]) > 0.6


def test_all_samples_in_pairs_still_make_components():
    """Where the average component is as small as a few outliers, size says nothing."""
    centres = 50.0 * np.random.default_rng(0).normal(size=(8, 3))
    X = np.repeat(centres, 2, axis=0) + np.tile([[0.1], [-0.1]], (8, 3))
    labels = GaussianMixtureEM(8, covariance_type="tied", random_state=0).fit_predict(X)
    assert adjusted_rand_score(np.repeat(np.arange(8), 2), labels) == 1.0


def test_three_rare_groups_are_found_at_once():
    rng = np.random.default_rng(2)
    rare = [0.2 * rng.normal(size=(50, 3)) + 6 * axis for axis in np.eye(3)]
    X = np.concatenate([rng.normal(size=(50_000, 3)), *rare])
    for seed in range(3):
        mixture = GaussianMixtureEM(4, random_state=seed).fit(X)
        np.testing.assert_allclose(np.sort(mixture.weights_)[:3] * len(X), 50.0, atol=1.0)


@pytest.mark.parametrize("covariance_type", ["tied", "EEI"])
def test_a_skewed_table_ends_no_lower_than_from_one_kmeans_start(covariance_type):
    X = np.exp(np.random.default_rng(0).normal(size=(500, 4)))
    options = {"covariance_type": covariance_type}
    plain = GaussianMixtureEM(2, init_params="kmeans", random_state=0, **options).fit(X)
    for seed in range(6):
        mixture = GaussianMixtureEM(2, random_state=seed, **options).fit(X)
        assert mixture.lower_bound_ > plain.lower_bound_ - 1e-4


def test_the_answer_does_not_depend_on_the_number_of_threads():
    X, _ = rotated(0, 4000, 4, 20, 4.0)
    one, two = (GaussianMixtureEM(20, random_state=0, n_jobs=n).fit(X) for n in (1, 2))
    np.testing.assert_array_equal(one.means_, two.means_)


def parts(rng, form):
    """Moments of six components of two features."""
    mass, mean = rng.uniform(1, 3, size=6), rng.normal(size=(6, 2))
    scatter = {
        Scatter.FULL: np.array([m @ m.T for m in rng.normal(size=(6, 2, 2))]),
        Scatter.DIAGONAL: rng.uniform(1, 2, size=(6, 2)),
        Scatter.POOLED: np.eye(2),
    }[form]
    return Moments(form, mass, mean, scatter, 0.0, mass.sum())


def halves(rng, form, whole):
    """Two parts that are the whole together."""
    apart = 0.1 * rng.normal(size=2)
    one, other = (Part(whole.mass / 2, whole.mean + sign * apart, None) for sign in (-1, 1))
    if whole.scatter is None:
        return one, other
    scatter = (whole.scatter - between(form, one, other)) / 2
    return tuple(Part(part.mass, part.mean, scatter) for part in (one, other))


@pytest.mark.parametrize("form", list(Scatter))
@pytest.mark.parametrize("kind", ["swap", "split anew"])
def test_a_move_leaves_the_samples_as_they_are(form, kind):
    """What all components hold together: mass, mean and scatter."""
    rng = np.random.default_rng(0)
    moments = parts(rng, form)
    if kind == "swap":
        split = Split(1.0, halves(rng, form, Part.of(moments, 4)))
        move = Move.swap(Merge(2, 1, 0.5), 4, split)
        assert move.gain == 0.5
        assert move.changed == {1, 2, 4}
    else:
        pair = together(form, Part.of(moments, 1), Part.of(moments, 4))
        move = Move(1.0, Split(1.0, halves(rng, form, pair)), (1, 4))
        assert move.changed == {1, 4}
    before, after = moments.overall(), move.applied(moments).overall()
    np.testing.assert_allclose(after.mass, before.mass)
    np.testing.assert_allclose(after.mean, before.mean)
    np.testing.assert_allclose(after.scatter, before.scatter)


def test_moves_made_together_change_different_components():
    split = Split(0.0, (None, None))
    moves = [
        Move(3.0, split, (0, 1)),
        Move(2.0, split, (1, 2)),
        Move(1.0, split, (2, 3), Merge(3, 4, 0.0)),
    ]
    assert disjoint(moves) == [moves[0], moves[2]]


def problem_of(X, covariance_type, weights=None, floor=1e-9):
    floors = np.full(X.shape[1], floor)
    return Objective(InMemoryRows(X, weights), find_structure(covariance_type), floors)


@pytest.mark.parametrize(
    ("covariance_type", "n_features"), [("full", 3), ("diag", 3), ("diag", 37)]
)
def test_leave_one_out_responsibilities_are_those_of_sums_without_the_sample(
    covariance_type, n_features
):
    """The formulas of rank-one downdates, against covariances of all samples but one."""
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(60, n_features)), rng.integers(1, 4, size=60).astype(float)
    X[:30, 0] += 1.5
    objective = problem_of(X, covariance_type, weights)
    parameters = start_of(objective, (np.arange(60) < 30).astype(np.int64), 2)
    shares = objective.rows.responsibilities(parameters)
    # Parameters whose responsibilities are nearly those that they come from: EM has converged.
    for _ in range(3000):
        parameters = objective.maximise(objective.evaluate(parameters), parameters)
    shares = objective.rows.responsibilities(parameters) * weights[:, None]
    mass, d = shares.sum(axis=0), X.shape[1]
    lost = np.arange(d) if covariance_type == "full" else np.zeros(d)
    expected = np.empty_like(shares)
    for i, x in enumerate(X):
        for k in range(2):
            others = shares[:, k] * (np.arange(60) != i)
            mean = others @ X / others.sum()
            covariance = (others * (X - mean).T) @ (X - mean) / others.sum()
            if covariance_type == "diag":
                covariance = np.diag(np.diag(covariance))
            distance = (x - mean) @ np.linalg.solve(covariance, x - mean)
            freedom = mass[k] - 1 - lost
            bias = (digamma(freedom / 2) + np.log(2 / mass[k])).sum()
            shorter = (mass[k] - (d if covariance_type == "full" else 1) - 2) / mass[k]
            log_det = np.linalg.slogdet(covariance)[1] - bias
            expected[i, k] = np.log(others.sum()) - 0.5 * (
                log_det + shorter * distance - d / mass[k]
            )
    expected = np.exp(expected - expected.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    found = leave_one_out(objective, EStep(objective, parameters))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_sample_frozen_by_itself_is_released():
    """A quarter of the samples in the wrong cluster: EM leaves most of them there."""
    X, y = rotated(1, 300, 60, 3, 1.2)
    wrong = np.where(np.arange(300) % 4 == 0, (y + 1) % 3, y)
    objective = problem_of(X, "full", floor=1e-6)
    end = run_em(objective, start_of(objective, wrong, 3), tol=1e-6, max_iter=1000)
    parameters = end.parameters
    assert adjusted_rand_score(y, objective.rows.labels(parameters)) < 0.9
    proposal = leave_one_out_proposal(objective, parameters)
    assert proposal.parameters is not None
    assert adjusted_rand_score(y, objective.rows.labels(proposal.parameters)) == 1.0
    assert leave_one_out_proposal(objective, proposal.parameters) == Proposal(None, 1, True)


@pytest.mark.parametrize(
    ("data", "random_state"), [(wide(0, 400, 60, 4), 5), (wide(3, 450, 50, 6), 1)]
)
def test_a_start_far_from_all_clusters_is_replaced(data, random_state):
    """Where leave-one-out iterations do not settle, further starts are tried."""
    fit = GaussianMixtureEM(data.n_components, random_state=random_state).fit(data.X)
    assert adjusted_rand_score(data.labels, fit.predict(data.X)) > 0.9


def test_a_start_that_is_given_needs_no_sample(monkeypatch):
    X, y = rotated(0, 400, 2, 2, 4.0)

    def refuse(*_):
        raise AssertionError("the sample for starts was drawn")

    monkeypatch.setattr(InMemoryRows, "start_sample", refuse)
    mixture = GaussianMixtureEM(2, responsibilities_init=np.eye(2)[y]).fit(X)
    again = GaussianMixtureEM(
        2,
        weights_init=mixture.weights_,
        means_init=mixture.means_,
        precisions_init=mixture.precisions_,
    ).fit(X)
    np.testing.assert_allclose(again.means_, mixture.means_, rtol=1e-3)


@pytest.mark.parametrize(("n", "d", "K", "seed"), [(450, 50, 6, 0), (400, 60, 4, 2)])
def test_clusters_of_very_few_samples_per_feature_are_found(n, d, K, seed):
    """75 and 100 samples of each cluster, in 50 and 60 features."""
    data = wide(seed, n, d, K)
    mixture = GaussianMixtureEM(K, random_state=seed).fit(data.X)
    assert adjusted_rand_score(data.labels, mixture.predict(data.X)) > 0.95


def test_an_optimum_that_lost_a_component_does_not_replace_one_with_a_small_component():
    """It has no component of few samples either, though its likelihood is far lower."""
    rng = np.random.RandomState(1026)
    n_components, n_features, n_samples = rng.randint(2, 7), rng.randint(1, 5), rng.randint(15, 150)
    rng.randint(4)
    means = rng.randn(n_components, n_features) * rng.choice([2, 4, 8])
    labels = rng.randint(n_components, size=n_samples)
    apart = rng.randn(n_samples, n_features)
    X = means[labels] + apart * rng.choice([0.3, 1.0, 2.0], size=(n_components, 1))[labels]
    X[rng.randint(n_samples)] *= 100.0
    mixture = GaussianMixtureEM(n_components, covariance_type="EEV", random_state=0).fit(X)
    assert mixture.weights_.min() > 0.01


def test_a_trial_may_take_the_budget_once_more():
    objective = problem_of(np.random.default_rng(0).normal(size=(500, 45)), "full")
    budget = Budget(1e10)
    whole = budget.iterations_left(objective, 3)
    assert whole > 20
    budget.spend_iterations(objective, 3, whole // 2)
    assert abs(budget.iterations_left(objective, 3) - (whole - whole // 2)) <= 1
    budget.spend(1e10)
    assert budget.iterations_left(objective, 3) == 0
    budget.increase(1e10)
    assert budget.iterations_left(objective, 3) >= whole // 2


def test_other_starts_do_not_take_many_times_the_budget(monkeypatch):
    """One trial from a poor start was continued for 60 iterations, at twenty times their number in
    the fit.
    """
    rng = np.random.default_rng(2)
    centres = 3.0 * rng.normal(size=(4, 60))
    X = centres[rng.integers(4, size=3000)] + rng.normal(size=(3000, 60))
    evaluations = []
    evaluate = Objective.evaluate
    monkeypatch.setattr(
        Objective, "evaluate", lambda self, *rest: evaluations.append(1) or evaluate(self, *rest)
    )
    GaussianMixtureEM(4, random_state=0).fit(X)
    assert len(evaluations) < 80
