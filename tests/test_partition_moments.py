"""Moments of partitions that differ in a few samples, and what is computed for members only."""

import numpy as np
import pytest

from skgmm._kernels import _native
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._starts.methods import moments_of_partition, start_of
from skgmm._starts.partition_moments import PartitionMoments
from skgmm.covariance import find_structure


def objective_of(X, weights=None):
    return Objective(InMemoryRows(X, weights), find_structure("full"), np.full(X.shape[1], 0.1))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_moved", [0, 1, 15, 150])
@pytest.mark.parametrize("layout", [np.asfortranarray, np.float32])
def test_moments_follow_samples_that_change_their_component(n_moved, weighted, layout):
    rng = np.random.default_rng(0)
    X = layout(1e3 + rng.normal(size=(200, 5)))
    weights = rng.integers(3, size=200) * 0.7 if weighted else None
    objective, before = objective_of(X, weights), np.arange(200) % 4
    moments = PartitionMoments(objective, 4)
    moments.of(before)
    labels = before.copy()
    labels[:n_moved] = rng.integers(4, size=n_moved)
    found, expected = moments.of(labels), moments_of_partition(objective, labels, 4)
    for name in ("mass", "mean", "scatter"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-9)
    assert found.total_weight == expected.total_weight


@pytest.mark.parametrize("leaving", [1.0, 1e6, 1e10])
def test_moments_follow_when_all_samples_of_a_component_are_exchanged(leaving):
    """Before all that enter, the last one would leave it without samples; and of a far sample that
    leaves, the rounding would stay.
    """
    X = np.random.default_rng(0).normal(size=(200, 3))
    X[0] *= leaving
    objective, before = objective_of(X), np.arange(200) % 2
    after = before.copy()
    before[:8] = after[-8:] = 2
    moments = PartitionMoments(objective, 3)
    moments.of(before)
    found, expected = moments.of(after), moments_of_partition(objective, after, 3)
    for name in ("mass", "mean", "scatter"):
        one, other = (getattr(each, name)[2] for each in (found, expected))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_distances_of_samples_from_their_own_components():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(60, 4)), np.repeat([0, 2], [20, 40])  # no sample of component 1
    parameters = start_of(objective_of(X), np.arange(60) % 3, 3)
    factors, out = parameters.covariance.factor, np.empty(60)
    _native.own_distances(X, np.array([20, 20, 60], np.int64), parameters.means, factors, out, 1)
    whitened = [(x - parameters.means[k]) @ factors[k] for x, k in zip(X, labels, strict=True)]
    np.testing.assert_allclose(out, np.square(whitened).sum(axis=1), rtol=1e-12)
    X[3] = 1e300
    _native.own_distances(X, np.array([20, 20, 60], np.int64), parameters.means, factors, out, 1)
    assert np.isinf(out[3])
    assert np.isfinite(out[20:]).all()


def test_members_of_components():
    own = np.array([[0.5, 0.5, 0.0], [0.0, 1e-13, 0.7], [1.0, 0.0, 0.0], [0.0, 0.2, 0.3]])
    main, samples, ends = (np.empty(m, np.int64) for m in (4, 12, 3))
    _native.find_members(own, main, samples, ends)
    assert main.tolist() == [0, 2, 0, 2]
    groups = np.split(samples[: ends[-1]], ends[:-1])
    assert [group.tolist() for group in groups] == [[0, 2], [0, 3], [1, 3]]
