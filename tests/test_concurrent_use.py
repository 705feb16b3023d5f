"""One estimator, or one process, used by several threads."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from skgmm import (
    GaussianMixtureEM,
    GaussianMixtureSearch,
    _mixture,
    parameter_uncertainty,
)
from skgmm._inference import fitted_mixture, predict
from skgmm.model_selection import _answers

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def near():
    return np.random.default_rng(0).normal(size=(200, 2))


@pytest.fixture
def far():
    return np.random.default_rng(1).normal(100.0, 5.0, size=(300, 2))


METHODS = {
    "predict": lambda mixture, X: mixture.predict(X),
    "predict_proba": lambda mixture, X: mixture.predict_proba(X),
    "predict_log_proba": lambda mixture, X: mixture.predict_log_proba(X),
    "score_samples": lambda mixture, X: mixture.score_samples(X),
    "score": lambda mixture, X: mixture.score(X),
    "bic": lambda mixture, X: mixture.bic(X),
    "aic": lambda mixture, X: mixture.aic(X),
    "icl": lambda mixture, X: mixture.icl(X),
    "ecll": lambda mixture, X: mixture.expected_complete_log_likelihood(X),
    "sample": lambda mixture, X: mixture.sample(5, random_state=0)[0],
    "summary": lambda mixture, X: mixture.summary(),
    "parameter_uncertainty": lambda mixture, X: (
        parameter_uncertainty(
            mixture, X, method="bootstrap", n_bootstrap=3, random_state=0
        ).means.standard_error
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_method_uses_one_fit_during_concurrent_fits(method, near, far, monkeypatch):
    """Another fit, of another size and structure, falls between any two things that it reads."""
    call = METHODS[method]
    mixture = GaussianMixtureEM(2, random_state=0).fit(near)
    expected = call(mixture, near)
    other = dict(vars(GaussianMixtureEM(3, covariance_type="diag").fit(far)))

    def fitted_again(function):
        def wrapped(*args, **kwargs):
            result = function(*args, **kwargs)
            mixture.__dict__ = dict(other)
            return result

        return wrapped

    for name in ("rows_to_ask_about", "check_is_fitted", "find_structure"):
        monkeypatch.setattr(fitted_mixture, name, fitted_again(getattr(fitted_mixture, name)))
    np.testing.assert_array_equal(call(mixture, near), expected)
    assert mixture.n_components == 3


def test_a_search_predicts_by_one_fit(near, far, monkeypatch):
    search = GaussianMixtureSearch((1, 2), "full", random_state=0).fit(near)
    expected = search.score_samples(near)
    monkeypatch.setattr(_answers, "check_is_fitted", lambda _: search.fit(far))
    np.testing.assert_array_equal(search.score_samples(near), expected)


def test_functions_and_displays_look_at_a_snapshot(near, far):
    mixture = GaussianMixtureEM(2, random_state=0).fit(near)
    seen = predict.mixture_of(mixture)
    mixture.set_params(n_components=3).fit(far)
    assert len(seen.means_) == 2


@pytest.mark.parametrize("fit", ["fit", "fit_predict", "partial_fit"])
def test_fitted_attributes_are_replaced_in_one_assignment(fit, near, far, monkeypatch):
    """Until the end readers see the fit before, features included; and then all of the next."""
    names = {"a": near[:, 0], "b": near[:, 1]}
    pd = pytest.importorskip("pandas")
    mixture = GaussianMixtureEM(2, random_state=0)
    if fit != "partial_fit":
        mixture.fit(pd.DataFrame(names))
    before = dict(vars(mixture))
    seen = []

    class Watched(GaussianMixtureEM):
        def __setattr__(self, name, value):
            if self is mixture:
                seen.append((name, dict(vars(self))))
            super().__setattr__(name, value)

    mixture.__class__ = Watched
    getattr(mixture, fit)(np.column_stack([far, far[:, 0] ** 2]))
    assert [name for name, _ in seen] == ["__dict__"]
    assert seen[0][1] == before
    assert mixture.n_features_in_ == mixture.means_.shape[1] == 3
    assert not hasattr(mixture, "feature_names_in_")


def test_a_search_replaces_its_attributes_in_one_assignment(near):
    seen = []

    class Watched(GaussianMixtureSearch):
        def __setattr__(self, name, value):
            if self is search:
                seen.append(name)
            super().__setattr__(name, value)

    search = GaussianMixtureSearch((1, 2), "full", random_state=0)
    search.__class__ = Watched
    search.fit(near)
    assert seen == ["__dict__"]


def test_attributes_set_during_a_fit_are_kept(near, monkeypatch):
    fit_mixture = _mixture.fit_mixture

    def slowly(*args):
        mixture.set_params(tol=0.5)
        return fit_mixture(*args)

    monkeypatch.setattr(_mixture, "fit_mixture", slowly)
    mixture = GaussianMixtureEM(2, random_state=0, tol=1e-3)
    assert mixture.fit(near).tol == 0.5


def test_two_fits_of_one_estimator_each_return_their_own_labels(near, far, monkeypatch):
    expected = GaussianMixtureEM(2, random_state=0).fit_predict(near)
    mixture = GaussianMixtureEM(2, random_state=0)
    fit, other = GaussianMixtureEM._fit, dict(vars(GaussianMixtureEM(3).fit(far)))

    def overtaken(self, *args):
        result = fit(self, *args)
        self.__dict__ = dict(other)
        return result

    monkeypatch.setattr(GaussianMixtureEM, "_fit", overtaken)
    np.testing.assert_array_equal(mixture.fit_predict(near), expected)


def test_predictions_while_another_thread_fits(near, far):
    """The same by chance: threads switch as often as Python allows."""
    mixture = GaussianMixtureEM(2, random_state=0)
    expected = [mixture.fit(X).score_samples(near) for X in (far, near)]
    done = threading.Event()

    def fit_again():
        while not done.is_set():
            mixture.fit(far)
            mixture.fit(near)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=fit_again)
    thread.start()
    try:
        for _ in range(300):
            got = mixture.score_samples(near)
            assert any(np.array_equal(got, one) for one in expected)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_forked_while_another_thread_computes_a_property_can_compute_it():
    """In Python 3.11 those of functools have one lock for all instances."""
    code = """
import os, sys, threading
from skgmm._threads import cached_property

inside, go_on = threading.Event(), threading.Event()

class Slow:
    def __init__(self, wait):
        self.wait = wait

    @cached_property
    def value(self):
        if self.wait:
            inside.set()
            go_on.wait()
        return 1

thread = threading.Thread(target=lambda: Slow(True).value)
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    os._exit(Slow(False).value)
status = os.waitpid(child, 0)[1]
go_on.set()
thread.join()
sys.exit(os.waitstatus_to_exitcode(status) != 1)
"""
    subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", code], check=True, timeout=60)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_process_forked_while_another_thread_fits_can_fit_and_predict():
    """Locks of ours, the threads of the kernel and the threads of BLAS are made anew."""
    code = """
import os, sys, threading
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from skgmm import GaussianMixtureEM, _threads

def blas_threads():
    return [library["num_threads"] for library in threadpool_info()
            if library["user_api"] == "blas"]

threadpool_limits(2, "blas")
before = blas_threads()
X = np.random.default_rng(0).normal(size=(60_000, 4))
fit = lambda: GaussianMixtureEM(3, max_iter=2, tol=1.0, n_jobs=2, random_state=0).fit(X)
mixture = fit()
expected = mixture.predict(X)
done = threading.Event()

def fit_again():
    while not done.is_set():
        fit()

thread = threading.Thread(target=fit_again)
thread.start()
for attempt in range(6):
    if attempt:
        child = os.fork()
    else:  # at a bad moment
        with _threads._blas_limit.lock:
            child = os.fork()
    if child == 0:
        assert blas_threads() == before
        assert np.array_equal(mixture.predict(X), expected)
        fit()
        assert blas_threads() == before
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        break
done.set()
thread.join()
sys.exit(status != 0)
"""
    subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", code], check=True, timeout=120)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_within_a_fit_keeps_its_limits_until_that_fit_ends():
    code = """
import os, sys
from threadpoolctl import threadpool_info, threadpool_limits
from skgmm._threads import single_threaded_blas

def blas_threads():
    return [library["num_threads"] for library in threadpool_info()
            if library["user_api"] == "blas"]

threadpool_limits(2, "blas")
before = blas_threads()
with single_threaded_blas():
    child = os.fork()
    assert set(blas_threads()) == {1}
assert blas_threads() == before
if child:
    sys.exit(os.waitpid(child, 0)[1] != 0)
"""
    subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", code], check=True, timeout=120)
