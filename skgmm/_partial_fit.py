"""Incremental learning from a stream, and merging of fitted mixtures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import ArrayLike

from skgmm._fitted import replacing, warn_after_fit
from skgmm._inference import MixtureInference
from skgmm._inference.representation import named_after
from skgmm._rows.intake import rows_to_learn_from
from skgmm._sklearn_compat import fit_context
from skgmm._streaming import continue_fit, merge_into
from skgmm._threads import single_threaded_blas


@named_after("GaussianMixtureEM")
class MixtureStreams(MixtureInference):
    """Methods `partial_fit` and `merge`."""

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Update the mixture with samples of a stream, which are not stored (stepwise EM).

        The first `warm_up` samples, of this and following calls, are kept to find initial
        parameters. They are fitted as by `fit` when there are as many as the structure needs
        (K (d + 1) for 'full'), again whenever their number has doubled, and a last time when all
        are there. From then on every call updates the mixture and discards its samples; a call can
        have any number of them. After `fit` or `from_parameters` (whose parameters count as
        `warm_up` samples) there is no warm-up. `fit` starts from scratch. NaN is a missing value,
        as in `fit`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            How often each sample counts.

        Returns
        -------
        self : GaussianMixtureEM

        Raises
        ------
        ValueError
            If the input is invalid, if `n_components` or `covariance_type` changed between calls,
            noise was added or removed, or `prior` changed; in the warm-up for the same reasons as
            `fit`.

        Warns
        -----
        ConvergenceWarning
            In the warm-up for the same reasons as `fit`; after it if components collapsed or lost
            their samples.

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
        """Merge mixtures that were fitted to different samples, without the samples.

        Each mixture was fitted by `fit` or `partial_fit`. Their moments (mass, mean and scatter of
        each component) are added, and one M-step gives the parameters. If all responsibilities came
        from the same parameters, this is an EM iteration on all samples, up to rounding; otherwise
        the result depends on how well the components of the mixtures agree.

        Components are matched one to one with those of the first mixture, whatever their order.
        Matching cannot reconcile mixtures that found different clusters: then a warning estimates
        the loss. It is best to fit mixtures that are to be merged from the same initial parameters.

        Parameters
        ----------
        mixtures : sequence of GaussianMixtureEM
            Fitted, with the same features, number of components and structure; with noise, of the
            same volume, `UniformNoise(volume=...)`. They are not changed.

        Returns
        -------
        mixture : GaussianMixtureEM
            With the constructor parameters of the first. `total_weight_` is the sum of theirs, and
            `lower_bound_` (nats per sample) is a lower bound of the mean log-likelihood of all
            samples. It can be fitted further with `partial_fit`, or with `fit` and
            `warm_start=True`.

        Raises
        ------
        ValueError
            If a mixture differs from the first in features, number of components, structure or
            volume of the noise, or is in the warm-up of `partial_fit`.

        Warns
        -----
        ConvergenceWarning
            If matched components are not the same cluster.

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
