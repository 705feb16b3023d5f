"""The inverse Hessian of quasi-Newton steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from skgmm._acceleration import _MEMORY, _Memory


def convex(seed, size):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size))
    return rng, root @ root.T + np.eye(size)


@given(seeds, st.integers(1, 12), st.integers(0, 3 * _MEMORY))
def test_direction_is_that_of_the_updated_matrix(seed, size, n_pairs):
    """BFGS updates of a scaled identity by the last pairs, as a matrix."""
    rng, hessian = convex(seed, size)
    memory, pairs = _Memory(size), []
    for _ in range(n_pairs):
        step = rng.normal(size=size)
        pairs.append((step, hessian @ step))
        memory.remember(*pairs[-1])
    pairs = pairs[-_MEMORY:]
    inverse = np.eye(size)
    if pairs:
        step, change = pairs[-1]
        inverse *= (step @ change) / (change @ change)
    for step, change in pairs:
        left = np.eye(size) - np.outer(step, change) / (step @ change)
        inverse = left @ inverse @ left.T + np.outer(step, step) / (step @ change)
    gradient = rng.normal(size=size)
    expected = -inverse @ gradient
    tolerance = 1e-6 * np.abs(inverse).max() * np.abs(gradient).sum()
    np.testing.assert_allclose(memory.direction(gradient), expected, atol=tolerance)


@given(seeds, st.integers(1, 12))
def test_last_change_leads_to_last_step(seed, size):
    rng, hessian = convex(seed, size)
    memory = _Memory(size)
    for _ in range(3):
        step = rng.normal(size=size)
        memory.remember(step, hessian @ step)
    np.testing.assert_allclose(memory.direction(hessian @ step), -step, rtol=1e-9)


def test_a_pair_without_curvature_is_not_remembered():
    memory, gradient = _Memory(2), np.array([1.0, 2.0])
    memory.remember(np.array([1.0, 0.0]), np.array([-1.0, 0.0]))
    np.testing.assert_array_equal(memory.direction(gradient), -gradient)
