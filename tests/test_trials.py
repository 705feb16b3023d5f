"""EM from many starts in one call, and what it is used for, against runs one after another."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from synthetic_data import apart

from skgmm import GaussianMixtureEM
from skgmm._em.collapse import CollapseTest
from skgmm._em.loop import EM
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import StartSample
from skgmm._starts import side_by_side as module
from skgmm._starts import trials as trials_module
from skgmm._starts.local_splits import Task, best_splits
from skgmm._starts.methods import moments_of_partition, start_of
from skgmm._starts.race import spare_starts
from skgmm._starts.side_by_side import moments_of_partitions, side_by_side
from skgmm._starts.trials import Trials
from skgmm.covariance import find_structure

STRUCTURES = ["full", "tied", "diag", "spherical", "EEI", "VEI"]


def objective_of(X, covariance_type="full", weights=None, floor=1e-9):
    floors = np.full(X.shape[1], floor)
    return Objective(InMemoryRows(X, weights), find_structure(covariance_type), floors)


def test_of(objective):
    whole = np.zeros(objective.rows.n_samples, dtype=np.int64)
    moments = moments_of_partition(objective, whole, 1)
    return CollapseTest.of_fit(objective.regularisation, moments, objective.rows.n_samples)


test_of.__test__ = False


@pytest.fixture
def blobs():
    return make_blobs(240, centers=4, cluster_std=1.5, n_features=3, random_state=3)[0]


def partitions(X, n_groups, n=5):
    rng = np.random.default_rng(0)
    return [rng.integers(n_groups, size=len(X)) for _ in range(n)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_runs_in_one_call_are_those_of_em(covariance_type, weighted, blobs):
    weights = np.arange(len(blobs)) % 3 + 0.5 if weighted else None
    objective = objective_of(blobs, covariance_type, weights)
    labels = partitions(blobs, 4)
    starts = moments_of_partitions(len(labels) * [objective], labels, 4)
    starts[1] = start_of(objective, labels[1], 4)  # as a mixture
    trials = Trials(objective, starts, test_of(objective), 1e-6)
    assert trials.together
    trials.until([0, 1, 2, 3, 4], 7)
    trials.until([4, 2, 0, 3, 1], 30)  # in another order
    for i, some in enumerate(labels):
        run = EM(objective, start_of(objective, some, 4), tol=1e-6)
        run.until(7)
        end = run.until(30)
        assert trials.objective[i] == pytest.approx(end.objective, abs=1e-9)
        assert abs(trials.n_evaluations[i] - len(end.objectives)) <= 1
        np.testing.assert_allclose(trials.result(i).parameters.means, end.parameters.means, 1e-4)


@pytest.mark.parametrize("covariance_type", ["full", "EEV"])
def test_passes_are_those_over_the_samples(covariance_type, blobs):
    """One for each start, and one for each evaluation, however often a run is continued."""
    objective = objective_of(blobs, covariance_type)
    labels = partitions(blobs, 4)
    starts = [start_of(objective, some, 4) for some in labels]
    trials = Trials(objective, starts, test_of(objective), 1e-12)
    n_passes = sum(trials.until(range(len(starts)), most) for most in (2, 4, 7))
    assert n_passes == len(starts) + trials.n_evaluations.sum()


def test_the_number_of_threads_does_not_matter(blobs):
    ends = []
    for n_threads in (1, 2):
        rows = InMemoryRows(blobs, None, n_threads)
        objective = Objective(rows, find_structure("full"), 1e-9 * np.ones(3))
        labels = partitions(blobs, 4)
        starts = moments_of_partitions(len(labels) * [objective], labels, 4)
        trials = Trials(objective, starts, test_of(objective), 1e-6)
        trials.until(range(5), 20)
        ends.append(trials.objective)
    np.testing.assert_array_equal(*ends)


def test_a_start_without_m_step_fails_alone():
    X = np.random.default_rng(0).normal(size=(50, 2))
    X[:20, 1] = X[:20, 0]
    objective = objective_of(X, floor=1e-30)
    sound = np.arange(50) % 2
    starts = [moments_of_partition(objective, (np.arange(50) < 20) * 1, 2),
              moments_of_partition(objective, sound, 2)]  # fmt: skip
    trials = Trials(objective, starts, test_of(objective), 1e-6)
    assert trials.together
    trials.until([0, 1], 5)
    assert trials.ended[0]
    assert trials.ranked() == [1]


@pytest.mark.parametrize("n", [60, 700])  # from 500 samples on they are sorted by group
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_moments_of_many_partitions(covariance_type, n):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(n, 3)), rng.uniform(size=n)
    weights[0] = 0.0
    all_of_them = objective_of(X, covariance_type, weights)
    part = objective_of(X[::2], covariance_type)
    labels = [rng.integers(3, size=n), np.zeros(n, dtype=np.int64), rng.integers(3, size=n)[::2]]
    labels[2] = np.ascontiguousarray(labels[2])
    of = [all_of_them, all_of_them, part]
    assert side_by_side(of, 3)
    first, empty, last = moments_of_partitions(of, labels, 3)
    assert empty is None
    for found, objective, some in ((first, all_of_them, labels[0]), (last, part, labels[2])):
        expected = moments_of_partition(objective, some, 3)
        np.testing.assert_allclose(found.mass, expected.mass, rtol=1e-13)
        np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(found.scatter, expected.scatter, rtol=1e-12, atol=1e-12)


def test_splits_in_one_call_are_those_one_after_another(blobs, monkeypatch):
    weights = np.ones(len(blobs))
    objectives = [objective_of(blobs[i::2], weights=weights[i::2]) for i in range(2)]
    tasks = [Task(one, 120.0, 0.0, n_best=2) for one in objectives]
    arguments = test_of(objectives[0]), lambda end: bool(end.moments.mass.min() > 0)
    together = best_splits(tasks, *arguments, np.random.RandomState(0))
    for one in (module, trials_module):
        monkeypatch.setattr(one, "side_by_side", lambda *_: False)
    separate = best_splits(tasks, *arguments, np.random.RandomState(0))
    assert [len(some) for some in together] == [2, 2] == [len(some) for some in separate]
    for some, others in zip(together, separate, strict=True):
        for split, other in zip(some, others, strict=True):
            assert split.gain == pytest.approx(other.gain, abs=1e-8)
            np.testing.assert_allclose(split.halves[0].mean, other.halves[0].mean, rtol=1e-8)


@pytest.mark.parametrize("covariance_type", STRUCTURES)
def test_a_fit_does_not_depend_on_how_its_trials_are_run(covariance_type, blobs, monkeypatch):
    def fit():
        return GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(blobs)

    together = fit().lower_bound_
    monkeypatch.setattr(trials_module, "side_by_side", lambda *_: False)
    assert fit().lower_bound_ == pytest.approx(together, abs=1e-4)


def test_spare_starts_do_not_repeat_partitions(blobs):
    objective, sample = objective_of(blobs), StartSample(blobs, np.ones(len(blobs)), True)
    seen = set()
    first = list(spare_starts(objective, sample, 3, 10, np.random.RandomState(0), seen))
    assert len(first) == len(seen) > 1
    assert not list(spare_starts(objective, sample, 3, 10, np.random.RandomState(0), seen))


@pytest.mark.parametrize("seed", range(5))
def test_collapsed_components_are_those_of_eigenvalues(seed):
    """In directions where the samples vary at all; one feature hardly does."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, 4)) * [1.0, 1.0, 1.0, 1e-3]
    X[:60, 1] *= 0.02
    floor = 10.0 ** rng.uniform(-5, -3) * np.ones(4)
    objective = Objective(InMemoryRows(X), find_structure("full"), floor)
    test = test_of(objective)
    labels = np.where(np.arange(200) < 60, 0, 1 + np.arange(200) % 2)
    parameters = start_of(objective, labels, 3)
    varying = X.var(axis=0) >= floor
    expected = []
    for k, covariance in enumerate(parameters.covariance.dense()):
        within = covariance[np.ix_(varying, varying)]
        largest = floor[0] / np.linalg.eigvalsh(within)[0]
        expected += [k] if largest > 0.5 else []
    assert test(parameters) == expected


@pytest.mark.parametrize("seed", range(3))
def test_what_a_part_of_the_samples_gains_by_chance_is_not_followed(seed):
    """Of 20,000 samples moves look at 5,000, which always have slightly better optima."""
    X = apart(2, 20_000, 4, 6).X
    mixture = GaussianMixtureEM(6, random_state=seed).fit(X)
    assert mixture.starts_["moved_at"][0] == 0
