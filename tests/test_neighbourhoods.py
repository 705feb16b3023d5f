"""Swaps of components among many, found in neighbourhoods."""

from types import SimpleNamespace

import numpy as np
import pytest

from skgmm._em.loop import run_em
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._starts.local_gains import KnownSplits, Members
from skgmm._starts.methods import start_of
from skgmm._starts.neighbourhoods import Neighbourhoods, are_few, swapped
from skgmm.covariance import find_structure

# Clusters on a line with close neighbours.
K, N_EACH, APART = 30, 100, 5.0


def stuck(covariance_type, n_wrong=1):
    """A converged fit with two components on each of the first clusters, and one on two pairs of
    the last ones; its objective, and the objective of EM started at the truth."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(K), N_EACH)
    X = rng.normal(size=(len(y), 2))
    X[:, 0] += APART * y
    objective = Objective(InMemoryRows(X), find_structure(covariance_type), np.full(2, 1e-6))
    truth = run_em(objective, start_of(objective, y, K), tol=1e-5, max_iter=500)
    wrong = y.copy()
    for i in range(n_wrong):
        cluster, last, spare = 4 * i, K - 1 - 4 * i, K - 2 - 4 * i
        wrong[y == spare] = last
        wrong[(y == cluster) & (X[:, 1] > 0)] = spare
    here = run_em(objective, start_of(objective, wrong, K), tol=1e-5, max_iter=500)
    return objective, here, truth


def swaps_of(objective, here, held=None):
    members, known = Members(objective, here, lambda end: end.moments.mass.min() > 0), KnownSplits()
    known.update(here, members, lambda _: -np.inf, np.random.RandomState(0))
    return Neighbourhoods(members, here).swaps(known.all(), held), members


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
    [(64, Scatter.FULL, True), (63, Scatter.FULL, False), (64, Scatter.POOLED, False)],
)
def test_neighbourhoods_are_for_many_components_with_covariances_of_their_own(
    n_components, form, expected
):
    assert are_few(SimpleNamespace(mass=np.ones(n_components), form=form)) is expected
