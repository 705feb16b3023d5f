"""What a search answers as its best model does."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skgmm._fitted import snapshot
from skgmm._inference.fit_transform import FitTransformMixin
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


def _is_fitted(search: Any) -> bool:
    check_is_fitted(search)  # whose error says more than that there is no such attribute
    return True


def _once_fitted(
    method: Callable[Concatenate[GaussianMixtureEM, Arguments], Result],
) -> Callable[Concatenate[Any, Arguments], Result]:
    """The same, which an unfitted search does not have."""
    return available_if(_is_fitted)(_as_the_best(method))


class AnswersAsTheBest(FitTransformMixin):
    """Methods that answer as `best_estimator_` does.

    Those that scikit-learn looks for before a fit, as a step of a pipeline, are always there.
    """

    best_estimator_: GaussianMixtureEM

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def n_iter_(self) -> int:
        """Number of iterations of the best model."""
        return self.best_estimator_.n_iter_

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
    transform = _as_the_best(GaussianMixtureEM.transform)
    get_feature_names_out = _as_the_best(GaussianMixtureEM.get_feature_names_out)

    marginal = _once_fitted(GaussianMixtureEM.marginal)
    condition = _once_fitted(GaussianMixtureEM.condition)
    mahalanobis = _once_fitted(GaussianMixtureEM.mahalanobis)
    outlier_p_values = _once_fitted(GaussianMixtureEM.outlier_p_values)
    cdf = _once_fitted(GaussianMixtureEM.cdf)
    quantile = _once_fitted(GaussianMixtureEM.quantile)
    density_level = _once_fitted(GaussianMixtureEM.density_level)
    expected_complete_log_likelihood = _once_fitted(
        GaussianMixtureEM.expected_complete_log_likelihood
    )
    to_frame = _once_fitted(GaussianMixtureEM.to_frame)
    to_json = _once_fitted(GaussianMixtureEM.to_json)
    to_sklearn = _once_fitted(GaussianMixtureEM.to_sklearn)
    to_onnx = _once_fitted(GaussianMixtureEM.to_onnx)
