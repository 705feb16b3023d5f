"""How many threads share the work."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from joblib import cpu_count, effective_n_jobs
from joblib.parallel import get_active_backend
from threadpoolctl import ThreadpoolController

from skgmm._linalg import Array

# Passes over less than this many numbers (rows x components x features) are over before a second
# thread has started.
_WORTH_SHARING = 400_000


def available_threads(n_jobs: int | None) -> int:
    """Threads that `n_jobs` allows here.

    A number follows joblib (-1 is all processors). None takes what a surrounding
    `joblib.parallel_config` says; without one, all processors, within OMP_NUM_THREADS as libraries
    of compiled code do, but 1 inside a joblib worker, whose siblings use the others.
    """
    if n_jobs is not None:
        return max(1, effective_n_jobs(n_jobs))
    backend, configured = get_active_backend()
    if backend.nesting_level:
        return 1
    if configured not in (None, 1):
        return max(1, effective_n_jobs(None))
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # a list is by nesting
    n_processors = cpu_count()
    return max(1, min(n_processors, int(limit) if limit.isdigit() else n_processors))


def threads_for(n_jobs: int | None, X: Array, n_components: int) -> int:
    """Threads for passes over the rows X (n, d) with this many components."""
    if X.size * n_components < _WORTH_SHARING:
        return 1
    return available_threads(n_jobs)


def divide_threads(n_threads: int, n_starts: int) -> tuple[int, int]:
    """Starts to run side by side, and threads for each: side by side comes first, it waits less."""
    n_parallel = min(n_threads, n_starts)
    return n_parallel, n_threads // n_parallel


@cache
def _libraries() -> ThreadpoolController:
    """The BLAS libraries of this process; looking for them takes milliseconds."""
    return ThreadpoolController()


class _BlasLimit:
    """One thread for BLAS, for as long as a fit runs in any thread of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fitting: list[int] = []  # the thread of each fit that runs now
        self.original: Any = None  # gives back what was there before the first

    def begin(self) -> None:
        with self.lock:
            if not self.fitting:
                self.original = _libraries().limit(limits=1, user_api="blas")
            self.fitting.append(threading.get_ident())

    def end(self) -> None:
        with self.lock:
            self.fitting.remove(threading.get_ident())
            self._give_back_if_unused()

    def after_fork(self) -> None:
        """In a forked process only the thread that forked goes on: no other will end its fits."""
        self.lock = threading.Lock()
        self.fitting = [thread for thread in self.fitting if thread == threading.get_ident()]
        self._give_back_if_unused()

    def _give_back_if_unused(self) -> None:
        if not self.fitting and self.original is not None:
            self.original.restore_original_limits()
            self.original = None


_blas_limit = _BlasLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_blas_limit.after_fork)


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """BLAS keeps to one thread: its own would wait, busily, on the processors that ours need.

    The limit belongs to the process. Fits in several threads share it: the last one that ends
    gives back what the first one found.
    """
    _blas_limit.begin()
    try:
        yield
    finally:
        _blas_limit.end()
