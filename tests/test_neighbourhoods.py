"""Swaps of components among many, found in neighbourhoods."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from skgmm._em.loop import run_em
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.e_step import log_responsibilities
from skgmm._starts.budget import Budget
from skgmm._starts.local_gains import Members
from skgmm._starts.methods import start_of
from skgmm._starts.neighbourhoods import Neighbourhoods, are_few, swapped
from skgmm._starts.swap_search import SwapTrials, Tried, find_swaps
from skgmm.covariance import find_structure

# Clusters on a line with close neighbours.
K, N_EACH, APART = 30, 100, 5.0


def line(n_clusters=K, n_each=N_EACH, apart=APART):
    """Clusters side by side, and their labels."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(n_clusters), n_each)
    X = rng.normal(size=(len(y), 2))
    X[:, 0] += apart * y
    return X, y


def misplaced(X, y, n_wrong):
    """Labels with two halves of each of some clusters, and one label for each of some pairs."""
    last, wrong = y.max(), y.copy()
    for i in range(n_wrong):
        cluster, taken, spare = 4 * i, last - 4 * i, last - 1 - 4 * i
        wrong[y == spare] = taken
        wrong[(y == cluster) & (X[:, 1] > 0)] = spare
    return wrong


def stuck(covariance_type, n_wrong=1):
    """A converged fit with two components on each of the first clusters, and one on two pairs of
    the last ones; its objective, and the objective of EM started at the truth."""
    X, y = line()
    objective = Objective(InMemoryRows(X), find_structure(covariance_type), np.full(2, 1e-6))
    truth = run_em(objective, start_of(objective, y, K), tol=1e-5, max_iter=500)
    wrong = misplaced(X, y, n_wrong)
    here = run_em(objective, start_of(objective, wrong, K), tol=1e-5, max_iter=500)
    return objective, here, truth


def sound(end):
    return end.moments.mass.min() > 0


def clusters_found(X, y):
    """A converged fit of the clusters, and the samples of its components."""
    objective = Objective(InMemoryRows(X), find_structure("full"), np.full(2, 1e-6))
    here = run_em(objective, start_of(objective, y, y.max() + 1), tol=1e-5, max_iter=500)
    return here, Members(objective, here, sound)


def swaps_of(objective, here, held=None):
    members, tried = Members(objective, here, sound), Tried()
    tried.known.update(here, members, lambda _: -np.inf, np.random.RandomState(0))
    trials = SwapTrials(Neighbourhoods(members, here), tried)
    return trials.chosen(set(range(K)), held), members


@pytest.mark.parametrize("covariance_type", ["full", "diag", "spherical"])
def test_several_swaps_at_a_time_close_the_gap(covariance_type):
    objective, here, truth = stuck(covariance_type, 3)
    behind = truth.objective - here.objective
    assert behind > 0.03
    for _ in range(3):
        swaps, _ = swaps_of(objective, here)
        if not swaps:
            break
        start = objective.maximise(swapped(here.moments, swaps), None)
        end = run_em(objective, start, tol=1e-5, max_iter=500)
        assert end.objective > here.objective
        here = end
    assert truth.objective - here.objective < 0.25 * behind


def test_gain_is_that_of_the_whole_fit():
    """A lower bound, but for what is cut off, and close to the gain after EM on all samples."""
    objective, here, _ = stuck("full")
    swap, *_ = swaps_of(objective, here)[0]
    start = objective.maximise(swapped(here.moments, [swap]), None)
    end = run_em(objective, start, tol=1e-5, max_iter=500)
    gained = end.moments.objective - here.moments.objective
    assert 0.8 * gained < swap.gain < gained + 1.0


def test_swaps_keep_the_number_of_samples():
    """Weights that sum to more than 1 would make any swap look better."""
    objective, here, _ = stuck("full", 3)
    swaps, _ = swaps_of(objective, here)
    assert len(swaps) > 1
    after = swapped(here.moments, swaps)
    assert after.mass.sum() == pytest.approx(here.moments.mass.sum(), rel=1e-12)
    start = objective.maximise(after, None)
    assert start.weights.sum() == pytest.approx(1.0, rel=1e-12)
    first = objective.evaluate(start)
    second = objective.evaluate(objective.maximise(first, start))
    assert second.objective >= first.objective


def test_removal_loses_far_less_when_the_neighbours_adjust():
    objective, here, _ = stuck("full")
    swaps, members = swaps_of(objective, here)
    removal = swaps[0].removal
    assert 0 < -removal.gain < 0.5 * members.merge(removal.component).loss


def test_components_that_are_fixed_stay():
    objective, here, _ = stuck("full")
    swap = swaps_of(objective, here)[0][0]
    for k in swap.changed:
        held = np.arange(K) == k
        assert all(k not in other.changed for other in swaps_of(objective, here, held)[0])


@pytest.mark.parametrize(
    ("n_components", "form", "expected"),
    [(12, Scatter.FULL, True), (11, Scatter.FULL, False), (12, Scatter.POOLED, False)],
)
def test_neighbourhoods_are_for_many_components_with_covariances_of_their_own(
    n_components, form, expected
):
    assert are_few(n_components, form) is expected


def test_swaps_at_a_time_are_far_from_each_other():
    """Near ones would count the same gain twice."""
    objective, here, _ = stuck("full", 3)
    swaps, _ = swaps_of(objective, here)
    assert len(swaps) > 1
    for swap in swaps:
        assert not any(swap.changed & other.around for other in swaps if other is not swap)


def test_trials_are_not_repeated_where_nothing_has_changed():
    objective, here, _ = stuck("full")
    tried, rng, works = Tried(), np.random.RandomState(0), []
    found = []
    for _ in range(2):
        budget = Budget(1e15)
        found.append(find_swaps(objective, here, sound, tried, budget, rng))
        works.append(1e15 - budget.left)
    assert works[1] < 0.3 * works[0]
    assert [swap.changed for swap in found[1]] == [swap.changed for swap in found[0]]
    assert [swap.gain for swap in found[1]] == pytest.approx([swap.gain for swap in found[0]])


def test_nothing_is_tried_again_where_no_swap_gains():
    objective, _, truth = stuck("full")
    tried, rng, works = Tried(), np.random.RandomState(0), []
    for _ in range(2):
        budget = Budget(1e15)
        assert find_swaps(objective, truth, sound, tried, budget, rng) == []
        works.append(1e15 - budget.left)
    assert works[0] > 0 == works[1]


def test_splits_that_cannot_make_up_for_any_removal_are_not_tried():
    here, members = clusters_found(*line(apart=50.0))
    tried, neighbourhoods = Tried(), Neighbourhoods(members, here)
    tried.known.update(here, members, lambda _: -np.inf, np.random.RandomState(0))
    assert SwapTrials(neighbourhoods, tried).chosen(set(range(K)), None) == []
    assert len(tried.known.all()) == K
    assert neighbourhoods.n_trials == K  # of removals


@pytest.mark.parametrize("apart", [APART, 100.0])
def test_losses_without_a_component(apart):
    """Also where clusters are so far apart that all other responsibilities round to nothing."""
    X, y = line(5, apart=apart)
    here, members = clusters_found(X, y)
    logs = log_responsibilities(X, here.parameters)
    others = np.stack([logsumexp(np.delete(logs, k, axis=1), axis=1) for k in range(5)], axis=1)
    counted = logs >= np.log(0.01)
    np.testing.assert_allclose(members.removal, -(others * counted).sum(axis=0), rtol=1e-3)
    first, second = np.argsort(-logs, axis=1)[:, :2].T
    taken = np.zeros((5, 5))
    np.add.at(taken, (first, second), np.exp(logs.max(axis=1)))
    np.testing.assert_allclose(members.taken, taken, rtol=1e-12)


def test_no_trials_without_a_budget():
    objective, here, _ = stuck("full")
    assert find_swaps(objective, here, sound, Tried(), Budget(0.0), np.random.RandomState(0)) == []


def test_collapsed_component_is_moved_without_loss():
    objective, here, _ = stuck("full")
    swap = swaps_of(objective, replace(here, collapsed=[7]))[0][0]
    assert (swap.removal.component, swap.removal.gain) == (7, 0.0)
    start = objective.maximise(swapped(here.moments, [swap]), None)
    np.testing.assert_allclose(start.means[7], swap.split.other.mean)
