"""Many small fits in one call."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning, NotFittedError
from sklearn.mixture import GaussianMixture

from skgmm import GaussianMixtureEM, fit_many


def problems(n, n_samples=60, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_samples, 2)) + 4 * rng.integers(2, size=(n, n_samples, 1))


def assert_same(one, other):
    assert vars(one).keys() == vars(other).keys()
    for name in ("weights_", "means_", "covariances_"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert (one.status_, one.n_iter_) == (other.status_, other.n_iter_)


@pytest.mark.parametrize(
    "mixture",
    [
        GaussianMixtureEM(2, random_state=0),
        GaussianMixtureEM(2, random_state=np.random.RandomState(3), init_params="k-means++"),
        GaussianMixtureEM(2, covariance_type="VEV", escape=False, noise="auto", random_state=1),
    ],
)
def test_the_results_are_those_of_a_loop(mixture):
    data = problems(4)
    expected = [clone(mixture).fit(X) for X in data]
    for one, other in zip(fit_many(mixture, data), expected, strict=True):
        assert_same(one, other)
    assert not hasattr(mixture, "means_")


def test_a_list_of_different_sizes_and_weights():
    data = [problems(1, n)[0][:, :d] for n, d in ((30, 2), (50, 1), (40, 2))]
    weights = [None, np.arange(50) % 3, np.full(40, 2.0)]
    mixture = GaussianMixtureEM(2, random_state=0)
    found = fit_many(mixture, data, weights)
    for X, weight, own in zip(data, weights, found, strict=True):
        assert_same(own, clone(mixture).fit(X, sample_weight=weight))
    assert fit_many(mixture, []) == []


@pytest.mark.slow
def test_processes_give_the_same_results():
    data, mixture = problems(9), GaussianMixtureEM(2, random_state=0, escape=False)
    expected = fit_many(mixture, data)
    for one, other in zip(fit_many(mixture, data, n_jobs=2), expected, strict=True):
        assert_same(one, other)


def test_threads_of_a_joblib_context_give_the_same_results():
    data, mixture = problems(5), GaussianMixtureEM(2, random_state=0, escape=False)
    expected = fit_many(mixture, data)
    with parallel_config("threading", n_jobs=2):
        found = fit_many(mixture, data)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


def test_a_fit_that_fails_does_not_stop_the_others():
    data = list(problems(4))
    data[1] = np.full((20, 2), np.inf)
    data[3] = "no data"
    with pytest.warns(FitFailedWarning, match=r"2 of 4 fits failed \(data sets 1, 3\).*infinity"):
        found = fit_many(GaussianMixtureEM(2, random_state=0), data)
    assert [mixture.status_.split(":")[0] for mixture in found] == [
        "converged", "failed", "converged", "failed",
    ]  # fmt: skip
    assert "infinity" in found[1].status_
    with pytest.raises(NotFittedError):
        found[1].predict(data[0])
    assert np.isfinite(found[2].score(data[2]))


def test_one_warning_names_all_fits_that_have_warnings():
    with pytest.warns(ConvergenceWarning) as told:
        fit_many(GaussianMixtureEM(2, max_iter=1, random_state=0, escape=False), problems(12))
    assert len(told) == 1
    message = str(told[0].message)
    assert "12 of 12 fits have warnings (data sets 0, 1" in message
    assert "and 2 more); status_ tells how each ended" in message
    assert told[0].filename == __file__


def test_if_all_fits_fail_that_is_an_error():
    with pytest.raises(ValueError, match=r"1 of 1 fits failed \(data set 0\).*infinity"):
        fit_many(GaussianMixtureEM(), [np.full((20, 2), np.inf)])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((GaussianMixture(2), problems(2)), TypeError, "should be a GaussianMixtureEM"),
        ((GaussianMixtureEM(), problems(1)[0]), ValueError, r"list of arrays.*\[X\]"),
        ((GaussianMixtureEM(), 3), ValueError, "list of arrays"),
        ((GaussianMixtureEM(), problems(3), [None]), ValueError, "each of the 3 data sets"),
        ((GaussianMixtureEM(), problems(3), np.ones(60)), ValueError, "sample_weights should be"),
        ((GaussianMixtureEM(0), problems(3)), ValueError, "n_components"),
    ],
)
def test_wrong_input(arguments, error, message):
    with pytest.raises(error, match=message):
        fit_many(*arguments)
