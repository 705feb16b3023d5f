"""Tasks that run side by side, in threads that can be stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar, copy_context
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

from joblib import Parallel, delayed, effective_n_jobs, parallel_backend
from joblib.parallel import ThreadingBackend, get_active_backend

from skgmm._kernels import StopFlag

Item = TypeVar("Item")
Result = TypeVar("Result")

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
        # that a second interrupt has left behind, but not for those of a daemon.
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
