"""Fitted attributes while several threads use an estimator: read together, replaced together, and
left as they were by a call that fails. And the warnings of a fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar

from sklearn.exceptions import ConvergenceWarning

Method = TypeVar("Method", bound=Callable[..., Any])
Estimator = TypeVar("Estimator")


def snapshot(estimator: Estimator) -> Estimator:
    """The estimator as it is now, which a fit in another thread does not change.

    Attributes are shared, not copied. Copying a dict is one step for other threads.
    """
    copied = object.__new__(type(estimator))
    copied.__dict__ = dict(vars(estimator))
    return copied


def copy_features(estimator: object, other: object) -> None:
    """Give another estimator the number, and the names, of the features."""
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(estimator, name):
            setattr(other, name, getattr(estimator, name))


def changes(names: Sequence[str], was: Sequence[Any], now: Sequence[Any]) -> list[str]:
    """What has changed, in words."""
    values = zip(names, was, now, strict=True)
    return [f"{name} from {a!r} to {b!r}" for name, a, b in values if a != b]


def of_one_fit(method: Method) -> Method:
    """The method gets a snapshot as `self`, so that all attributes it reads are of the same fit."""

    @wraps(method)
    def reading(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method(snapshot(self), *args, **kwargs)

    return reading  # type: ignore[return-value]


@contextmanager
def replacing(estimator: Estimator) -> Iterator[Estimator]:
    """A copy to fit, whose changes become those of the estimator in one assignment at the end.

    An error leaves the estimator as it was. What other threads set in the meantime, as by
    `set_params`, is kept.
    """
    working = snapshot(estimator)
    before = dict(vars(working))
    yield working
    after = vars(working)
    removed = before.keys() - after.keys()
    changed = {
        name: value
        for name, value in after.items()
        if name not in before or value is not before[name]
    }
    kept = {name: value for name, value in vars(estimator).items() if name not in removed}
    estimator.__dict__ = kept | changed


@contextmanager
def undone_on_error(estimator: object) -> Iterator[None]:
    """An error leaves all attributes of the estimator as they were, also what was replaced."""
    before = estimator.__dict__
    try:
        yield
    except BaseException:
        estimator.__dict__ = before
        raise


# Where the warnings of fits go that are steps of another fit.
_collected: ContextVar[list[str] | None] = ContextVar("skgmm_collected_warnings", default=None)


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """The messages of fits in this thread, which then do not warn."""
    messages: list[str] = []
    token = _collected.set(messages)
    try:
        yield messages
    finally:
        _collected.reset(token)


def warn_after_fit(messages: Iterable[str], stacklevel: int = 4) -> None:
    """Warn the caller of `fit`. The fit is done: a warning that is made an error must not undo it.

    The level is that of a public method behind a decorator, which calls this function.
    """
    if (collected := _collected.get()) is not None:
        collected.extend(messages)
        return
    for message in messages:
        warnings.warn(message, ConvergenceWarning, stacklevel=stacklevel)
