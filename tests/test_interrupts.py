"""Ctrl-C and the end of the process while fits run: nothing is left running, nothing dies."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from joblib import parallel_config
from joblib.parallel import get_active_backend

from skgmm import GaussianMixtureEM, _kernels
from skgmm._kernels import StopFlag
from skgmm._threads import run_in_threads, run_in_workers

# Child processes, in which an interrupt comes a moment after `soon()`.

PREPARE = """
import os, signal, threading, time
import numpy as np
from joblib import parallel_config
from skgmm import GaussianMixtureEM, GaussianMixtureSearch, bootstrap_lrt

def soon():
    thread = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    thread.daemon = True
    thread.start()

def check_threads():
    others = [thread.name for thread in threading.enumerate()
              if not isinstance(thread, threading.Timer)]
    assert others == ["MainThread"], others

X = np.random.default_rng(0).normal(size=(60_000, 8))
"""

SEARCH = """
from skgmm.model_selection import _sweep
fit_model, reached = _sweep.fit_model, []

def watched(ground, structure, n_components, *others):
    if n_components == 3 and not reached:  # those of 1 and 2 are done
        reached.append(n_components)
        soon()
    return fit_model(ground, structure, n_components, *others)

_sweep.fit_model = watched
search = GaussianMixtureSearch(range(1, 9), random_state=0, n_jobs=2).fit(X)
assert "interrupted" in search.results_["status"]
check_threads()
"""

CROSS_VALIDATION = """
class Folds:
    def get_n_splits(self, *args):
        return 30
    def split(self, X):
        for fold in range(30):
            if fold == 1:
                soon()
            yield np.arange(len(X) - 100), np.arange(100)

search = GaussianMixtureSearch(
    (1, 2), ("full", "diag", "tied"), "log_likelihood", cv=Folds(), random_state=0, n_jobs=2)
search.fit(X)
assert np.isfinite(search.results_["held_out_log_likelihood"]).any()
check_threads()
"""

RESTARTS = """
soon()
try:
    GaussianMixtureEM(8, n_init=8, tol=0, random_state=0, n_jobs=2).fit(X)
finally:
    check_threads()
"""

BOOTSTRAP_LRT = """
soon()
try:
    with parallel_config(backend="threading", n_jobs=2):
        bootstrap_lrt(X[:4000], n_bootstrap=1000, random_state=0)
finally:
    check_threads()
"""

# One call of the kernel makes all of the run.
COMPILED_RUN = """
from skgmm._em.loop import EM
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import find_structure

rows, structure = InMemoryRows(X[:5000]), find_structure("full")
objective = Objective(rows, structure, np.full(8, 1e-6))
labels = np.arange(5000) % 8
start = objective.maximise(rows.partition_moments(labels, 8, structure.scatter), None)
run = EM(objective, start, tol=0.0, acceleration=None)
assert run.compiled
soon()
try:
    run.until(4000)
finally:
    assert run.decisions.next().name == "ITERATE"  # not at the end
"""

# The first is within one call of the kernel, the second starts threads of ours, the third is where
# the kernel calls Python: a quasi-Newton step made in Python.
DAEMONS = """
fits = [
    GaussianMixtureEM(12, tol=0, n_jobs=2),
    GaussianMixtureEM(12, tol=0, n_init=8, n_jobs=2),
    GaussianMixtureEM(8, tol=0, acceleration="lbfgs", max_iter=10**6, n_jobs=1),
]
for fit in fits:
    threading.Thread(target=fit.fit, args=(X,), daemon=True).start()
time.sleep(0.7)
"""


def end_of(code):
    """Exit code and error output of a child process."""
    child = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", PREPARE + code],
        capture_output=True,
        text=True,
        timeout=120,
    )
    return child.returncode, child.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("code", [SEARCH, CROSS_VALIDATION], ids=["search", "cross-validation"])
def test_an_interrupted_search_returns_and_ends_its_threads(code):
    assert end_of(code) == (0, "")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(
    "code",
    [RESTARTS, BOOTSTRAP_LRT, COMPILED_RUN],
    ids=["restarts", "bootstrap_lrt", "compiled run"],
)
def test_an_interrupt_is_raised_when_all_threads_have_ended(code):
    exit_code, errors = end_of(code)
    assert exit_code == -signal.SIGINT  # which a shell calls 130
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "AssertionError" not in errors


@pytest.mark.slow
def test_fits_in_daemon_threads_do_not_break_the_end_of_the_process():
    assert end_of(DAEMONS) == (0, "")


# Threads


def worker_threads():
    return [thread for thread in threading.enumerate() if thread.name == "skgmm-worker"]


def ask_the_kernel_for_ever(_=None):
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0.0]], [[[1.0]]])
    while True:
        mixture.score_samples([[0.0]])


def test_results_are_in_the_order_of_the_items():
    barrier = threading.Barrier(2, timeout=60)

    def function(item):
        if item < 2:
            barrier.wait()  # in two threads at once
        return 10 * item

    assert run_in_threads(function, range(20), 2) == [10 * item for item in range(20)]
    assert run_in_threads(function, [], 2) == []
    assert not worker_threads()


def test_an_error_stops_the_other_tasks_and_is_raised():
    begun = threading.Event()

    def function(item):
        if item:
            begun.set()
            ask_the_kernel_for_ever()
        begun.wait(60)
        raise ValueError("of the first")

    with pytest.raises(ValueError, match="of the first"):
        run_in_threads(function, range(5), 2)
    assert not worker_threads()


def test_threads_within_threads_are_stopped_too():
    begun = threading.Barrier(3, timeout=60)

    def inner(_):
        begun.wait()
        ask_the_kernel_for_ever()

    def outer(item):
        if item:
            return run_in_threads(inner, range(2), 2)
        begun.wait()
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        run_in_threads(outer, range(2), 2)
    assert not worker_threads()


def test_workers_behave_like_joblib_threads():
    """So that what a user's function does in parallel does not take all processors again."""

    def nesting(_):
        return get_active_backend()[0].nesting_level

    assert run_in_threads(nesting, range(2), 2) == [1, 1]
    assert (
        run_in_threads(lambda _: run_in_threads(nesting, range(2), 2), range(2), 2) == [[2, 2]] * 2
    )
    with parallel_config(backend="threading", n_jobs=2):
        assert run_in_workers(nesting, range(2), None) == [1, 1]


# Stop flags


def calls_of_the_kernel(n_threads):
    X = np.random.default_rng(0).normal(size=(10_000, 2))
    means, factors, log_peaks = np.zeros((1, 2)), np.eye(2)[None], np.zeros(1)
    out = np.empty(len(X))
    model = _kernels.Model(means, factors, log_peaks, means, _kernels.Scatter.FULL)
    return {
        "values": lambda: _kernels.values(
            X, means, factors, log_peaks, log_density=out, n_threads=n_threads
        ),
        "total": lambda: _kernels.total(X, None, model, n_threads=n_threads),
        "fit": lambda: GaussianMixtureEM(2, n_jobs=n_threads).fit(X[:500]),
    }


@pytest.mark.parametrize("call", ["values", "total", "fit"])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_stop_flag_ends_calls_of_the_kernel(call, n_threads):
    """In a thread of the pool too: what is thrown there is raised in the caller."""
    run = calls_of_the_kernel(n_threads)[call]
    flag = StopFlag()
    with flag.obeyed():
        run()
        flag.set()
        with pytest.raises(KeyboardInterrupt):
            run()
    run()
