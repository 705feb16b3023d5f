"""Random streams from seeds."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.random import MT19937, RandomState
from numpy.random.bit_generator import ISeedSequence
from sklearn.utils import check_random_state


class _NoEntropy(ISeedSequence):
    """For a stream that is seeded at once: a seed sequence takes longer than all else."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return bytes(n_words)


def seeded(seed: int) -> RandomState:
    """`RandomState(seed)` in a fraction of its time."""
    stream = RandomState(MT19937(_NoEntropy()))  # type: ignore[arg-type]
    stream.seed(seed)
    return stream


def random_stream(random_state: int | RandomState | None) -> RandomState:
    """As scikit-learn's `check_random_state`."""
    if isinstance(random_state, Integral):
        return seeded(random_state)
    return check_random_state(random_state)
