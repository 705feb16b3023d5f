"""What a search answers as its best model does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import snapshot
from skgmm._mixture import GaussianMixtureEM

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def _as_the_best(
    method: Callable[Concatenate[GaussianMixtureEM, Arguments], Result],
) -> Callable[Concatenate[Any, Arguments], Result]:
    """The method of the best model."""

    @wraps(method)
    def answer(self: Any, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        fitted = snapshot(self)  # whatever a fit in another thread does
        check_is_fitted(fitted)
        return getattr(fitted.best_estimator_, method.__name__)(*args, **kwargs)

    return answer  # type: ignore[return-value]


class AnswersAsTheBest:
    """Methods that predict, score and sample as `best_estimator_`."""

    best_estimator_: GaussianMixtureEM

    if TYPE_CHECKING:  # pyright takes scikit-learn's `def score` rather than an assignment

        def score(
            self,
            X: ArrayLike,
            y: Any = None,
            sample_weight: ArrayLike | None = None,
            error_covariance: ArrayLike | None = None,
        ) -> float: ...

    else:
        score = _as_the_best(GaussianMixtureEM.score)

    predict = _as_the_best(GaussianMixtureEM.predict)
    predict_proba = _as_the_best(GaussianMixtureEM.predict_proba)
    predict_log_proba = _as_the_best(GaussianMixtureEM.predict_log_proba)
    score_samples = _as_the_best(GaussianMixtureEM.score_samples)
    bic = _as_the_best(GaussianMixtureEM.bic)
    aic = _as_the_best(GaussianMixtureEM.aic)
    icl = _as_the_best(GaussianMixtureEM.icl)
    impute = _as_the_best(GaussianMixtureEM.impute)
    denoise = _as_the_best(GaussianMixtureEM.denoise)
    sample = _as_the_best(GaussianMixtureEM.sample)
