"""What a search answers as its best model does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import snapshot
from skgmm._mixture import GaussianMixtureEM


def _as_the_best(name: str) -> Callable[..., Any]:
    """The method of that name of the best model."""

    @wraps(getattr(GaussianMixtureEM, name))
    def method(self: AnswersAsTheBest, *args: Any, **kwargs: Any) -> Any:
        fitted = snapshot(self)  # whatever a fit in another thread does
        check_is_fitted(fitted)
        return getattr(fitted.best_estimator_, name)(*args, **kwargs)

    return method


class AnswersAsTheBest:
    """Methods that predict, score and sample as `best_estimator_`."""

    best_estimator_: GaussianMixtureEM

    predict = _as_the_best("predict")
    predict_proba = _as_the_best("predict_proba")
    predict_log_proba = _as_the_best("predict_log_proba")
    score_samples = _as_the_best("score_samples")
    score = _as_the_best("score")
    bic = _as_the_best("bic")
    aic = _as_the_best("aic")
    icl = _as_the_best("icl")
    impute = _as_the_best("impute")
    denoise = _as_the_best("denoise")
    sample = _as_the_best("sample")
