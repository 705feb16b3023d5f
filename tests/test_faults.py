"""What sklearn.mixture gets wrong, row by row of the project's list of its faults (1 to 21)."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from strategies import random_mixture

from skgmm import GaussianMixtureEM
from skgmm._em.result import EMResult, EMStatus
from skgmm._moments import Moments, Scatter
from skgmm._starts.restarts import best_of
from skgmm.covariance import STRUCTURES

TYPES = sorted(STRUCTURES)
STARTS = ["kmeans", "k-means++", "random", "random_from_data"]


@pytest.fixture
def blobs():
    return make_blobs(
        300, centers=[[0, 0], [6, 0], [0, 8]], cluster_std=[1, 0.5, 2], random_state=0
    )


def sheets(seed, n_samples=600):
    """Two thin parallel sheets, 60 long, 0.1 thick, two apart."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, size=n_samples)
    along = 30 * rng.uniform(-1, 1, size=n_samples)
    X = np.column_stack([along, 0.1 * rng.normal(size=n_samples)])
    X[:, 1] += 2 * labels
    return X, labels


@pytest.mark.filterwarnings("ignore:Components .* are degenerate")  # clusters of one value
@pytest.mark.parametrize("dtype", ["int8", "int16", "int64", "uint8", "bool", "float16", "float32"])
@pytest.mark.parametrize("covariance_type", TYPES)
def test_1_any_real_dtype_gives_the_result_of_float64(dtype, covariance_type):
    rng = np.random.default_rng(0)
    X = np.r_[rng.integers(0, 40, size=(60, 2)), rng.integers(60, 120, size=(60, 2))].astype(dtype)
    if dtype == "bool":
        X = rng.integers(0, 2, size=(120, 3)).astype(bool)
    X64 = X.astype(np.float64)
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    a, b = mixture.fit(X), GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    b.fit(X64)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12}
    np.testing.assert_allclose(a.means_, b.means_, **tolerance)
    np.testing.assert_allclose(a.score_samples(X), b.score_samples(X64), **tolerance)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X64), **tolerance)
    assert a.bic(X) == pytest.approx(b.bic(X64), rel=1e-6)
    assert np.isfinite(a.score_samples(X)).all()


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_2_a_start_is_valid_and_on_the_scale_of_the_data(kind, covariance_type, blobs):
    X, _ = blobs
    X = X * 1e3
    mixture = GaussianMixtureEM(
        3, covariance_type=covariance_type, init_params=kind, max_iter=0, random_state=0
    ).fit(X)
    assert mixture.weights_.sum() == pytest.approx(1.0)
    stack = STRUCTURES[covariance_type].from_factors(mixture.precisions_cholesky_, 2).dense()
    variances = np.diagonal(stack, axis1=1, axis2=2)
    assert (variances < 2 * X.var(axis=0).max()).all()
    assert (variances > 1e-3 * X.var(axis=0).min()).all()


@pytest.mark.parametrize("start", ["unequal scales", "sheets"])
def test_3_starts_do_not_depend_on_units_or_axes(start, blobs):
    if start == "sheets":
        X, y = sheets(0)
    else:
        rng = np.random.default_rng(0)
        y = np.repeat([0, 1], 200)
        X = np.column_stack([rng.normal(size=400) + 10 * y, 1e4 * rng.normal(size=400)])
    scores = [
        adjusted_rand_score(y, GaussianMixtureEM(2, random_state=seed).fit_predict(X))
        for seed in range(5)
    ]
    assert min(scores) == 1.0


def overlapping(seed=0, n_samples=4000):
    """Weights .25 and .75, means 2.5 standard deviations apart."""
    rng = np.random.default_rng(seed)
    first = rng.random(n_samples) < 0.25
    X = rng.normal(size=(n_samples, 2))
    X[~first, 0] += 2.5
    return X


def test_4_stopping_rule_estimates_the_remaining_gain():
    X = overlapping()
    limit = GaussianMixtureEM(2, random_state=0, tol=1e-13, max_iter=20_000).fit(X)
    for tol in (1e-5, 1e-6, 1e-7):
        mixture = GaussianMixtureEM(2, random_state=0, tol=tol).fit(X)
        assert limit.lower_bound_ - mixture.lower_bound_ < 1.5 * tol
    assert mixture.weights_.min() == pytest.approx(limit.weights_.min(), abs=0.01)


def test_4_stopping_rule_with_more_overlap():
    rng = np.random.default_rng(0)
    first = rng.random(4000) < 0.25
    X = rng.normal(size=(4000, 2))
    X[~first, 0] += 1.5
    limit = GaussianMixtureEM(2, random_state=0, tol=1e-11, max_iter=20_000).fit(X)
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    assert limit.lower_bound_ - mixture.lower_bound_ < 1e-6


def test_5_a_random_start_does_not_stay_at_the_mean_of_the_data(blobs):
    X, y = blobs
    for seed in range(5):
        mixture = GaussianMixtureEM(3, init_params="random", random_state=seed, tol=1e-3).fit(X)
        assert adjusted_rand_score(y, mixture.predict(X)) > 0.9


@pytest.mark.parametrize("n_samples", [3000, 30_000])
@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_5_random_start_with_many_samples_and_two_components(covariance_type, n_samples):
    """The more rows, the nearer random responsibilities are to the saddle of equal components."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n_samples)
    X = rng.normal(size=(n_samples, 2)) + np.column_stack([6.0 * y, np.zeros(n_samples)])
    for seed in range(3):
        mixture = GaussianMixtureEM(
            2, covariance_type=covariance_type, init_params="random", random_state=seed
        ).fit(X)
        assert adjusted_rand_score(y, mixture.predict(X)) > 0.9


@pytest.mark.filterwarnings("ignore:Best performing")
def test_6_an_empty_component_is_reported_and_keeps_its_parameters(blobs):
    X, _ = blobs
    means = np.array([[0.0, 0.0], [1e6, 1e6]])
    mixture = GaussianMixtureEM(
        2,
        means_init=means,
        weights_init=[0.5, 0.5],
        precisions_init=[np.eye(2)] * 2,
        escape=False,
    )
    for max_iter in (1000, 1):
        mixture.set_params(max_iter=max_iter)
        with pytest.warns(
            ConvergenceWarning, match=r"Components \[1\] have lost all their samples"
        ):
            mixture.fit(X)
        assert mixture.status_.endswith(", components [1] empty")
        assert mixture.weights_[1] == 0
        np.testing.assert_array_equal(mixture.means_[1], means[1])
        assert np.isfinite(mixture.predict_proba(X)).all()


@pytest.mark.filterwarnings("ignore:Best performing")
def test_6_component_of_tiny_weight_is_empty(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(
        3,
        means_init=[[0.0, 0.0], [6.0, 0.0], [20.0, -20.0]],
        weights_init=[0.4, 0.4, 0.2],
        precisions_init=[np.eye(2)] * 3,
        max_iter=3,
    )
    with pytest.warns(ConvergenceWarning, match=r"Components \[2\] have lost all their samples"):
        mixture.fit(X)
    assert 0 < mixture.weights_[2] < 1e-12


def test_6_an_empty_component_is_repaired(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(
        2,
        means_init=[[0.0, 0.0], [1e6, 1e6]],
        weights_init=[0.5, 0.5],
        precisions_init=[np.eye(2)] * 2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert mixture.fit(X).weights_.min() > 0.01


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize(
    ("dtype", "offset"), [("float64", 1e7), ("float64", 1e8), ("float32", 1e4)]
)
def test_7_result_is_invariant_to_an_offset(covariance_type, dtype, offset):
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(200, 2)), 5 + 2 * rng.normal(size=(200, 2))]
    far = (X + offset).astype(dtype)
    near = far.astype(np.float64) - offset  # as the rounded rows really are
    arguments = {"covariance_type": covariance_type, "random_state": 0, "reg_covar": 1e-6}
    a, b = GaussianMixtureEM(2, **arguments).fit(far), GaussianMixtureEM(2, **arguments).fit(near)
    np.testing.assert_allclose(a.covariances_, b.covariances_, atol=1e-6)
    np.testing.assert_allclose(a.weights_, b.weights_, atol=1e-6)
    assert a.lower_bound_ == pytest.approx(b.lower_bound_, abs=1e-6)


@pytest.mark.parametrize("covariance_type", TYPES)
def test_8_auto_reg_covar_is_invariant_to_units(covariance_type, blobs):
    X, y = blobs
    labels = [
        GaussianMixtureEM(3, covariance_type=covariance_type, random_state=0).fit_predict(X * s)
        for s in (1e-100, 1e-4, 1, 1e100)
    ]
    for other in labels:
        assert adjusted_rand_score(labels[2], other) == 1.0
    assert adjusted_rand_score(y, labels[2]) > 0.9


def test_8_numeric_reg_covar_is_absolute(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(reg_covar=3.5).fit(X)
    np.testing.assert_allclose(mixture.covariances_[0], np.cov(X.T, bias=True) + 3.5 * np.eye(2))
    np.testing.assert_array_equal(mixture.reg_covar_, [3.5, 3.5])


def test_9_failed_starts_are_skipped(blobs):
    """Starts of which only the third is not singular."""
    X, y = blobs
    calls = []

    def start(X, n_components, random_state, sample_weight):
        calls.append(1)
        labels = np.zeros(len(X), dtype=int)
        labels[:2] = 1, 2  # two components of a single row each
        return y if len(calls) == 3 else labels

    mixture = GaussianMixtureEM(3, init_params=start, n_init=4, reg_covar=0).fit(X)
    assert len(calls) == 4
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.9
    with pytest.raises(ValueError, match="ill-defined empirical covariance"):
        GaussianMixtureEM(3, init_params=start, n_init=4, reg_covar=0).fit(X)


def test_9_collapse_during_em_keeps_the_previous_parameters(blobs):
    X, y = blobs
    X = np.r_[X, np.full((4, 2), 20.0)]

    def start(X, n_components, random_state, sample_weight):
        # Component 2 starts on four equal rows and two others, and sheds those.
        labels = np.where(np.arange(len(X)) >= 300, 2, np.r_[y, [0] * 4] % 2)
        labels[:2] = 2
        return labels

    mixture = GaussianMixtureEM(3, init_params=start, reg_covar=0)
    with pytest.warns(ConvergenceWarning, match=r"components \[2\] became singular"):
        mixture.fit(X)
    assert mixture.status_ == "collapsed component"
    assert not mixture.converged_
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X))


@pytest.mark.parametrize("seed", range(3))
def test_collapsed_solution_is_not_a_better_optimum(seed, faithful):
    """Two of these rows are nearly alike: the likelihood of a component on them has no bound."""
    mixture = GaussianMixtureEM(4, random_state=seed).fit(faithful)
    assert mixture.weights_.min() * len(faithful) > 3
    # Rounded measurements give thousands of pairs of equal rows to collapse onto.
    iris = load_iris().data
    assert GaussianMixtureEM(4, random_state=seed).fit(iris).weights_.min() * len(iris) > 5


def test_collapsed_component_is_named_or_repaired(blobs):
    X, _ = blobs
    X = np.r_[X, X[:1] + 1e-7]
    few = np.repeat([0, 1, 2], [100, len(X) - 102, 2])
    given = np.eye(3)[np.r_[2, few[:-2], 2]]
    arguments = {"responsibilities_init": given, "escape": False}
    with pytest.warns(
        ConvergenceWarning, match=r"Components \[2\] .*effective numbers of samples: 2\)"
    ):
        named = GaussianMixtureEM(3, **arguments).fit(X)
    assert named.status_ == "converged, components [2] collapsed"
    start = {"init_params": lambda *_: given.argmax(axis=1)}
    repaired = GaussianMixtureEM(3, **start).fit(X)
    assert repaired.status_ == "converged, collapsed component repaired"
    assert repaired.converged_
    assert repaired.weights_.min() > 0.1
    assert np.all(np.diff(repaired.lower_bounds_) >= 0)
    assert len(repaired.lower_bounds_) == repaired.n_iter_


def test_degenerate_component_of_many_samples_is_named():
    """Its density grows without end as reg_covar shrinks, and with it the log-likelihood."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=400), np.where(rng.random(400) < 0.4, 0, rng.gamma(2))])
    X[:, 1] = np.where(X[:, 1] > 0, rng.gamma(2, size=400), 0)
    with pytest.warns(
        ConvergenceWarning, match=r"Components \[\d\] are degenerate \(effective numbers"
    ):
        mixture = GaussianMixtureEM(2, reg_covar=1e-9, random_state=0).fit(X)
    assert mixture.status_.endswith("] degenerate")
    assert mixture.converged_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_whether_a_component_has_many_rows_does_not_depend_on_the_unit_of_weights():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=400), np.where(rng.random(400) < 0.4, 0, 1)])
    X[:, 1] *= rng.gamma(2, size=400)
    mixture = GaussianMixtureEM(2, reg_covar=1e-9, random_state=0)
    statuses = {
        mixture.fit(X, sample_weight=np.full(400, weight)).status_ for weight in (1.0, 1 / 400)
    }
    assert len(statuses) == 1
    assert statuses.pop().endswith("] degenerate")


@pytest.mark.parametrize("n_components", [5, 6])
def test_split_merge_does_not_create_degenerate_components(n_components):
    """29 rows of iris share a value, and a component on them is high for reg_covar alone."""
    mixture = GaussianMixtureEM(n_components, random_state=0).fit(load_iris().data)
    assert "degenerate" not in mixture.status_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_whole_numbers_are_fitted_with_more_components_than_they_support():
    """On the way components lose all rows of the sample: there is nothing to split of them."""
    for seed in range(4):
        X = np.random.default_rng(seed).poisson(3, size=(500, 2))
        for covariance_type in ("full", "diag", "spherical"):
            mixture = GaussianMixtureEM(6, covariance_type=covariance_type, random_state=seed)
            assert np.isfinite(mixture.fit(X).lower_bound_)


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_a_singular_covariance_raises_however_it_is_rounded(n_components):
    """Rounding may leave the start a factor, but no step from it."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        d = int(rng.integers(2, 8))
        X = rng.normal(size=(100, d)) * 10 ** rng.uniform(-3, 3, size=d)
        X = np.column_stack([X, X @ rng.normal(size=d)])
        mixture = GaussianMixtureEM(
            n_components, covariance_type="tied", reg_covar=0, random_state=0
        )
        with pytest.raises(ValueError, match="ill-defined empirical covariance"):
            mixture.fit(X)


def test_9_collapsed_start_is_not_chosen():
    """Near collapse the likelihood has no bound; a sound start is better at any value."""
    ends = [(EMStatus.CONVERGED, -3.0), (EMStatus.COLLAPSED, 50.0), (EMStatus.MAX_ITER, -2.0)]

    def run(index, stream):
        status, bound = ends[index]
        empty = np.zeros((0,))
        moments = Moments(Scatter.FULL, empty, empty, empty, 10 * bound, 10.0)
        return EMResult(None, moments, [bound], status, [])

    assert best_of(run, 3, np.random.RandomState(0))[0].objective == -2.0


def test_start_with_a_collapsed_component_is_not_chosen():
    ends = [(-3.0, []), (50.0, [1]), (-2.0, []), (60.0, [0])]

    def run(index, stream):
        objective, collapsed = ends[index]
        empty = np.zeros((0,))
        moments = Moments(Scatter.FULL, empty, empty, empty, 10 * objective, 10.0)
        return EMResult(None, moments, [objective], EMStatus.CONVERGED, [], collapsed=collapsed)

    assert best_of(run, 4, np.random.RandomState(0))[0].objective == -2.0


@pytest.mark.parametrize("covariance_type", TYPES)
def test_10_mixture_from_known_parameters(covariance_type):
    known = random_mixture(0, 2, 2, covariance_type).covariance
    covariances, _, _ = STRUCTURES[covariance_type].public(known, 2)
    mixture = GaussianMixtureEM.from_parameters(
        [1 / 3, 2 / 3], [[-1, 0], [2, 2]], covariances, covariance_type
    )
    np.testing.assert_allclose(mixture.covariances_, covariances, rtol=1e-14)
    X, _ = mixture.sample(100, random_state=0)
    start = GaussianMixtureEM(
        2,
        covariance_type=covariance_type,
        weights_init=mixture.weights_,
        means_init=mixture.means_,
        precisions_init=mixture.precisions_,
        max_iter=0,
    ).fit(X)
    np.testing.assert_allclose(start.covariances_, covariances, rtol=1e-12)
    np.testing.assert_allclose(start.score_samples(X), mixture.score_samples(X), rtol=1e-12)
    assert "given parameters" in str(mixture.summary())


def test_11_warm_start_warns_if_it_cannot_continue(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(2, warm_start=True, random_state=0).fit(X)
    mixture.set_params(n_components=3)
    with pytest.warns(UserWarning, match="n_components from 2 to 3"):
        mixture.fit(X)
    assert mixture.means_.shape == (3, 2)
    with pytest.warns(UserWarning, match="n_features from 2 to 1"):
        mixture.fit(X[:, :1])
    mixture.set_params(covariance_type="diag")
    with pytest.warns(UserWarning, match="covariance_type from 'full' to 'diag'"):
        mixture.fit(X[:, :1])
    assert mixture.covariances_.shape == (3, 1)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("max_iter", [0, 1, 3, 1000])
def test_12_lower_bound_is_the_score_of_the_returned_parameters(covariance_type, max_iter, blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(
        3, covariance_type=covariance_type, max_iter=max_iter, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(X)
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-12)
    assert mixture.n_iter_ == len(mixture.lower_bounds_) <= max_iter


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_13_fewer_distinct_samples_than_components(kind, covariance_type):
    X = np.repeat([[0.0, 1.0], [2.0, 3.0]], 10, axis=0)
    mixture = GaussianMixtureEM(
        4, covariance_type=covariance_type, init_params=kind, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="X has 2 distinct samples"):
        mixture.fit(X)
    np.testing.assert_allclose(mixture.weights_, 0.25)
    # Values 0 and 2 stand for cells of width 2, which hardly overlap.
    np.testing.assert_allclose(
        np.unique(mixture.means_.round(9), axis=0), np.unique(X, axis=0), atol=1e-4
    )


def test_14_criteria_take_any_array_like(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    for criterion in (mixture.bic, mixture.aic, mixture.icl, mixture.score):
        assert criterion(X.tolist()) == criterion(X)


def test_15_components_start_where_the_given_means_are(blobs):
    X, y = blobs
    centres = np.array([X[y == k].mean(axis=0) for k in (2, 0, 1)])
    for seed in range(5):
        mixture = GaussianMixtureEM(3, means_init=centres, random_state=seed).fit(X)
        np.testing.assert_allclose(mixture.means_, centres, atol=0.5)
        assert mixture.n_iter_ < 20


def test_15_given_precisions_are_matched_to_initial_components(blobs):
    X, y = blobs
    precisions = [np.linalg.inv(np.cov(X[y == k].T)) for k in (2, 0, 1)]
    for seed in range(5):
        start = GaussianMixtureEM(3, precisions_init=precisions, random_state=seed, max_iter=0)
        expected = [X[y == k].mean(axis=0) for k in (2, 0, 1)]
        np.testing.assert_allclose(start.fit(X).means_, expected, atol=0.5)


def test_16_user_arrays_are_not_modified(blobs):
    X, _ = blobs
    given = {
        "weights_init": np.array([0.5, 0.5]),
        "means_init": np.array([[0.0, 0.0], [6.0, 0.0]]),
        "precisions_init": np.array([np.eye(2), np.eye(2)]),
    }
    weights = np.ones(len(X))
    for array in (*given.values(), X, weights):
        array.flags.writeable = False
    for max_iter in (0, 5):
        mixture = GaussianMixtureEM(2, **given, max_iter=max_iter, tol=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(X, sample_weight=weights)
        for name, array in given.items():
            assert getattr(mixture, name) is array
        fitted = [
            v for v in vars(mixture).values() if isinstance(v, np.ndarray) and v.flags.writeable
        ]
        assert len(fitted) >= 5
        for array in fitted:
            assert not any(np.shares_memory(array, other) for other in (*given.values(), X))


def test_17_sample(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(3, random_state=0).fit(X.astype(np.float32))
    a, labels = mixture.sample(50)
    b, _ = mixture.sample(50)
    assert not np.array_equal(a, b)
    again = GaussianMixtureEM(3, random_state=0).fit(X.astype(np.float32))
    np.testing.assert_array_equal(a, again.sample(50)[0])
    np.testing.assert_array_equal(b, pickle.loads(pickle.dumps(again)).sample(50)[0])
    assert not np.array_equal(a, again.sample(50, random_state=0)[0])
    assert a.dtype == np.float32
    assert (np.diff(labels) < 0).any()
    np.testing.assert_array_equal(*(mixture.sample(9, random_state=4)[0] for _ in range(2)))
    with pytest.raises(ValueError, match="Invalid value for 'n_samples': 0"):
        mixture.sample(0)


def test_18_too_few_samples_for_the_structure():
    X = np.random.default_rng(0).normal(size=(20, 30))
    message = r"X has 20 distinct samples.*'full'.*needs 31.*'VEI' or 'EVI' or 'diag'"
    with pytest.warns(ConvergenceWarning, match=message):
        GaussianMixtureEM().fit(X)
    GaussianMixtureEM(covariance_type="diag").fit(X)  # warnings are errors


@pytest.mark.parametrize("covariance_type", TYPES)
def test_19_huge_values_raise_an_error(covariance_type, blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0)
    with pytest.raises(ValueError, match=r"values as large as .*Scale X"):
        mixture.fit(X * 1e200)
    assert np.isfinite(mixture.fit(X * 1e140).score(X * 1e140))
    with pytest.raises(ValueError, match=r"values as large as"):
        mixture.predict(X * 1e200)
    tiny = GaussianMixtureEM(1, covariance_type=covariance_type).fit(X * 1e-140)
    with pytest.raises(ValueError, match="Row 0 of X is so many standard deviations"):
        tiny.score_samples([[1e149, 1e149]])


def test_20_every_pass_over_the_data_is_used(blobs, passes):
    """n_iter_ M-steps need one E-step more, for the log-likelihood of what is returned."""
    X, _ = blobs
    mixture = GaussianMixtureEM(3, init_params="kmeans", escape=False, random_state=0).fit(X)
    assert len(passes) == mixture.n_iter_ + 1


def test_20_parallel_restarts_give_the_same_result(blobs):
    X, _ = blobs
    arguments = {"n_init": 5, "init_params": "random_from_data", "random_state": 0}
    one = GaussianMixtureEM(4, **arguments).fit(X)
    two = GaussianMixtureEM(4, **arguments, n_jobs=2).fit(X)
    np.testing.assert_array_equal(one.means_, two.means_)
    np.testing.assert_array_equal(one.lower_bounds_, two.lower_bounds_)


@pytest.mark.slow
@pytest.mark.parametrize(("n_features", "n_components"), [(10, 8), (4, 32)])
def test_21_memory_beyond_the_data_does_not_grow_with_it(n_features, n_components):
    """Traced peak of a fit, at twice the rows: at most labels and draws, 100 bytes a row, more."""
    peaks = []
    for n_samples in (100_000, 200_000):
        X = np.random.default_rng(0).normal(size=(n_samples, n_features))
        mixture = GaussianMixtureEM(n_components, max_iter=1, random_state=0)
        tracemalloc.start()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(X)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 100 * 100_000
    assert peaks[1] < 100e6


def test_9_a_start_with_an_empty_component_is_skipped_too(blobs):
    X, y = blobs
    calls = []

    def start(X, n_components, random_state, sample_weight):
        calls.append(1)
        return y if len(calls) == 2 else np.zeros(len(X), dtype=int)

    mixture = GaussianMixtureEM(3, init_params=start, n_init=3).fit(X)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.9
    with pytest.raises(ValueError, match=r"components without samples: \[1, 2\]"):
        GaussianMixtureEM(3, init_params=start, n_init=2).fit(X)


@pytest.mark.parametrize("kind", STARTS)
def test_9_nearly_equal_rows_and_extreme_weights_start(kind):
    rng = np.random.default_rng(0)
    X = np.repeat([[0.1, 0.2], [3.0, 4.0]], 10, axis=0) + 1e-15 * rng.normal(size=(20, 2))
    mixture = GaussianMixtureEM(3, init_params=kind, random_state=0)
    weights = 10.0 ** rng.uniform(-140, 140, size=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert np.isfinite(mixture.fit(X).score(X))
        assert np.isfinite(mixture.fit(X, sample_weight=weights).score(X))


def test_8_far_apart_clusters_keep_their_own_variance():
    """The default reg_covar is small beside the variance within, however far the clusters are."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + [6, 0]]
    X = np.r_[X, rng.normal(size=(300, 2)) + [1e4, 0], [[1e5, 1e5]]]
    y = np.r_[np.repeat([0, 1, 2], 300), 3]
    centres = [[0, 0], [6, 0], [1e4, 0], [1e5, 1e5]]
    with pytest.warns(ConvergenceWarning, match=r"Components \[3\] collapsed .* samples: 1\)"):
        mixture = GaussianMixtureEM(4, covariance_type="diag", means_init=centres).fit(X)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.98
    np.testing.assert_allclose(mixture.covariances_[:3], 1.0, atol=0.3)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("reg_covar", [1e-3, 0.1, 3.0])
def test_em_with_reg_covar_ends_at_a_stationary_point(covariance_type, reg_covar):
    """The objective that reg_covar changes rises to its end; a further step moves nothing."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(300, 2)), rng.normal(size=(300, 2)) + 3]
    mixture = GaussianMixtureEM(
        2,
        covariance_type=covariance_type,
        reg_covar=reg_covar,
        tol=1e-14,
        max_iter=20_000,
        random_state=0,
    ).fit(X)
    assert np.diff(mixture.lower_bounds_).min() >= 0
    assert mixture.lower_bound_ == pytest.approx(mixture.score(X), rel=1e-12)
    assert mixture.lower_bounds_[-1] <= mixture.lower_bound_
    means = mixture.means_
    mixture.set_params(warm_start=True, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(X)
    np.testing.assert_allclose(mixture.means_, means, atol=1e-4)


@pytest.mark.parametrize("covariance_type", TYPES)
@pytest.mark.parametrize("value", [0.0, 3.3, 1e13, 1.7e18])
def test_a_constant_feature_takes_the_scale_of_the_others(covariance_type, value):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(100, 2)), np.full(100, value)])
    with pytest.warns(ConvergenceWarning, match="Column x2 is constant"):
        mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(X)
    assert mixture.reg_covar_[2] == pytest.approx(mixture.reg_covar_[:2].mean())
    assert np.isfinite(mixture.score(X))


def test_float32_data_whose_squares_leave_float32():
    X = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    for scale in (1e22, 1e-25):
        far = X * np.float32(scale)
        mixture = GaussianMixtureEM(2, random_state=0).fit(far)
        assert mixture.covariances_.dtype == np.float64
        assert np.isfinite(mixture.precisions_).all()
        assert mixture.lower_bound_ == pytest.approx(mixture.score(far), rel=1e-6)


def test_weights_of_zero_are_ignored_in_large_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 2))
    weights = (np.arange(40_000) % 4 == 0).astype(float)
    arguments = {"n_components": 3, "random_state": 0, "max_iter": 0}
    a = GaussianMixtureEM(**arguments).fit(X, sample_weight=weights)
    b = GaussianMixtureEM(**arguments).fit(X[weights > 0])
    np.testing.assert_allclose(a.means_, b.means_, rtol=1e-12)


def test_13_in_large_data_too():
    X = np.repeat([[0.0, 1.0], [2.0, 3.0]], 20_000, axis=0)
    with pytest.warns(ConvergenceWarning, match="X has 2 distinct samples"):
        GaussianMixtureEM(4, random_state=0).fit(X)


def test_15_given_parameters_are_matched_to_a_callable_start():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(150, 2)), 3 * rng.normal(size=(50, 2)) + 20]
    y = np.repeat([0, 1], [150, 50])

    def start(X, n_components, random_state, sample_weight):
        return 1 - y

    arguments = {"init_params": start, "max_iter": 0}
    by_means = GaussianMixtureEM(2, means_init=[[0, 0], [20, 20]], **arguments).fit(X)
    np.testing.assert_allclose(by_means.weights_, [0.75, 0.25])
    assert np.trace(by_means.covariances_[0]) < np.trace(by_means.covariances_[1])
    by_weights = GaussianMixtureEM(2, weights_init=[0.7, 0.3], **arguments).fit(X)
    np.testing.assert_allclose(by_weights.means_, [[0, 0], [20, 20]], atol=1.5)
    precisions = [np.eye(2) / 9, np.eye(2)]
    by_precisions = GaussianMixtureEM(2, precisions_init=precisions, **arguments).fit(X)
    np.testing.assert_allclose(by_precisions.means_, [[20, 20], [0, 0]], atol=1.5)


def test_15_matching_counts_weights():
    """The large group decides: a small one that suits a precision better does not take it."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(900, 1)), 1.2 * rng.normal(size=(100, 1)) + 30]
    start = GaussianMixtureEM(2, precisions_init=[[[1.0]], [[0.25]]], max_iter=0).fit(X)
    assert start.means_[0, 0] == pytest.approx(0, abs=0.5)


def test_fit_is_kept_if_warnings_are_errors(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(3, max_iter=1, random_state=0)
    with pytest.raises(ConvergenceWarning):
        mixture.fit(X)
    assert mixture.status_ == "reached max_iter"
    assert np.isfinite(mixture.score(X))


def test_sample_of_weight_three_is_three_samples():
    arguments = {"reg_covar": 1.0}
    with pytest.warns(ConvergenceWarning, match="1 distinct sample"):
        weighted = GaussianMixtureEM(**arguments).fit([[1.0, 2.0]], sample_weight=[3])
    with pytest.warns(ConvergenceWarning, match="1 distinct sample"):
        repeated = GaussianMixtureEM(**arguments).fit([[1.0, 2.0]] * 3)
    np.testing.assert_allclose(weighted.covariances_, repeated.covariances_)


def test_seeds_respect_weights():
    """A far outlier of next to no weight is not worth a seed."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(50, 2)), rng.normal(size=(50, 2)) + 10, [[1000.0, 1000.0]]]
    weights = np.r_[np.ones(100), 1e-12]
    for seed in range(10):
        for kind in ("kmeans", "k-means++", "random_from_data"):
            start = GaussianMixtureEM(2, init_params=kind, random_state=seed, max_iter=0)
            assert start.fit(X, sample_weight=weights).means_.max() < 100


@pytest.mark.parametrize("far", [1e20, 1e30, 1e36])
@pytest.mark.parametrize("reg_covar", ["auto", 1e-10, 0.0])
def test_far_sample_of_weight_zero_has_no_influence(far, reg_covar, blobs):
    """Such as a fill value that the weights mask."""
    X, _ = blobs
    expected = GaussianMixtureEM(3, random_state=0, reg_covar=reg_covar).fit(X)
    for place in (0, 150, 300):
        polluted = np.insert(X, place, far, axis=0)
        weights = np.insert(np.ones(len(X)), place, 0.0)
        mixture = GaussianMixtureEM(3, random_state=0, reg_covar=reg_covar)
        mixture.fit(polluted, sample_weight=weights)
        np.testing.assert_allclose(mixture.reg_covar_, expected.reg_covar_, rtol=1e-9)
        np.testing.assert_allclose(mixture.means_, expected.means_, rtol=1e-9)
        for method in ("score", "bic", "icl"):
            value = getattr(mixture, method)(polluted, sample_weight=weights)
            assert value == pytest.approx(getattr(expected, method)(X), rel=1e-9)


def test_outlier_in_the_first_sample_does_not_reduce_accuracy(blobs):
    X, _ = blobs
    rows = np.r_[[[1e30, 1e30]], X]

    def start(X, n_components, random_state, sample_weight):
        return (X[:, 0] < 1e29).astype(int)

    arguments = {"init_params": start, "max_iter": 0, "reg_covar": 1e-6}
    for order in (slice(None), slice(None, None, -1)):
        with pytest.warns(ConvergenceWarning, match=r"Components \[0\] collapsed"):
            mixture = GaussianMixtureEM(2, **arguments).fit(rows[order])
        np.testing.assert_allclose(mixture.means_[1], X.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(mixture.covariances_[1], np.cov(X.T, bias=True), rtol=1e-5)


def test_rows_in_a_packed_structured_array(blobs):
    X, _ = blobs
    for kind in ("f8", "f4"):
        table = np.zeros(len(X), dtype=[("id", "i1"), ("x", kind, 2)])
        table["x"] = X
        mixture = GaussianMixtureEM(3, random_state=0).fit(table["x"])
        expected = GaussianMixtureEM(3, random_state=0).fit(X.astype(kind))
        np.testing.assert_array_equal(mixture.means_, expected.means_)
        np.testing.assert_array_equal(mixture.predict(table["x"]), expected.predict(X.astype(kind)))


def test_19_tiny_values_and_huge_weights_raise_an_error(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(2, random_state=0)
    with pytest.raises(ValueError, match=r"no value larger than .*Scale X"):
        mixture.fit(X * 1e-155)
    with pytest.raises(ValueError, match=r"Scale sample_weight or X"):
        mixture.fit(X * 1e140, sample_weight=np.full(len(X), 1e100))
    assert np.isfinite(mixture.fit(X * 1e-140, sample_weight=np.full(len(X), 1e100)).score(X * 0))
