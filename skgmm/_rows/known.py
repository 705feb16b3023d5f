"""The E-step of complete samples whose components are all known: they are read once.

Their Moments do not depend on the parameters. The log-likelihood of samples and labels follows from
them: with n_k the mass, m_k the mean and W_k the scatter of component k,

    sum_k { n_k [ log w_k + log N(mu_k; mu_k, S_k) ]
            - 1/2 tr(S_k^-1 [ W_k + n_k (m_k - mu_k)(m_k - mu_k)' ]) }.

Where added variances are in the scatter, this is the log-likelihood with their penalty.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments, Scatter
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows


@dataclass(frozen=True)
class KnownComponents:
    """Complete samples, and the component of each."""

    rows: InMemoryRows
    known: Array  # (n,)
    _found: dict[tuple[int, Scatter], Moments] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: InMemoryRows, known: Array | None) -> KnownComponents | None:
        """None where the component of a sample is not known."""
        return None if known is None or known.min() < 0 else cls(rows, known)

    def moments(self, n_components: int, form: Scatter, floor: Array) -> Moments:
        """Their Moments, each sample a cloud of variance `floor`; the objective is 0."""
        key = n_components, form
        if key not in self._found:
            self._found[key] = self.rows.partition_moments(self.known, n_components, form)
        return self._found[key].regularised(floor)

    def expectation(
        self, parameters: MixtureParameters, form: Scatter, floor: Array
    ) -> Moments | None:
        """The E-step; None where the objective is not a finite number."""
        moments = self.moments(parameters.n_components, form, floor)
        covariance = parameters.covariance
        if (form is Scatter.POOLED and not covariance.shared) or (
            form is Scatter.DIAGONAL and not covariance.diagonal
        ):
            return None
        seen = moments.mass > 0
        with np.errstate(over="ignore", invalid="ignore"):
            apart = np.where(seen[:, None], moments.mean - parameters.means, 0.0)
            about = moments.scatter + form.outer(moments.mass[:, None], apart[:, None, :])
            paid = covariance.precision_traces(about).sum()
            objective = float(moments.mass[seen] @ parameters.log_peak[seen] - 0.5 * paid)
        return replace(moments, objective=objective) if np.isfinite(objective) else None
