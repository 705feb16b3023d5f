"""Two components in the place of one: what a few cuts and some iterations of EM lead to."""

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

# The tail of a feature begins at so many deviations.
_TAIL = 1.5

# Iterations of EM with two components from every cut of a component, and from the best cut.
_FIRST, _MORE, _ROUGHLY = 4, 16, 1e-4

# A component is given up when so many cuts, after the first iterations, gain less than what is
# needed by this factor.
_CONVINCING, _OPTIMISM = 2, 3.0

# Samples that can be cut.
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
    """What the best of a few cuts into two components lead to, where that is sound.

    Parameters
    ----------
    problem : Objective
        Of the samples to be split, weighted by their shares.
    mass : float
        What the halves are to hold.
    level : float
        Log-likelihood of the samples as they are now.
    needed : float
        Gain, in nats. Where the first cuts are far below, no others are made.
    n_best : int
        Cuts that are followed.
    sound : callable
        Whether both halves rest on their samples.
    """
    rows = objective.rows
    assert isinstance(rows, InMemoryRows)
    runs: list[tuple[float, EM]] = []
    for labels in _cuts(objective, rng) if rows.n_samples >= _FEWEST else ():
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


def _cuts(objective: Objective, rng: np.random.RandomState) -> Iterator[Array]:
    """Labels 0 and 1 for the samples, in a few ways that do not depend on units.

    Across the axis of least kurtosis, where two clusters lie side by side; what is nearer to the
    farthest sample than to the mean, for a small group far away; the tail of the most skewed
    feature; and by k-means.
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
