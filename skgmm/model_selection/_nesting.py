"""Which models contain which: structures by their letters, and fewer components in more."""

from __future__ import annotations

from collections.abc import Sequence

from skgmm.covariance import Structure

# An equal part can be the identity's, and varying parts can be equal.
_FREEDOM = "IEV"


def contains(richer: Structure, simpler: Structure) -> bool:
    """Whether every covariance of `simpler` is one of `richer`, as the letters of both tell.

    A registered structure without such letters contains itself only.
    """
    if richer.name == simpler.name:
        return True
    codes = richer.code, simpler.code
    if any(len(code) != 3 or not set(code) <= set(_FREEDOM) for code in codes):
        return False
    pairs = zip(*codes, strict=True)
    return all(_FREEDOM.index(rich) >= _FREEDOM.index(simple) for rich, simple in pairs)


def contained_in(structure: Structure, others: Sequence[Structure]) -> list[Structure]:
    """Those of `others` that the structure contains and no other of those does, itself excepted."""
    inside = [o for o in others if o.name != structure.name and contains(structure, o)]
    return [o for o in inside if not any(o.name != p.name and contains(p, o) for p in inside)]


def waves(structures: Sequence[Structure], sizes: Sequence[int]) -> list[list[tuple[str, int]]]:
    """Name and number of components of every model, in waves that wait for the waves before only.

    A model waits for those it contains with as many components, and for its own structure with the
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
