"""The samples that starts look at, and the scale of their features."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from skgmm._rows.base import InMemoryRows
from skgmm._rows.feature_scale import FeatureScale
from skgmm._rows.sample import all_distinct
from skgmm._rows.scale_of_rows import scale_of_rows
from skgmm._rows.seeds import seeded


@pytest.mark.parametrize("seed", [0, 7, np.int64(2**31), 2**32 - 1])
def test_streams_of_seeds_are_those_of_numpy(seed):
    streams = [seeded(seed), np.random.RandomState(seed)]
    streams += [pickle.loads(pickle.dumps(streams[0])), deepcopy(streams[0])]
    first, *others = ([one.normal(), *one.randint(9, size=700)] for one in streams)
    assert all(one == first for one in others)


@given(seed=seeds, n=st.integers(1, 60), d=st.integers(1, 8), n_values=st.integers(1, 5))
def test_equal_samples_are_one_with_a_weight(seed, n, d, n_values):
    """Also where the first features do not tell samples apart."""
    rng = np.random.default_rng(seed)
    X, weights = rng.integers(n_values, size=(n, d)) - 1.0, rng.integers(0, 4, size=n) * 1.0
    weights[0] = 1.0
    sample = all_distinct(X, weights)
    rows, numbers = np.unique(X[weights > 0], axis=0, return_inverse=True)
    np.testing.assert_array_equal(sample.rows, rows)
    expected = np.bincount(numbers.ravel(), weights[weights > 0])
    np.testing.assert_array_equal(sample.weights, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("n", "d"), [(2, 1), (79, 3), (300, 2), (1_000, 19)])
def test_few_samples_are_scanned_as_many_are(n, d, tied, order, dtype):
    """In one call of compiled code: bit-identical to NumPy's way."""
    rng = np.random.default_rng(n)
    X = np.exp(rng.normal(size=(n, d)))
    X[:, 1:2] = 7.0  # constant
    X[:, 2:3] = rng.integers(5, size=(n, 1))  # coarse
    if tied:  # only the last feature tells samples apart
        X[:, 0], X[:, -1] = rng.choice([-1.0, -0.0, 0.0], size=n), rng.permutation(n)
    rows = InMemoryRows(np.asarray(X, dtype=dtype, order=order))
    assert rows.scan is not None
    sample, found = all_distinct(rows.X, None), rows.start_sample(3, np.random.RandomState)
    np.testing.assert_array_equal(found.rows, sample.rows)
    np.testing.assert_array_equal(found.weights, sample.weights)
    expected, scale = FeatureScale.of(sample.rows, sample.weights), scale_of_rows(rows)
    np.testing.assert_array_equal(scale.variances, expected.variances)
    np.testing.assert_array_equal(scale.steps, expected.steps)


def test_samples_that_may_repeat_are_not_scanned():
    X = np.random.default_rng(0).normal(size=(30, 2))
    assert InMemoryRows(np.repeat(X, 2, axis=0)).scan is None
    assert InMemoryRows(X, np.ones(30)).scan is None


@pytest.mark.parametrize("n", [5, 80, 161, 5_000])
def test_scale_is_that_of_the_quartiles_where_these_tell_less(n):
    """As by sorting all values."""
    X = np.random.default_rng(n).standard_t(2, size=(n, 3))
    scale = FeatureScale.of(X, np.ones(n))
    for variance, values in zip(scale.variances, np.sort(X, axis=0).T, strict=True):
        ranks = np.arange(1, n + 1)
        low, high = (values[np.searchsorted(ranks, tail * n)] for tail in (0.25, 0.75))
        expected = min(values.var(), ((high - low) / 1.34898) ** 2)
        np.testing.assert_allclose(variance, expected, rtol=1e-12)
