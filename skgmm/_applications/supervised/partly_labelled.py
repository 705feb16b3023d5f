"""A mixture for each class where the class of some samples is unknown, by EM over all components.

The objective is the log-likelihood of samples and known classes (Dean, Murphy & Downey 2006),

    sum over labelled i    log[ prior_c(i) f_c(i)(x_i) ] +
    sum over unlabelled i  log sum_c prior_c f_c(x_i),

with f_c the mixture of class c. The missing data are classes. Given the E-step's probabilities r_ic
of the classes of unlabelled samples, the priors are their means, and the mixture of class c is that
of samples of weight r_ic: EM steps within it, from where it is. They do not decrease its weighted
log-likelihood, so no iteration decreases the objective (generalised EM; Dempster, Laird & Rubin
1977). Structures and numbers of components may differ between classes.

A search chooses these for each class by its criterion on the weighted samples, anew with the
probabilities that EM ends with, until it makes the same choice (structural EM; Friedman 1998).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp
from sklearn.base import clone

from skgmm._applications.supervised.by_class import naming
from skgmm._applications.supervised.classes import Classes
from skgmm._applications.supervised.samples import AnyMixture, best_of
from skgmm._em.result import EMStatus
from skgmm._fitted import collected_warnings
from skgmm._kernels import Decisions
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._parameters import bic
from skgmm.model_selection import GaussianMixtureSearch

# Evaluations of the mixture of a class in each iteration.
_STEPS = 5

# Times that a search chooses.
_CHOICES = 3

# How the warning begins that a fit of so few steps always gives.
_UNFINISHED = str(EMStatus.MAX_ITER.advice).partition(" Try")[0]

_NOT_CONVERGED = (
    "EM over labelled and unlabelled samples did not converge in max_iter={max_iter} iterations. "
    "Increase max_iter or tol of the mixture."
)


@dataclass(frozen=True)
class ClassMixtures:
    """A mixture for each class, and the classes' priors."""

    mixtures: list[GaussianMixtureEM]
    priors: Array  # (C,)
    messages: list[str]
    log_likelihood: float = -np.inf  # total, of samples and known classes

    def bic(self, n_samples: float) -> float:
        n_free = sum(mixture.n_parameters_ for mixture in self.mixtures) + len(self.priors) - 1
        return float(bic(self.log_likelihood, n_free, n_samples))


@dataclass(frozen=True)
class PartlyLabelled:
    """Samples of which some have a class."""

    mixture: AnyMixture
    X: Array
    weights: Array  # (n,)
    classes: Classes

    def fit(self) -> ClassMixtures:
        """The best end of EM from labelled samples, Gaussians of equal covariance, and clusters.

        The first is a good start with many labelled samples, the others with few.
        """
        ends: list[ClassMixtures] = []
        errors: list[ValueError] = []
        for start in (self._from_labelled, self._from_tied, self._from_clusters):
            try:
                ends.append(self._run(start()))
            except ValueError as error:  # too few labelled samples
                errors.append(error)
        if not ends:
            raise errors[-1]
        return min(ends, key=lambda end: end.bic(float(self.weights.sum())))

    def _from_labelled(self) -> Array:
        """Probabilities of the classes (n, C), 0 for samples whose class is unknown."""
        return self._known

    def _from_tied(self) -> Array:
        """Probabilities of the classes (n, C) under one Gaussian for each, of equal covariance."""
        tied = GaussianMixtureEM(self.classes.number, covariance_type="tied", random_state=0)
        with collected_warnings():
            tied.fit(self.X, sample_weight=self.weights, labels=self.classes.codes)
        return self._with_known(tied.predict_proba(self.X))

    def _from_clusters(self) -> Array:
        """Those (n, C) of clusters of all samples, each with the classes of its labelled samples.

        One sample in the proportions of the classes counts in addition.
        """
        clusters = clone(self.mixture)
        if not isinstance(clusters, GaussianMixtureSearch):
            clusters.set_params(n_components=clusters.n_components * self.classes.number)
        with collected_warnings():
            clusters.fit(self.X, sample_weight=self.weights)
        responsibilities = clusters.predict_proba(self.X)
        mass = (responsibilities * self.weights[:, None]).T @ self._known
        mass += self.classes.proportions(self.weights)
        return self._with_known(responsibilities @ (mass / mass.sum(axis=1, keepdims=True)))

    def _with_known(self, probabilities: Array) -> Array:
        return np.where(self._unlabelled[:, None], probabilities, self._known)

    @property
    def _unlabelled(self) -> Array:
        return self.classes.codes < 0

    @property
    def _known(self) -> Array:
        return (self.classes.codes[:, None] == np.arange(self.classes.number)).astype(np.float64)

    def _run(self, probabilities: Array) -> ClassMixtures:
        chosen: list[tuple[int, str]] = []
        for _ in range(_CHOICES):
            messages: list[str] = []
            mixtures = [
                self._fitted(clone(self.mixture), number, probabilities, messages)
                for number in range(self.classes.number)
            ]
            choice = [(len(mixture.means_), mixture.covariance_type_) for mixture in mixtures]
            if choice == chosen:
                break
            chosen = choice
            end, probabilities = self._em(mixtures, probabilities)
            if not isinstance(self.mixture, GaussianMixtureSearch):
                break
            end = replace(end, messages=messages + end.messages)  # those of the search
        return end

    def _fitted(
        self, mixture: AnyMixture, number: int, probabilities: Array, messages: list[str]
    ) -> GaussianMixtureEM:
        """The mixture, fitted to samples weighted by their probability of a class."""
        weights = self.weights * probabilities[:, number]
        own = weights > 0
        with naming(self.classes.name(number), messages):
            return best_of(mixture.fit(self.X[own], sample_weight=weights[own]))

    def _em(
        self, mixtures: list[GaussianMixtureEM], probabilities: Array
    ) -> tuple[ClassMixtures, Array]:
        """EM from mixtures of the classes; also the probabilities at its end."""
        total, max_iter = float(self.weights.sum()), max(self.mixture.max_iter, 1)
        steps = [_in_steps(mixture) for mixture in mixtures]
        priors = self.weights @ probabilities / (self.weights @ probabilities).sum()
        rule, level, messages = Decisions(self.mixture.tol), -np.inf, list[str]()
        for _ in range(max_iter):
            reached, probabilities = self._e_step(steps, priors)
            gain, level = reached - level, reached
            if np.isfinite(gain):
                rule.iterated(level / total, gain / total)
                if gain <= 0 or rule.remaining < self.mixture.tol:
                    break
            messages = []
            priors = self.weights @ probabilities / total
            for number, mixture in enumerate(steps):
                self._fitted(mixture, number, probabilities, messages)
        else:
            messages.append(_NOT_CONVERGED.format(max_iter=max_iter))
        messages = [text for text in messages if _UNFINISHED not in text]
        for mixture, step in zip(mixtures, steps, strict=True):
            step.set_params(**mixture.get_params(deep=False))
        return ClassMixtures(steps, priors, messages, level), probabilities

    def _e_step(self, mixtures: list[GaussianMixtureEM], priors: Array) -> tuple[float, Array]:
        """Total log-likelihood, and probabilities of the classes (n, C)."""
        with np.errstate(divide="ignore"):
            log_priors = np.log(priors)
        joint = np.column_stack([mixture.score_samples(self.X) for mixture in mixtures])
        possible = self._unlabelled[:, None] | (self._known > 0)
        joint = np.where(possible, joint + log_priors, -np.inf)
        log_density = logsumexp(joint, axis=1)
        return float(self.weights @ log_density), np.exp(joint - log_density[:, None])


def _in_steps(mixture: GaussianMixtureEM) -> GaussianMixtureEM:
    """The mixture, each fit of which makes some steps of EM from where it is."""
    steps = clone(mixture).set_params(warm_start=True, escape=False, max_iter=_STEPS)
    if mixture.prior is not None:  # one prior for all iterations, or they could go back and forth
        steps.set_params(prior=mixture.prior_)
    fitted = {name: value for name, value in vars(mixture).items() if name not in vars(steps)}
    steps.__dict__.update(fitted)
    return steps
