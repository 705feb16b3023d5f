"""The compiled M-steps against the formulas in NumPy, and what they say of components that have no
covariance.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_m_steps import M_STEPS
from strategies import nearest_member, seeds

from skgmm import _kernels
from skgmm._kernels._native import factors_of_matrices
from skgmm._moments import Moments
from skgmm.covariance import STRUCTURES, IllDefinedCovarianceError

every_structure = pytest.mark.parametrize("structure", STRUCTURES.values(), ids=lambda s: s.code)


def moments_and_previous(structure, seed, K, d, empty):
    """Moments as an E-step may leave them, the last `empty` components without mass, and the
    covariances before."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, K, d, d + 3)) / np.sqrt(d)
    scatter, before = root @ root.swapaxes(-1, -2)
    mass = rng.uniform(5.0, 50.0, size=K)
    previous = nearest_member(structure, mass, before)
    mass[K - empty :] = 0.0
    scatter = np.array(structure.scatter.from_dense(mass[:, None, None] * scatter))
    moments = Moments(structure.scatter, mass, np.zeros((K, d)), scatter, 0.0, mass.sum())
    return moments, previous


def assert_as_the_oracle(structure, moments, previous, rtol):
    K, d = moments.mean.shape
    found = structure.estimate(moments, previous)
    statistics = structure._statistics(moments, previous)
    kept = np.zeros(K) if previous is None else previous.log_det / d + np.zeros(K)
    expected = M_STEPS[structure.code](statistics, getattr(found, "axes", None), kept)
    got = found.variances() if expected.ndim == 2 else found.dense()
    got = np.broadcast_to(got, expected.shape)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@every_structure
@settings(max_examples=15)
@given(seed=seeds, K=st.integers(1, 4), d=st.integers(1, 5), warm=st.booleans(), data=st.data())
def test_an_m_step_is_the_formula(structure, seed, K, d, warm, data):
    empty = data.draw(st.integers(0, K - 1)) if warm else 0
    moments, previous = moments_and_previous(structure, seed, K, d, empty)
    assert_as_the_oracle(structure, moments, previous if warm else None, rtol=1e-8)


@every_structure
@pytest.mark.parametrize("d", [16, 17, 40])
def test_an_m_step_in_many_features_is_the_formula(structure, d):
    """From 17 features on matrices are LAPACK's."""
    for empty in (0, 1):
        moments, previous = moments_and_previous(structure, 0, 3, d, empty)
        assert_as_the_oracle(structure, moments, previous, rtol=1e-9)


@every_structure
@pytest.mark.parametrize("d", [1, 3, 20])
def test_components_without_a_covariance_are_named(structure, d):
    """One of three has no variance at all: where nothing is shared, only that one has none."""
    moments, _ = moments_and_previous(structure, 0, 3, d, 0)
    if structure.code[0] == "E" and "V" not in structure.code[1:]:  # all have what is shared
        structure.estimate(moments)
        moments.scatter[:] = 0.0
        with pytest.raises(IllDefinedCovarianceError) as caught:
            structure.estimate(moments)
        assert caught.value.components == [0]
        return
    moments.scatter[1] = 0.0
    if structure.code == "EEV":  # the others' lengths are enough
        structure.estimate(moments)
        return
    with pytest.raises(IllDefinedCovarianceError) as caught:
        structure.estimate(moments)
    assert caught.value.components == [1]


@pytest.mark.parametrize("d", [1, 4, 5, 13, 61])  # 61: by LAPACK
def test_factors_of_many_matrices_do_not_depend_on_each_other(instructions, d):
    rng = np.random.default_rng(d)
    roots = rng.standard_normal((11, d, 2 * d)) * 10.0 ** rng.integers(-140, 140, (11, 1, 1))
    matrices = roots @ roots.swapaxes(1, 2)
    matrices[3] = 0.0  # neither positive ...
    matrices[8] = -matrices[8]
    matrices[9, 0, 0] = np.nan  # ... nor numbers
    factors = np.empty_like(matrices)
    assert factors_of_matrices(matrices, factors) == [3, 8, 9]
    for k in sorted({*range(11)} - {3, 8, 9}):
        own, alone = factors[k], np.empty((1, d, d))
        assert (np.tril(own, -1) == 0).all()
        np.testing.assert_allclose(own.T @ matrices[k] @ own, np.eye(d), atol=1e-12)
        assert factors_of_matrices(matrices[k : k + 1], alone) == []
        np.testing.assert_array_equal(own, alone[0])


def test_arrays_of_another_form_are_refused():
    """Nothing is read or written beyond an array."""
    mass, scatter, factors = np.ones(2), np.ones((2, 3, 3)), np.empty((2, 3, 3))

    def step(code, scatter=scatter, own_mass=mass, axes=None, factors=factors):
        return _kernels.m_step(code, mass, scatter, own_mass, scatter, None, axes, True, factors)

    for message, arguments in [
        ("code: of a structure", {"code": "VVX"}),
        ("scatter: in the form needed", {"code": "VVV", "scatter": np.ones((2, 3))}),
        ("own_mass: as mass", {"code": "VVV", "own_mass": np.ones(3)}),
        ("factors: in the form found", {"code": "VVV", "factors": np.empty((2, 3))}),
        ("factors: as many as found", {"code": "VVV", "factors": np.empty((1, 3, 3))}),
        ("axes: where components share them", {"code": "VVE"}),
        (r"axes: \(d, d\)", {"code": "VVE", "axes": np.empty((2, 2))}),
    ]:
        with pytest.raises(ValueError, match=message):
            step(**arguments)
