"""Numbers far from 1: features, weights and distances. pytest makes every warning an error."""

import pickle
from functools import cache

import mpmath
import numpy as np
import pytest
from strategies import problem_of
from test_properties import dense, fit

from skgmm import GaussianMixtureEM
from skgmm._kernels import available
from skgmm._kernels._native import lowest_axes
from skgmm._moments import Moments, Scatter
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._starts.leave_one_out import EStep, leave_one_out
from skgmm.covariance import STRUCTURES, IllDefinedCovarianceError
from skgmm.covariance._base import covariance_of
from skgmm.model_selection import GaussianMixtureSearch, parameter_uncertainty

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

invariant_to_units = sorted(n for n, s in STRUCTURES.items() if s.equivariant != "rotation")
UNIT_COVARIANCES = {
    "full": np.ones((2, 1, 1)),
    "tied": np.ones((1, 1)),
    "diag": np.ones((2, 1)),
    "tied-diag": np.ones((2, 1)),
    "spherical": np.ones(2),
}


@pytest.mark.parametrize("name", invariant_to_units)
def test_units_over_18_decades_change_nothing(name):
    _, X, responsibilities = problem_of(name, 3, 4, seed=5, spread=3, n_samples=150)
    scale = 10.0 ** np.linspace(-9, 9, 4)
    a = fit(X, name, responsibilities, reg_covar="auto")
    b = fit(X * scale, name, responsibilities, reg_covar="auto")
    np.testing.assert_allclose(a.weights_, b.weights_, rtol=1e-6)
    np.testing.assert_allclose(a.means_, b.means_ / scale, rtol=1e-6, atol=1e-7)
    deviations = np.sqrt(np.einsum("kii->ki", dense(a)))
    apart = dense(a) - dense(b) / np.multiply.outer(scale, scale)
    assert np.abs(apart / (deviations[:, :, None] * deviations[:, None, :])).max() < 1e-6
    found = [
        GaussianMixtureEM(3, covariance_type=name, random_state=0).fit(data)
        for data in (X, X * scale)
    ]
    assert found[0].lower_bound_ == pytest.approx(
        found[1].lower_bound_ + np.log(scale).sum(), abs=1e-5
    )


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(30, 3)) + 4 * k for k in range(3)])


def ask_everything(mixture, X):
    mixture.predict(X)
    mixture.predict_log_proba(X)
    mixture.bic(X)
    mixture.icl(X)
    mixture.sample(3, random_state=0)
    assert np.isfinite(mixture.score(X))
    assert np.isfinite(mixture.score_samples(X)).all()
    np.testing.assert_allclose(mixture.predict_proba(X).sum(axis=1), 1.0, rtol=1e-6)
    assert str(mixture.summary())


@pytest.mark.slow
@pytest.mark.parametrize("size", [1e14, 4.6e18, 1e72, 1e140, 1e-140])
@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_no_warning_for_features_of_any_size(name, size, groups):
    """All features, one of them, a distance from the origin: a fit, or an error that is meant."""
    one = groups * np.where(np.arange(3) == 1, size, 1.0)
    outlier = np.r_[groups, groups[:1] + np.array([0.0, size, 0.0])]
    for X in (groups * size, one, groups + (size if size > 1 else 0.0), outlier):
        mixture = GaussianMixtureEM(3, covariance_type=name, random_state=0, max_iter=50)
        try:
            mixture.fit(X)
        except ValueError as error:
            assert "scale the input data" in str(error)  # noqa: PT017
        else:
            ask_everything(mixture, X)


@pytest.mark.parametrize("size", [1e14, 4.6e18, 1e72])
def test_a_search_over_features_of_any_size_warns_of_no_arithmetic(size, groups):
    for X in (groups * size, groups * np.array([1.0, size, 1.0])):
        search = GaussianMixtureSearch([1, 3], covariance_types=["full", "diag"], random_state=0)
        assert search.fit(X).best_estimator_.n_components == 3


@pytest.mark.parametrize("instructions", available(), indirect=True)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("distance", [100.0, 1e5, 1e9, -1e9, 1e25, 1e30])
@pytest.mark.parametrize("name", UNIT_COVARIANCES)
def test_responsibilities_far_from_equal_means_are_the_weights(name, distance, dtype, instructions):
    weights = np.array([0.3, 0.7])
    mixture = GaussianMixtureEM.from_parameters(
        weights, [[0.0], [0.0]], UNIT_COVARIANCES[name], covariance_type=name
    )
    X = np.array([[distance], [0.5]], dtype=dtype)
    rtol = 1e-14 if dtype is np.float64 else 1e-6
    for log_shares in mixture.predict_log_proba(X):
        np.testing.assert_allclose(log_shares, np.log(weights), rtol=rtol)
    for shares in mixture.predict_proba(X):
        np.testing.assert_allclose(shares, weights, rtol=rtol)
    assert mixture.predict(X).tolist() == [1, 1]
    log_density = -0.5 * (float(X[0, 0]) ** 2 + np.log(2 * np.pi))
    assert mixture.score_samples(X)[0] == pytest.approx(log_density, rel=max(rtol, 1e-14))
    assert np.isfinite(mixture.score(X))


@pytest.mark.parametrize("instructions", available(), indirect=True)
@pytest.mark.parametrize("name", UNIT_COVARIANCES)
def test_equal_covariances_are_accurate_for_far_samples(name, instructions):
    """The difference of the log-densities is linear: half the squared distances cancel exactly."""
    mixture = GaussianMixtureEM.from_parameters(
        [0.5, 0.5], [[-1e-3], [1e-3]], UNIT_COVARIANCES[name], covariance_type=name
    )
    first, second = mixture.predict_log_proba([[1e12]])[0]
    assert second - first == pytest.approx(2e9, rel=1e-13)


@pytest.mark.parametrize("instructions", available(), indirect=True)
@pytest.mark.parametrize("distance", [1e3, 1e6, 1e8, 1e10, 1e13])
@pytest.mark.parametrize("n_features", [2, 3, 5, 9])
@pytest.mark.parametrize("name", ["full", "diag", "tied", "VEE", "tied-diag"])
def test_log_responsibilities_keep_their_digits_at_any_distance(
    name, n_features, distance, instructions
):
    """Far samples on the plane between two means: arithmetic with as many digits as it takes."""
    diagonal = name in ("diag", "tied-diag")
    means, covariance, X, expected = far_samples(n_features, distance, diagonal)
    shape = STRUCTURES[name].shape(2, n_features)
    mixture = GaussianMixtureEM.from_parameters(
        [0.4, 0.6],
        means,
        np.broadcast_to(1.0 if diagonal else covariance, shape),
        covariance_type=name,
    )
    got = np.diff(mixture.predict_log_proba(X), axis=1)[:, 0]
    # What a change of the sample by one rounding changes.
    across = np.linalg.inv(covariance) @ (means[1] - means[0])
    rounding = np.finfo(float).eps * (np.abs(X) @ np.abs(across)) * n_features
    assert (np.abs(got - expected) <= 20 * rounding + 1e-10).all()


@cache  # so many digits take time
def far_samples(n_features, distance, diagonal):
    """Two means, their covariance, samples far from both, and the `log_ratio` of each."""
    rng = np.random.default_rng(n_features)
    root = np.tril(rng.normal(size=(n_features, n_features)), -1) + np.eye(n_features)
    covariance = np.eye(n_features) if diagonal else root @ root.T
    means = rng.normal(size=(2, n_features))
    across = np.linalg.inv(covariance) @ (means[1] - means[0])
    along = rng.normal(size=(20, n_features))
    along -= np.outer(along @ across, across) / (across @ across)
    X = distance * along + means.mean(axis=0) + 0.1 * rng.normal(size=along.shape)
    with mpmath.workdps(60):
        return means, covariance, X, [float(log_ratio(x, means, covariance)) for x in X]


def log_ratio(x, means, covariance):
    """log(0.6 N(x; means[1])) - log(0.4 N(x; means[0])), with mpmath's precision."""
    first, second = (
        mpmath.matrix([mpmath.mpf(a) - mpmath.mpf(b) for a, b in zip(x, mean, strict=True)])
        for mean in means
    )
    sigma = mpmath.matrix(covariance.tolist())
    squares = [(c.T * mpmath.lu_solve(sigma, c))[0] for c in (first, second)]
    return mpmath.log(1.5) + (squares[0] - squares[1]) / 2


def test_density_does_not_depend_on_far_samples_in_the_block():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    mixture = GaussianMixtureEM(3, random_state=0, max_iter=5).fit(X)
    together = X.copy()
    together[7] = 1e9
    near = np.arange(len(X)) != 7
    for method in ("predict_log_proba", "predict_proba", "score_samples"):
        alone, beside = getattr(mixture, method)(X), getattr(mixture, method)(together)
        np.testing.assert_array_equal(alone[near], beside[near])


def test_weights_that_make_squares_underflow_raise_an_error():
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(50, 2)) * 1e-100, np.full(50, 1e-140)
    with pytest.raises(ValueError, match=r"lose precision\. Multiply sample_weight or X"):
        GaussianMixtureEM(2).fit(X, sample_weight=weights)
    GaussianMixtureEM(2, random_state=0).fit(X, sample_weight=weights * 1e60)


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_float32_fit_scores_its_lower_bound(name):
    """Clusters so narrow, and so far from 0, that rounded parameters are those of others."""
    rng = np.random.default_rng(0)
    X = 100.0 * rng.normal(size=(4, 2))[np.repeat(np.arange(4), 20)]
    X = (X + 1e-4 * rng.normal(size=X.shape)).astype(np.float32)
    mixture = GaussianMixtureEM(4, covariance_type=name, random_state=0).fit(X)
    assert mixture.means_.dtype == np.float32
    assert mixture.score(X) == pytest.approx(mixture.lower_bound_, rel=1e-6, abs=1e-6)
    again = pickle.loads(pickle.dumps(mixture))
    assert again.score(X) == mixture.score(X)
    again.means_ = mixture.means_ + np.float32(1.0)  # what a user sets is what counts
    assert again.score(X) < mixture.score(X) - 100


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 1e-140])
@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_attributes_after_a_collapse_are_numbers(name, scale):
    """Without reg_covar components shrink until their precision is no float64 number."""
    rng = np.random.default_rng(3)
    X = np.round(rng.normal(size=(24, 2)), 1) * scale
    X[:6] = X[0]
    for weights in (None, 10.0 ** rng.uniform(-140, 140, size=24) if scale == 1.0 else None):
        mixture = GaussianMixtureEM(4, covariance_type=name, reg_covar=0.0, tol=0, max_iter=200)
        try:
            mixture.set_params(random_state=0).fit(X, sample_weight=weights)
        except ValueError as error:
            assert "ill-defined" in str(error)  # noqa: PT017
            continue
        for attribute in ("means_", "covariances_", "precisions_", "precisions_cholesky_"):
            assert np.isfinite(getattr(mixture, attribute)).all()
        assert (np.einsum("kii->ki", dense(mixture)) > 0).all()


def test_a_precision_beyond_float64_ends_a_fit_one_iteration_earlier():
    """Variances halve from step to step until they would be 0."""
    structure = STRUCTURES["diag"]
    for variance, fine in ((1e-300, True), (1e-309, False)):
        scatter = np.full((1, 2), variance)
        moments = Moments(Scatter.DIAGONAL, np.ones(1), np.zeros((1, 2)), scatter, 0.0, 1.0)
        if fine:
            covariances = structure.public(structure.estimate(moments), 1)
            assert all(np.isfinite(array).all() for array in covariances)
        else:
            with pytest.raises(IllDefinedCovarianceError):
                structure.estimate(moments)


def test_weight_does_not_replace_samples():
    """K is limited by the samples that count, not by what they weigh."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    weights = np.full(20, 1e6)
    weights[0] = 0.0
    with pytest.raises(ValueError, match=r"n_components = 20, n_samples = 19 \(samples with"):
        GaussianMixtureEM(20).fit(X, sample_weight=weights)


@pytest.mark.parametrize("size", [1e-8, 1e-3, 1.0 / 60])
def test_bootstrap_with_relative_weights_raises_an_error(size):
    X = np.random.default_rng(0).normal(size=(60, 2))
    weights = np.full(60, size)
    mixture = GaussianMixtureEM(1).fit(X, sample_weight=weights)
    with pytest.raises(ValueError, match="sums to the effective number of samples"):
        parameter_uncertainty(mixture, X, method="bootstrap", sample_weight=weights)
    with pytest.warns(UserWarning, match="sum to the effective number"):
        found = parameter_uncertainty(mixture, X, sample_weight=weights)
    assert found.method == "information"


def test_bootstrap_errors_of_large_features_are_numbers():
    X = np.random.default_rng(0).normal(size=(60, 1))
    small, large = (
        parameter_uncertainty(
            GaussianMixtureEM(1).fit(data), data, method="bootstrap", n_bootstrap=5, random_state=0
        )
        for data in (X, X * 2.0**330)
    )
    ratio = large.covariances.standard_error / small.covariances.standard_error
    np.testing.assert_allclose(ratio, 2.0**660, rtol=1e-9)


def test_axes_search_of_singular_matrices_takes_no_longer():
    """As of components with too few samples: the search ends early, whatever it may cost."""
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(6, 5, 10))
    scatter = parts.transpose(0, 2, 1) @ parts + 1e-10 * np.eye(10)
    found = []
    for most_products in (400, 10**9):
        starts, values = np.eye(10)[None].copy(), np.empty(1)
        lowest_axes(scatter, np.ones(6), 0.0, starts, values, 1, most_products)
        found.append(starts)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("seed", range(3))
def test_squares_of_large_precisions_warn_of_no_overflow(seed):
    """Many starts were checked for collapsed components by squares of the precisions' factors."""
    rng = np.random.default_rng(seed)
    means = 2.0 * rng.standard_normal((2, 3))
    X = means[rng.integers(0, 2, 7)] + rng.standard_normal((7, 3))
    mixture = GaussianMixtureEM(2, covariance_type="VII", random_state=0)
    assert np.isfinite(mixture.fit(3e-150 * X).lower_bound_)


def test_collapsed_matrices_below_the_smallest_number_end_no_fit():
    """Leave-one-out responsibilities, whose pooled covariance was 0, raised an error."""
    X = 1e-150 * np.random.default_rng(0).standard_normal((9, 3))
    objective = Objective(InMemoryRows(X), STRUCTURES["full"], np.zeros(3))
    narrow = covariance_of(np.tile(1e170 * np.eye(3), (2, 1, 1)))
    now = EStep(objective, MixtureParameters.from_weights(np.full(2, 0.5), X[:2], narrow))
    assert np.isfinite(leave_one_out(objective, now)).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n_features", [1, 3])
def test_missing_values_in_tiny_units_with_extreme_weights(n_features, seed):
    """What starts fill in was drawn with a covariance that was no float64 number."""
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.choice([-149.0, -145.0], size=n_features)
    X = rng.standard_normal((30, n_features)) * scale
    X[rng.random(X.shape) < 0.2] = np.nan
    weights = 10.0 ** rng.uniform(-100, 100, size=30)
    completed = GroupedRows.of(InMemoryRows(X, weights)).completed.X
    assert (np.abs(completed) < 100 * scale).all()
    equal = GaussianMixtureEM(2, covariance_type="diag", random_state=0).fit(X)
    assert np.isfinite(equal.impute(X)).all()
