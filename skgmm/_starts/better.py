"""Whether one optimum is better than another."""

from __future__ import annotations

from skgmm._em.result import EMResult

# A better optimum gains at least this much, in nats per sample: less is the same optimum, reached
# from another side.
_GAIN = 1e-5


def beats(end: EMResult, here: EMResult) -> bool:
    """Whether an end is better; both have been diagnosed (`CollapseTest.diagnose`).

    An end with fewer collapsed components is better, unless others have become degenerate (where a
    component was empty, one may be). So is an end without components that may be a few outliers.
    Otherwise the objectives are compared, unless a component has collapsed: the objective does not
    measure fit then.
    """
    if end.singular:
        return False
    if len(end.collapsed) != len(here.collapsed):
        before, after = (len(one.collapsed + one.degenerate) for one in (here, end))
        return len(end.collapsed) < len(here.collapsed) and after <= before
    if end.collapsed:
        return False
    if bool(end.small) != bool(here.small):
        return not end.small
    if len(end.empty) < len(here.empty):
        return end.objective > here.objective + _GAIN
    return end.comparable_objective > here.comparable_objective + _GAIN
