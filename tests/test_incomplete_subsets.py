"""Missing values, errors, labels, noise and weights in every combination, for all structures."""

import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import oracle
import oracle_incomplete
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureEM, UniformNoise
from skgmm._objective import Objective
from skgmm._rows import groups
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._rows.measurement_errors import check_errors
from skgmm._rows.noise import Background
from skgmm.covariance import STRUCTURES, find_structure

NAMES = list(STRUCTURES)
D, K = 3, 3
MEANS = np.array([[0.0, 0, 0], [4.0, 0, 1], [0.0, 4, -1]])
VOLUME = 4000.0

PARTS = np.array(["missing", "errors", "labels", "noise", "weights"])
SUBSETS = [frozenset(PARTS[list(bits)].tolist()) for bits in product((False, True), repeat=5)]


def make(n, subset, seed=0, size=0.6):
    """Samples, and what is known of them: weights, labels, background and errors, or None."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = MEANS[z] + rng.normal(size=(n, D)) @ (np.eye(D) + 0.2 * rng.normal(size=(D, D)))
    roots = size * rng.normal(size=(n, D, D))
    errors = roots @ np.swapaxes(roots, 1, 2)
    errors[: n // 4] = errors[0]  # some share theirs,
    errors[n // 4 : n // 3] = 0.0  # and some have none
    X += (np.linalg.cholesky(errors + 1e-15 * np.eye(D)) @ rng.normal(size=(n, D, 1)))[:, :, 0]
    if "noise" in subset:
        X[::9] = rng.uniform(-8, 8, size=X[::9].shape)
    if "missing" in subset:
        X[rng.random((n, D)) < 0.2] = np.nan
        X[0], X[1, 0] = np.nan, 1.0
    weights = rng.integers(0, 4, size=n).astype(float) if "weights" in subset else None
    labels = np.where(rng.random(n) < 0.25, z, -1) if "labels" in subset else None
    background = (
        Background.of(InMemoryRows(X, weights), VOLUME, 0.05) if "noise" in subset else None
    )
    errors = check_errors(errors, X) if "errors" in subset else None
    return X, weights, labels, background, errors


def parameters_of(name, noise):
    X = np.random.default_rng(5).normal(size=(90, D)) + np.repeat(MEANS, 30, axis=0)
    mixture = GaussianMixtureEM(K, covariance_type=name, means_init=MEANS, max_iter=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        parameters = mixture.fit(X)._parameters()
    left = 0.1 if noise else 0.0
    return replace(parameters, log_weights=parameters.log_weights + np.log1p(-left))


@pytest.mark.parametrize("subset", SUBSETS, ids=lambda subset: "+".join(sorted(subset)) or "whole")
@pytest.mark.parametrize("name", NAMES)
def test_the_e_step_is_that_of_the_oracle(name, subset, monkeypatch):
    monkeypatch.setattr(groups, "_MANY", 5)
    X, weights, labels, background, errors = make(24, subset)
    parameters, form = parameters_of(name, "noise" in subset), find_structure(name).scatter
    floor = np.array([0.2, 0.1, 0.0])
    rows = GroupedRows.of(InMemoryRows(X, weights), labels, background, errors=errors)
    got = rows.expectation(parameters, form, floor)
    sides = None if background is None else np.exp(background.log_sides)
    counted = np.ones(24) if weights is None else weights
    expected = oracle_incomplete.expectation(
        X, counted, parameters, form, floor, labels, sides, errors
    )
    oracle.assert_moments_equal(got, expected, parameters)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_fit_with_everything_ends_where_the_gradient_of_the_log_likelihood_is_zero(name):
    X, weights, labels, background, errors = make(110, SUBSETS[-1], seed=1, size=0.12)
    floor, options = np.full(D, 1e-3), {"covariance_type": name, "means_init": MEANS}
    mixture = GaussianMixtureEM(
        K, noise=UniformNoise(volume=VOLUME), tol=1e-12, max_iter=3000, reg_covar=1e-3, **options
    )
    mixture.fit(X, sample_weight=weights, labels=labels, error_covariance=errors)
    assert mixture.converged_
    assert np.diff(mixture.lower_bounds_).min() >= 0
    parameters, counted = mixture._parameters(), weights > 0
    known = {
        "labels": labels[counted],
        "sides": np.exp(background.log_sides),
        "errors": errors[counted],
    }

    def objective(*moved, floor=floor):
        total = oracle_incomplete.log_likelihood(
            X[counted], weights[counted], *moved, floor=floor, **known
        )
        return total / weights.sum()

    step = 1e-4
    for along in oracle_incomplete.directions_of(name, parameters, noise=True):
        slope = (objective(*along(step)) - objective(*along(-step))) / (2 * step)
        assert abs(slope) < 2e-5
    public = parameters.weights, parameters.means, oracle_incomplete.dense(parameters)
    plain = objective(*public, floor=None)
    assert mixture.lower_bound_ == pytest.approx(plain, rel=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_no_step_of_em_lowers_the_objective(name):
    X, weights, labels, background, errors = make(120, SUBSETS[-1], seed=1)
    rows = GroupedRows.of(InMemoryRows(X, weights), labels, background, errors=errors)
    objective = Objective(rows, find_structure(name), np.full(D, 1e-6))
    parameters, objectives = parameters_of(name, True), []
    for _ in range(60):
        moments = objective.evaluate(parameters)
        objectives.append(moments.mean_objective)
        parameters = objective.maximise(moments, parameters)
    assert np.diff(objectives).min() > -1e-12
