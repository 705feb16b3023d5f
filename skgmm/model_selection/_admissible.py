"""Whether the components of a model have enough samples for the parameters they do not share.

With few samples the likelihood has spurious maxima: components of a few samples that happen to
lie near a line or a plane, or close together (McLachlan & Peel 2000, section 3.10). BIC does not
detect them, because its penalty is asymptotic; and structures that share a volume or a shape keep
their covariances positive definite, so that no component collapses. The rule below was chosen by
simulation (`benchmarks/answers.py --part search`; documented in "Choosing K and structure").
"""

from __future__ import annotations

import numpy as np

from skgmm._linalg import Array
from skgmm.covariance import Structure

# Effective samples that a component needs for its own mean, volume, shape, and (in addition to the
# number of features) orientation: a scatter matrix of d + 1 samples is barely non-singular.
_MEAN, _VOLUME, _SHAPE, _ORIENTATION = 2, 3, 5, 2


class InadmissibleError(ValueError):
    """Every run of EM ended with components that have too few samples."""

    def __init__(self, reason: str, objective: float = np.nan) -> None:
        super().__init__(reason)
        self.objective = objective  # of the first, nats per sample


def needed_samples(structure: Structure, n_features: int) -> int:
    """Effective samples that each component needs for the parameters that are not shared.

    These are the letters V of the structure's code. A registered structure without such a code only
    needs enough samples for a mean.
    """
    code = structure.code
    if len(code) != 3 or not set(code) <= set("EVI"):
        return _MEAN
    needed = _VOLUME if code[0] == "V" else _MEAN
    if n_features > 1 and code[1] == "V":
        needed = max(needed, _SHAPE)
    if n_features > 1 and code[2] == "V":
        needed = max(needed, n_features + _ORIENTATION)
    return needed


def unsupported(structure: Structure, mass: Array, n_features: int) -> str | None:
    """Why a model with components of these effective numbers of samples (K,) is inadmissible.

    A single component has all samples, and is always admissible.
    """
    needed = needed_samples(structure, n_features)
    few = np.flatnonzero(mass < needed)
    if len(mass) == 1 or not len(few):
        return None
    sizes = ", ".join(f"{size:.3g}" for size in mass[few])
    return (
        f"inadmissible: components {few.tolist()} have {sizes} effective samples; "
        f"{structure.name!r} needs {needed} for each component in {n_features} features"
    )
