"""Mixtures of rows that come in pieces, and mixtures made of mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import ArrayLike

from skgmm._fitted import replacing, warn_after_fit
from skgmm._html import named_after
from skgmm._inference import MixtureInference
from skgmm._rows.intake import rows_to_learn_from
from skgmm._sklearn_compat import fit_context
from skgmm._streaming import continue_fit, merge_into
from skgmm._threads import single_threaded_blas


@named_after("GaussianMixtureEM")
class MixtureStreams(MixtureInference):
    """Learning from pieces, and putting pieces together."""

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn from rows of a stream, which are not kept (stepwise EM).

        The first `warm_up` rows are kept for a start, in this call and those that follow. They are
        fitted as by `fit` when they are as many as the structure needs (K (d + 1) for 'full'),
        again whenever their number has doubled, and a last time when they are complete. From then
        on every call improves the mixture and forgets its rows; it can have any number of them.
        After `fit` or `from_parameters` (whose parameters count as `warm_up` rows) there is no
        warm-up. `fit` starts afresh.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        self : GaussianMixtureEM

        Raises
        ------
        ValueError
            For bad input, naming it; if `n_components` or `covariance_type` changed between calls;
            and as by `fit` from the start.

        Warns
        -----
        ConvergenceWarning
            As by `fit` from the start; and if components collapsed or lost their rows.

        References
        ----------
        Cappe & Moulines (2009), On-line expectation-maximization algorithm for latent data models.
        Liang & Klein (2009), Online EM for unsupervised models.

        Examples
        --------
        >>> import numpy as np
        >>> from skgmm import GaussianMixtureEM
        >>> rng = np.random.default_rng(0)
        >>> mixture = GaussianMixtureEM(2, warm_up=1_000, random_state=0)
        >>> for _ in range(100):
        ...     component = rng.random(100) < 0.3
        ...     X = rng.normal(np.where(component, 5.0, 0.0)[:, None], 1.0, size=(100, 2))
        ...     mixture = mixture.partial_fit(X)
        >>> np.sort(mixture.weights_).round(1), np.sort(mixture.means_[:, 0]).round()
        (array([0.3, 0.7]), array([-0.,  5.]))
        """
        with single_threaded_blas(), replacing(self) as working:
            messages = continue_fit(working, rows_to_learn_from(working, X, sample_weight))
        warn_after_fit(messages)
        return self

    @classmethod
    def merge(cls, mixtures: Sequence[Self]) -> Self:
        """One mixture of the rows of several, without looking at the rows again.

        Each mixture was fitted to rows of its own, by `fit` or `partial_fit`. Their Moments (mass,
        mean and scatter of each component's rows) are added, and one M-step gives the parameters.
        If all responsibilities came from the same parameters that is an EM iteration of all rows,
        to rounding; else it is as good as the mixtures agree on what the components are.

        Components are paired one to one with those of the first mixture, whatever their order. What
        pairing cannot mend is a cluster that one mixture has and another has not: then a warning
        says how much was lost. Where mixtures are to be merged it is best to begin them alike.

        Parameters
        ----------
        mixtures : sequence of GaussianMixtureEM
            Fitted, with the same features, number of components and structure. They are only read.

        Returns
        -------
        mixture : GaussianMixtureEM
            With the constructor parameters of the first. `total_weight_` is the sum of theirs,
            `lower_bound_` (nats per row) is below what the mean log-likelihood of all their rows
            is. It can go on with `partial_fit`, or with `fit` and `warm_start=True`.

        Raises
        ------
        ValueError
            If a mixture does not go with the first, naming it and the difference; or is in the
            warm-up of `partial_fit`.

        Warns
        -----
        ConvergenceWarning
            If components were paired that are not the same cluster.

        Examples
        --------
        >>> import numpy as np
        >>> from skgmm import GaussianMixtureEM
        >>> rng = np.random.default_rng(0)
        >>> shards = [rng.normal(rng.choice([0.0, 8.0], size=(500, 1))) for _ in range(3)]
        >>> mixtures = [GaussianMixtureEM(2, random_state=0).fit(X) for X in shards]
        >>> mixture = GaussianMixtureEM.merge(mixtures)
        >>> mixture.status_, mixture.total_weight_
        ('merged', 1500.0)
        >>> np.sort(mixture.means_[:, 0]).round()
        array([0., 8.])
        """
        mixture, messages = merge_into(cls, mixtures)
        warn_after_fit(messages, stacklevel=3)
        return mixture
