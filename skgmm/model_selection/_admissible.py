"""Whether the components of a model have enough samples for the parameters they do not share.

With few samples the likelihood has spurious maxima: components of a few samples that happen to
lie near a line or a plane, or close together (McLachlan & Peel 2000, section 3.10). BIC does not
detect them, because its penalty is asymptotic; and structures that share a volume or a shape keep
their covariances positive definite, so that no component collapses. The rule below was chosen by
simulation (`benchmarks/answers.py --part search`; documented in "Choosing K and structure").
"""

from __future__ import annotations

import numpy as np

from skgmm._em.result import EMResult
from skgmm._linalg import Array
from skgmm.covariance import Structure

# Effective samples that a component needs for its own mean, volume, shape, and (in addition to the
# number of features) orientation: a scatter matrix of d + 1 samples is barely non-singular.
_MEAN, _VOLUME, _SHAPE, _ORIENTATION = 2, 3, 5, 2

# Responsibilities of samples that are certain sum to a little less.
_ROUNDING = 1e-3


class InadmissibleError(ValueError):
    """Every run of EM ended with components that have too few samples."""

    def __init__(self, reason: str, objective: float = np.nan) -> None:
        super().__init__(reason)
        self.objective = objective  # of the first, nats per sample


class CollapsedError(ValueError):
    """Every run of EM ended with components whose variance is `reg_covar` alone."""

    def __init__(self, collapsed: list[int], end: EMResult) -> None:
        super().__init__(f"components {collapsed} collapsed onto reg_covar")
        self.components, self.end = collapsed, end  # of the first


def needed_samples(structure: Structure, n_features: int) -> int:
    """Effective samples that each component needs for the parameters that are not shared.

    These are the letters V of the structure's code. Axes that are shared but fitted (EVE, VVE) can
    turn to the directions in which a component of few samples has no variance, so that its shape
    needs as many samples as an orientation. A registered structure without such a code only needs
    enough samples for a mean.
    """
    code = _code_of(structure)
    needed = _VOLUME if code[0] == "V" else _MEAN
    if n_features > 1 and code[1] == "V":
        needed = max(needed, _SHAPE)
    if n_features > 1 and (code[2] == "V" or code[1:] == "VE"):
        needed = max(needed, n_features + _ORIENTATION)
    return needed


def needed_for_orientation(structure: Structure, n_components: int, n_features: int) -> int:
    """Effective samples of all components for the orientation that these share; 0 if they do not.

    Each component's mean takes one of them.
    """
    if _code_of(structure)[2] != "E" or n_features == 1:
        return 0
    return n_components + n_features + _ORIENTATION


def _code_of(structure: Structure) -> str:
    """Letters of volume, shape and orientation; of a structure without them, as of spheres."""
    code = structure.code
    return code if len(code) == 3 and set(code) <= set("EVI") else "EII"


def too_few(
    structure: Structure, n_samples: float, n_components: int, n_features: int
) -> str | None:
    """Why so many effective samples cannot be enough, whatever their components."""
    if n_components == 1:
        return None
    needed = needed_samples(structure, n_features)
    if n_samples < n_components * needed - _ROUNDING:
        return (
            f"inadmissible: {structure.name!r} needs {needed} samples for each of "
            f"{n_components} components in {n_features} features, but X has "
            f"{_text(n_samples, n_components * needed)}"
        )
    needed = needed_for_orientation(structure, n_components, n_features)
    if n_samples < needed - _ROUNDING:
        return (
            f"inadmissible: {structure.name!r} needs {needed} samples for the orientation that "
            f"{n_components} components share in {n_features} features, but X has "
            f"{_text(n_samples, needed)}"
        )
    return None


def unsupported(structure: Structure, mass: Array, n_features: int) -> str | None:
    """Why a model with components of these effective numbers of samples (K,) is inadmissible.

    A single component has all samples, and is always admissible.
    """
    needed = needed_samples(structure, n_features)
    # A component may be of so many samples to the last one.
    few = np.flatnonzero(mass < needed - _ROUNDING)
    if len(mass) == 1 or not len(few):
        return None
    sizes = ", ".join(_text(size, needed) for size in mass[few])
    return (
        f"inadmissible: components {few.tolist()} have {sizes} effective samples; "
        f"{structure.name!r} needs {needed} for each component in {n_features} features"
    )


def _text(size: float, needed: int) -> str:
    """A number that is less than another one, also in writing."""
    text = f"{size:.3g}"
    return text if float(text) < needed else f"{size:.6g}"
