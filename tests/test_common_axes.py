"""The axes of EVE and VVE, against searches that have nothing in common with the M-step's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.optimize import minimize
from strategies import nearest_member, seeds

from skgmm import GaussianMixtureEM
from skgmm._kernels._native import improve_axes, lowest_axes
from skgmm._moments import Moments
from skgmm.covariance import find_structure

every_code = pytest.mark.parametrize("code", ["EVE", "VVE"])
QUARTER_TURN = np.linspace(0.0, np.pi / 2, 400, endpoint=False)


def orthogonal(rng, d):
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def scatters(seed, K, d, orders, apart):
    """Masses (K,) and matrices (K, d, d): variances orders of magnitude apart, along axes that
    differ by `apart`, or that have nothing in common."""
    rng = np.random.default_rng(seed)
    common, dense = orthogonal(rng, d), []
    for _ in range(K):
        change = rng.normal(size=(d, d))
        axes = np.linalg.qr(change if apart is None else common + apart * change)[0]
        variances = 10.0 ** -rng.uniform(0.0, orders, size=d)
        variances[0], variances[-1] = 1.0, 10.0**-orders
        dense.append(axes * rng.permutation(variances) @ axes.T)
    dense = np.array(dense)
    return rng.uniform(5.0, 50.0, size=K), 0.5 * (dense + dense.transpose(0, 2, 1))


hard_cases = st.builds(
    scatters,
    seeds,
    K=st.integers(2, 4),
    d=st.integers(2, 5),
    orders=st.sampled_from([1.0, 3.0, 6.0]),
    apart=st.sampled_from([0.01, 0.3, None]),
)


def best_ecll(code, mass, lengths):
    """ECLL per row, but for a constant, of the best variances along axes: lengths (..., K, d)."""
    logs = np.log(lengths).sum(axis=-1)
    if code == "VVE":
        return -0.5 * (logs @ mass) / mass.sum()
    d = lengths.shape[-1]
    return -0.5 * d * np.log((np.exp(logs / d) * mass).sum(axis=-1))


def along(axes, dense):
    return np.einsum("kij,il,jl->kl", dense, axes, axes)


def found_axes(code, mass, dense, previous=None, near=None):
    structure = find_structure(code)
    if near is not None:
        structure = structure.near(near)
    scatter = mass[:, None, None] * dense
    moments = Moments(structure.scatter, mass, np.zeros(dense.shape[:2]), scatter, 0.0, mass.sum())
    return structure.estimate(moments, previous).axes


def best_turn(code, mass, dense, axes, i, j):
    """ECLL of the best of many turns in a plane, and the axes there."""
    turned = axes.T @ dense @ axes
    a, b, c = turned[:, i, i], turned[:, j, j], turned[:, i, j]
    own = 0.5 * np.arctan2(2 * c, a - b)  # the turn that suits one matrix: minima may be narrow
    near = (own[:, None] + 1e-2 * np.linspace(-1, 1, 41)).ravel()
    angles = np.concatenate([QUARTER_TURN, near])[:, None]
    lengths = np.repeat(np.diagonal(turned, axis1=1, axis2=2)[None], len(angles), axis=0)
    cosine, sine = np.cos(angles), np.sin(angles)
    lengths[:, :, i] = cosine**2 * a + 2 * cosine * sine * c + sine**2 * b
    lengths[:, :, j] = sine**2 * a - 2 * cosine * sine * c + cosine**2 * b
    values = best_ecll(code, mass, lengths)
    best = np.argmax(values)
    rotation = np.eye(len(axes))
    x, y = cosine[best, 0], sine[best, 0]
    rotation[np.ix_([i, j], [i, j])] = [[x, -y], [y, x]]
    return values[best], axes @ rotation


def plane_by_plane(code, mass, dense, axes, n_sweeps):
    """Turns by the best of many angles in every plane, again and again."""
    d, reached = len(axes), best_ecll(code, mass, along(axes, dense))
    for _ in range(n_sweeps):
        before = reached
        for i in range(d):
            for j in range(i):
                value, turned = best_turn(code, mass, dense, axes, i, j)
                if value > reached:
                    reached, axes = value, turned
        if reached - before < 1e-12:
            break
    return reached, axes


@every_code
@given(case=hard_cases)
def test_no_plane_rotation_increases_the_ecll(code, case):
    mass, dense = case
    axes = found_axes(code, mass, dense)
    np.testing.assert_allclose(axes.T @ axes, np.eye(len(axes)), atol=1e-13)
    reached = best_ecll(code, mass, along(axes, dense))
    for i in range(len(axes)):
        for j in range(i):
            assert best_turn(code, mass, dense, axes, i, j)[0] <= reached + 1e-8


@every_code
@given(case=hard_cases, seed=seeds)
def test_no_small_rotation_of_all_axes_increases_the_ecll(code, case, seed):
    mass, dense = case
    axes = found_axes(code, mass, dense)
    d, rng = len(axes), np.random.default_rng(seed)
    reached = best_ecll(code, mass, along(axes, dense))
    for size in (1e-6, 1e-4, 1e-2):
        step = size * rng.normal(size=(d, d))
        turned = axes @ expm(step - step.T)
        assert best_ecll(code, mass, along(turned, dense)) <= reached + 1e-10


@pytest.mark.slow
@every_code
@given(seed=seeds, K=st.integers(2, 4), d=st.integers(2, 5))
def test_the_gradient_vanishes(code, seed, K, d):
    """SciPy's quasi-Newton method, started from the estimate, stays there."""
    mass, dense = scatters(seed, K, d, 1.0, None)
    axes = found_axes(code, mass, dense)
    planes = np.triu_indices(d, 1)

    def objective(turns):
        step = np.zeros((d, d))
        step[planes] = turns
        return -best_ecll(code, mass, along(axes @ expm(step - step.T), dense))

    end = minimize(objective, np.zeros(len(planes[0])), options={"gtol": 1e-9})
    assert end.fun >= objective(np.zeros(len(planes[0]))) - 1e-11
    assert np.abs(end.x).max() < 1e-4


@pytest.mark.slow
@every_code
def test_dense_searches_find_no_better_axes_where_variances_are_alike(code):
    """Many random starts, plane by plane."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        K, d = rng.integers(2, 5), rng.integers(3, 6)
        root = rng.normal(size=(K, d, d + 2))
        mass, dense = rng.uniform(5.0, 50.0, size=K), root @ root.transpose(0, 2, 1)
        reached = best_ecll(code, mass, along(found_axes(code, mass, dense), dense))
        for _ in range(8):
            other, _ = plane_by_plane(code, mass, dense, orthogonal(rng, d), 20)
            assert other <= reached + 1e-8


@pytest.mark.slow
@every_code
def test_variances_six_orders_apart_fall_short_of_a_dense_search_rarely(code):
    """Plane by plane from the axes of each component and of their sum, and from random ones.

    Such scatters have dozens of minima; which of them is the best, no search from a few starts can
    promise.
    """
    shortfalls = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        K, d = rng.integers(2, 5), rng.integers(2, 5)
        mass, dense = scatters(seed, K, d, 6.0, [0.01, 0.3, None][seed % 3])
        reached = best_ecll(code, mass, along(found_axes(code, mass, dense), dense))
        scatter = mass[:, None, None] * dense
        starts = [*np.linalg.eigh(scatter)[1], np.linalg.eigh(scatter.sum(axis=0))[1]]
        starts += [orthogonal(rng, d) for _ in range(4)]
        ends = [plane_by_plane(code, mass, dense, start, 15)[0] for start in starts]
        shortfalls.append(max(ends) - reached)
    assert np.mean(np.array(shortfalls) < 1e-8) >= 0.95
    assert np.mean(np.maximum(shortfalls, 0.0)) < 0.01


@pytest.mark.parametrize(("code", "seed"), [("EVE", 30), ("EVE", 34), ("VVE", 5), ("VVE", 88)])
def test_more_axes_are_tried_if_the_usual_ones_are_not_enough(code, seed):
    """The axes of the scatters and of their means all lead to poorer minima in these."""
    mass, dense = scatters(seed, 3, 4, 3.0, None)
    reached = best_ecll(code, mass, along(found_axes(code, mass, dense), dense))
    rng = np.random.default_rng(0)
    ends = [plane_by_plane(code, mass, dense, orthogonal(rng, 4), 20)[0] for _ in range(20)]
    assert max(ends) <= reached + 1e-8


@every_code
@given(case=hard_cases, seed=seeds)
def test_m_step_from_previous_axes_never_decreases_the_ecll(code, case, seed):
    mass, dense = case
    previous = nearest_member(find_structure(code), *scatters(seed, *dense.shape[:2], 1.0, None))
    before = best_ecll(code, mass, along(previous.axes, dense))
    for _ in range(4):
        axes = found_axes(code, mass, dense, previous)
        reached = best_ecll(code, mass, along(axes, dense))
        assert reached >= before - 1e-9
        before, previous = reached, type(previous)(previous.factor, axes)


@every_code
@given(case=hard_cases, seed=seeds, K=st.integers(1, 5))
def test_near_axes_of_any_number_of_components_an_m_step_starts_there(code, case, seed, K):
    mass, dense = case
    structure, n = find_structure(code), len(mass)
    near = nearest_member(structure, *scatters(seed, K, dense.shape[-1], 1.0, None))
    as_many = type(near)(np.resize(near.factor, (n, *near.factor.shape[1:])), near.axes)
    axes = found_axes(code, mass, dense, near=near)
    np.testing.assert_array_equal(axes, found_axes(code, mass, dense, previous=as_many))
    assert not structure.near(near).several_optima
    assert structure.several_optima


@every_code
@given(seed=seeds, exponent=st.integers(-150, 150))
def test_any_scale(code, seed, exponent):
    """Neither the axes nor the ratios of the variances depend on the unit."""
    mass, dense = scatters(seed, 3, 3, 2.0, 0.3)
    structure, scale = find_structure(code), 10.0**exponent
    plain = nearest_member(structure, mass, dense).dense()
    scaled = nearest_member(structure, mass, dense * scale * scale).dense() / scale / scale
    np.testing.assert_allclose(scaled, plain, rtol=1e-7, atol=1e-9)


@every_code
def test_rotated_data_find_the_same_minimum(code):
    """Also where starts lead to different ones, and more are tried."""
    for seed in range(20):
        mass, dense = scatters(seed, 4, 4, 4.0, None)
        turn = orthogonal(np.random.default_rng(seed), 4)
        values = [
            best_ecll(code, mass, along(found_axes(code, mass, each), each))
            for each in (dense, turn @ dense @ turn.T)
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-7)


@every_code
def test_em_near_the_edge_of_singular_converges(code):
    """Components whose variances lie six orders apart, with the default reg_covar."""
    rng = np.random.default_rng(1)
    axes, parts = orthogonal(rng, 4), []
    for k in range(3):
        deviations = rng.permutation([1.0, 1e-1, 1e-2, 1e-3])
        parts.append(2.0 * k + (rng.normal(size=(200, 4)) * deviations) @ axes.T)
    mixture = GaussianMixtureEM(
        3, covariance_type=code, responsibilities_init=np.eye(3)[np.repeat([0, 1, 2], 200)]
    )
    mixture.fit(np.concatenate(parts))
    assert mixture.converged_
    assert mixture.n_iter_ < 20


@pytest.mark.parametrize("exponent", [0.0, 0.25])
@given(seed=seeds, products=st.integers(0, 40))
def test_interrupted_axes_search_improves_the_axes(exponent, seed, products):
    """With many features a search has few products: what it has found by then is kept."""
    mass, dense = scatters(seed, 3, 4, 3.0, None)
    start = orthogonal(np.random.default_rng(seed), 4)
    code = "EVE" if exponent else "VVE"
    weights = np.ones(3) if exponent else mass
    scatter = mass[:, None, None] * dense
    before = best_ecll(code, mass, along(start, dense))
    for search in (warm, cold):
        axes = search(scatter, weights, exponent, start, products)
        np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-12)
        assert best_ecll(code, mass, along(axes, dense)) >= before - 1e-9


def warm(scatter, weights, exponent, start, products):
    axes = start.copy()
    improve_axes(scatter, weights, exponent, axes, 500, products)
    return axes


def cold(scatter, weights, exponent, start, products):
    starts, values = start[None].copy(), np.empty(1)
    lowest_axes(scatter, weights, exponent, starts, values, 1, products)
    return starts[0]


@pytest.mark.parametrize("exponent", [0.0, 0.1])
def test_searches_of_nearly_singular_matrices_are_short(exponent):
    """Components of too few samples: many EM iterations search for their axes, each a little."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(6, 5, 10))
    scatter = np.einsum("kni,knj->kij", samples, samples) + 1e-10 * np.eye(10)
    weights, start = np.ones(6), orthogonal(rng, 10)
    few = warm(scatter, weights, exponent, start, 30)
    np.testing.assert_array_equal(warm(scatter, weights, exponent, start, 100_000), few)
    ordinary = scatter + np.eye(10)
    few = warm(ordinary, weights, exponent, start, 30)
    assert (warm(ordinary, weights, exponent, start, 100_000) != few).any()
