"""The contract of every covariance structure: those of the registry and the one in the docs."""

import importlib.util
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import whitened
from scipy.stats import special_ortho_group
from sklearn.exceptions import ConvergenceWarning
from strategies import nearest_member, seeds

from skgmm import GaussianMixtureEM, testing
from skgmm._kernels._native import factors_of_axes
from skgmm._moments import Moments, Scatter
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import (
    STRUCTURES,
    IllDefinedCovarianceError,
    find_structure,
    register,
)
from skgmm.testing import ecll, moments_of, random_scatter, stacked

BUILT_IN = list(STRUCTURES.values())


def documented():
    """The structure that docs/add_a_structure.rst adds."""
    path = Path(__file__).parents[1] / "docs" / "examples" / "shared_correlation.py"
    spec = importlib.util.spec_from_file_location("shared_correlation", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return STRUCTURES.pop(module.SharedCorrelation.name)


sizes = st.tuples(st.integers(1, 4), st.integers(1, 5))  # components, features
every_structure = pytest.mark.parametrize(
    "structure", [*BUILT_IN, documented()], ids=lambda structure: structure.code
)
every_built_in = pytest.mark.parametrize("structure", BUILT_IN, ids=lambda s: s.code)


@every_structure
@given(size=sizes, seed=seeds)
def test_results_agree_with_dense_matrices(structure, size, seed):
    K, d = size
    covariance = nearest_member(structure, *random_scatter(seed, K, d))
    matrices = stacked(covariance, K)
    _, log_det = np.linalg.slogdet(matrices)
    np.testing.assert_allclose(
        np.broadcast_to(covariance.log_det, K), log_det, rtol=1e-8, atol=1e-8
    )
    rows = np.random.default_rng(seed).normal(size=(K, 7, d))
    white = whitened(covariance, rows)
    inverses = np.linalg.inv(matrices)
    expected = np.einsum("kbi,kij,kbj->kb", rows, inverses, rows)
    np.testing.assert_allclose((white**2).sum(axis=2), expected, rtol=1e-6)
    diagonals = np.diagonal(inverses, axis1=1, axis2=2)
    got = np.broadcast_to(covariance.precision_diagonal, diagonals.shape)
    np.testing.assert_allclose(got, diagonals, rtol=1e-6)
    for k in range(K):
        coloured = covariance.colour(white[k], k)
        np.testing.assert_allclose(coloured, rows[k], rtol=1e-6, atol=1e-8)


@every_structure
@given(size=sizes, seed=seeds)
def test_covariances_answer_for_one_component_and_for_each(structure, size, seed):
    K, d = size
    covariance = nearest_member(structure, *random_scatter(seed, K, d))
    matrices, rng = stacked(covariance, K), np.random.default_rng(seed)
    rows, units = rng.normal(size=(5, d)), np.exp(rng.normal(size=d))
    same = {"rtol": 1e-6, "atol": 1e-8 * np.abs(matrices).max()}
    np.testing.assert_allclose(stacked(covariance.per_component(K), K), matrices, **same)
    order = rng.permutation(K)
    np.testing.assert_allclose(stacked(covariance.reordered(order), K), matrices[order], **same)
    inverses, means = np.linalg.inv(matrices), rng.normal(size=(K, d))
    apart = rows[:, None] - means
    distances = np.einsum("nka,kab,nkb->nk", apart, inverses, apart)
    np.testing.assert_allclose(covariance.squared_distances(rows, means), distances, rtol=1e-6)
    scatter = np.einsum("na,nb->nab", rows, rows)
    traces = np.einsum("nab,kab->nk", scatter, inverses)
    np.testing.assert_allclose(covariance.cross_traces(scatter, K), traces, rtol=1e-6)
    for k in range(K):
        np.testing.assert_allclose(covariance.of(k).dense()[0], matrices[k], **same)
        whitened_rows = covariance.whiten(rows, k)
        np.testing.assert_allclose(covariance.colour(whitened_rows, k), rows, rtol=1e-6, atol=1e-8)
        axes, deviations = covariance.principal_axes(k, units)
        np.testing.assert_allclose(axes @ axes.T, np.eye(d), atol=1e-12)
        scaled = axes * deviations * units[:, None]
        np.testing.assert_allclose(scaled @ scaled.T, matrices[k], **same)
        matrix = covariance.whitening[k % len(covariance.whitening)]
        expected = rows * matrix if covariance.diagonal else rows @ matrix.T
        np.testing.assert_allclose(whitened_rows, expected, rtol=1e-12, atol=1e-12)


@every_structure
@given(size=sizes, seed=seeds)
def test_public_arrays_round_trip(structure, size, seed):
    testing.public_arrays_round_trip(structure, *size, seed)


@every_structure
@given(size=sizes, seed=seeds)
def test_the_estimate_lies_in_the_family(structure, size, seed):
    testing.estimate_is_a_member(structure, *size, seed)


@pytest.mark.slow
@every_structure
@given(size=sizes, seed=seeds)
def test_the_estimate_maximises_the_ecll_within_the_family(structure, size, seed):
    testing.estimate_maximises_the_ecll(structure, *size, seed)


@every_structure
@pytest.mark.parametrize(("K", "d"), [(1, 1), (1, 3), (3, 1), (2, 3), (4, 4)])
def test_n_parameters_is_the_rank_of_the_jacobian(structure, K, d):
    testing.n_parameters_is_the_dimension(structure, K, d, 7)


@every_structure
def test_check_structure_passes(structure):
    testing.check_structure(structure)


@pytest.mark.slow
@every_structure
@given(size=sizes, seed=seeds)
def test_equivariance(structure, size, seed):
    testing.equivariance(structure, *size, seed)


@pytest.mark.slow
@every_structure
@given(seed=seeds, K=st.integers(1, 3), d=st.integers(1, 4))
def test_weights_are_repetitions_and_blocks_are_the_whole(structure, seed, K, d):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30 * K + 10 * d, d)) @ rng.normal(size=(d, d + 1))[:, :d]
    shares = rng.dirichlet(np.ones(K), size=len(X))
    times = rng.integers(0, 4, size=len(X))

    def estimate(rows, weights, partition, cuts=1):
        parts = [
            InMemoryRows(
                rows[i::cuts], None if weights is None else weights[i::cuts]
            ).partition_moments(partition[i::cuts], K, structure.scatter)
            for i in range(cuts)
        ]
        return stacked(structure.estimate(reduce(add, parts)), K)

    weighted = estimate(X, times.astype(float), shares)
    scale = np.abs(weighted).max()
    repeated = estimate(np.repeat(X, times, axis=0), None, np.repeat(shares, times, axis=0))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6, atol=1e-7 * scale)
    blocks = estimate(X, times.astype(float), shares, cuts=3)
    np.testing.assert_allclose(weighted, blocks, rtol=1e-6, atol=1e-7 * scale)


@pytest.mark.slow
@every_structure
@given(size=sizes, seed=seeds)
def test_a_step_from_a_previous_covariance_never_lowers_the_ecll(structure, size, seed):
    testing.step_never_lowers_the_ecll(structure, *size, seed)


@every_structure
def test_reg_covar_is_added_to_the_spread_before_the_family_is_fitted(structure):
    mass, dense = random_scatter(0, 3, 4)
    floor = np.array([1.0, 2.0, 3.0, 0.5])
    got = structure.estimate(moments_of(structure, mass, dense).regularised(floor))
    expected = nearest_member(structure, mass, dense + np.diag(floor))
    np.testing.assert_allclose(stacked(got, 3), stacked(expected, 3), rtol=1e-9, atol=1e-12)


@every_structure
@pytest.mark.parametrize("dead", [0, 2])
def test_a_component_without_mass(structure, dead):
    """It has no say in what is shared, and keeps its own parts."""
    mass, dense = random_scatter(1, 3, 3)
    previous = nearest_member(structure, mass, dense)
    alive = np.arange(3) != dead
    mass = np.where(alive, mass, 0.0)
    got = previous
    for _ in range(10):  # steps towards common axes are cut short
        got = structure.estimate(moments_of(structure, mass, dense), got)
    rest = nearest_member(structure, mass[alive], dense[alive])
    np.testing.assert_allclose(stacked(got, 3)[alive], stacked(rest, 2), rtol=1e-5, atol=1e-8)
    structure.check_member(got, 3)
    if structure.code[0] == "V" and structure.code != "VVE":  # there along axes it did not have
        volumes = [np.linalg.det(stacked(c, 3)[dead]) for c in (got, previous)]
        assert volumes[0] == pytest.approx(volumes[1], rel=1e-6)
    without = structure.estimate(moments_of(structure, mass, dense))
    assert (np.linalg.eigvalsh(stacked(without, 3)) > 0).all()


def contains(richer, simpler):
    """By the letters of the codes: identity within equal within varying."""
    order = "IEV"
    return all(
        order.index(a) >= order.index(b) for a, b in zip(richer.code, simpler.code, strict=True)
    )


@every_built_in
@given(size=sizes, seed=seeds)
def test_structure_does_not_beat_one_that_contains_it(structure, size, seed):
    K, d = size
    mass, dense = random_scatter(seed, K, d)
    reached = ecll(stacked(nearest_member(structure, mass, dense), K), mass, dense)
    for richer in filter(lambda other: contains(other, structure), BUILT_IN):
        more = ecll(stacked(nearest_member(richer, mass, dense), K), mass, dense)
        assert more >= reached - 1e-11 * (1 + abs(reached)), richer.code


@pytest.mark.slow
@every_built_in
@given(seed=seeds, d=st.integers(1, 4))
def test_families_coincide_for_one_component(structure, seed, d):
    mass, dense = random_scatter(seed, 1, d)
    orientation, shape = structure.code[2], structure.code[1]
    twin = {"I": "VII" if shape == "I" else "VVI"}.get(orientation, "VVV")
    one, other = (
        stacked(nearest_member(s, mass, dense), 1) for s in (structure, find_structure(twin))
    )
    np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
@every_built_in
@given(seed=seeds, K=st.integers(1, 4))
def test_families_coincide_in_one_dimension(structure, seed, K):
    mass, dense = random_scatter(seed, K, 1)
    twin = find_structure("VVV" if structure.code[0] == "V" else "EEE")
    one, other = (stacked(nearest_member(s, mass, dense), K) for s in (structure, twin))
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_proportional_scatters_of_very_different_size():
    """Newton's method gets there from a start that is orders of magnitude off."""
    mass, dense = random_scatter(0, 4, 3)
    sizes = 10.0 ** np.array([-8.0, -2.0, 3.0, 9.0])
    members = sizes[:, None, None] * dense[0]
    for code in ("VEE", "VEV"):
        structure = find_structure(code)
        for previous in (None, nearest_member(structure, mass, dense)):
            moments = moments_of(structure, mass, members)
            got = structure.estimate(moments, previous)
            np.testing.assert_allclose(stacked(got, 4), members, rtol=1e-6)


# Data that leave a covariance without rank.


@pytest.mark.parametrize("d", [2, 3, 5, 8])
def test_factors_of_axes_are_exact_in_any_unit(d):
    """Powers of two scale them without rounding, wherever squares of lengths leave float64."""
    axes = special_ortho_group(d, seed=0).rvs()[None]
    variances = 2.0 ** np.linspace(-3.0, 3.0, d)[None]
    factor = factors_of(axes, variances)
    np.testing.assert_allclose(
        factor @ np.swapaxes(factor, 1, 2),
        (axes / variances) @ np.swapaxes(axes, 1, 2),
        rtol=1e-12,
        atol=1e-12 * factor.max() ** 2,
    )
    for power in (-509, -100, 100, 509):
        scaled = factors_of(axes, variances * 4.0**power)
        np.testing.assert_array_equal(scaled, factor / 2.0**power)


def factors_of(axes, variances):
    """Factors of precisions from principal axes (1, d, d) and variances along them (1, d)."""
    factors = np.empty(axes.shape)
    factors_of_axes(axes, variances, factors)
    return factors


def moments_of_noise(structure, lost):
    """Moments of ten rows at (0.1, 0.3), equal but for a rounding in the features `lost`."""
    scatter = structure.scatter.from_dense(np.diag(np.where(lost, 10 * 1e-34, 1.0))[None])
    return Moments(structure.scatter, np.array([10.0]), np.array([[0.1, 0.3]]), scatter, 0.0, 10.0)


@every_structure
def test_a_variance_below_the_rounding_of_the_mean_is_ill_defined(structure):
    all_lost = moments_of_noise(structure, np.array([True, True]))
    with pytest.raises(IllDefinedCovarianceError, match=r"Components: \[0\]"):
        structure.estimate(all_lost.regularised(np.zeros(2)))
    assert np.isfinite(structure.estimate(all_lost.regularised(np.full(2, 1e-40))).log_det).all()


@every_structure
def test_one_feature_without_variance(structure):
    moments = moments_of_noise(structure, np.array([True, False]))
    if structure.code[1] == "I":  # round: it is no matter
        covariance = structure.estimate(moments.regularised(np.zeros(2)))
        np.testing.assert_allclose(covariance.factor, np.sqrt(20.0))
    else:
        with pytest.raises(IllDefinedCovarianceError):
            structure.estimate(moments.regularised(np.zeros(2)))


SHARED_RANK = {"EII", "EEI", "EEE", "EEV"}  # a component without spread borrows all of it
SHARED_SHAPE = {"VII", "VEI", "VEE", "VEV"}  # a component of rank 1 borrows the rest


@every_built_in
def test_a_component_of_less_rank(structure):
    """Families that share what is missing go on; the others name the component."""
    mass, dense = random_scatter(3, 3, 3)
    line, point = dense.copy(), dense.copy()
    line[1] = np.diag([1.0, 0.0, 0.0])
    point[1] = 0.0
    for case, able in ((line, SHARED_RANK | SHARED_SHAPE), (point, SHARED_RANK)):
        moments = moments_of(structure, mass, case)
        if structure.code == "EVE" and case is line:
            continue  # depends on what the axes of the others make of it
        if structure.code in able:
            covariance = structure.estimate(moments.regularised(np.zeros(3)))
            assert (np.linalg.eigvalsh(stacked(covariance, 3)) > 0).all()
        else:
            with pytest.raises(IllDefinedCovarianceError, match=r"Components: .*1"):
                structure.estimate(moments.regularised(np.zeros(3)))
        floored = structure.estimate(moments.regularised(np.full(3, 1e-3)))
        assert (np.linalg.eigvalsh(stacked(floored, 3)) > 0).all()
        structure.check_member(floored, 3)


@pytest.mark.parametrize("code", ["VEI", "VEE", "VEV"])
@pytest.mark.parametrize("rotated", [False, True])
def test_a_component_on_a_line_may_hold_a_third_of_the_rows(code, rotated):
    """With more than rank / d of them the likelihood has no bound, and the component is named."""
    structure = find_structure(code)
    turn = special_ortho_group.rvs(3, random_state=0) if rotated and code != "VEI" else np.eye(3)
    dense = np.array([np.diag([1.0, 0.0, 0.0]), np.eye(3)])
    dense = turn @ dense @ turn.T
    for share in (0.1, 0.3):
        mass = 100 * np.array([share, 1 - share])
        covariance = structure.estimate(moments_of(structure, mass, dense))
        assert (np.linalg.eigvalsh(stacked(covariance, 2)) > 0).all()
    for share in (0.36, 0.6, 0.9):
        mass = 100 * np.array([share, 1 - share])
        with pytest.raises(IllDefinedCovarianceError, match=r"Components: \[0\]"):
            structure.estimate(moments_of(structure, mass, dense))


@pytest.mark.parametrize("code", ["VEI", "VEE", "VEV"])
def test_fit_on_a_line_warns_of_a_degenerate_component(code):
    rng = np.random.default_rng(0)
    line = np.column_stack([rng.normal(size=80), np.zeros((80, 2))])
    X = np.concatenate([line, rng.normal(size=(20, 3)) + 100]) @ special_ortho_group.rvs(
        3, random_state=1
    )
    mixture = GaussianMixtureEM(
        2, covariance_type=code, responsibilities_init=np.eye(2)[np.repeat([0, 1], [80, 20])]
    )
    if code == "VEI":  # nothing is axis-aligned in rotated rows
        mixture.fit(X)
    else:
        with pytest.raises(IllDefinedCovarianceError, match=r"Components: \[0\]"):
            mixture.set_params(reg_covar=0.0).fit(X)
        with pytest.warns(ConvergenceWarning, match=r"Components \[0\] are degenerate"):
            mixture.set_params(reg_covar="auto").fit(X)
    assert np.isfinite(mixture.lower_bound_)


@every_structure
def test_collinear_rows(structure):
    line = np.random.default_rng(0).normal(size=50)
    X = np.column_stack([line, 3 * line + 1])
    moments = InMemoryRows(X, None).overall_moments(structure.scatter)
    if structure.scatter is Scatter.DIAGONAL:
        assert np.isfinite(structure.estimate(moments.regularised(np.zeros(2))).log_det).all()
    else:
        with pytest.raises(IllDefinedCovarianceError):
            structure.estimate(moments.regularised(np.zeros(2)))


@every_structure
def test_covariance_of_condition_1e10_is_accurate(structure):
    shape, orientation = structure.code[1:3]
    axes = np.array([1e5, 1e5 if shape == "I" else 1.0])
    angle = 0.0 if structure.scatter is Scatter.DIAGONAL else 0.3
    Q = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    X = np.random.default_rng(0).normal(size=(500, 2)) * axes
    moments = InMemoryRows(X @ Q.T, None).overall_moments(structure.scatter)
    log_det = structure.estimate(moments.regularised(np.zeros(2))).log_det
    _, expected = np.linalg.slogdet(np.cov(X.T, bias=True))
    if shape == "I":
        expected = 2 * np.log(X.var(axis=0).mean())
    elif orientation == "I":
        expected = np.log(X.var(axis=0)).sum()
    assert log_det[0] == pytest.approx(expected, abs=1e-5)


# Names.


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("VVV", "full"),
        ("eee", "tied"),
        ("Diag", "diag"),
        ("vii", "spherical"),
        ("VEV", "VEV"),
        ("EEI", "tied-diag"),
        ("Tied-Spherical", "tied-spherical"),
    ],
)
def test_names_in_any_case(given_name, name):
    assert find_structure(given_name).name == name


@pytest.mark.parametrize(
    ("wrong", "meant"), [("tied_diag", "tied-diag"), ("sperical", "spherical"), ("VVF", "VV")]
)
def test_unknown_structure_error_lists_names(wrong, meant):
    with pytest.raises(ValueError, match=f"'full' or 'VVV'.*Did you mean '{meant}"):
        find_structure(wrong)


def test_a_name_belongs_to_one_structure():
    class Other(type(STRUCTURES["full"])):
        name = "other"

    with pytest.raises(ValueError, match="'vvv' belongs to Full"):
        register(Other())
    assert "other" not in STRUCTURES
