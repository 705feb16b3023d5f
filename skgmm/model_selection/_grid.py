"""The models of a search: the numbers of components and the structures that were asked for."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral

import numpy as np

from skgmm.covariance import STRUCTURES, Structure, find_structure


def sizes_of(n_components: int | Iterable[int]) -> list[int]:
    """Numbers of components, ascending."""
    if isinstance(n_components, Integral):
        return [int(n_components)]
    sizes = list(n_components) if np.ndim(n_components) else []  # type: ignore[arg-type]
    if not sizes or not all(isinstance(K, Integral) and int(K) >= 1 for K in sizes):
        raise ValueError(
            "n_components should be a positive integer or an iterable of such, but got "
            f"{n_components!r}"
        )
    return sorted({int(K) for K in sizes})


def structures_of(covariance_types: str | Iterable[str]) -> list[Structure]:
    """Structures, the simplest first."""
    if isinstance(covariance_types, str):
        if covariance_types == "all":
            return list(STRUCTURES.values())
        covariance_types = [covariance_types]
    try:
        names = {find_structure(name).name for name in covariance_types}
    except ValueError as error:
        raise ValueError(f"covariance_types: {error}") from None
    if not names:
        raise ValueError("covariance_types is empty; allowed is 'all' or names of structures")
    return [structure for name, structure in STRUCTURES.items() if name in names]
