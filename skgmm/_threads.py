"""Threads: how many share the work, and tasks that run side by side and can be stopped."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from functools import cached_property as _cached_property
from threading import Event, Lock, Thread
from typing import Any, Generic, TypeVar

from joblib import Parallel, cpu_count, delayed, effective_n_jobs, parallel_backend
from joblib.parallel import ThreadingBackend, get_active_backend
from threadpoolctl import ThreadpoolController

from skgmm._kernels import StopFlag
from skgmm._linalg import Array

Item = TypeVar("Item")
Result = TypeVar("Result")

if sys.version_info >= (3, 12):
    cached_property = _cached_property
else:

    class cached_property(_cached_property[Result]):  # noqa: N801
        """Without the lock that it has in Python 3.11, one for all instances.

        A process that is forked while another thread holds the lock would wait for it for ever.
        """

        def __get__(self, instance: Any, owner: type | None = None) -> Any:
            if instance is None or self.attrname is None:
                return self
            values = instance.__dict__
            if self.attrname not in values:
                values[self.attrname] = self.func(instance)
            return values[self.attrname]


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
    most = int(limit) if limit.isdigit() else None
    if most is not None and most <= 1:  # joblib reads files to count processors
        return 1
    n_processors = cpu_count()
    return max(1, n_processors if most is None else min(n_processors, most))


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
def _blas_libraries() -> list[Any]:
    """The BLAS libraries of this process; looking for them takes milliseconds."""
    return [one for one in ThreadpoolController().lib_controllers if one.user_api == "blas"]


class _BlasLimit:
    """One thread for BLAS, for as long as a fit runs in any thread of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.fitting: list[int] = []  # the thread of each fit that runs now
        self.original: list[tuple[Any, int]] = []  # libraries, and their threads before the first

    def begin(self) -> None:
        with self.lock:
            if not self.fitting:
                self._set_to_one()
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

    def _set_to_one(self) -> None:
        # `ThreadpoolController.limit` asks libraries for more than their threads.
        found = ((library, library.num_threads) for library in _blas_libraries())
        self.original = [(library, n_threads) for library, n_threads in found if n_threads != 1]
        for library, _ in self.original:
            library.set_num_threads(1)

    def _give_back_if_unused(self) -> None:
        if not self.fitting:
            for library, n_threads in self.original:
                library.set_num_threads(n_threads)
            self.original = []


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


# The flag that the current thread obeys, if it is one of ours.
_obeyed: ContextVar[StopFlag | None] = ContextVar("skgmm_stop_flag", default=None)

# Seconds from one look at that flag to the next, while a thread waits for its own workers. (On
# Windows, Ctrl-C has to wait for such a look too.)
_LOOK = 0.1


def run_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], n_threads: int
) -> list[Result]:
    """What the function returns for each item, in their order.

    An error, or an interrupt (Ctrl-C), stops the tasks that are running as soon as they ask the
    kernel for anything. It is raised when all threads have ended. Threads, not processes: the work
    is in compiled code that releases the GIL, and the data are not copied.
    """
    waiting = list(items)
    if n_threads == 1 or len(waiting) <= 1:
        return [function(item) for item in waiting]
    return _Tasks(function, waiting).run(min(n_threads, len(waiting)))


def run_in_workers(
    function: Callable[[Item], Result], items: Iterable[Item], n_jobs: int | None
) -> list[Result]:
    """The same in joblib's processes, or in threads where a joblib context asks for threads."""
    backend, _ = get_active_backend()
    if getattr(backend, "supports_sharedmem", False):
        return run_in_threads(function, items, effective_n_jobs(n_jobs))
    return Parallel(n_jobs=n_jobs)(delayed(function)(item) for item in items)


class _Tasks(Generic[Item, Result]):
    """The tasks of one call."""

    def __init__(self, function: Callable[[Item], Result], items: list[Item]) -> None:
        self.function = function
        self.waiting = deque(enumerate(items))
        self.results: dict[int, Result] = {}
        self.error: BaseException | None = None
        self.lock = Lock()
        self.stop = StopFlag()
        # What is parallel in the tasks takes what joblib leaves to the workers of its own threads.
        backend, _ = get_active_backend()
        level = ThreadingBackend(nesting_level=backend.nesting_level)
        self.nested_backend, self.nested_n_jobs = level.get_nested_backend()

    def run(self, n_threads: int) -> list[Result]:
        ended = [Event() for _ in range(n_threads)]
        # Each is a daemon if the thread that starts it is one. So at its end Python waits for those
        # that still run after a second interrupt, but not for those of a daemon.
        threads = [
            Thread(target=copy_context().run, args=(self._work, event), name="skgmm-worker")
            for event in ended
        ]
        try:
            for thread in threads:
                thread.start()
            self._wait(ended)
        finally:
            self.stop.set()
            for thread, event in zip(threads, ended, strict=True):
                if thread.ident is not None:  # it was started
                    event.wait()
                    thread.join()  # an interrupt within it makes Python forget a running thread
            error, self.error = self.error, None
        try:
            if error is not None:
                raise error
        finally:
            del error  # whose traceback holds this frame, and so the data
        return [self.results[number] for number in range(len(self.results))]

    def _wait(self, ended: list[Event]) -> None:
        outer = _obeyed.get()
        for event in ended:
            while not event.wait(_LOOK):
                if outer is not None and outer.is_set():
                    raise KeyboardInterrupt

    def _work(self, ended: Event) -> None:
        _obeyed.set(self.stop)
        try:
            with (
                parallel_backend(self.nested_backend, n_jobs=self.nested_n_jobs),
                self.stop.obeyed(),
            ):
                while self.waiting and not self.stop.is_set():
                    self._run_next()
        except BaseException as error:
            with self.lock:
                self.error = self.error or error  # those that follow are of tasks that it stopped
            self.stop.set()
        finally:
            ended.set()

    def _run_next(self) -> None:
        try:
            number, item = self.waiting.popleft()
        except IndexError:  # another thread took the last
            return
        self.results[number] = self.function(item)
