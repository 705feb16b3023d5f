"""What must hold for every mixture and every data set."""

import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, special_ortho_group
from sklearn.base import clone
from strategies import (
    as_estimator,
    mixtures,
    nearest_member,
    problem_of,
    problems,
    random_mixture,
    seeds,
    start_of,
)

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def fit(X, name, responsibilities, **options):
    """A few plain EM steps from given responsibilities."""
    options = {"max_iter": 15, "tol": 0.0, "reg_covar": 0.0, "acceleration": None, **options}
    n_components = responsibilities.shape[1]
    mixture = GaussianMixtureEM(
        n_components, covariance_type=name, responsibilities_init=responsibilities, **options
    )
    return mixture.fit(X)


def dense(mixture):
    """Covariances as (K, d, d)."""
    stack = STRUCTURES[mixture.covariance_type_].from_factors(
        mixture.precisions_cholesky_, mixture.n_features_in_
    )
    K, d = mixture.means_.shape
    return np.broadcast_to(stack.dense(), (K, d, d))


def assert_same_mixture(a, b, rtol=1e-6, atol=1e-8):
    np.testing.assert_allclose(a.weights_, b.weights_, rtol=rtol, atol=atol)
    np.testing.assert_allclose(a.means_, b.means_, rtol=rtol, atol=atol)
    np.testing.assert_allclose(dense(a), dense(b), rtol=rtol, atol=atol)


def in_order(mixture):
    """The same mixture, its components sorted by mean."""
    order = np.lexsort(mixture.means_.T[::-1])
    covariances = dense(mixture)[order]
    return GaussianMixtureEM.from_parameters(
        mixture.weights_[order], mixture.means_[order], covariances
    )


@pytest.mark.slow
@given(problems())
def test_log_likelihood_never_falls(objective):
    name, X, responsibilities = objective
    mixture = fit(X, name, responsibilities, max_iter=0)
    bounds = [mixture.score(X)]
    for _ in range(12):
        mixture.set_params(**start_of(mixture), max_iter=1, responsibilities_init=None).fit(X)
        bounds.append(mixture.score(X))
    assert np.diff(bounds).min() >= -1e-12 * abs(bounds[-1])


@given(problems())
def test_lower_bounds_rise_to_the_score_of_the_returned_parameters(objective):
    name, X, responsibilities = objective
    mixture = fit(X, name, responsibilities)
    assert len(mixture.lower_bounds_) == mixture.n_iter_
    assert mixture.lower_bounds_[-1] == mixture.lower_bound_
    early = fit(X, name, responsibilities, max_iter=2).score(X)
    assert mixture.lower_bounds_[min(2, mixture.n_iter_) - 1] == pytest.approx(early, rel=1e-12)
    assert np.diff(mixture.lower_bounds_).min(initial=0) >= 0
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-12)


@given(problems(), seeds)
def test_m_step_maximises_the_ecll_within_the_family(objective, seed):
    name, X, responsibilities = objective
    best = fit(X, name, responsibilities, max_iter=0)
    reached = best.expected_complete_log_likelihood(X, responsibilities)
    rng = np.random.default_rng(seed)
    for size in (1e-3, 1e-2, 0.3):
        weights = best.weights_ * np.exp(size * rng.normal(size=best.weights_.shape))
        means = best.means_ + size * rng.normal(size=best.means_.shape)
        turn = np.eye(X.shape[1]) + size * rng.normal(size=(len(weights), *(X.shape[1],) * 2))
        structure = STRUCTURES[name]
        nearby = nearest_member(structure, weights, turn @ dense(best) @ turn.transpose(0, 2, 1))
        covariances, _, _ = structure.public(nearby, len(weights))
        other = GaussianMixtureEM.from_parameters(
            weights / weights.sum(), means, covariances, covariance_type=name
        )
        assert other.expected_complete_log_likelihood(X, responsibilities) <= reached + 1e-9


@given(mixtures(), seeds)
def test_responsibilities_are_bayes_rule(case, seed):
    name, parameters = case
    mixture = as_estimator(parameters, name)
    X, _ = mixture.sample(50, random_state=seed % 1000)
    log_joint = np.column_stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(X)
            for w, m, c in zip(mixture.weights_, mixture.means_, dense(mixture), strict=True)
        ]
    )
    expected = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    proba = mixture.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(proba, expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(np.exp(mixture.predict_log_proba(X)), proba, rtol=1e-12, atol=1e-280)
    np.testing.assert_allclose(mixture.score_samples(X), logsumexp(log_joint, axis=1), rtol=1e-9)
    labels = mixture.predict(X)
    assert (proba[np.arange(50), labels] == proba.max(axis=1)).all()


@given(problems(), st.floats(-50, 50))
def test_translation_equivariance(objective, shift):
    name, X, responsibilities = objective
    a, b = fit(X, name, responsibilities), fit(X + shift, name, responsibilities)
    np.testing.assert_allclose(a.means_ + shift, b.means_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(dense(a), dense(b), rtol=1e-5, atol=1e-7)
    assert a.lower_bound_ == pytest.approx(b.lower_bound_, rel=1e-8, abs=1e-8)


@given(problems(), seeds)
def test_feature_scaling_equivariance(objective, seed):
    name, X, responsibilities = objective
    scale = 10.0 ** np.random.default_rng(seed).uniform(-3, 3, size=X.shape[1])
    if STRUCTURES[name].equivariant == "rotation":
        scale[:] = scale[0]
    a, b = fit(X, name, responsibilities), fit(X * scale, name, responsibilities)
    np.testing.assert_allclose(a.weights_, b.weights_, rtol=1e-6)
    np.testing.assert_allclose(a.means_ * scale, b.means_, rtol=1e-6, atol=1e-7 * scale.max())
    np.testing.assert_allclose(
        dense(a), dense(b) / np.multiply.outer(scale, scale), rtol=1e-6, atol=1e-8
    )


@given(problems(), seeds)
def test_rotation_equivariance(objective, seed):
    name, X, responsibilities = objective
    if STRUCTURES[name].equivariant == "axes" or X.shape[1] == 1:
        return
    Q = special_ortho_group.rvs(X.shape[1], random_state=seed)
    a, b = fit(X, name, responsibilities), fit(X @ Q.T, name, responsibilities)
    np.testing.assert_allclose(a.weights_, b.weights_, rtol=1e-6)
    np.testing.assert_allclose(a.means_ @ Q.T, b.means_, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(Q @ dense(a) @ Q.T, dense(b), rtol=1e-6, atol=1e-7)


@given(problems(), seeds)
def test_result_is_invariant_to_sample_order(objective, seed):
    name, X, responsibilities = objective
    order = np.random.default_rng(seed).permutation(len(X))
    assert_same_mixture(
        fit(X, name, responsibilities), fit(X[order], name, responsibilities[order])
    )


@pytest.mark.parametrize("kind", ["kmeans", "k-means++", "random", "random_from_data"])
@given(objective=problems(), seed=seeds)
def test_starts_do_not_depend_on_sample_order(kind, objective, seed):
    name, X, responsibilities = objective
    order = np.random.default_rng(seed).permutation(len(X))
    K = responsibilities.shape[1]
    mixture = GaussianMixtureEM(
        K, covariance_type=name, init_params=kind, random_state=seed % 1000, max_iter=0
    )
    first = clone(mixture).fit(X)
    assert_same_mixture(first, mixture.fit(X[order]), rtol=1e-9)


@given(problems(), seeds)
@example(problem_of("VEE", 3, 2, seed=366866281, spread=1, n_samples=131), 0)
def test_component_permutation_of_the_start_permutes_the_result(objective, seed):
    name, X, responsibilities = objective
    order = np.random.default_rng(seed).permutation(responsibilities.shape[1])
    a, b = fit(X, name, responsibilities), fit(X, name, responsibilities[:, order])
    np.testing.assert_allclose(a.weights_[order], b.weights_, rtol=1e-7)
    np.testing.assert_allclose(a.means_[order], b.means_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(dense(a)[order], dense(b), rtol=1e-6, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(STRUCTURES))
@pytest.mark.parametrize(("n_components", "n_features"), [(3, 2), (4, 5)])
def test_component_permutation_changes_an_m_step_by_rounding_only(name, n_components, n_features):
    """From an M-step without a previous covariance, and from one that starts at a covariance."""
    for seed in range(5):
        objective = problem_of(name, n_components, n_features, seed, spread=1, n_samples=131)
        _, X, responsibilities = objective
        order = np.random.default_rng(seed).permutation(n_components)
        for max_iter in (0, 1):
            a = fit(X, name, responsibilities, max_iter=max_iter)
            b = fit(X, name, responsibilities[:, order], max_iter=max_iter)
            np.testing.assert_allclose(a.weights_[order], b.weights_, rtol=1e-13)
            np.testing.assert_allclose(dense(a)[order], dense(b), rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kmeans", "k-means++", "random", "random_from_data"])
@given(objective=problems(max_rows=100), seed=seeds)
def test_integer_weights_are_repeated_samples(kind, objective, seed):
    name, X, responsibilities = objective
    weights = np.random.default_rng(seed).integers(0, 4, size=len(X))
    weights[:10] = 1
    mixture = GaussianMixtureEM(
        responsibilities.shape[1],
        covariance_type=name,
        init_params=kind,
        random_state=seed % 1000,
        max_iter=10,
        escape=False,  # whose budget counts the work of the samples as they are stored
    )
    repeated = clone(mixture).fit(np.repeat(X, weights, axis=0))
    weighted = mixture.fit(X, sample_weight=weights)
    # Beside a saddle, and between equal candidates, rounding decides which component is which.
    assert_same_mixture(in_order(repeated), in_order(weighted))
    X_repeated = np.repeat(X, weights, axis=0)
    assert weighted.total_weight_ == len(X_repeated)
    for criterion in ("bic", "aic", "icl", "score"):
        with_weights = getattr(weighted, criterion)(X, sample_weight=weights)
        assert with_weights == pytest.approx(getattr(weighted, criterion)(X_repeated), rel=1e-9)


@given(problems(), st.floats(1e-3, 1e3))
def test_scaling_all_weights_changes_nothing(objective, factor):
    name, X, responsibilities = objective
    weights = np.random.default_rng(0).uniform(0.1, 2.0, size=len(X))
    arguments = {"responsibilities_init": responsibilities, "covariance_type": name}
    mixture = GaussianMixtureEM(responsibilities.shape[1], **arguments, max_iter=8)
    first = clone(mixture).fit(X, sample_weight=weights)
    assert_same_mixture(first, mixture.fit(X, sample_weight=factor * weights))


# Gains of 1e-11 and less in each iteration, that hardly shrink or grow; rounding decided.
plateaus = [
    ("EEV", 2, 1, 518),
    ("EVI", 2, 1, 548),
    ("EVV", 2, 1, 619),
    ("EVE", 4, 1, 687),
    ("tied", 2, 1, 1019),
    ("EVV", 2, 1, 1417),
    ("VVE", 1, 4, 147),
    ("full", 1, 2, 947),
]


@pytest.mark.parametrize(("name", "n_components", "n_features", "seed"), plateaus)
def test_when_em_stops_on_a_plateau_is_not_decided_by_rounding(
    name, n_components, n_features, seed
):
    rng = np.random.default_rng(seed)
    rng.integers(1, 5, size=2)
    spread, n_samples = rng.choice([0.0, 0.5, 1.0, 3.0]), rng.integers(40, 150)
    _, X, responsibilities = problem_of(name, n_components, n_features, seed, spread, n_samples)
    weights = rng.uniform(0.1, 2.0, len(X))
    first, *others = (
        GaussianMixtureEM(
            n_components,
            covariance_type=name,
            responsibilities_init=responsibilities[order],
            max_iter=8,
        ).fit(X[order], sample_weight=factor * weights[order])
        for factor, order in [
            (1.0, slice(None)),
            (7.3, slice(None)),
            (0.011, slice(None)),
            (1.0, rng.permutation(len(X))),
            (1.0, slice(None, None, -1)),
        ]
    )
    assert [other.n_iter_ for other in others] == [first.n_iter_] * 4
    for other in others:
        assert_same_mixture(first, other)


@given(seeds)
def test_density_integrates_to_one_in_1d(seed):
    mixture = as_estimator(random_mixture(seed, 3, 1, "diag"), "diag")
    low, high = mixture.means_.min() - 80, mixture.means_.max() + 80
    axis = np.linspace(low, high, 8001)
    total = np.exp(mixture.score_samples(axis[:, None])).sum() * (axis[1] - axis[0])
    assert total == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_density_integrates_to_one_in_2d(name):
    mixture = as_estimator(random_mixture(1, 2, 2, name, spread=1.0), name)
    # The trapezoidal rule converges exponentially on a smooth function that vanishes at the ends.
    axis = np.linspace(-40, 40, 1601)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    total = np.exp(mixture.score_samples(grid)).sum() * (axis[1] - axis[0]) ** 2
    assert total == pytest.approx(1.0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_samples_have_the_closed_form_mean_and_covariance(name):
    mixture = as_estimator(random_mixture(3, 3, 3, name), name)
    X, y = mixture.sample(400_000, random_state=0)
    mean = mixture.weights_ @ mixture.means_
    offsets = mixture.means_ - mean
    covariance = np.einsum("k,kij->ij", mixture.weights_, dense(mixture)) + np.einsum(
        "k,ki,kj->ij", mixture.weights_, offsets, offsets
    )
    error = np.sqrt(np.diag(covariance) / len(X))
    assert (abs(X.mean(axis=0) - mean) < 5 * error).all()
    np.testing.assert_allclose(np.cov(X.T), covariance, atol=0.02 * np.diag(covariance).max())
    np.testing.assert_allclose(np.bincount(y) / len(y), mixture.weights_, atol=5e-3)
    assert (np.diff(y) != 0).any()
    assert np.corrcoef(np.arange(len(y)), y)[0, 1] == pytest.approx(0.0, abs=0.01)


@given(problems())
def test_pickle_and_clone_round_trips(objective):
    name, X, responsibilities = objective
    mixture = fit(X, name, responsibilities)
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(mixture.predict_proba(X), again.predict_proba(X))
    assert again.summary() == mixture.summary()
    refitted = clone(mixture).fit(X)
    np.testing.assert_array_equal(mixture.means_, refitted.means_)


@given(problems())
def test_float32_data_give_the_float64_result(objective):
    name, X, responsibilities = objective
    X32 = X.astype(np.float32)
    a = fit(X32, name, responsibilities)
    b = fit(X32.astype(np.float64), name, responsibilities)
    assert a.means_.dtype == a.covariances_.dtype == a.weights_.dtype == np.float32
    assert a.lower_bound_ == b.lower_bound_
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-6, atol=1e-6)
    assert a.predict_proba(X32).dtype == a.score_samples(X32).dtype == np.float32


@given(problems())
def test_k_equal_1_is_the_maximum_likelihood_gaussian(objective):
    name, X, _ = objective
    mixture = fit(X, name, np.ones((len(X), 1)))
    covariance = np.cov(X.T, bias=True).reshape(X.shape[1], X.shape[1])
    _, shape, orientation = STRUCTURES[name].code
    if shape == "I":
        covariance = np.eye(X.shape[1]) * np.trace(covariance) / X.shape[1]
    elif orientation == "I":
        covariance = np.diag(np.diag(covariance))
    expected = covariance
    np.testing.assert_allclose(mixture.means_[0], X.mean(axis=0), atol=1e-10)
    np.testing.assert_allclose(dense(mixture)[0], expected, rtol=1e-9, atol=1e-12)
