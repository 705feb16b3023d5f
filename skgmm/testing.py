"""Checks for covariance structures of your own (`skgmm.covariance.register`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm.covariance import STRUCTURES, Covariance, IllDefinedCovarianceError, Structure

__all__ = ["check_structure"]

Check = Callable[[Structure, int, int, int], None]

# Components and features: one of either, fewer and more components than features.
_SIZES = ((1, 1), (1, 3), (3, 1), (2, 3), (4, 4))
_SEEDS = range(3)


def check_structure(structure: Structure) -> None:
    """Check that a covariance structure keeps the contract on which a fit relies.

    On random scatters of 1 to 4 components in 1 to 4 features: public arrays can be read back; an
    estimate is a member of the family, and no other member has a higher expected complete
    log-likelihood (ECLL); a step from previous covariances never lowers the ECLL; the number of
    parameters is the dimension of the family; the declared equivariance holds; a component without
    samples does not influence the others; and covariances that are not positive definite raise
    :class:`~skgmm.covariance.IllDefinedCovarianceError`.

    Parameters
    ----------
    structure : Structure
        It need not be registered.

    Raises
    ------
    AssertionError
        If a check fails. The check, and the numbers of components and features, are in the notes
        of the error, as for other errors, which the structure raised itself.

    Examples
    --------
    >>> from skgmm.covariance import find_structure
    >>> from skgmm.testing import check_structure
    >>> check_structure(find_structure("tied"))
    """
    for check in CHECKS:
        for n_components, n_features in _SIZES:
            for seed in _SEEDS:
                try:
                    check(structure, n_components, n_features, seed)
                except Exception as error:
                    error.add_note(
                        f"{structure.name!r}, {check.__name__}({n_components=}, {n_features=}, "
                        f"{seed=}): {check.__doc__}"
                    )
                    raise


def random_scatter(seed: int, n_components: int, n_features: int) -> tuple[Array, Array]:
    """Masses (K,) and covariances (K, d, d) of components, as an E-step might find them."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n_components, n_features, n_features + 2))
    dense = root @ root.transpose(0, 2, 1) / n_features
    return rng.uniform(5.0, 50.0, size=n_components), dense


def moments_of(structure: Structure, mass: Array, dense: Array) -> Moments:
    """Moments in the structure's form, of components with these masses and covariances."""
    scatter = structure.scatter.from_dense(mass[:, None, None] * dense)
    return Moments(structure.scatter, mass, np.zeros(dense.shape[:2]), scatter, 0.0, mass.sum())


def stacked(covariance: Covariance, n_components: int) -> Array:
    """Covariance matrices (K, d, d), also where components share one."""
    dense = covariance.dense()
    return np.broadcast_to(dense, (n_components, *dense.shape[1:]))


def ecll(fitted: Array, mass: Array, dense: Array) -> float:
    """What covariances (K, d, d) contribute to the ECLL, per sample."""
    traces = np.trace(np.linalg.solve(fitted, dense), axis1=1, axis2=2)
    return -0.5 * float(mass @ (np.linalg.slogdet(fitted)[1] + traces)) / float(mass.sum())


def _estimate(structure: Structure, mass: Array, dense: Array) -> Array:
    return stacked(structure.estimate(moments_of(structure, mass, dense)), len(mass))


def _require(condition: bool | np.bool_, message: str) -> None:
    # No assert statement: those are not run by python -O.
    if not condition:
        raise AssertionError(message)


def public_arrays_round_trip(structure: Structure, K: int, d: int, seed: int) -> None:
    """Public arrays have the declared shape, and can be read back."""
    covariance = structure.estimate(moments_of(structure, *random_scatter(seed, K, d)))
    public = structure.public(covariance, K)
    for array in public:
        _require(array.shape == structure.shape(K, d), f"the shape is {array.shape}")
    readers = structure.from_covariances, structure.from_precisions, structure.from_factors
    for read, array in zip(readers, public, strict=True):
        np.testing.assert_allclose(
            stacked(read(array, d), K), stacked(covariance, K), rtol=1e-5, atol=1e-8
        )


def estimate_is_a_member(structure: Structure, K: int, d: int, seed: int) -> None:
    """A member is its own estimate, and `check_member` rejects what is not a member."""
    mass, dense = random_scatter(seed, K, d)
    members = _estimate(structure, mass, dense)
    np.testing.assert_allclose(_estimate(structure, mass, members), members, rtol=1e-6, atol=1e-8)
    structure.check_member(structure.estimate(moments_of(structure, mass, members)), K)
    everything = structure.shape(K, d) == (K, d, d) and structure.fills_shape(K, d)
    if K == 1 or d == 1 or everything:
        return
    try:
        structure.check_member(STRUCTURES["full"].from_covariances(dense, d), K)
    except ValueError as error:
        rejected = "do not have the structure" in str(error)
    else:
        rejected = False
    _require(rejected, "check_member accepts arbitrary covariances")


def estimate_maximises_the_ecll(structure: Structure, K: int, d: int, seed: int) -> None:
    """No member near or far from the estimate has a higher ECLL."""
    mass, dense = random_scatter(seed, K, d)
    best = _estimate(structure, mass, dense)
    reached = ecll(best, mass, dense)
    rng = np.random.default_rng(seed)
    for step in (1e-4, 1e-2, 0.3, 3.0):
        turn = np.eye(d) + step * rng.normal(size=(K, d, d))
        moved = turn @ best @ turn.transpose(0, 2, 1) + 1e-9 * np.eye(d)
        other = _estimate(structure, mass, moved)
        higher = ecll(other, mass, dense) - reached
        _require(higher <= 1e-11 * (1 + abs(reached)), f"another member is higher by {higher}")


def step_never_lowers_the_ecll(structure: Structure, K: int, d: int, seed: int) -> None:
    """An estimate that starts at previous covariances has no lower ECLL than these."""
    previous = structure.estimate(moments_of(structure, *random_scatter(seed + 1, K, d)))
    mass, dense = random_scatter(seed, K, d)
    moments = moments_of(structure, mass, dense)
    before = ecll(stacked(previous, K), mass, dense)
    for _ in range(3):
        previous = structure.estimate(moments, previous)
        reached = ecll(stacked(previous, K), mass, dense)
        lost = before - reached
        _require(lost <= 1e-12 * (1 + abs(before)), f"a step lowers the ECLL by {lost}")
        before = reached


def n_parameters_is_the_dimension(structure: Structure, K: int, d: int, seed: int) -> None:
    """`n_parameters` is the rank of the Jacobian of the estimate: the family's dimension."""
    mass, dense = random_scatter(seed, K, d)
    base = _estimate(structure, mass, dense)
    step, columns = 1e-5, []
    for k in range(K):
        for i in range(d):
            for j in range(i + 1):
                change = np.zeros_like(base)
                change[k, i, j] = change[k, j, i] = step
                ends = [_estimate(structure, mass, base + s * change) for s in (1, -1)]
                columns.append((ends[0] - ends[1]).ravel() / (2 * step))
    rank, told = np.linalg.matrix_rank(np.array(columns), tol=1e-4), structure.n_parameters(K, d)
    _require(told == rank, f"n_parameters is {told}, but the family has dimension {rank}")


def equivariance(structure: Structure, K: int, d: int, seed: int) -> None:
    """The estimate follows the order of the components, and `equivariant` maps of the data."""
    rng = np.random.default_rng(seed)
    mass, dense = random_scatter(seed, K, d)
    found = _estimate(structure, mass, dense)
    order = rng.permutation(K)
    permuted = _estimate(structure, mass[order], dense[order])
    np.testing.assert_allclose(permuted, found[order], rtol=1e-5, atol=1e-7)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    axes = np.diag(10.0 ** rng.uniform(-2, 2, size=d))
    maps = {"rotation": [rotation], "axes": [axes], "affine": [rotation, axes @ rotation]}
    for each in [1e-3 * np.eye(d), *maps[structure.equivariant]]:
        mapped = _estimate(structure, mass, each @ dense @ each.T)
        back = np.linalg.solve(each, np.linalg.solve(each, mapped).transpose(0, 2, 1))
        np.testing.assert_allclose(back, found, rtol=1e-5, atol=1e-6)


def empty_component_is_no_influence(structure: Structure, K: int, d: int, seed: int) -> None:
    """A component without samples does not influence the others, and stays positive definite."""
    mass, dense = random_scatter(seed, K + 1, d)
    covariance = structure.estimate(moments_of(structure, mass, dense))
    mass = np.append(mass[:K], 0.0)
    for _ in range(10):  # one step towards the maximum may be short
        covariance = structure.estimate(moments_of(structure, mass, dense), covariance)
    rest = _estimate(structure, mass[:K], dense[:K])
    np.testing.assert_allclose(stacked(covariance, K + 1)[:K], rest, rtol=1e-5, atol=1e-8)
    structure.check_member(covariance, K + 1)
    lengths = np.linalg.eigvalsh(_estimate(structure, mass, dense))
    _require((lengths > 0).all(), "without previous covariances, it is not positive definite")


def no_variance_is_an_error(structure: Structure, K: int, d: int, seed: int) -> None:
    """Samples without any variance raise IllDefinedCovarianceError."""
    mass, dense = random_scatter(seed, K, d)
    try:
        structure.estimate(moments_of(structure, mass, np.zeros_like(dense)))
    except IllDefinedCovarianceError:
        return
    raise AssertionError("an estimate without variance raises no IllDefinedCovarianceError")


CHECKS: tuple[Check, ...] = (
    public_arrays_round_trip,
    estimate_is_a_member,
    estimate_maximises_the_ecll,
    step_never_lowers_the_ecll,
    n_parameters_is_the_dimension,
    equivariance,
    empty_component_is_no_influence,
    no_variance_is_an_error,
)
