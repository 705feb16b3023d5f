"""Splits of a component in two: EM from a few partitions of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from skgmm._em.loop import EM
from skgmm._em.result import EMResult
from skgmm._kernels import LostRowError
from skgmm._linalg import Array
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.sample import StartSample
from skgmm._starts.kmeans import kmeans
from skgmm._starts.methods import EmptyStartError, start_of
from skgmm._starts.moves import Part, Split
from skgmm._starts.views import views
from skgmm.covariance import IllDefinedCovarianceError

# The tail of a feature begins at this many standard deviations.
_TAIL = 1.5

# EM iterations from every partition, further ones from the best partitions, and their `tol`.
_FIRST, _MORE, _ROUGHLY = 4, 16, 1e-4

# No more partitions are tried when the gain of the first ones, after their first iterations and
# times the second number, is less than needed.
_CONVINCING, _OPTIMISM = 2, 3.0

# The fewest samples that are split.
_FEWEST = 4


Sound = Callable[[EMResult], bool]


def best_splits(
    objective: Objective,
    mass: float,
    level: float,
    needed: float,
    n_best: int,
    sound: Sound,
    rng: np.random.RandomState,
) -> list[Split]:
    """The best of a few splits into two components that are supported by their samples.

    Parameters
    ----------
    objective : Objective
        Of the samples to be split, weighted by their responsibilities.
    mass : float
        Of both halves together.
    level : float
        Current log-likelihood of the samples.
    needed : float
        Gain, in nats. If the first partitions gain far less, no others are tried.
    n_best : int
        Partitions from which EM is continued.
    sound : callable
        Whether both halves are supported by their samples.
    """
    rows = objective.rows
    assert isinstance(rows, InMemoryRows)
    runs: list[tuple[float, EM]] = []
    for labels in _partitions(objective, rng) if rows.n_samples >= _FEWEST else ():
        try:
            run = EM(objective, start_of(objective, labels, 2), tol=_ROUGHLY, acceleration=None)
        except (IllDefinedCovarianceError, EmptyStartError, LostRowError):
            continue
        so_far = run.until(_FIRST)
        if sound(so_far):
            runs.append((so_far.moments.objective - level, run))
        highest = max((gain for gain, _ in runs), default=-np.inf)
        if len(runs) >= _CONVINCING and _OPTIMISM * max(highest, 0.0) < needed:
            return []
    runs.sort(key=lambda pair: -pair[0])
    ends = [run.until(_MORE) for _, run in runs[:n_best]]
    return [_as_split(end, mass, level) for end in ends if sound(end)]


def _as_split(end: EMResult, mass: float, level: float) -> Split:
    factor = mass / end.moments.mass.sum()
    first, second = (Part.of(end.moments, k).scaled(factor) for k in range(2))
    return Split(end.moments.objective - level, (first, second))


def _partitions(objective: Objective, rng: np.random.RandomState) -> Iterator[Array]:
    """Partitions in two (labels 0 and 1) that do not depend on the units of the features.

    Across the axis of least kurtosis, where two clusters lie side by side; what is nearer to the
    farthest sample than to the mean, for a small group far away; the tail of the most skewed
    feature; and k-means.
    """
    rows = objective.rows
    assert isinstance(rows, InMemoryRows)
    weights = rows.sample_weight
    assert weights is not None
    (_, scaled), (_, white) = views(StartSample(rows.X, weights, True), objective)
    if not white.shape[1]:
        return
    weights = weights / weights.sum()
    squares = white * white
    kurtosis = weights @ (squares * squares)
    yield (white[:, int(np.argmin(kurtosis))] > 0).astype(np.int64)
    farthest = int(np.argmax(squares.sum(axis=1)))
    beyond = white @ white[farthest] > 0.5 * squares[farthest].sum()
    yield beyond.astype(np.int64)
    skewness = weights @ scaled**3
    most = int(np.argmax(np.abs(skewness)))
    yield (scaled[:, most] * np.sign(skewness[most]) > _TAIL).astype(np.int64)
    yield kmeans(white, weights, 2, rng, rows.n_threads)
