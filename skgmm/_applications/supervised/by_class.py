"""Mixtures of classes whose samples are all known: one for each class, or one for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone

from skgmm._applications.supervised.classes import Classes
from skgmm._applications.supervised.samples import AnyMixture, best_of
from skgmm._em.settings import Settings
from skgmm._fitted import collected_warnings, snapshot, warn_after_fit
from skgmm._fitting import fit_mixture
from skgmm._inference.known_mixture import known_mixture
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._parameters import MixtureParameters
from skgmm._rows.intake import rows_in_memory
from skgmm._rows.seeds import random_stream
from skgmm.covariance import find_structure
from skgmm.covariance._base import covariance_of
from skgmm.model_selection import GaussianMixtureSearch


@contextmanager
def naming(name: str, messages: list[str]) -> Iterator[None]:
    """Errors name the class; warnings too, which are kept until the fit is done."""
    try:
        with collected_warnings() as found:
            yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    messages += [f"{name}: {message}" for message in found]


def taken(weights: Array | None, chosen: Array) -> Array | None:
    return None if weights is None else weights[chosen]


def fit_each(
    mixture: AnyMixture, X: Array, weights: Array | None, classes: Classes, messages: list[str]
) -> list[GaussianMixtureEM]:
    """A mixture for each class, fitted to the samples that are known to belong to it."""
    fitted: list[GaussianMixtureEM] = []
    fit_one = _fit_of(mixture)
    for number in range(classes.number):
        own = np.flatnonzero(classes.codes == number)
        with naming(classes.name(number), messages):
            fitted.append(fit_one(X.take(own, axis=0), taken(weights, own)))
    return fitted


def _fit_of(mixture: AnyMixture) -> Callable[[Array, Array | None], GaussianMixtureEM]:
    """A fit of a clone to samples and weights. All parameters are read and checked here."""
    ordinary = type(mixture) is GaussianMixtureEM and not hasattr(mixture, "_skl_callbacks")
    if not ordinary or isinstance(mixture.random_state, np.random.RandomState):
        return lambda X, weights: best_of(clone(mixture).fit(X, sample_weight=weights))
    prototype = clone(mixture)
    prototype._validate_params()
    settings = Settings.of(prototype)
    # Objects are not to be shared. To clone takes longer, which small fits would notice.
    scalars = all(value is None or np.isscalar(value) for value in vars(prototype).values())
    copied = snapshot if scalars else clone

    def fit(X: Array, weights: Array | None) -> GaussianMixtureEM:
        fitted = copied(prototype)
        rows = rows_in_memory(fitted, X, weights, settings.n_components)
        found = fit_mixture(settings, rows, random_stream(settings.random_state))
        fitted.__dict__.update(found.attributes())
        warn_after_fit(found.messages)
        return fitted

    return fit


def fit_all(
    mixture: AnyMixture, X: Array, weights: Array | None, classes: Classes, messages: list[str]
) -> GaussianMixtureEM:
    """One mixture with a component for each class, also to samples whose class is unknown."""
    one_each = clone(mixture).set_params(n_components=classes.number)
    with collected_warnings() as found:
        fitted = one_each.fit(X, sample_weight=weights, labels=classes.codes)
    messages += found
    return best_of(fitted)


def check_enough(
    mixture: AnyMixture, classes: Classes, weights: Array | None, n_features: int, across: bool
) -> None:
    """Raise where a class has fewer samples than the structure needs, and is to be left out.

    Where the samples of all classes together are too few for one covariance, as in a table with
    more features than samples, the fits warn instead. Searches choose a structure that can be
    fitted. A prior or a given `reg_covar` makes up for what samples do not tell.
    """
    regularised = mixture.prior is not None or not isinstance(mixture.reg_covar, str)
    if isinstance(mixture, GaussianMixtureSearch) or regularised:
        return
    structure, counts = find_structure(mixture.covariance_type), classes.counts(weights)
    if counts.sum() < structure.minimum_rows(1, n_features):
        return
    if across:  # what a component more would need
        now, one_more = (
            structure.minimum_rows(K, n_features) for K in (classes.number, classes.number + 1)
        )
        needed = one_more - now
        model = f"covariance_type={structure.name!r}"
    else:
        needed = structure.minimum_rows(mixture.n_components, n_features)
        model = f"covariance_type={structure.name!r} with n_components={mixture.n_components}"
    short = np.flatnonzero(counts < needed)
    if not len(short):
        return
    listed = ", ".join(f"{classes.name(c)} has {counts[c]:g} samples" for c in short[:5])
    raise ValueError(
        f"{listed}, but {model} needs at least {needed} of each class in {n_features} features. "
        "Use prior='auto', a covariance_type with fewer parameters ('diag', 'spherical'), "
        "ties='across' with covariance_type='tied', or leave such classes out."
    )


def combined(mixtures: Sequence[GaussianMixtureEM], priors: Array) -> GaussianMixtureEM:
    """All components of the classes' mixtures in one, scaled by the classes' priors."""
    parts = [mixture._parameters() for mixture in mixtures]
    diagonal = all(part.covariance.diagonal for part in parts)
    factors = [part.covariance.with_factors(part.n_components, not diagonal) for part in parts]
    with np.errstate(divide="ignore"):  # a prior may be 0
        log_priors = np.log(priors)
    log_weights = [part.log_weights + own for part, own in zip(parts, log_priors, strict=True)]
    parameters = MixtureParameters(
        np.concatenate(log_weights),
        np.concatenate([part.means for part in parts]),
        covariance_of(np.concatenate([covariance.kernel_factors for covariance in factors])),
    )
    structure = find_structure("diag" if diagonal else "full")
    dtype = np.asarray(mixtures[0].means_).dtype
    mixture = known_mixture(GaussianMixtureEM, parameters, structure, dtype=dtype)
    # Counted with the structures of the classes, which this mixture does not have.
    free = len(mixtures) - 1 + sum(own._n_free() for own in mixtures)
    mixture._n_fixed = mixture._n_free() - free
    mixture.n_parameters_ = free
    return mixture
