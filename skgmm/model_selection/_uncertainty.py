"""Standard errors and confidence intervals of the parameters of a mixture."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit, ndtri
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skgmm._em.loop import run_em
from skgmm._em.result import EMStatus
from skgmm._em.settings import Settings
from skgmm._inference import mixture_of
from skgmm._inference.features import names_of_features
from skgmm._linalg import Array, best_matching
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._prior import Prior
from skgmm._rows.grouped import RowsInMemory
from skgmm._sklearn_compat import Interval, options_of, validate_params
from skgmm._starts.given import fixed_by
from skgmm._threads import run_in_workers, single_threaded_blas
from skgmm._validation import scale_of_weights
from skgmm.covariance import IllDefinedCovarianceError
from skgmm.model_selection._information import covariance_of_estimates
from skgmm.model_selection._uncertainty_result import ParameterUncertainty, Uncertainty

Method = Literal["information", "bootstrap"]

# Less is no noise: EM approaches a weight of 0 without end.
_SOME_NOISE = 1e-8


@validate_params(
    {
        "method": [options_of(Method)],
        "level": [Interval(Real, 0.0, 1.0, closed="neither")],
        "n_bootstrap": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    },
    prefer_skip_nested_validation=False,
)
def parameter_uncertainty(
    mixture: BaseEstimator,
    X: ArrayLike,
    *,
    method: Method = "information",
    sample_weight: ArrayLike | None = None,
    error_covariance: ArrayLike | None = None,
    level: float = 0.95,
    n_bootstrap: int = 499,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> ParameterUncertainty:
    """Standard errors and confidence intervals of weights, means and covariances.

    Parameters
    ----------
    mixture : GaussianMixtureEM or GaussianMixtureSearch
        Fitted to X.
    X : array-like of shape (n_samples, n_features)
    method : {'information', 'bootstrap'}, default='information'
        'information': from the Hessian of the log-likelihood (with a prior, of the posterior
        density; what is fixed has no standard error) at its maximum, accurate for many
        samples and separated clusters. 'bootstrap': the mixture is fitted again, from the fitted
        parameters, to X with random weights (exponential, with the same mean for each sample).
        Unlike resampling, this never leaves a cluster without samples (Newton & Raftery 1994;
        O'Hagan, Murphy, Scrucca & Gormley 2019). Components that are exchanged are matched by their
        responsibilities.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sample counts.
    error_covariance : array-like, default=None
        Variances (n_samples, n_features), or covariances (n_samples, n_features, n_features), of
        the errors with which X was measured, as in the fit.
    level : float, default=0.95
        Level of the confidence intervals. With 'information' they are normal on the scale of
        log-odds for weights, on the log scale for variances, and on the original scale for means
        and covariances; with 'bootstrap' they are quantiles.
    n_bootstrap : int, default=499
        Number of sets of random weights.
    random_state : int, RandomState instance or None, default=None
        Seed of the random weights.
    n_jobs : int or None, default=None
        Number of processes for the bootstrap, as in scikit-learn. The result does not depend on
        it.

    Returns
    -------
    result : ParameterUncertainty

    Raises
    ------
    ValueError
        If the input is invalid; if the mixture was fitted with labels; with 'information' if the
        mixture is not at a maximum of the log-likelihood of X with these weights and errors, or if
        the weight of its noise is 0, where the information is not defined; with 'bootstrap' if
        fewer than two fits succeed.
    TypeError
        If `mixture` is not a mixture; with 'bootstrap' if X is not in memory.

    References
    ----------
    McLachlan & Peel (2000), Finite Mixture Models, 2.15 and 2.16.
    O'Hagan, Murphy, Scrucca & Gormley (2019), Investigation of parameter uncertainty in clustering
    using a Gaussian mixture model via jackknife, bootstrap and weighted likelihood bootstrap.

    Examples
    --------
    >>> import numpy as np
    >>> from skgmm import GaussianMixtureEM, parameter_uncertainty
    >>> X = np.random.default_rng(0).normal(size=(400, 1))
    >>> mixture = GaussianMixtureEM(1).fit(X)
    >>> parameter_uncertainty(mixture, X).means.standard_error.round(2)  # 1 / sqrt(400)
    array([[0.05]])
    """
    fitted: Any = mixture_of(mixture)
    if getattr(fitted, "_labelled", False):
        raise ValueError(
            "parameter_uncertainty takes no labels, but the mixture was fitted with labels: "
            "without them its parameters are less certain. Fit it without labels."
        )
    parameters, structure = fitted._parameters(), fitted._structure()
    rows = fitted._rows(X, sample_weight, error_covariance)
    floor = getattr(fitted, "reg_covar_", np.zeros(parameters.n_features))
    prior = getattr(fitted, "prior_", None)
    objective = Objective(
        rows,
        structure,
        floor,
        prior=None if prior is None else Prior.of(prior),
        fixed=fixed_by(Settings.of(fitted), parameters.n_features),
    )
    estimates = _natural(objective, parameters)
    draws = None
    with single_threaded_blas():
        if method == "information":
            found = _normal(objective, parameters, estimates, level)
        else:
            if not isinstance(rows, RowsInMemory):
                raise TypeError(
                    f"method='bootstrap' takes X in memory, but got a {type(X).__name__}: use "
                    "method='information'"
                )
            _check_effective_samples(rows)
            rng = check_random_state(random_state)
            draws = _bootstrap(objective, parameters, n_bootstrap, rng, n_jobs)
            found = {
                name: _by_quantiles(estimate, draws[name], level)
                for name, estimate in estimates.items()
            }
    _, total, effective = objective.rows.log_likelihood(parameters)
    n_free = n_parameters(structure, *parameters.means.shape)
    if (message := scale_of_weights(total, effective, n_free)) is not None:
        warnings.warn(message, UserWarning, stacklevel=2)
    return ParameterUncertainty(
        **found,
        method=method,
        level=level,
        draws=draws,
        covariance_type=structure.name,
        feature_names=names_of_features(fitted),
    )


def _natural(objective: Objective, parameters: MixtureParameters) -> dict[str, Array]:
    """Weights, means, covariances and the weight of noise as users see them."""
    covariances, _, _ = objective.structure.public(parameters.covariance, parameters.n_components)
    found = {
        "weights": parameters.weights,
        "means": parameters.means,
        "covariances": np.array(covariances),
    }
    if objective.rows.background is not None:
        found["noise_weight"] = np.array(np.exp(parameters.log_noise_weight))
    return found


def _normal(
    objective: Objective, parameters: MixtureParameters, estimates: dict[str, Array], level: float
) -> dict[str, Uncertainty]:
    """Intervals from the observed information."""

    def flat(some: MixtureParameters) -> Array:
        return np.concatenate([part.ravel() for part in _natural(objective, some).values()])

    if (noise := estimates.get("noise_weight")) is not None and noise < _SOME_NOISE:
        raise ValueError(
            "The observed information is not defined where the weight of noise is 0 "
            f"(noise_weight_={float(noise):.3g}): a weight that cannot be negative has no standard "
            "error there. Fit with noise=None, or use method='bootstrap'."
        )
    variances = np.diagonal(covariance_of_estimates(objective, parameters, flat))
    errors = np.split(
        np.sqrt(np.maximum(variances, 0.0)),
        np.cumsum([part.size for part in estimates.values()])[:-1],
    )
    reach = float(ndtri(0.5 + 0.5 * level))
    dense = not parameters.covariance.diagonal
    found = {}
    for (name, estimate), flat_error in zip(estimates.items(), errors, strict=True):
        error = flat_error.reshape(estimate.shape)
        scale = "proportions" if "weight" in name and (estimate < 1.0).all() else name
        lower, upper = _interval(scale, estimate, reach * error, dense)
        found[name] = Uncertainty(estimate, error, lower, upper)
    return found


def _interval(name: str, estimate: Array, reach: Array, dense: bool) -> tuple[Array, Array]:
    """Limits of an interval of half-width `reach`, on the scale for this array."""
    lower, upper = estimate - reach, estimate + reach
    if name == "proportions":
        centre, distance = logit(estimate), reach / (estimate * (1.0 - estimate))
        return expit(centre - distance), expit(centre + distance)
    if name == "covariances":
        variance = np.ones(estimate.shape, dtype=bool)
        if dense:
            variance = np.broadcast_to(np.eye(estimate.shape[-1], dtype=bool), estimate.shape)
        with np.errstate(over="ignore"):  # an infinite ratio: an unbounded interval
            ratio = np.exp(reach[variance] / estimate[variance])
        lower[variance], upper[variance] = estimate[variance] / ratio, estimate[variance] * ratio
    return lower, upper


def _by_quantiles(estimate: Array, draws: Array, level: float) -> Uncertainty:
    tail = 0.5 - 0.5 * level
    lower, upper = np.quantile(draws, [tail, 1.0 - tail], axis=0)
    size = np.maximum(np.abs(draws).max(axis=0), np.finfo(np.float64).tiny)  # squares may overflow
    return Uncertainty(estimate, size * (draws / size).std(axis=0, ddof=1), lower, upper)


def _check_effective_samples(rows: RowsInMemory) -> None:
    """Raise ValueError for weights that sum to less than two samples."""
    if rows.sample_weight is not None and (total := float(rows.sample_weight.sum())) < 2.0:
        raise ValueError(
            f"sample_weight sums to {total:.3g}, but method='bootstrap' takes a weight of 3 as "
            "three samples, and needs a sum of 2 or more. Multiply sample_weight so that it sums "
            "to the effective number of samples."
        )


def _bootstrap(
    objective: Objective,
    parameters: MixtureParameters,
    n_bootstrap: int,
    rng: np.random.RandomState,
    n_jobs: int | None,
) -> dict[str, Array]:
    """Weights, means and covariances of each fit, (b, ...)."""
    seeds = rng.randint(2**31 - 1, size=n_bootstrap)
    outcomes = run_in_workers(partial(_refitted, objective, parameters), seeds, n_jobs)
    draws = [_natural(objective, outcome) for outcome in outcomes if outcome is not None]
    if len(draws) < 2:
        raise ValueError(
            f"Of {n_bootstrap} fits to X with random weights all but {len(draws)} collapsed. "
            "Increase reg_covar, or decrease n_components."
        )
    return {name: np.array([draw[name] for draw in draws]) for name in draws[0]}


def _refitted(
    objective: Objective, parameters: MixtureParameters, seed: int
) -> MixtureParameters | None:
    """The mixture fitted to the samples with random weights; None if it collapses."""
    rows = objective.rows
    assert isinstance(rows, RowsInMemory)
    rng = np.random.RandomState(seed)
    # A sample of weight 3 is three samples, each with its own random weight.
    drawn = rng.standard_gamma(rows.weights)
    if not drawn.any():  # of tiny weights most draws are 0
        return None
    drawn *= rows.weights.sum() / drawn.sum()
    again = replace(objective, rows=rows.reweighted(drawn))
    try:
        with single_threaded_blas():
            end = run_em(again, parameters, tol=1e-6, max_iter=1000)
    except IllDefinedCovarianceError:
        return None
    return (
        None
        if end.status is EMStatus.COLLAPSED
        else _matched(objective, parameters, end.parameters)
    )


def _matched(
    objective: Objective, parameters: MixtureParameters, drawn: MixtureParameters
) -> MixtureParameters:
    """The components in the order of those that they match, by responsibilities.

    Those of which something is fixed stay where they are, and so do the others beside them.
    """
    if objective.held is not None and objective.held.any():
        return drawn
    rows = objective.rows
    assert isinstance(rows, RowsInMemory)
    ours, theirs = (rows.component_responsibilities(some) for some in (parameters, drawn))
    if rows.sample_weight is not None:
        ours = ours * rows.sample_weight[:, None]
    return drawn.reordered(best_matching(theirs.T @ ours))
