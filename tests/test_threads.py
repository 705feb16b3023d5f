"""How many threads a fit takes."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from threadpoolctl import threadpool_info, threadpool_limits

from skgmm import (
    GaussianMixtureEM,
    GaussianMixtureSearch,
    bootstrap_lrt,
    parameter_uncertainty,
)
from skgmm._threads import available_threads, divide_threads, single_threaded_blas, threads_for


def test_numbers_follow_joblib():
    assert available_threads(1) == 1
    assert available_threads(3) == 3
    assert available_threads(-1) == cpu_count()
    with pytest.raises(ValueError, match="n_jobs == 0"):
        available_threads(0)


def test_n_jobs_none_follows_the_context(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert available_threads(None) == cpu_count()
    with parallel_config(n_jobs=3, backend="threading"):
        assert available_threads(None) == 3
    for value in ("1", "1,1", " 1 "):
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        assert available_threads(None) == 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_inside_a_worker_it_takes_one(backend):
    """As in a parallel grid search: the siblings use the other processors."""
    with parallel_config(backend=backend):
        counts = Parallel(n_jobs=2)(delayed(available_threads)(None) for _ in range(4))
    assert counts == [1, 1, 1, 1]


def test_small_data_use_one_thread():
    assert threads_for(None, np.empty((300, 2)), 2) == 1
    assert threads_for(4, np.empty((300, 2)), 2) == 1
    assert threads_for(4, np.empty((100_000, 2)), 4) == 4


def test_starts_run_in_parallel_first():
    assert divide_threads(1, 10) == (1, 1)
    assert divide_threads(8, 1) == (1, 8)
    assert divide_threads(8, 3) == (3, 2)
    assert divide_threads(2, 10) == (2, 1)


@pytest.mark.slow
def test_a_fit_in_a_forked_child_finishes():
    """A fork takes the memory of the pool along but not its threads: the child makes its own."""
    code = """
import os, sys
import numpy as np
from skgmm import (
    GaussianMixtureEM,
    GaussianMixtureSearch,
    bootstrap_lrt,
    parameter_uncertainty,
)
X = np.random.default_rng(0).normal(size=(60_000, 4))
fit = lambda: GaussianMixtureEM(3, max_iter=2, tol=1.0, n_jobs=2, random_state=0).fit(X)
fit()
child = os.fork()
if child == 0:
    fit()
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", code], check=True, timeout=60)


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_blas_keeps_to_one_thread_while_fits_run():
    """Also when fits in several threads overlap; the last one gives back what was there."""
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        first, second = single_threaded_blas(), single_threaded_blas()
        first.__enter__()
        second.__enter__()
        assert set(blas_threads()) == {1}
        first.__exit__(None, None, None)
        assert set(blas_threads()) == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before


def failing(*_):
    raise RuntimeError(f"BLAS has {set(blas_threads())} threads")


def fail_at_once():
    with single_threaded_blas():
        failing()


TWINS = np.repeat(np.random.default_rng(0).normal(size=(50, 1)), 2, axis=1)


@pytest.mark.parametrize(
    "call",
    [
        fail_at_once,
        lambda: GaussianMixtureEM(2, init_params=failing).fit(TWINS),
        lambda: GaussianMixtureEM(2, warm_up=20, init_params=failing).partial_fit(TWINS),
        lambda: GaussianMixtureSearch((1, 2), "full", reg_covar=0).fit(TWINS),
        lambda: bootstrap_lrt(TWINS, reg_covar=0),
        lambda: parameter_uncertainty(
            GaussianMixtureEM.from_parameters([1.0], [[9.0, 9.0]], [np.eye(2)]), TWINS
        ),
    ],
    ids=[
        "single_threaded_blas",
        "fit",
        "partial_fit",
        "search",
        "bootstrap_lrt",
        "parameter_uncertainty",
    ],
)
def test_blas_threads_are_restored_after_an_error(call):
    with threadpool_limits(2, "blas"):
        before = blas_threads()
        with pytest.raises((ValueError, RuntimeError)) as error:
            call()
        assert blas_threads() == before
    if isinstance(error.value, RuntimeError):
        assert str(error.value) == "BLAS has {1} threads"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_concurrent_fits_are_independent():
    """Threads of the user's share one pool, and each gets the bits that it gets alone."""
    X = np.random.default_rng(0).normal(size=(40_000, 4)).astype(np.float32)

    def fitted(job):
        covariance_type, K = job
        mixture = GaussianMixtureEM(
            K, covariance_type=covariance_type, max_iter=5, random_state=K, n_jobs=2
        ).fit(X)
        return mixture.means_, mixture.covariances_, mixture.score_samples(X), mixture.predict(X)

    jobs = [(name, K) for name in ("full", "tied", "diag", "spherical") for K in (3, 4, 9)]
    alone = [fitted(job) for job in jobs]
    with ThreadPoolExecutor(6) as users:
        together = list(users.map(fitted, jobs * 2))
    for expected, got in zip(alone * 2, together, strict=True):
        for one, other in zip(expected, got, strict=True):
            np.testing.assert_array_equal(other, one)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
def test_an_error_in_a_kernel_thread_reaches_the_caller():
    """A thread that finds no memory for its block must not leave results unwritten in silence."""
    code = """
import resource
import numpy as np
from skgmm import _kernels

def label(n_components):
    X, labels = np.zeros((8192, 1)), np.empty(8192, dtype=np.int64)
    means, heights = np.zeros((n_components, 1)), np.zeros(n_components)
    _kernels.values(X, means, np.ones((1, 1)), heights, labels=labels, n_threads=2)

label(2)  # starts the threads
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, -1))
try:
    label(200_000)  # some 400 MB for each thread
except MemoryError:
    print("no memory")
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
label(2)  # and the threads are still there
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "no memory\n"
