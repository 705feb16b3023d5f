"""Fits whose responsibilities are known: one component, or labels of all samples."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_iris

from skgmm import GaussianMixtureClassifier, GaussianMixtureEM
from skgmm._em.loop import run_em
from skgmm._objective import Objective, Regularisation
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES, find_structure

X, Y = load_iris(return_X_y=True)
CLOSED_FORM = [name for name in STRUCTURES if find_structure(name).ties.closed_form]


@pytest.fixture
def evaluations(monkeypatch):
    """Passes over the samples by `Objective.evaluate`, as they are made."""
    made, evaluate = [], Objective.evaluate

    def counted(self, parameters):
        made.append(parameters)
        return evaluate(self, parameters)

    monkeypatch.setattr(Objective, "evaluate", counted)
    return made


def test_structures_whose_m_step_iterates():
    iterative = {"VEI", "VEE", "VEV", "EVE", "VVE"}
    assert {find_structure(name).code for name in STRUCTURES} - iterative == {
        find_structure(name).code for name in CLOSED_FORM
    }


@pytest.mark.parametrize("name", CLOSED_FORM)
@pytest.mark.parametrize("weights", [None, 1.0 + np.arange(len(X)) % 3])
def test_one_component_is_evaluated_once(evaluations, name, weights):
    mixture = GaussianMixtureEM(covariance_type=name, reg_covar=1e-12)
    mixture.fit(X, sample_weight=weights)
    assert len(evaluations) == mixture.n_iter_ == 1
    assert mixture.converged_
    assert mixture.status_ == "converged"
    np.testing.assert_allclose(mixture.means_[0], np.average(X, axis=0, weights=weights))
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X, sample_weight=weights), rel=1e-12)


def test_one_component_is_the_maximum():
    mixture = GaussianMixtureEM(reg_covar=0).fit(X)
    covariance = np.cov(X.T, bias=True)
    np.testing.assert_allclose(mixture.covariances_[0], covariance, rtol=1e-12)
    expected = multivariate_normal(X.mean(axis=0), covariance).logpdf(X).mean()
    assert mixture.lower_bound_ == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_labelled_samples_are_evaluated_once(evaluations, name):
    options = {"covariance_type": name, "reg_covar": 1e-12}
    mixture = GaussianMixtureEM(3, **options).fit(X, labels=Y)
    assert mixture.n_iter_ == 1
    assert len(evaluations) == 2  # one of them for the log-likelihood without the penalty
    for k in range(3):
        np.testing.assert_allclose(mixture.means_[k], X[k == Y].mean(axis=0))
    if find_structure(name).separate:
        alone = [GaussianMixtureEM(**options).fit(X[k == Y]) for k in range(3)]
        np.testing.assert_allclose(
            mixture.covariances_, np.concatenate([one.covariances_ for one in alone]), rtol=1e-9
        )


def test_no_evaluation_where_none_is_asked_for():
    mixture = GaussianMixtureEM(max_iter=0).fit(X)
    assert mixture.n_iter_ == 0
    assert mixture.status_ == "start only"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_em_goes_on_where_rounding_hides_the_maximum():
    """The first pass is about the first sample, which is far from all others."""
    rng = np.random.default_rng(5)
    far = rng.normal(size=(150, 3)) + 4 * rng.integers(3, size=(150, 1)) * rng.normal(size=3)
    far[:2] = 1e8
    weights = np.random.default_rng(3).integers(0, 4, len(far)).astype(float)
    mixture = GaussianMixtureEM().fit(far, sample_weight=weights)
    assert mixture.n_iter_ > 1
    rows = InMemoryRows(far, weights)
    structure = find_structure("full")
    objective = Objective(rows, structure, Regularisation.of("auto", rows)[0].variances)
    again = run_em(objective, mixture._parameters(), tol=0.0, max_iter=10)
    assert mixture.lower_bounds_[-1] >= again.objective - 1e-3


@pytest.mark.parametrize("mixture", [GaussianMixtureEM(), GaussianMixtureEM(2, random_state=0)])
def test_classes_are_fitted_as_alone(mixture):
    classifier = GaussianMixtureClassifier(mixture).fit(X, Y)
    for k, own in enumerate(classifier.mixtures_):
        alone = clone(mixture).fit(X[k == Y])
        assert own.status_ == alone.status_
        assert own.get_params() == alone.get_params()
        for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
            np.testing.assert_array_equal(getattr(own, name), getattr(alone, name))


def test_parameters_are_checked_once_for_all_classes(monkeypatch):
    checked, check = [], GaussianMixtureEM._validate_params

    def counted(self):
        checked.append(self)
        check(self)

    monkeypatch.setattr(GaussianMixtureEM, "_validate_params", counted)
    GaussianMixtureClassifier(GaussianMixtureEM()).fit(X, Y)
    assert len(checked) == 1


class Counting(GaussianMixtureEM):
    """A subclass with a fit of its own."""

    n_fits = 0

    def fit(self, X, y=None, sample_weight=None):
        Counting.n_fits += 1
        return super().fit(X, sample_weight=sample_weight)


def test_the_fit_of_a_subclass_is_used():
    GaussianMixtureClassifier(Counting()).fit(X, Y)
    assert Counting.n_fits == 3


def test_each_class_starts_with_the_same_random_stream():
    stream = np.random.RandomState(3)
    classifier = GaussianMixtureClassifier(GaussianMixtureEM(2, random_state=stream)).fit(X, Y)
    alone = GaussianMixtureEM(2, random_state=np.random.RandomState(3)).fit(X[Y == 2])
    np.testing.assert_array_equal(classifier.mixtures_[2].means_, alone.means_)
    streams = [own.random_state for own in classifier.mixtures_]
    assert len(set(map(id, [stream, *streams]))) == 4
