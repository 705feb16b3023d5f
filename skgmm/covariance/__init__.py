"""Covariance structures, and the registry of their names.

>>> from skgmm.covariance import STRUCTURES, find_structure
>>> [structure.code for structure in STRUCTURES.values()]
['EII', 'VII', 'EEI', 'VEI', 'EVI', 'VVI', 'EEE', 'VEE', 'EVE', 'VVE', 'EEV', 'VEV', 'EVV', 'VVV']
>>> find_structure("eei").in_words
'axis-aligned, equal volume and shape'
"""

import difflib
from typing import Literal

from skgmm.covariance._axis_aligned import (
    AxisAlignedStructure,
    Diagonal,
    EqualShapeDiagonal,
    EqualVolumeDiagonal,
    TiedDiagonal,
)
from skgmm.covariance._base import (
    AxisAligned,
    CommonAxes,
    Covariance,
    Ellipsoidal,
    IllDefinedCovarianceError,
)
from skgmm.covariance._common_axes import (
    CommonPrincipalComponents,
    EqualVolumeCommonAxes,
)
from skgmm.covariance._ellipsoidal import (
    EllipsoidalStructure,
    EqualVolume,
    Full,
    Proportional,
    Tied,
)
from skgmm.covariance._own_axes import EqualShape, EqualVolumeAndShape
from skgmm.covariance._spherical import Spherical, TiedSpherical
from skgmm.covariance._structure import MStepStatistics, Structure, Ties

CovarianceType = Literal[
    "tied-spherical", "spherical", "tied-diag", "diag", "tied", "full",
    "EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV",
    "VVV",
]  # fmt: skip
"""Names of the structures of this package, for editors: others can be registered."""

STRUCTURES: dict[str, Structure] = {}
"""The structures by name, simplest first."""

_NAMES: dict[str, Structure] = {}  # every name in lower case


def register(structure: Structure) -> None:
    """Register a structure under its name and aliases, which are case-insensitive.

    Parameters
    ----------
    structure : Structure

    Raises
    ------
    ValueError
        If one of the names belongs to another structure.
    """
    names = {name.lower() for name in (structure.name, *structure.aliases)}
    for name in names:
        if name in _NAMES and type(_NAMES[name]) is not type(structure):
            raise ValueError(f"The name {name!r} belongs to {type(_NAMES[name]).__name__}")
    STRUCTURES[structure.name] = structure
    _NAMES.update(dict.fromkeys(names, structure))


def find_structure(name: str) -> Structure:
    """Find a structure by its name.

    Parameters
    ----------
    name : str
        A name, alias or code; case-insensitive.

    Returns
    -------
    structure : Structure

    Raises
    ------
    ValueError
        If there is no such structure. The message lists all names, and the most similar one.
    """
    found = _NAMES.get(name.lower()) if isinstance(name, str) else None
    if found is not None:
        return found
    near = difflib.get_close_matches(str(name).lower(), _NAMES, n=1)
    hint = f" Did you mean {_spelling(near[0])!r}?" if near else ""
    described = ", ".join(
        " or ".join(repr(n) for n in (s.name, *s.aliases)) for s in STRUCTURES.values()
    )
    raise ValueError(f"covariance_type should be one of {described}, but got {name!r}.{hint}")


def _spelling(name: str) -> str:
    structure = _NAMES[name]
    return next(n for n in (structure.name, *structure.aliases) if n.lower() == name)


for _structure in (
    TiedSpherical(),
    Spherical(),
    TiedDiagonal(),
    EqualShapeDiagonal(),
    EqualVolumeDiagonal(),
    Diagonal(),
    Tied(),
    Proportional(),
    EqualVolumeCommonAxes(),
    CommonPrincipalComponents(),
    EqualVolumeAndShape(),
    EqualShape(),
    EqualVolume(),
    Full(),
):
    register(_structure)

__all__ = [
    "STRUCTURES",
    "AxisAligned",
    "AxisAlignedStructure",
    "CommonAxes",
    "Covariance",
    "CovarianceType",
    "Ellipsoidal",
    "EllipsoidalStructure",
    "IllDefinedCovarianceError",
    "MStepStatistics",
    "Structure",
    "Ties",
    "find_structure",
    "register",
]
