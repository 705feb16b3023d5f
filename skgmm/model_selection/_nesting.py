"""Nesting of models: structures by the letters of their codes, and numbers of components."""

from __future__ import annotations

from collections.abc import Sequence

from skgmm.covariance import Structure

# In increasing order of generality: the identity is an equal part, equal parts can vary.
_FREEDOM = "IEV"


def contains(richer: Structure, simpler: Structure) -> bool:
    """Whether `richer` contains every covariance of `simpler`, by the letters of their codes.

    A registered structure without such letters contains only itself.
    """
    if richer.name == simpler.name:
        return True
    codes = richer.code, simpler.code
    if any(len(code) != 3 or not set(code) <= set(_FREEDOM) for code in codes):
        return False
    pairs = zip(*codes, strict=True)
    return all(_FREEDOM.index(rich) >= _FREEDOM.index(simple) for rich, simple in pairs)


def contained_in(structure: Structure, others: Sequence[Structure]) -> list[Structure]:
    """The maximal ones among `others` that the structure contains, without itself."""
    inside = [o for o in others if o.name != structure.name and contains(structure, o)]
    return [o for o in inside if not any(o.name != p.name and contains(p, o) for p in inside)]


def waves(structures: Sequence[Structure], sizes: Sequence[int]) -> list[list[tuple[str, int]]]:
    """Name and number of components of every model, in waves that depend on previous waves only.

    A model depends on those it contains with as many components, and on its own structure with the
    next smaller number.
    """
    depth: dict[str, int] = {}
    pending = list(structures)
    while pending:
        for structure in pending:
            inside = [o.name for o in contained_in(structure, structures)]
            if all(name in depth for name in inside):
                depth[structure.name] = 1 + max((depth[name] for name in inside), default=-1)
        pending = [structure for structure in pending if structure.name not in depth]
    models: dict[int, list[tuple[str, int]]] = {}
    for rank, size in enumerate(sizes):
        for structure in structures:
            models.setdefault(rank + depth[structure.name], []).append((structure.name, size))
    return [models[wave] for wave in sorted(models)]
