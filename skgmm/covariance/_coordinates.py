"""Unconstrained coordinates of the covariances of a family, around one of them.

Three kinds, by what a family ties: scales along the features, triangular factors, and principal
axes that turn. All are in units of the anchor, in which its components are unit spheres. There
precisions are root @ root', and the ECLL of the covariances is

    mass log |root| - 1/2 tr(root' T root)

with T the second moments about the means.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np

from skgmm._linalg import Array, triangular_inverse
from skgmm.covariance._base import Covariance, Ellipsoidal
from skgmm.covariance._common_axes import CommonAxes
from skgmm.covariance._structure import Ties

Parts = dict[str, Array]
"""Coordinates, or a number for each of them, by part: volume, shape, rotation."""

# The least information about a turn, in units of that about a mean: axes of equal length tell
# nothing of it, and a step in units of nothing would be without bound.
_LEAST_TURN = 0.01


@dataclass(frozen=True)
class CovariancePoint:
    """One member of the family."""

    covariance: Covariance
    scales: Array  # (K, d) or (1, d)
    root: Array  # of the precisions, (m, d, d) or (m, d)


class CovarianceCoordinates(ABC):
    """The members of a family, by coordinates in parts that are 0 at an anchor.

    Attributes
    ----------
    information : dict of str to ndarray
        What complete data tell of each coordinate, per row.
    """

    information: Parts

    @abstractmethod
    def at(self, parts: Parts) -> CovariancePoint: ...

    @abstractmethod
    def coloured(self, vectors: Array) -> Array:
        """Vectors (K, d) in units of the anchor, as differences of rows."""

    @abstractmethod
    def whitened(self, vectors: Array) -> Array:
        """Differences of rows (K, d) in units of the anchor."""

    @abstractmethod
    def root(self, covariance: Covariance) -> Array:
        """Root of the precisions of any covariances (m, d, d) or (m, d)."""

    @abstractmethod
    def whitened_spread(self, spread: Array) -> Array:
        """Second moments (m, d, d) or (m, d) in units of the anchor."""

    @abstractmethod
    def slopes(self, point: CovariancePoint, mass: Array, spread: Array) -> Parts:
        """Slopes of the ECLL from masses (K,) and second moments in units of the anchor."""


def times_precision(root: Array, vectors: Array) -> Array:
    """Vectors (K, d) times root @ root'."""
    if root.ndim == 2:
        return root**2 * vectors
    return (root @ (np.swapaxes(root, 1, 2) @ vectors[:, :, None]))[:, :, 0]


class _LogScales:
    """Volume and shape: what is added to the logarithms of the scales."""

    def __init__(self, ties: Ties, shares: Array, n_features: int) -> None:
        self.ties, self.n_features = ties, n_features
        # Where both are tied alike, log-scales are free in one piece.
        self.together = ties.volume == ties.shape
        each = np.repeat(shares[:, None], n_features, axis=1)
        self.information = {"shape": _tied(2.0 * each, ties.shape)}
        if not self.together:
            self.information["volume"] = _tied(2.0 * n_features * shares, ties.volume)

    def at(self, parts: Parts) -> Array:
        """(K, d) or (1, d)."""
        shape = parts["shape"]
        if self.together:
            return shape
        logs = parts["volume"][:, None]
        if len(shape):
            logs = logs + shape - shape.mean(axis=1, keepdims=True)
        return np.broadcast_to(logs, (len(logs), self.n_features))

    def slopes(self, slopes: Array) -> Parts:
        """Of the parts, from those of the logarithms of the scales."""
        if self.together:
            return {"shape": _tied(slopes, self.ties.shape)}
        centred = slopes - slopes.mean(axis=1, keepdims=True)
        return {
            "volume": _tied(slopes.sum(axis=1), self.ties.volume),
            "shape": _tied(centred, self.ties.shape),
        }


class Scales(CovarianceCoordinates):
    """Diagonal covariances: the anchor's factors times exp(t)."""

    def __init__(self, anchor: Covariance, ties: Ties, shares: Array) -> None:
        self.anchor, self.factor = anchor, anchor.factor
        self.log_scales = _LogScales(ties, shares, self.factor.shape[1])
        self.information = self.log_scales.information

    def at(self, parts: Parts) -> CovariancePoint:
        scales = np.exp(self.log_scales.at(parts))
        return CovariancePoint(replace(self.anchor, factor=self.factor * scales), scales, scales)

    def coloured(self, vectors: Array) -> Array:
        return vectors / self.factor

    def whitened(self, vectors: Array) -> Array:
        return vectors * self.factor

    def root(self, covariance: Covariance) -> Array:
        return covariance.factor / self.factor

    def whitened_spread(self, spread: Array) -> Array:
        return self.factor**2 * spread

    def slopes(self, point: CovariancePoint, mass: Array, spread: Array) -> Parts:
        return self.log_scales.slopes(mass[:, None] - point.root**2 * spread)


class _Dense(CovarianceCoordinates):
    """Common to those of covariance matrices.

    Parameters
    ----------
    ties : Ties
    shares : ndarray of shape (K,)
    whitening, units : ndarray of shape (m, d, d)
        Roots of the anchor's precisions and of its covariances: whitening' @ units = I.
    """

    def __init__(self, ties: Ties, shares: Array, whitening: Array, units: Array) -> None:
        self.ties, self.whitening, self.units = ties, whitening, units
        self.transposed = np.swapaxes(whitening, 1, 2)
        n_features = whitening.shape[-1]
        self.planes = np.triu_indices(n_features, 1)
        self.log_scales = _LogScales(ties, shares, n_features)

    def coloured(self, vectors: Array) -> Array:
        return (self.units @ vectors[:, :, None])[:, :, 0]

    def whitened(self, vectors: Array) -> Array:
        return (self.transposed @ vectors[:, :, None])[:, :, 0]

    def root(self, covariance: Covariance) -> Array:
        return np.swapaxes(self.units, 1, 2) @ covariance.factor

    def whitened_spread(self, spread: Array) -> Array:
        return self.transposed @ spread @ self.whitening


class Triangles(_Dense):
    """The anchor's triangular factors times exp(t)(I + r), with r strictly upper triangular."""

    def __init__(self, anchor: Covariance, ties: Ties, shares: Array) -> None:
        factor = anchor.factor
        super().__init__(ties, shares, factor, triangular_inverse(np.swapaxes(factor, 1, 2)))
        self.anchor = anchor
        self.triangle = np.triu(np.ones(factor.shape[1:]))
        each = np.repeat(shares[:, None], len(self.planes[0]), axis=1)
        self.information = {**self.log_scales.information, "rotation": _tied(each, ties.rotation)}

    def at(self, parts: Parts) -> CovariancePoint:
        scales, rotation = np.exp(self.log_scales.at(parts)), parts["rotation"]
        unit = np.empty((len(rotation), *self.triangle.shape))
        unit[:] = np.eye(len(self.triangle))
        unit[:, self.planes[0], self.planes[1]] = rotation
        root = scales[:, :, None] * unit
        return CovariancePoint(replace(self.anchor, factor=self.whitening @ root), scales, root)

    def slopes(self, point: CovariancePoint, mass: Array, spread: Array) -> Parts:
        masses = mass if len(spread) == len(mass) else mass.sum(keepdims=True)
        slope = -self.triangle * (spread @ point.root)
        diagonal = np.einsum("kii->ki", slope)
        diagonal += masses[:, None] / point.scales
        rotation = (point.scales[:, :, None] * slope)[:, self.planes[0], self.planes[1]]
        return {
            "rotation": _tied(rotation, self.ties.rotation),
            **self.log_scales.slopes((slope * point.root).sum(axis=2)),
        }


class Turns(_Dense):
    """Principal axes D C and scales s exp(t): D and s of the anchor, C Cayley's turns.

    For families that tie the shape but not the axes, or the axes but not the shape.
    """

    def __init__(self, anchor: Covariance, ties: Ties, shares: Array) -> None:
        self.axes, self.scales = _principal(anchor, ties, len(shares))
        each = self.scales[:, None, :]
        super().__init__(ties, shares, self.axes * each, self.axes / each)
        i, j = self.planes
        ratio = self.scales[:, i] / self.scales[:, j]
        told = shares[:, None] * np.maximum((ratio - 1.0 / ratio) ** 2, _LEAST_TURN)
        self.information = {**self.log_scales.information, "rotation": _tied(told, ties.rotation)}

    def at(self, parts: Parts) -> CovariancePoint:
        i, j = self.planes
        skew = np.zeros((len(parts["rotation"]), *self.axes.shape[1:]))
        skew[:, i, j] = 0.5 * parts["rotation"]
        skew[:, j, i] = -skew[:, i, j]
        identity = np.eye(skew.shape[1])
        turn = np.linalg.solve(identity - skew, identity + skew)
        axes, scales = self.axes @ turn, self.scales * np.exp(self.log_scales.at(parts))
        covariance = Ellipsoidal.from_axes(axes, scales**-2.0)
        if self.ties.rotation == "E":
            covariance = CommonAxes(covariance.factor, axes[0])
        root = turn * scales[:, None, :] / self.scales[:, :, None]
        return CovariancePoint(covariance, scales, root)

    def slopes(self, point: CovariancePoint, mass: Array, spread: Array) -> Parts:
        # The second moments along the axes there, in units of the variances there.
        along = np.swapaxes(point.root, 1, 2) @ spread @ point.root
        ratio = point.scales[:, :, None] / point.scales[:, None, :]
        twist = _tied((ratio - np.swapaxes(ratio, 1, 2)) * along, self.ties.rotation)
        # A change dR of the skew matrix R turns the axes there by M' dR M, with M = (I - R / 2)^-1.
        turn = point.root * self.scales[:, :, None] / point.scales[:, None, :]
        chain = 0.5 * (np.eye(turn.shape[1]) + turn[: len(twist)])
        rotation = chain @ twist @ np.swapaxes(chain, 1, 2)
        return {
            "rotation": rotation[:, self.planes[0], self.planes[1]],
            **self.log_scales.slopes(mass[:, None] - np.einsum("kii->ki", along)),
        }


def _principal(covariance: Covariance, ties: Ties, n_components: int) -> tuple[Array, Array]:
    """Axes of a member, in columns, (K, d, d) or (1, d, d), and its scales (K, d)."""
    factor = np.broadcast_to(covariance.factor, (n_components, *covariance.factor.shape[1:]))
    if ties.rotation == "V":
        axes, scales, _ = np.linalg.svd(factor)
    else:
        axes = _shared_axes(covariance)[None]
        scales = np.linalg.norm(np.swapaxes(axes, 1, 2) @ factor, axis=2)
    logs = np.log(scales)
    volume = logs.mean(axis=1, keepdims=True)
    shape = logs - volume
    # What is shared differs by rounding.
    if ties.volume == "E":
        volume = volume.mean(axis=0, keepdims=True)
    if ties.shape == "E":
        shape = shape.mean(axis=0, keepdims=True)
    return axes, np.broadcast_to(np.exp(volume + shape), logs.shape)


def _shared_axes(covariance: Covariance) -> Array:
    if isinstance(covariance, CommonAxes) and covariance.axes is not None:
        return covariance.axes
    # A mean with unequal weights: two axes of equal length in one component still differ.
    dense = covariance.dense()
    weights = (1.0 + np.arange(len(dense))) / np.trace(dense, axis1=1, axis2=2)
    return np.linalg.eigh(np.einsum("k,kij->ij", weights, dense))[1]


def _tied(parts: Array, tie: str) -> Array:
    """Parts (K, ...) as they are, summed over components, or none."""
    if tie == "V" or len(parts) == 0:
        return parts
    return parts.sum(axis=0, keepdims=True) if tie == "E" else parts[:0]


def coordinates_of(anchor: Covariance, ties: Ties, shares: Array) -> CovarianceCoordinates:
    """Coordinates of a family.

    Parameters
    ----------
    anchor : Covariance
        A member.
    ties : Ties
    shares : ndarray of shape (K,)
        Of the rows in each component, positive.
    """
    if anchor.factor.ndim == 2:
        return Scales(anchor, ties, shares)
    if ties.shape == ties.rotation:
        return Triangles(anchor, ties, shares)
    return Turns(anchor, ties, shares)
