"""Every private, experimental or new scikit-learn name that we use, in one place."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from inspect import signature
from typing import Any, ClassVar, Self, TypeVar, get_args

from sklearn.base import _fit_context
from sklearn.metrics._scorer import _BaseScorer
from sklearn.utils._param_validation import Interval as Interval
from sklearn.utils._param_validation import StrOptions as StrOptions
from sklearn.utils._param_validation import make_constraint
from sklearn.utils._param_validation import validate_params as _validate_params
from sklearn.utils.validation import _check_sample_weight, _get_feature_names

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: there are no callbacks to set."""


BaseScorer = _BaseScorer
check_sample_weight, get_feature_names = _check_sample_weight, _get_feature_names

Function = TypeVar("Function", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Function], Function]:
    """scikit-learn's decorator, whose own types would hide the signature of the method."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def validate_params(
    constraints: Mapping[str, Any], *, prefer_skip_nested_validation: bool
) -> Callable[[Function], Function]:
    """scikit-learn's decorator, whose own types would hide the signature of the function."""
    return _validate_params(
        constraints, prefer_skip_nested_validation=prefer_skip_nested_validation
    )


def options_of(literal: Any) -> StrOptions:
    """The constraint that a parameter is one of the strings of a `Literal`."""
    return StrOptions(set(get_args(literal)))


def _is_allowed(value: Any, constraints: tuple[Any, ...]) -> bool:
    """Whether one of the constraints of a parameter is satisfied."""
    return any(one.is_satisfied_by(value) for one in constraints)


# Of numbers and names, which most fits have in common.
_is_simple_allowed = lru_cache(typed=True)(_is_allowed)


class NamedParametersMixin:
    """Reads the signature and the constraints of the constructor once for each class.

    scikit-learn does so in every `fit`, which costs a tenth of a small one.
    """

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        return super()._get_param_names()  # type: ignore[misc]

    @classmethod
    @cache
    def _checks(cls) -> list[tuple[str, Any, tuple[Any, ...]]]:
        """Name, default and constraints of each parameter."""
        constraints: dict[str, Any] = cls._parameter_constraints  # type: ignore[attr-defined]
        given = signature(cls).parameters
        return [
            (name, given[name].default, tuple(map(make_constraint, constraints[name])))
            for name in cls._get_param_names()
            if constraints.get(name, "no_validation") != "no_validation"
        ]

    def _validate_params(self) -> None:
        for name, default, constraints in self._checks():
            value = getattr(self, name)
            simple = type(value) in (int, float, str)
            allowed = _is_simple_allowed if simple else _is_allowed
            if value is default or allowed(value, constraints):
                continue
            super()._validate_params()  # type: ignore[misc]  # has the message
            return


class NestedParametersMixin:
    """`set_params`, and with it grid searches, explains that None and names have no parameters."""

    # What to give for a parameter whose own parameters are to be set.
    _nested: ClassVar[Mapping[str, str]]

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this estimator, and of its parameters as ``<name>__<own name>``.

        Parameters
        ----------
        **params : dict
            Names and values. Parameters of a parameter can be set where that is an object which has
            some, not None or a string.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        for name in params:
            outer, dots, inner = name.partition("__")
            if not dots or outer not in self._nested:
                continue
            value = params.get(outer, getattr(self, outer))
            if not hasattr(value, "set_params"):
                raise ValueError(
                    f"{outer} is {value!r}, which has no parameter {inner!r} to set. Give the "
                    f"{outer} whose parameters are to be set: "
                    f"{type(self).__name__}({outer}={self._nested[outer]})"
                )
        return super().set_params(**params)  # type: ignore[misc]


class MissingValuesMixin:
    """The tag of scikit-learn that NaN is a missing value."""

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        return tags
