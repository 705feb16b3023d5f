"""Conjugate priors: samples that each component has seen before."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skgmm import (
    ConjugatePrior,
    GaussianMixtureEM,
    GaussianMixtureRegressor,
    GaussianMixtureSearch,
    RowBlocks,
    parameter_uncertainty,
)
from skgmm._moments import Scatter
from skgmm._objective import Objective
from skgmm._prior import OneGaussian, Prior, prior_of
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES, find_structure
from skgmm.model_selection import _run
from skgmm.model_selection._nesting import contains

NAMES = list(STRUCTURES)
IRIS = load_iris().data


def strong(K=3, d=4):
    """A prior that is worth more than the samples of some components."""
    rng = np.random.default_rng(7)
    root = rng.normal(size=(d, d))
    return ConjugatePrior(
        mean=rng.normal(size=d),
        mean_rows=4.0,
        covariance=root @ root.T,
        covariance_rows=6.0,
        weight_rows=np.arange(1.0, K + 1),
    )


def log_density(prior, weights, means, covariances):
    """The log prior from its formula, component by component."""
    total, C = 0.0, np.asarray(prior.covariance)
    for w, m, S, a in zip(weights, means, covariances, prior.weight_rows, strict=True):
        P, apart = np.linalg.inv(S), m - prior.mean
        total -= 0.5 * prior.covariance_rows * (np.linalg.slogdet(S)[1] + np.trace(C @ P))
        total -= 0.5 * prior.mean_rows * apart @ P @ apart
        total += a * np.log(w)
    return total


@pytest.mark.parametrize("name", NAMES)
def test_the_log_prior_is_its_formula_and_the_objective_contains_it(name):
    mixture = GaussianMixtureEM(3, covariance_type=name, prior=strong(), random_state=0).fit(IRIS)
    parameters = mixture._parameters()
    dense = np.broadcast_to(parameters.covariance.dense(), (3, 4, 4))
    expected = log_density(mixture.prior_, parameters.weights, parameters.means, dense)
    assert mixture.log_prior_ == pytest.approx(expected, rel=1e-10)
    n = len(IRIS)
    penalised = mixture.score(IRIS) + expected / n
    assert mixture.lower_bounds_[-1] == pytest.approx(penalised, abs=1e-6)
    assert mixture.lower_bound_ == pytest.approx(mixture.score(IRIS), abs=1e-12)
    assert np.diff(mixture.lower_bounds_).min() >= 0


def moments_of(name, X, responsibilities, prior):
    """Parameters of an M-step with a prior, without added variance."""
    structure, d = find_structure(name), X.shape[1]
    K = responsibilities.shape[1]
    data = OneGaussian(X.mean(axis=0), np.cov(X.T, bias=True).reshape(d, d), float(len(X)))
    found = Prior.of(prior_of(prior, data, structure, K))
    objective = Objective(InMemoryRows(X), structure, np.zeros(d), prior=found)
    moments = objective.rows.partition_moments(responsibilities, K, structure.scatter)
    return objective.maximise(moments, None)


@pytest.mark.parametrize(
    ("name", "d"),
    [("VVV", 3), ("EEE", 3), ("VII", 3), ("VVI", 3), ("VVV", 1), ("EEE", 1)],
    ids=["VVV", "EEE", "VII", "VVI", "V", "E"],
)
def test_the_m_step_with_the_prior_of_mclust_is_that_of_its_paper(name, d):
    """Fraley & Raftery (2007), tables 1 and 2."""
    rng = np.random.default_rng(0)
    X, K = rng.normal(size=(40, d)) * np.arange(1, d + 1), 3
    z = rng.dirichlet(np.ones(K), size=40)
    got = moments_of(name, X, z, "mclust")
    nu, kappa, centre = d + 2.0, 0.01, X.mean(axis=0)
    S = np.cov(X.T).reshape(d, d) / K ** (2.0 / d)
    numerators, n_k = [], z.sum(axis=0)
    for k in range(K):
        mean = z[:, k] @ X / n_k[k]
        W = (z[:, k] * (X - mean).T) @ (X - mean)
        shift = mean - centre
        numerators.append(W + kappa * n_k[k] / (kappa + n_k[k]) * np.outer(shift, shift))
        expected = (n_k[k] * mean + kappa * centre) / (n_k[k] + kappa)
        np.testing.assert_allclose(got.means[k], expected, rtol=1e-12)
    if name == "VVV":
        dense = [(S + N) / (nu + n + d + 2.0) for N, n in zip(numerators, n_k, strict=True)]
    elif name == "EEE":
        dense = [(S + sum(numerators)) / (nu + n_k.sum() + d + K + 1.0)]
    elif name == "VVI":
        dense = [
            np.diag(np.diag(S + N)) / (nu + n + 3.0) for N, n in zip(numerators, n_k, strict=True)
        ]
    else:
        scale = np.trace(S) / d
        dense = [
            np.eye(d) * (scale + np.trace(N)) / (nu + d * n + d + 2.0)
            for N, n in zip(numerators, n_k, strict=True)
        ]
    np.testing.assert_allclose(got.covariance.dense(), dense, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(got.weights, n_k / n_k.sum(), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_one_component_is_not_changed_by_the_default_prior(name):
    plain = GaussianMixtureEM(1, covariance_type=name).fit(IRIS)
    penalised = GaussianMixtureEM(1, covariance_type=name, prior="auto").fit(IRIS)
    np.testing.assert_allclose(penalised.means_, plain.means_, rtol=1e-14)
    np.testing.assert_allclose(penalised.covariances_, plain.covariances_, rtol=1e-12)


def test_one_component_with_missing_values_is_not_changed_by_the_default_prior():
    holes = np.where(np.random.default_rng(0).random(IRIS.shape) < 0.1, np.nan, IRIS)
    plain = GaussianMixtureEM(1, tol=1e-12).fit(holes)
    penalised = GaussianMixtureEM(1, tol=1e-12, prior="auto").fit(holes)
    np.testing.assert_allclose(penalised.covariances_, plain.covariances_, rtol=1e-5)
    np.testing.assert_allclose(penalised.prior_.covariance, plain.covariances_[0], rtol=1e-5)


def test_default_values_are_those_of_the_samples():
    prior = GaussianMixtureEM(3, prior="auto", random_state=0).fit(IRIS).prior_
    np.testing.assert_allclose(prior.covariance, np.cov(IRIS.T, bias=True), rtol=1e-12)
    np.testing.assert_allclose(prior.mean, IRIS.mean(axis=0), rtol=1e-14)
    assert prior.covariance_rows == 2.0 / 150
    assert prior.mean_rows == 0.0
    np.testing.assert_array_equal(prior.weight_rows, np.zeros(3))
    weighted = GaussianMixtureEM(2, prior="auto", random_state=0)
    weighted.fit(IRIS, sample_weight=np.full(150, 2.0))
    assert weighted.prior_.covariance_rows == 2.0 / 300
    singular = np.column_stack([IRIS[:, 0], 2 * IRIS[:, 0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        prior = GaussianMixtureEM(2, prior="auto", random_state=0).fit(singular).prior_
    assert prior.covariance[0, 1] == 0.0


def test_samples_seen_before_are_samples():
    """With one component, as many real samples with that mean and covariance are the same."""
    rng = np.random.default_rng(0)
    X, seen = rng.normal(size=(30, 3)), rng.normal(size=(12, 3)) + 2.0
    prior = ConjugatePrior(
        mean=seen.mean(axis=0), mean_rows=12, covariance=np.cov(seen.T, bias=True),
        covariance_rows=12,
    )  # fmt: skip
    got = GaussianMixtureEM(1, prior=prior, reg_covar=0.0).fit(X)
    expected = GaussianMixtureEM(1, reg_covar=0.0).fit(np.r_[X, seen])
    np.testing.assert_allclose(got.means_, expected.means_, rtol=1e-12)
    np.testing.assert_allclose(got.covariances_, expected.covariances_, rtol=1e-12)


def test_counts_of_weights_are_samples():
    z = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=float)
    X = np.array([[0.0], [1.0], [2.0], [5.0]])
    prior = ConjugatePrior(covariance_rows=1.0, weight_rows=[2.0, 4.0])
    np.testing.assert_allclose(moments_of("full", X, z, prior).weights, [0.5, 0.5])


@given(st.integers(0, 2**32 - 1))
def test_weights_are_repetitions_and_the_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    X = np.r_[rng.normal(size=(30, 2)), rng.normal(size=(20, 2)) + 6.0]
    counts, order = rng.integers(0, 4, size=50), rng.permutation(50)
    prior = ConjugatePrior(mean_rows=2.0, covariance_rows=3.0, weight_rows=1.0)
    init = {"means_init": [[0.0, 0.0], [6.0, 6.0]], "tol": 1e-10}
    mixture = GaussianMixtureEM(2, prior=prior, **init)
    weighted = clone(mixture).fit(X, sample_weight=counts.astype(float))
    repeated = clone(mixture).fit(np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(weighted.means_, repeated.means_, rtol=1e-7, atol=1e-7)
    moved = clone(mixture).fit(X[order], sample_weight=counts[order].astype(float))
    np.testing.assert_allclose(moved.means_, weighted.means_, rtol=1e-7, atol=1e-7)


def test_a_prior_does_not_scale_with_the_weights_of_samples():
    prior = ConjugatePrior(mean=np.zeros(4), mean_rows=10.0, covariance_rows=5.0)
    light, heavy = (
        GaussianMixtureEM(1, prior=prior).fit(IRIS, sample_weight=np.full(150, weight))
        for weight in (1.0, 10.0)
    )
    np.testing.assert_allclose(light.means_[0], IRIS.mean(axis=0) * 150 / 160, rtol=1e-12)
    np.testing.assert_allclose(heavy.means_[0], IRIS.mean(axis=0) * 1500 / 1510, rtol=1e-12)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units_do_not_matter_to_the_default_prior(one, other):
    X, units = IRIS[:, :2], np.array([one, other])
    for prior in ("auto", "mclust"):
        init = {"tol": 1e-10, "prior": prior, "acceleration": None, "max_iter": 30}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            plain = GaussianMixtureEM(2, means_init=X[[0, 100]], **init).fit(X)
            scaled = GaussianMixtureEM(2, means_init=X[[0, 100]] * units, **init).fit(X * units)
        np.testing.assert_allclose(scaled.means_ / units, plain.means_, rtol=1e-6)


def test_a_component_on_two_equal_samples_keeps_a_variance():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(60, 2)), [[9.0, 9.0], [9.0, 9.0]]]
    mixture = GaussianMixtureEM(2, prior="auto", means_init=[[0.0, 0.0], [9.0, 9.0]]).fit(X)
    assert mixture.status_ == "converged"
    expected = (2 / 62) * np.cov(X.T, bias=True) / (2 + 2 / 62)
    np.testing.assert_allclose(mixture.covariances_[1], expected, rtol=1e-6)


def test_fewer_samples_than_features():
    X = np.random.default_rng(0).normal(size=(15, 30))
    mixture = GaussianMixtureEM(2, prior="auto", random_state=0).fit(X)
    assert mixture.converged_
    assert np.isfinite(mixture.score(X))
    assert np.linalg.eigvalsh(mixture.covariances_).min() > 1e-4


def dependent(n=60):
    """Columns of which the last is the difference of the others."""
    X = np.random.default_rng(0).normal(size=(n, 2))
    return np.column_stack([X, X[:, 0] - X[:, 1]])


@pytest.mark.parametrize("name", ["full", "tied", "EVV"])
def test_dependent_columns_are_told_where_the_prior_is_the_only_variance(name):
    X = dependent()
    model = GaussianMixtureEM(1, covariance_type=name, prior="auto")
    message = "Columns x0, x1, x2 are linearly dependent.* that of the prior.* depend on the prior"
    with pytest.warns(ConvergenceWarning, match=message):
        model.fit(X)
    assert "samples vary in 2 of 3 directions" in model.status_
    assert "directions" not in model.fit(X[:, :2]).status_  # the remedy


@pytest.mark.parametrize("name", ["full", "tied"])
@pytest.mark.parametrize("copies", [1, 3])
def test_few_samples_are_no_dependence_of_columns(name, copies):
    """They are what the prior is there for."""
    X = np.repeat(np.random.default_rng(0).normal(size=(10, 20)), copies, axis=0)
    GaussianMixtureEM(1, covariance_type=name, prior="auto").fit(X)
    GaussianMixtureEM(1, covariance_type="diag", prior="auto").fit(dependent())


def test_a_regression_is_not_warned_of_dependent_columns():
    """Its predictions do not suffer, and a target may be a function of the features."""
    X = dependent()
    regressor = GaussianMixtureRegressor().fit(X, X[:, 0] + 1.0)
    np.testing.assert_allclose(regressor.predict(X), X[:, 0] + 1.0, atol=0.05)


def test_blocks_and_streams_take_a_prior():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(3000, 2)), 0.5 * rng.normal(size=(3000, 2)) + 6.0]
    X = X[rng.permutation(6000)]
    prior = ConjugatePrior(
        mean=[3, 3], mean_rows=50, covariance=2, covariance_rows=100, weight_rows=20
    )
    mixture = GaussianMixtureEM(2, prior=prior, random_state=0)
    whole = clone(mixture).fit(X)
    blocks = RowBlocks.from_iterable(lambda: [X[:2500], X[2500:]])
    np.testing.assert_allclose(clone(mixture).fit(blocks).means_, whole.means_, rtol=1e-9)
    stream = clone(mixture).set_params(warm_up=1000, step_exponent=1.0)
    for start in range(0, 6000, 500):
        stream.partial_fit(X[start : start + 500])
    order = np.argsort(stream.means_[:, 0]), np.argsort(whole.means_[:, 0])
    np.testing.assert_allclose(stream.means_[order[0]], whole.means_[order[1]], atol=0.02)
    assert stream.prior_.mean_rows == 50
    assert np.isfinite(stream.log_prior_)
    with pytest.raises(ValueError, match="partial_fit cannot continue after a change of prior"):
        stream.set_params(prior=None).partial_fit(X)
    with pytest.raises(ValueError, match="merge does not support mixtures with prior"):
        GaussianMixtureEM.merge([whole, whole])


def test_the_prior_of_known_parameters_does_not_count_noise():
    X = np.random.default_rng(0).normal(size=(50, 2))
    covariances = [np.eye(2), np.eye(2)]
    mixture = GaussianMixtureEM.from_parameters(
        [0.4, 0.4], [[0, 0], [6, 0]], covariances, noise_volume=100.0
    )
    mixture.set_params(prior="auto").partial_fit(X)
    np.testing.assert_allclose(mixture.prior_.covariance, np.diag([10.0, 1.0]), rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("prior", ["auto", "mclust"])
@pytest.mark.parametrize("errors", [[9.0] * 4, [9.0, 0.01, 9.0, 0.01], [0.3, 0.01, 0.01, 0.01]])
def test_the_default_covariance_is_one_where_errors_explain_all_variance(prior, errors):
    errors = np.tile(errors, (150, 1))
    mixture = GaussianMixtureEM(1, prior=prior).fit(IRIS, error_covariance=errors)
    assert np.linalg.eigvalsh(mixture.prior_.covariance).min() >= -1e-15
    again = GaussianMixtureEM(1, prior=mixture.prior_).fit(IRIS, error_covariance=errors)
    np.testing.assert_allclose(again.covariances_, mixture.covariances_, atol=1e-12)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("auto", ConjugatePrior(mean_rows=3.0)),
        ("auto", "mclust"),
        ("mclust", "auto"),
        (ConjugatePrior(covariance=1.0), ConjugatePrior(covariance=2.0)),
        (ConjugatePrior(weight_rows=1.0), "auto"),
    ],
)
def test_a_stream_refuses_another_prior(first, second):
    X = np.random.default_rng(0).normal(size=(200, 2))
    mixture = GaussianMixtureEM(2, prior=first, random_state=0).fit(X)
    mixture.partial_fit(X)
    with pytest.raises(ValueError, match="partial_fit cannot continue after a change of prior"):
        mixture.set_params(prior=second).partial_fit(X)
    mixture.set_params(prior=first).partial_fit(X)


def test_a_weight_held_at_zero_and_a_prior_for_it_are_refused():
    prior = ConjugatePrior(weight_rows=1.0)
    held = {"fixed": {"weights": [True, True, False]}, "weights_init": [0.5, 0.5, 0.0]}
    mixture = GaussianMixtureEM(3, prior=prior, random_state=0, **held)
    with pytest.raises(ValueError, match=r"fixed: the weights of components \[2\] are held at 0"):
        mixture.fit(IRIS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is empty, as was asked for
        mixture.set_params(prior=ConjugatePrior(weight_rows=[1.0, 1.0, 0.0])).fit(IRIS)
    assert np.isfinite(mixture.lower_bounds_).all()


def test_a_search_takes_a_prior():
    search = GaussianMixtureSearch([1, 2, 3], ["full", "tied", "diag"], prior="auto")
    search.set_params(random_state=0).fit(IRIS)
    best = search.best_estimator_
    assert (search.best_n_components_, best.prior_.covariance_rows) == (2, 2 / 150)
    assert best.bic(IRIS) == pytest.approx(search.best_score_)
    with pytest.raises(ValueError, match="weight_rows"):
        search.set_params(prior=ConjugatePrior(weight_rows=[1.0, 2.0])).fit(IRIS)


@pytest.mark.parametrize("prior", ["auto", ConjugatePrior(covariance_rows=5.0, mean_rows=2.0)])
def test_richer_structures_have_a_higher_posterior_density(prior, monkeypatch):
    found = {}
    table_of = _run.table_of

    def noted(table, *arguments):
        found.update(table)
        return table_of(table, *arguments)

    monkeypatch.setattr(_run, "table_of", noted)
    GaussianMixtureSearch([2, 3], prior=prior, random_state=0).fit(IRIS)
    assert len(found) == 2 * len(NAMES)
    reached = {model: fit.result.objective for model, fit in found.items()}
    compared = 0
    for (rich, K), high in reached.items():
        for (simple, fewer), low in reached.items():
            if rich != simple and fewer == K and contains(STRUCTURES[rich], STRUCTURES[simple]):
                assert low <= high + 1e-6, (simple, rich, K)
                compared += 1
    assert compared > 80


@pytest.mark.filterwarnings("ignore:The best number of components")
@pytest.mark.parametrize("rows", [5.0, 20.0])
def test_a_strong_prior_excludes_no_number_of_components(rows):
    """Each component more has a prior of its own, so the objective may well decrease."""
    X = np.random.default_rng(924231285).normal(size=(120, 2)) * [40.0, 60.0]
    prior = ConjugatePrior(covariance_rows=rows)
    search = GaussianMixtureSearch((1, 2), "full", prior=prior, random_state=0).fit(X)
    assert np.isfinite(search.results_["log_likelihood"]).all()


def test_scikit_learn_tools():
    mixture = GaussianMixtureEM(2, prior=ConjugatePrior(), random_state=0)
    grid = GridSearchCV(mixture, {"prior__mean_rows": [0.0, 5.0]}, cv=2).fit(IRIS)
    assert grid.best_params_["prior__mean_rows"] in (0.0, 5.0)
    fitted = clone(mixture).fit(IRIS)
    assert fitted.prior.mean is None  # the parameter is not changed
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(IRIS), fitted.predict(IRIS))
    assert not hasattr(fitted.set_params(prior=None).fit(IRIS), "prior_")
    assert fitted.fit(IRIS.astype(np.float32)).means_.dtype == np.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mean": [1.0]}, "mean should be 4 finite numbers"),
        ({"mean": "middle"}, "mean should be numbers"),
        ({"mean_rows": -1}, "mean_rows should be a finite number, 0 or more, but is -1"),
        ({"covariance": np.eye(3)}, r"covariance should be a number or have the shape \(4,\)"),
        ({"covariance": -1.0}, "positive semi-definite"),
        ({"covariance": [[1.0, 2.0, 0, 0], [2.0, 1.0, 0, 0], [0] * 4, [0] * 4]}, "semi-definite"),
        ({"covariance_rows": np.inf}, "covariance_rows should be a finite number"),
        ({"weight_rows": [1.0]}, r"weight_rows should be a number or have the shape \(3,\)"),
        ({"weight_rows": -1.0}, "weight_rows should be finite, 0 or more"),
    ],
)
def test_values_are_checked(values, message):
    with pytest.raises(ValueError, match=f"prior: .*{message}"):
        GaussianMixtureEM(3, prior=ConjugatePrior(**values)).fit(IRIS)


def test_other_values_of_the_parameter_are_refused():
    with pytest.raises(ValueError, match="'prior' parameter"):
        GaussianMixtureEM(prior="strong").fit(IRIS)


@pytest.mark.parametrize("form", list(Scatter))
def test_moments_of_a_prior_add_up(form):
    prior = Prior.of(prior_of(strong(), OneGaussian(np.zeros(4), np.eye(4), 9.0),
                              find_structure("full"), 3))  # fmt: skip
    once = prior.moments(form, np.zeros(4))
    twice = once + once
    np.testing.assert_allclose(twice.mean, once.mean)
    np.testing.assert_allclose(twice.scatter, 2 * once.scatter)
    np.testing.assert_allclose(twice.counted.covariances, 12.0)
    assert twice.total_weight == 0.0


def test_standard_errors_are_those_of_the_posterior_density():
    X = np.random.default_rng(0).normal(size=(200, 1))
    prior = ConjugatePrior(mean=[0.0], mean_rows=600.0, covariance_rows=0.0)
    mixture = GaussianMixtureEM(1, prior=prior).fit(X)
    found = parameter_uncertainty(mixture, X).means.standard_error
    # Of a mean that rests on 200 samples and 600 seen before.
    np.testing.assert_allclose(found, np.sqrt(mixture.covariances_[0] / 800), rtol=1e-4)
