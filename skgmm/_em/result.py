"""How a run of EM ended, and what the user should know about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from skgmm._linalg import Array
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm._threads import cached_property
from skgmm.covariance._similar import similar_components

# Results whose objectives agree to this many nats per sample are the same.
_SAME = 1e-9


def same_rank(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether two ranks (`EMResult.rank`) are the same but for rounding."""
    return one[:-1] == other[:-1] and abs(one[-1] - other[-1]) <= _SAME


class EMStatus(Enum):
    """How a fit ended: the value is `status_`, `advice` what a user should do (None: nothing)."""

    CONVERGED = "converged"
    SADDLE_LEFT = "converged, stationary saddle left"
    REPAIRED = "converged, collapsed component repaired"
    MAX_ITER = "reached max_iter"
    START_ONLY = "start only"
    GIVEN = "given parameters"
    COLLAPSED = "collapsed component"
    STOPPED = "stopped by callback"
    STREAMED = "partial fit"
    MERGED = "merged"

    @property
    def advice(self) -> str | None:
        return _ADVICE.get(self)

    @property
    def converged(self) -> bool:
        """Whether the stopping rule was met, whatever had to be done before."""
        return self in (EMStatus.CONVERGED, EMStatus.SADDLE_LEFT, EMStatus.REPAIRED)


_ADVICE = {
    # scikit-learn's sentence to the letter, because people filter on it.
    EMStatus.MAX_ITER: (
        "Best performing initialization did not converge. Try different init parameters, or "
        "increase max_iter, tol, or check for degenerate data. ({remaining}.)"
    ),
    EMStatus.COLLAPSED: (
        "The covariance of components {components} became singular: they collapsed onto too few "
        "distinct samples (effective numbers of samples: {rows}). The parameters are those of the "
        "previous iteration. Increase reg_covar, decrease n_components, increase n_init, or use a "
        "covariance_type with fewer parameters."
    ),
    EMStatus.STOPPED: (
        "A callback stopped the fit; the parameters are the best so far. ({remaining}. With "
        "warm_start=True the next fit continues from here.)"
    ),
}

_EMPTY_ADVICE = (
    "Components {components} have lost all their samples: their weight is below 1e-12. Decrease "
    "n_components, increase n_init, or try another init_params."
)

_COLLAPSED_ADVICE = (
    "Components {components} collapsed onto few distinct samples (effective numbers of samples: "
    "{rows}): in some direction almost all of their variance is reg_covar; the likelihood is "
    "unbounded as reg_covar goes to 0 and does not measure fit. "
)

# Where samples are too few, the remedy is given with that.
_COLLAPSED_REMEDY = (
    "Increase reg_covar, decrease n_components, or use a covariance_type with fewer parameters."
)

_DEGENERATE_ADVICE = (
    "Components {components} are degenerate (effective numbers of samples: {rows}): in some "
    "direction almost all of their variance is reg_covar, for example because many samples share a "
    "value. The log-likelihood and BIC then depend on reg_covar. If you do not expect such groups, "
    "increase reg_covar to the square of the measurement precision, or use a covariance_type with "
    "fewer parameters."
)

_TOO_LARGE_ADVICE = (
    "In some direction, the variance of components {components} (effective numbers of samples: "
    "{rows}) is less than what reg_covar adds to it. Decrease reg_covar to {value:.1g}, or leave "
    "it at 'auto'."
)

_HIDDEN_ADVICE = (
    "The variance of {columns} is less than what reg_covar adds to it, so that no clusters can be "
    "found there. Decrease reg_covar to {value:.1g}, or leave it at 'auto'."
)

# What is added should be no more than this share of a variance.
_HARMLESS, _HARMLESS_BESIDE_ALL = 0.1, 1e-6

# Means this close in standard deviations, and factors in their own size, are the same, or alike:
# random responsibilities begin with components that are alike, next to the saddle of equal ones.
SAME, _ALIKE = 1e-6, 0.5


_SPAN_ADVICE = (
    "{columns}: the samples vary in only {n_directions} of {n_features} directions. Along the "
    "others {only_variance}, so the log-likelihood, BIC, AIC and ICL depend on "
    "{source} and cannot be compared between structures. Remove such columns."
)

# What it says where covariances are positive definite by the prior, and otherwise.
VARIANCE_OF_PRIOR = "the only variance is that of the prior"
_VARIANCE_OF = {"the prior": VARIANCE_OF_PRIOR, "reg_covar": "the only variance is reg_covar"}

# Columns named in a warning.
_NAMED = 10


@dataclass(frozen=True)
class Span:
    """In how many directions the samples vary, and the columns that explain the others."""

    n_features: int
    n_directions: int
    constant: list[int]
    dependent: list[int]  # linearly, on one another
    hidden: list[int] = field(default_factory=list)  # that vary, but less than reg_covar adds
    least_variance: float = np.inf  # of the hidden ones
    with_prior: bool = False  # which alone makes covariances positive definite

    @cached_property
    def description(self) -> str:
        if self.n_directions == self.n_features:
            return ""
        return f", samples vary in {self.n_directions} of {self.n_features} directions"

    def advice(self, names: Sequence[str] | Array | None, n_distinct: int | None) -> list[str]:
        """What the user should know, with the names of the columns.

        So many distinct samples vary in one direction less: to say so is for whoever counts them.
        """
        of_columns = []
        if self.constant and n_distinct != 1:
            verb = "is" if len(self.constant) == 1 else "are"
            of_columns.append(f"{_columns(self.constant, names)} {verb} constant")
        if self.dependent and (n_distinct is None or self.n_directions < n_distinct - 1):
            dependent = _columns(self.dependent, names)
            of_columns.append(
                f"{dependent} are linearly dependent (copies, or sums of others such as all dummy "
                "variables of one factor)"
            )
        advice = []
        if of_columns:
            source = "the prior" if self.with_prior else "reg_covar"
            advice.append(
                _SPAN_ADVICE.format(
                    columns=" and ".join(of_columns),
                    only_variance=_VARIANCE_OF[source],
                    source=source,
                    **vars(self),
                )
            )
        if self.hidden:
            value = _HARMLESS_BESIDE_ALL * self.least_variance
            hidden = _columns(self.hidden, names).replace("C", "c", 1)
            advice.append(_HIDDEN_ADVICE.format(columns=hidden, value=value))
        return advice


def _columns(which: list[int], names: Sequence[str] | Array | None) -> str:
    """Names of columns; without any, x0, x1, ... as in scikit-learn."""
    named = [f"x{j}" if names is None else str(names[j]) for j in which[:_NAMED]]
    more = len(which) - len(named)
    listed = ", ".join(named) + (f" and {more} more" if more else "")
    return f"Column{'' if len(which) == 1 else 's'} {listed}"


@dataclass(frozen=True)
class EMResult:
    """The best parameters of one run."""

    parameters: MixtureParameters
    moments: Moments  # of `parameters`
    objectives: list[float]  # nats per sample, the best so far after each evaluation
    status: EMStatus
    singular: list[int]
    remaining: float = 0.0  # estimate of the remaining gain, nats per sample
    collapsed: list[int] = field(default_factory=list)  # components collapsed on few samples
    degenerate: list[int] = field(default_factory=list)  # and on many
    small: list[int] = field(default_factory=list)  # that may be a few outliers, or are empty
    # The least variance of degenerate ones in some direction; 0 if samples share a value.
    own_variance: float = 0.0
    hides_one: bool = False  # whether that of one is mostly added along every direction
    artificial: float = (
        0.0  # what degenerate ones gain where samples share a value, nats per sample
    )
    # By merging the collapsed and small ones into others, nats per sample; infinite if that cannot
    # be done (see `merge_loss`).
    merging_loss: float = np.inf
    span: Span | None = None  # where it is known
    shortage: str | None = None  # what the user should know where samples are too few
    n_distinct: int | None = None  # samples, where they have been counted
    moved_at: int = 0  # the first evaluation after a split-and-merge move; 0 without one
    distinct: bool = False  # whether components are known to differ, and all to have samples

    @property
    def objective(self) -> float:
        return self.moments.mean_objective

    @property
    def comparable_objective(self) -> float:
        """The objective without what says nothing about fit, nats per sample.

        That is what degenerate components owe to `reg_covar`, and what collapsed and small ones
        gain: the likelihood of a collapsed component grows without end as `reg_covar` shrinks, and
        few outliers can gain much by a component of their own (see `small.small_components`). So
        the mixture counts as the one that remains when these are merged into others.
        """
        loss = 0.0 if np.isinf(self.merging_loss) else self.merging_loss
        return self.objective - self.artificial - loss

    @property
    def verdict(self) -> tuple[bool, bool, bool]:
        """A key that sorts results whatever their objectives, the best first.

        Where collapsed or small components cannot be merged into others, nothing tells what they
        gain, and a result without such components is better.
        """
        singular, stuck = self.status is EMStatus.COLLAPSED, np.isinf(self.merging_loss)
        return (
            singular,
            bool(self.collapsed and stuck),
            bool((self.collapsed or self.small) and stuck),
        )

    @property
    def rank(self) -> tuple[bool, bool, bool, float]:
        """A key by which results are sorted, the best first."""
        return *self.verdict, -self.comparable_objective

    @cached_property
    def empty(self) -> list[int]:
        """Components with less than a trace of the rows."""
        if self.distinct:
            return []
        empty: Array = self.parameters.weights < EMPTY_WEIGHT
        return empty.nonzero()[0].tolist()

    @cached_property
    def duplicates(self) -> dict[int, int]:
        """Components that are the same as one before them, and that one.

        EM moves both alike, and cannot part them if that is a saddle of the likelihood. It need not
        be: with few distinct samples or a large `reg_covar` equal components are the optimum.
        """
        return {} if self.distinct else self._within(SAME)

    @property
    def alike(self) -> dict[int, int]:
        """Components that are much like one before them, and that one."""
        return self._within(_ALIKE)

    def _within(self, tolerance: float) -> dict[int, int]:
        parameters = self.parameters
        if parameters.n_components == 1:
            return {}
        empty = set(self.empty)
        pairs = similar_components(parameters.means, parameters.covariance, tolerance)
        return {k: before for k, before in pairs if not {k, before} & empty}

    @cached_property
    def description(self) -> str:
        """The status in words, with components that are empty, degenerate or duplicates."""
        empty = f", components {self.empty} empty" if self.empty else ""
        empty += f", components {self.collapsed} collapsed" if self.collapsed else ""
        empty += f", components {self.degenerate} degenerate" if self.degenerate else ""
        empty += self.span.description if self.span else ""
        same = [f", component {k} the same as {j}" for k, j in self.duplicates.items()]
        return self.status.value + empty + "".join(same)

    @property
    def ill_defined(self) -> list[int]:
        """Components whose likelihood does not measure fit: singular, collapsed or degenerate."""
        return sorted({*self.singular, *self.collapsed, *self.degenerate})

    def advice(self, names: Sequence[str] | Array | None = None) -> list[str]:
        """What the user should know or do; `names` are those of the columns."""
        advice = []
        if self.status.advice is not None:
            advice.append(
                self.status.advice.format(
                    components=self.singular,
                    rows=self._rows(self.singular),
                    remaining=self._still_to_gain(),
                )
            )
        if self.empty:
            advice.append(_EMPTY_ADVICE.format(components=self.empty))
        if self.shortage:
            collapsed = self._collapsed_advice(sorted(self.collapsed + self.degenerate))
            advice.append(f"{self.shortage} {collapsed}".rstrip())
        else:
            advice += (
                [self._collapsed_advice(self.collapsed) + _COLLAPSED_REMEDY]
                if self.collapsed
                else []
            )
            advice += self._degenerate_advice()
        if self.span is not None:
            advice += self.span.advice(names, self.n_distinct)
        return advice

    def _collapsed_advice(self, components: list[int]) -> str:
        if not components:
            return ""
        return _COLLAPSED_ADVICE.format(components=components, rows=self._rows(components))

    def _degenerate_advice(self) -> list[str]:
        """Where samples vary, but less than a `reg_covar` that was given, the status is enough,
        unless this is so along every direction: the clusters are then hidden.
        """
        varying = self.own_variance > 0
        if not self.degenerate or (varying and not self.hides_one):
            return []
        text = _TOO_LARGE_ADVICE if varying else _DEGENERATE_ADVICE
        rows, value = self._rows(self.degenerate), _HARMLESS * self.own_variance
        return [text.format(components=self.degenerate, rows=rows, value=value)]

    def _still_to_gain(self) -> str:
        if not np.isfinite(self.remaining):
            return "There is no estimate of the remaining gain yet"
        return f"The estimated remaining gain is {self.remaining:.2g} nats per sample"

    def _rows(self, components: list[int]) -> str:
        """Effective numbers of rows, the sums of responsibilities, in words."""
        return ", ".join(f"{self.moments.mass[k]:.3g}" for k in components)


EMPTY_WEIGHT = 1e-12
"""A component of less weight has lost its rows: of 1e11 rows it holds a tenth of one."""
