"""Every private, experimental or new scikit-learn name that we use, in one place."""

from functools import cache
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _get_feature_names as get_feature_names

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: there are no callbacks to set."""


class NamedParametersMixin:
    """Looks at the signature of the constructor once for each class.

    scikit-learn does so in every call of `get_params`, and so in every `fit`.
    """

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        return super()._get_param_names()  # type: ignore[misc]


class MissingValuesMixin:
    """The tag of scikit-learn that NaN is a missing value."""

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.allow_nan = True
        return tags


__all__ = [
    "BaseScorer",
    "CallbackSupportMixin",
    "Interval",
    "MissingValuesMixin",
    "NamedParametersMixin",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "get_feature_names",
    "validate_params",
]
