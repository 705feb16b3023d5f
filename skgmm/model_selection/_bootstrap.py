"""Parametric bootstrap of the likelihood ratio test of K against K + 1 components."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skgmm._inference.report import Facts, Report, Reported, Section, Table
from skgmm._inference.report.numbers import counted
from skgmm._linalg import Array
from skgmm._mixture import GaussianMixtureEM
from skgmm._parameters import MixtureParameters, n_parameters
from skgmm._prior import ConjugatePrior
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import RowsInMemory, as_observed
from skgmm._rows.intake import rows_in_memory
from skgmm._rows.noise import Background
from skgmm._rows.uniform_noise import UniformNoise, beside_noise, noise_of
from skgmm._sklearn_compat import Interval, StrOptions, validate_params
from skgmm._threads import run_in_workers, single_threaded_blas
from skgmm.covariance import CovarianceType, Structure, find_structure
from skgmm.model_selection._advice import relative_weights
from skgmm.model_selection._best import COMMON
from skgmm.model_selection._search_data import SearchData
from skgmm.model_selection._second_fit import better_of_two
from skgmm.model_selection._sweep import sweep


@dataclass(frozen=True, repr=False)
class BootstrapLRT(Reported):
    """Result of :func:`bootstrap_lrt`, with one entry for each tested K.

    It prints itself as a table.

    Attributes
    ----------
    n_components : int
        The first K for which K + 1 components are not significantly better.
    tested : ndarray of int, shape (m,)
        K of each test.
    statistic : ndarray of shape (m,)
        Twice the gain in log-likelihood from K to K + 1, in nats.
    p_value : ndarray of shape (m,)
        p-value of each test.
    bootstrap_statistics : ndarray of shape (m, n_bootstrap)
        The same statistic for data sets drawn from the mixture of K components, sorted; NaN, at the
        end, if a fit failed.
    covariance_type : str
        The structure of all models.
    level : float
        Significance level.
    conclusive : bool
        Whether the last test was not significant. False if even the largest tested K was rejected;
        `n_components` is then one more.
    """

    n_components: int
    tested: Array
    statistic: Array
    p_value: Array
    bootstrap_statistics: Array
    covariance_type: str
    level: float
    conclusive: bool

    def _report(self) -> Report:
        tests = [f"{K} vs {K + 1}" for K in self.tested.tolist()]
        lines = zip(self.statistic.tolist(), self.p_value.tolist(), strict=True)
        section = Section("", tuple(tests), tuple(lines), ".4f", "tests", shown=50)
        table = Table(("statistic", "p-value"), (section,), index=("", "test"))
        return Report((Facts(self._facts()), table))

    def _facts(self) -> tuple[tuple[str, str], ...]:
        n_bootstrap = self.bootstrap_statistics.shape[1]
        at_least = "" if self.conclusive else "at least "
        return (
            (
                "Bootstrap likelihood ratio test",
                f"K against K + 1 components, {self.covariance_type}",
            ),
            ("Simulated data sets", f"{n_bootstrap:,} for each test"),
            (
                "Result",
                f"{at_least}{counted(self.n_components, 'component')} at level {self.level:g}",
            ),
        )


@dataclass(frozen=True)
class _Test:
    """Settings of a test, the same for every replicate."""

    structure: Structure
    n_components: int
    reg_covar: float | str
    options: dict[str, Any]
    noise: UniformNoise | None
    prior: ConjugatePrior | str | None
    fixed: str | None

    def statistic(self, rows: RowsInMemory, seed: int) -> tuple[float, MixtureParameters]:
        """Twice the gain of one more component, and the mixture without it.

        Rows drawn and the user's are treated alike, or the distribution would be of something
        else: the same search, from one component fewer to one more, and the same second fits.
        """
        K = self.n_components
        sizes = list(range(max(1, K - 1), K + 2))
        rng = np.random.RandomState(seed)
        data = SearchData.prepare(
            rows,
            self.reg_covar,
            sizes,
            rng,
            self.options,
            [self.structure],
            prior=self.prior,
            equal_weights=self.fixed is not None,
        )
        table, complete = sweep(data, [self.structure], 1)
        if not complete:
            raise KeyboardInterrupt
        fits = table[self.structure.name, K], table[self.structure.name, K + 1]
        for fit in fits:
            if fit.result is None:
                raise ValueError(f"{fit.n_components} components: {fit.status}")
        given = {"prior": self.prior, "noise": self.noise, "fixed": self.fixed}
        options = {"reg_covar": self.reg_covar, **given, **self.options}
        less, more = (better_of_two(fit, rows, rng, options) for fit in fits)
        # The models are nested: less than 0 is rounding, or what the prior takes.
        return max(0.0, 2.0 * (more[0] - less[0])), less[1]

    def replicate(self, null: _Null, seed: int) -> float:
        """The statistic of samples drawn from the mixture; NaN if a model cannot be fitted."""
        try:
            with single_threaded_blas():
                return self.statistic(beside_noise(null.drawn(seed), self.noise), seed)[0]
        except ValueError:
            return np.nan


@dataclass(frozen=True)
class _Null:
    """What data sets are drawn from: the fitted mixture of K components."""

    parameters: MixtureParameters
    n_samples: int
    missing: Array | None  # (n, d) bool, the missing values of X, which samples drawn have too
    background: Background | None

    def drawn(self, seed: int) -> RowsInMemory:
        """A data set."""
        rng = np.random.RandomState(seed)
        X, _ = self.parameters.draw(self.n_samples, rng)
        if self.background is not None:
            X, _ = self.background.beside_drawn(X, self.parameters, rng)
        X = X if self.missing is None else np.where(self.missing, np.nan, X)
        return as_observed(InMemoryRows(X))


def _missing(rows: RowsInMemory, n_samples: int) -> Array | None:
    """What is missing of data sets of so many samples: as of X, in proportion to the weights."""
    missing = np.isnan(rows.X)
    if not missing.any():
        return None
    if rows.sample_weight is None:
        return missing
    ranks = np.cumsum(rows.sample_weight) / rows.sample_weight.sum()
    return missing[np.searchsorted(ranks, (np.arange(n_samples) + 0.5) / n_samples)]


# Smaller differences of the statistics, in nats per sample, are rounding errors.
_ROUNDING = 1e-10

# Fraction of the simulated data sets that may fail without a warning.
_FEW_FAILURES = 0.1


@validate_params(
    {
        "max_components": [Interval(Integral, 1, None, closed="left")],
        "covariance_type": [str],
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "level": [Interval(Real, 0.0, 1.0, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "fixed": [StrOptions({"weights"}), None],
        **{name: GaussianMixtureEM._parameter_constraints[name] for name in COMMON},
    },
    prefer_skip_nested_validation=False,
)
def bootstrap_lrt(
    X: ArrayLike,
    *,
    max_components: int = 9,
    covariance_type: CovarianceType | str = "full",
    n_bootstrap: int = 199,
    level: float = 0.05,
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-6,
    reg_covar: float | Literal["auto"] = "auto",
    max_iter: int = 1000,
    noise: UniformNoise | Literal["auto"] | None = None,
    prior: ConjugatePrior | Literal["auto", "mclust"] | None = None,
    fixed: Literal["weights"] | None = None,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> BootstrapLRT:
    """Test K components against K + 1, for K = 1, 2, ... until K + 1 is not significantly better.

    Twice the gain in log-likelihood is not chi-square distributed here, because the parameters of a
    superfluous component are not identifiable. So its null distribution is simulated, by fitting
    both models to samples drawn from the fitted mixture of K components (McLachlan 1987). Where
    values of X are missing, the same values of the samples drawn are removed: this supposes that
    which values are missing does not depend on the values (missing completely at random).

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        NaN where a value is missing.
    max_components : int, default=9
        The largest K that is tested (against K + 1).
    covariance_type : str, default='full'
        See :class:`GaussianMixtureEM`.
    n_bootstrap : int, default=199
        Number of simulated data sets for each K. The smallest p-value is 1 / (n_bootstrap + 1).
    level : float, default=0.05
        Significance level: testing ends at the first p-value above it.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each sample counts; the size of simulated data sets is the sum of the weights.
    tol, reg_covar, max_iter
        See :class:`GaussianMixtureEM`.
    noise : 'auto', UniformNoise or None, default=None
        A component of constant density beside the Gaussians, as of :class:`GaussianMixtureEM`; it
        is not counted in K. Noise of simulated data sets is drawn in the bounding box of X.
    prior : 'auto', 'mclust', ConjugatePrior or None, default=None
        Samples that each component has seen before, as of :class:`GaussianMixtureEM`: the statistic
        is the gain in log-likelihood between the modes of the posteriors. Values that are left to
        the samples are found anew from each simulated data set.
    fixed : 'weights' or None, default=None
        'weights': all components of a model have the same weight.
    random_state : int, RandomState instance or None, default=None
        Seed of the initialisation and of the simulated data sets.
    n_jobs : int or None, default=None
        Number of processes that fit the simulated data sets, as in scikit-learn. The result does
        not depend on it.

    Returns
    -------
    result : BootstrapLRT

    Raises
    ------
    ValueError
        If the input is invalid, if a model cannot be fitted to X, or to none of the simulated data
        sets.

    Warns
    -----
    ConvergenceWarning
        If more than a tenth of the simulated data sets for some K could not be fitted; the p-value
        is then computed from the others.
    UserWarning
        If the weights sum to far less than the effective number of samples, or to less than the
        number of parameters: data sets of as many samples as the weights sum to are simulated.

    References
    ----------
    McLachlan (1987), On bootstrapping the likelihood ratio test statistic for the number of
    components in a normal mixture.

    Examples
    --------
    >>> import numpy as np
    >>> from skgmm import bootstrap_lrt
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=(60, 1)), rng.normal(6.0, 1.0, size=(60, 1))])
    >>> result = bootstrap_lrt(X, n_bootstrap=19, random_state=0)
    >>> result.n_components
    2
    """
    rows = rows_in_memory(GaussianMixtureEM(n_jobs=1), X, sample_weight, 2)
    weights = rows.sample_weight
    n_samples = rows.n_samples if weights is None else max(2, round(float(weights.sum())))
    structure, uniform = find_structure(covariance_type), noise_of(noise)
    for message in relative_weights(weights, n_parameters(structure, 1, rows.n_features)):
        warnings.warn(message, UserWarning, stacklevel=3)
    rng = check_random_state(random_state)
    options = {"tol": tol, "max_iter": max_iter}
    missing, rows = _missing(rows, n_samples), beside_noise(rows, uniform)
    tested: list[tuple[float, float, Array]] = []
    with single_threaded_blas():
        for K in range(1, max_components + 1):
            test = _Test(structure, K, reg_covar, options, uniform, prior, fixed)
            own, *seeds = rng.randint(2**31 - 1, size=1 + n_bootstrap)
            statistic, parameters = test.statistic(rows, own)
            null = _Null(parameters, n_samples, missing, rows.background)
            replicate = partial(test.replicate, null)
            drawn = np.sort(run_in_workers(replicate, seeds, n_jobs))
            p_value = _p_value(K, statistic - _ROUNDING * n_samples, drawn)
            tested.append((statistic, p_value, drawn))
            if p_value > level:
                break
    statistics, p_values, draws = zip(*tested, strict=True)
    conclusive = bool(p_values[-1] > level)
    return BootstrapLRT(
        n_components=len(tested) + (not conclusive),
        tested=np.arange(1, len(tested) + 1),
        statistic=np.array(statistics),
        p_value=np.array(p_values),
        bootstrap_statistics=np.array(draws),
        covariance_type=structure.name,
        level=level,
        conclusive=conclusive,
    )


def _p_value(n_components: int, statistic: float, drawn: Array) -> float:
    """The fraction of statistics at least as large as that of X, which is included."""
    known = drawn[~np.isnan(drawn)]
    n_failed = len(drawn) - len(known)
    advice = "Increase reg_covar, decrease max_components or choose a simpler covariance_type."
    told = (
        f"{n_failed} of {len(drawn)} data sets drawn from {n_components} component"
        f"{'s' * (n_components > 1)} could not be fitted"
    )
    if not len(known):
        raise ValueError(f"{told}. {advice}")
    if n_failed > _FEW_FAILURES * len(drawn):
        warnings.warn(
            f"{told}; the p-value is computed from the others. {advice}", ConvergenceWarning, 4
        )
    return (1.0 + np.count_nonzero(known >= statistic)) / (1.0 + len(known))
