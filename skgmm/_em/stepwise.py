"""Rows that come in pieces and are not kept: stepwise EM on discounted Moments.

Stepwise EM (Cappe & Moulines 2009; Liang & Klein 2009) replaces the Moments of all rows by a
running mean: what is remembered is discounted, the Moments of new rows are added, and an M-step
follows. Here what is remembered of r rows weighs as much as

    u^(1 - a) r^a    of them, and all r as long as r <= u,

with the exponent a and the warm-up u. So the step of a row is 1/u (r/u)^(-a), the Robbins-Monro
sequence of those papers in a form that does not depend on the chunking. a = 1 never
forgets; 1/2 < a < 1 converges and forgets the rows that early, poor parameters looked at; a = 0
remembers the last u rows or so, for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm.covariance import Structure

# A piece weighs no more than this share of what is remembered: between two M-steps the parameters
# are those of the rows before.
_SHARE = 0.1


@dataclass(frozen=True)
class StepSize:
    """How a stream forgets."""

    exponent: float
    warm_up: int  # rows

    def remembered(self, n_samples: int) -> float:
        """The share of so many rows that is remembered."""
        return min(1.0, (self.warm_up / n_samples) ** (1.0 - self.exponent))


class Fitted(Protocol):
    """A fitted estimator, which may hold the state of a stream as `_memory`."""

    reg_covar_: Array

    def _parameters(self) -> MixtureParameters: ...


@dataclass(frozen=True)
class StreamState:
    """What is remembered of rows, and how many they were."""

    moments: Moments  # discounted; their objective is that of samples before they were learned from
    seen: float  # weight of all rows
    n_samples: int

    @classmethod
    def of(cls, mixture: Fitted, structure: Structure, n_samples: int) -> StreamState:
        """That of an estimator; parameters that were given are worth so many rows."""
        memory: dict[str, Any] | None = getattr(mixture, "_memory", None)
        if memory is None:
            return cls.of_parameters(mixture._parameters(), structure, n_samples)
        state = dict(memory)
        numbers = state.pop("seen"), state.pop("n_samples")
        if "log_likelihood" in state:  # a pickle of an earlier version
            state["objective"] = state.pop("log_likelihood")
            moments = Moments(form=structure.scatter, **state)
            return cls(moments.with_added_variance(mixture.reg_covar_), *numbers)
        return cls(Moments(form=structure.scatter, **state), *numbers)

    def state(self) -> dict[str, Any]:
        """As builtins and arrays, for an estimator to hold."""
        derived = ("form", "counts")  # the structure knows the form; only a prior has counts
        state = {name: value for name, value in vars(self.moments).items() if name not in derived}
        return {**state, "seen": self.seen, "n_samples": self.n_samples}

    @classmethod
    def of_fit(cls, moments: Moments, n_samples: int) -> StreamState:
        """After a fit of so many rows."""
        return cls(moments, moments.total_weight, n_samples)

    @classmethod
    def of_parameters(
        cls, parameters: MixtureParameters, structure: Structure, n_samples: int
    ) -> StreamState:
        """As if so many rows had been fitted perfectly."""
        mass = n_samples * parameters.weights
        shape = parameters.n_components, parameters.n_features, parameters.n_features
        dense = np.broadcast_to(parameters.covariance.dense(), shape)
        scatter = structure.scatter.from_dense(mass[:, None, None] * dense)
        weight = float(n_samples)
        moments = Moments(structure.scatter, mass, parameters.means, scatter, np.nan, weight)
        return cls.of_fit(moments, n_samples)

    def undiscounted(self) -> Moments:
        """The Moments as if all rows were like those that are remembered."""
        return self.moments.scaled(self.seen / self.moments.total_weight)

    def piece(self, step_size: StepSize, mean_weight: float) -> int:
        """Rows of this mean weight to take between two M-steps, at most."""
        remembered = step_size.remembered(self.n_samples) * self.seen
        return max(1, int(_SHARE * remembered / mean_weight))

    def joined(self, fresh: Moments, n_samples: int, step_size: StepSize) -> StreamState:
        """With the Moments of new rows."""
        kept = self.undiscounted().scaled(step_size.remembered(self.n_samples))
        if np.isnan(kept.objective):  # given parameters, which have seen no rows
            kept = kept.with_objective(fresh.mean_objective)
        return StreamState(kept + fresh, self.seen + fresh.total_weight, self.n_samples + n_samples)
