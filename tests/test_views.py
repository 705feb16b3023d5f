"""Samples as starts see them."""

import numpy as np
import pytest

from skgmm import GaussianMixtureEM
from skgmm._rows.sample import StartSample
from skgmm._starts.views import principal_rows, scaled_rows, whitened_rows


def squared_distances(rows):
    return ((rows[:, None] - rows) ** 2).sum(axis=2)


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    rows = 1e3 + rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4))
    return StartSample(rows, rng.uniform(0.5, 2.0, size=60), True)


def test_whitened_rows_have_identity_covariance(sample):
    white = whitened_rows(scaled_rows(sample), sample.weights)
    covariance = np.cov(white.T, aweights=sample.weights, bias=True)
    np.testing.assert_allclose(covariance, np.eye(4), atol=1e-12)
    assert white.flags.c_contiguous


def test_whitened_rows_are_principal_ones_turned(sample):
    scaled, weights = scaled_rows(sample), sample.weights
    white, principal = (make(scaled, weights) for make in (whitened_rows, principal_rows))
    np.testing.assert_allclose(
        squared_distances(white), squared_distances(principal), rtol=1e-9, atol=1e-9
    )


def test_directions_and_features_without_variance_are_left_out(sample):
    rows, weights = sample.rows, sample.weights
    more = np.c_[rows, rows[:, 0] - 2.0 * rows[:, 3], np.ones(60)]
    scaled = scaled_rows(StartSample(more, weights, True))
    assert scaled.shape == (60, 5)
    white = whitened_rows(scaled, weights)
    assert white.shape == (60, 4)
    alone = whitened_rows(scaled_rows(sample), weights)
    np.testing.assert_allclose(squared_distances(white), squared_distances(alone), atol=1e-8)


def test_scaled_rows_leave_the_sample_as_it_is(sample):
    before = sample.rows.copy()
    scaled_rows(sample)
    GaussianMixtureEM(2, random_state=0).fit(sample.rows)
    assert (sample.rows == before).all()
