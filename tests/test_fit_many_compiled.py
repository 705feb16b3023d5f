"""Fits of `fit_many` that compiled code makes side by side: the same as fits one at a time."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning

from skgmm import GaussianMixtureEM, UniformNoise, fit_many
from skgmm._inference.compiled_fits import compiled_fits, unsupported
from skgmm.covariance import STRUCTURES


def cheap(K=2, **options):
    cheapest = {"random_state": 0, "escape": False, "init_params": "kmeans"}
    return GaussianMixtureEM(K, **{**cheapest, **options})


def problems(n, d=2, seed=0):
    """Of different sizes, some with clusters far apart, some with one cluster only."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        X = rng.normal(size=(rng.integers(40, 700), d)) @ rng.normal(size=(d, d))
        X[: len(X) // 3] += rng.uniform(0.0, 6.0) * rng.normal(size=d)
        found.append(rng.permutation(X))
    return found


def assert_equal(one, other):
    """All attributes are equal to the last bit."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_equal(one[name], other[name])
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other or (one != one and other != other)


def fitted(mixture, data):
    """By number, those that compiled code makes."""
    return {number: one for number, one, _ in compiled_fits(mixture, data, 2)}


def check(mixture, data, least):
    found = fitted(mixture, data)
    assert len(found) >= least
    for number, one in found.items():
        assert_equal(vars(one), vars(clone(mixture).fit(data[number])))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("acceleration", ["auto", "lbfgs", None])
@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure(name, acceleration):
    mixture = cheap(covariance_type=name, acceleration=acceleration, max_iter=300)
    if unsupported(mixture) is not None:
        assert name in ("EVE", "VVE") or (name in ("EEV", "VEV") and acceleration is not None)
        return
    check(mixture, problems(5), 4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("mixture", "d"),
    [
        (cheap(3), 1),
        (cheap(9, tol=1e-3), 3),
        (cheap(3, covariance_type="tied"), 12),
        (cheap(reg_covar=0.3), 2),
        (cheap(max_iter=4), 2),
        (cheap(random_state=17, n_jobs=2), 2),
    ],
)
def test_components_features_and_options(mixture, d):
    check(mixture, problems(6, d), 5)


def test_float32_and_any_memory_layout():
    data = problems(6)
    data = [np.asarray(X, dtype=np.float32) for X in data[:2]] + [
        np.asfortranarray(data[2]),
        data[3][::-1],
        np.repeat(data[4], 2, axis=1)[::2, ::2],
        np.broadcast_to(data[5], (1, *data[5].shape))[0],
    ]
    data[5].flags.writeable = False
    check(cheap(), data, 6)


def test_different_numbers_of_features_and_kinds_of_data_in_one_piece():
    rng = np.random.default_rng(1)
    X = problems(1)[0]
    data = [
        X,
        problems(1, 3)[0],
        np.round(2.0 * X),  # coarse
        np.c_[X, np.ones(len(X))],  # constant
        np.r_[X, X],  # every sample twice
        np.where(rng.random(X.shape) < 0.1, np.nan, X),
        X.tolist(),
        X[:3],
        np.exp(9.0 * X),
        1e9 + X,
    ]
    mixture = cheap()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = fit_many(mixture, data)
        for one, own in zip(found, data, strict=True):
            assert_equal(vars(one), vars(clone(mixture).fit(own)))
    assert {0, 1} <= fitted(mixture, data).keys() <= {0, 1, 8, 9}


@pytest.mark.parametrize("in_one_piece", [1.0, 5e4, 1e9])
def test_threads_and_pieces_do_not_matter(monkeypatch, in_one_piece):
    data = problems(9)
    expected = fit_many(cheap(), data, n_jobs=1)
    monkeypatch.setattr("skgmm._inference.compiled_fits._IN_ONE_PIECE", in_one_piece)
    assert len(fitted(cheap(), data)) == 9
    for one, other in zip(fit_many(cheap(), data, n_jobs=2), expected, strict=True):
        assert_equal(vars(one), vars(other))


def test_large_problems_are_left_to_fits_that_can_be_interrupted():
    data = [np.random.default_rng(0).normal(size=(n, 10)) for n in (1_000, 5_000)]
    mixture = cheap(5, covariance_type="spherical", max_iter=1)
    assert list(fitted(mixture, data)) == [0]


@pytest.mark.parametrize("compiled", [True, False])
def test_without_a_seed_draws_are_those_of_a_loop(compiled):
    data, mixture = problems(4), cheap(random_state=None)
    if not compiled:
        data = [X.tolist() for X in data]
    np.random.seed(3)
    expected = [clone(mixture).fit(X) for X in data]
    assert len(fitted(mixture, data)) == (4 if compiled else 0)
    np.random.seed(3)
    for one, other in zip(fit_many(mixture, data), expected, strict=True):
        np.testing.assert_array_equal(one.means_, other.means_)


def test_warnings_and_failures_are_those_of_each_fit():
    data = problems(6)
    data[1] = np.full((50, 2), np.inf)
    data[4] = 1e200 * data[4]
    mixture = cheap(max_iter=1)
    with pytest.warns(ConvergenceWarning) as told, pytest.warns(FitFailedWarning, match="1, 4"):
        found = fit_many(mixture, data)
    for number, one in enumerate(found):
        if number in (1, 4):
            assert one.status_.startswith("failed: ")
            continue
        with pytest.warns(ConvergenceWarning):
            assert_equal(vars(one), vars(clone(mixture).fit(data[number])))
    assert sum("4 of 6 fits have warnings" in str(warning.message) for warning in told) == 1


def test_a_component_that_collapses_is_told():
    """On two samples far away, which only the diagnosis of an ordinary fit names."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(100, 2)), [[50.0, 50.0], [50.0, 50.0 + 1e-9]]]
    mixture = cheap()
    with pytest.warns(ConvergenceWarning) as told:
        found = fit_many(mixture, [X])[0]
    with pytest.warns(ConvergenceWarning) as alone:
        expected = clone(mixture).fit(X)
    assert_equal(vars(found), vars(expected))
    assert str(alone[0].message) in str(told[0].message)


def test_the_mixtures_are_independent_of_each_other_and_of_the_data():
    data = problems(2)
    one, other = fit_many(cheap(), data)
    means, X = other.means_.copy(), data[1].copy()
    one.means_[:] = one.weights_[:] = one.reg_covar_[:] = 7.0
    one.set_params(n_components=5)
    data[0][:] = 0.0
    np.testing.assert_array_equal(other.means_, means)
    assert other.n_components == 2
    again = pickle.loads(pickle.dumps(other))
    assert len(pickle.dumps(fit_many(cheap(), problems(50))[0])) < 20_000
    np.testing.assert_array_equal(again.predict(X), other.predict(X))
    assert clone(other).fit(X).score(X) == other.score(X)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"escape": True}, "escape is not False"),
        ({"init_params": "auto"}, "init_params is not 'kmeans'"),
        ({"n_init": 2}, "n_init is not 1"),
        ({"verbose": 1}, "verbose"),
        ({"means_init": [[0.0, 0.0], [1.0, 1.0]]}, "means_init is set"),
        ({"prior": "auto"}, "prior is set"),
        ({"noise": UniformNoise()}, "noise is set"),
        ({"n_components": 1}, "n_components is 1"),
        ({"reg_covar": 0.0}, "reg_covar is 0"),
        ({"random_state": np.random.RandomState(0)}, "RandomState"),
        ({"covariance_type": "VVE"}, "'VVE', whose M-step"),
        ({"covariance_type": "EEV"}, "turn axes"),
    ],
)
def test_what_compiled_code_does_not_serve(options, reason):
    assert reason in unsupported(cheap().set_params(**options))


def test_a_subclass_is_fitted_by_its_own_code():
    class Own(GaussianMixtureEM):
        def _fit(self, *arguments, **others):
            found = super()._fit(*arguments, **others)
            self.own_ = True
            return found

    mixture = Own(2, random_state=0, escape=False, init_params="kmeans")
    assert all(one.own_ for one in fit_many(mixture, problems(2)))
