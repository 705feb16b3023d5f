"""Features that take few values, and far values: neither decides the clusters."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skgmm import GaussianMixtureEM, GaussianMixtureSearch, RowBlocks
from skgmm._kernels._native import feature_scales
from skgmm._rows.feature_scale import FeatureScale
from skgmm.covariance import STRUCTURES


def scale_of(X):
    distinct, counts = np.unique(X, axis=0, return_counts=True)
    return FeatureScale.of(distinct, counts.astype(float))


def quiet_fit(X, *arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixtureEM(*arguments, random_state=0, **options).fit(X)


def two_clusters(seed, n_each):
    rng = np.random.default_rng(seed)
    return np.r_[rng.normal(-3, 1, (n_each, 2)), rng.normal(3, 1, (n_each, 2))]


@pytest.mark.parametrize(
    ("column", "step"),
    [
        (np.arange(200) % 10 == 0, 1.0),
        (np.arange(200) % 5 + 1.0, 1.0),
        (2.5 * (np.arange(200) % 17), 2.5),
        (np.random.default_rng(0).poisson(3.0, 200), 1.0),
        (np.random.default_rng(0).normal(size=200), 0.0),
        (np.round(np.random.default_rng(0).normal(size=200), 1), 0.0),
        (np.full(200, 7.0), 0.0),
    ],
)
def test_the_step_of_features_with_few_values(column, step):
    X = np.column_stack([column, np.random.default_rng(1).normal(size=200)]).astype(float)
    np.testing.assert_allclose(scale_of(X).steps, [step, 0.0], rtol=1e-12)


@pytest.mark.parametrize("repeated", [1, 30])
def test_the_steps_of_a_table_of_few_answers(repeated):
    """Ten different samples, of which 300 are equal to others."""
    X = np.array([(i, j) for i in range(2) for j in range(5)], dtype=float)
    steps = scale_of(np.repeat(X, repeated, axis=0)).steps
    np.testing.assert_array_equal(steps, [1.0, 1.0] if repeated > 1 else [1.0, 0.0])


def test_repeated_samples_have_no_step():
    X = np.random.default_rng(0).normal(size=(15, 3))
    assert not scale_of(np.repeat(X, 20, axis=0)).steps.any()


def test_a_constant_feature_beside_one_is_none():
    column = np.arange(200) % 2.0
    np.testing.assert_array_equal(scale_of(np.c_[column, np.ones(200)]).steps, [1.0, 0.0])


def test_finely_rounded_data_have_no_step():
    assert not scale_of(load_iris().data).steps.any()


@given(st.integers(-30, 30), st.floats(-5.0, 5.0))
def test_scale_and_step_follow_the_units(exponent, offset):
    rng = np.random.default_rng(0)
    clipped = np.minimum(rng.normal(size=90), 0.5)
    X = np.column_stack([rng.normal(size=90), rng.integers(4, size=90), clipped])
    factor = 2.0**exponent
    plain, moved = scale_of(X), scale_of(factor * (X + offset))
    np.testing.assert_allclose(moved.variances, factor**2 * plain.variances, rtol=1e-9)
    np.testing.assert_allclose(moved.steps, factor * plain.steps, rtol=1e-9)


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    X, times = rng.normal(size=(15, 3)), rng.integers(1, 4, size=15)
    repeated = scale_of(np.repeat(X, times, axis=0))
    weighted = FeatureScale.of(X, times.astype(float))
    assert not FeatureScale.of(X, 5.0 * times).steps.any()
    np.testing.assert_allclose(weighted.variances, repeated.variances, rtol=1e-12)
    np.testing.assert_array_equal(weighted.steps, repeated.steps)


def variance_by_sorting(values, times):
    """The smaller of the variance and of that of a normal distribution with the same quantiles."""
    repeated = np.sort(np.repeat(values, times))
    robust = np.inf
    for tail, width in ((0.25, 1.34898), (0.1, 2.56310), (0.02, 4.10750)):
        ranks = [int(np.ceil(share * len(repeated) - 1e-9)) - 1 for share in (tail, 1 - tail)]
        apart = np.diff(repeated[ranks])[0]
        if apart > 0:
            robust = (apart / width) ** 2
            break
    return min(repeated.var(), robust)


@pytest.mark.parametrize("n", [3, 64, 129, 900, 5_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_scale_is_that_of_sorted_values(n, weighted):
    """Of many values only some are sorted; missing ones are left out."""
    rng = np.random.default_rng(n)
    X = np.column_stack(
        [
            rng.normal(size=n),
            np.where(rng.random(n) < 0.2, np.nan, rng.exponential(size=n)),
            np.where(np.arange(n) < 0.6 * n, 0.0, rng.normal(size=n)),
            rng.integers(5, size=n),
            np.sort(rng.normal(1e6, 1.0, size=n)),
        ]
    )
    times = rng.integers(1, 4, size=n) if weighted else np.ones(n, dtype=int)
    scale = FeatureScale.of(X, times.astype(float))
    for j, column in enumerate(X.T):
        seen = ~np.isnan(column)
        expected = variance_by_sorting(column[seen], times[seen])
        if j == 2 and scale.steps[j]:  # beside a pile
            expected = min(expected, scale.steps[j] ** 2)
        assert scale.variances[j] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(scale.steps[[0, 1, 3, 4]], [0, 0, 1.0 if n > 15 else 0.0, 0])
    assert (scale.steps[2] > 0) == (n > 3)  # the pile


@pytest.mark.parametrize("n", [2, 3, 7, 20, 21, 80, 81, 200, 3000])
@pytest.mark.parametrize("weight", [1.0, 0.1, 2.3887642517172596])
def test_scale_of_equal_weights_without_sorting(n, weight):
    """Quartiles are looked for between two values of a few: whatever these are, as by sorting."""
    rng = np.random.default_rng(n)
    values, few = rng.normal(size=n), np.arange(n) % 3
    X = np.column_stack(
        [
            values,
            np.sort(values),
            -np.sort(values),
            np.where(np.arange(n) < 0.8 * n, 0.0, values),
            np.where(np.arange(n) % max(1, n // 80) == 0, few, values),  # the few of all
            np.where(np.arange(n) % max(1, n // 80) == 0, values, few),
            np.where(np.arange(n) < 2, 1e20, values),
            1e6 + few + 1e-12 * values,
            rng.integers(30, size=n),
            np.full(n, 7.0),
        ]
    ).astype(float)
    found = FeatureScale.of(X, np.full(n, weight))
    columns = np.ascontiguousarray(np.sort(X.T, axis=1))
    expected = FeatureScale.smooth(np.empty(len(columns)))._replace(rounding=np.empty(len(columns)))
    feature_scales(columns, np.full(columns.shape, weight), float(n), *expected)
    np.testing.assert_allclose(found.variances, expected.variances, rtol=1e-12)
    np.testing.assert_array_equal(found.steps, expected.steps)
    np.testing.assert_array_equal(found.kinds, expected.kinds)
    np.testing.assert_array_equal(found.rounding, expected.rounding)


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
@pytest.mark.parametrize("seed", range(5))
def test_one_hot_columns_do_not_decide_the_clusters(name, seed):
    X = np.c_[two_clusters(seed, 30), np.eye(3)[np.arange(60) % 3]]
    labels = quiet_fit(X, 2, covariance_type=name).predict(X)
    assert adjusted_rand_score(np.repeat([0, 1], 30), labels) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_fits_pixels(name):
    X = load_digits().data[:500, :30]
    mixture = quiet_fit(X, 3, covariance_type=name, escape=False)
    assert np.isfinite(mixture.lower_bound_)
    assert "degenerate" not in mixture.status_
    assert "collapsed" not in mixture.status_


@pytest.mark.parametrize("seed", range(2, 7))
def test_a_dummy_column_that_is_constant_within_components(seed):
    """There is no variance within components, and none that was added without reason."""
    rng, group = np.random.default_rng(seed), np.arange(20) % 3
    X = np.c_[4 * group + rng.normal(size=20), rng.normal(size=20), group == 0]
    assert np.isfinite(quiet_fit(X, 3).lower_bound_)


def test_reg_covar_says_what_was_added():
    X = np.c_[two_clusters(0, 100), np.arange(200) % 10 == 0]
    mixture = quiet_fit(X, 2)
    assert mixture.reg_covar_[2] == pytest.approx((np.pi - 2) / 8)
    assert (mixture.reg_covar_[:2] < 1e-8).all()


@pytest.mark.parametrize(
    ("column", "variance"),
    [
        (np.arange(200) % 2, (np.pi - 2) / 8),
        (5.0 * (np.arange(200) % 40 == 0), 25 * (np.pi - 2) / 8),
        (np.repeat([0, 1, 2], [160, 30, 10]), (np.pi - 2) / 8),  # mostly 0
        (np.arange(200) % 3, 1 / 12),
    ],
)
def test_values_on_the_sides_of_a_cut_spread_more_than_a_cell(column, variance):
    """Beside other features: if there are none, the cell remains."""
    others = np.random.default_rng(0).normal(size=(200, 2))
    beside = quiet_fit(np.c_[others, column], 1).reg_covar_
    assert beside[2] == pytest.approx(variance)
    alone = quiet_fit(np.c_[column, np.arange(200) % 7], 1).reg_covar_
    step = np.diff(np.unique(column)).min()
    np.testing.assert_allclose(alone, [step**2 / 12, 1 / 12])
    constant = quiet_fit(np.c_[column, np.ones(200)], 1).reg_covar_
    assert constant[0] == pytest.approx(step**2 / 12)


def test_the_halves_of_a_normal_distribution():
    """The variance of a side in units of the squared distance of both means."""
    x = np.random.default_rng(0).normal(size=1_000_000)
    side = x[x > 0]
    assert side.var() / (2 * side.mean()) ** 2 == pytest.approx((np.pi - 2) / 8, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("levels", [[4], [10], [4, 3, 2]])
@pytest.mark.parametrize("n_samples", [300, 3000])
def test_one_hot_columns_do_not_outweigh_clusters(levels, n_samples):
    """However many samples there are: two clusters 4 deviations apart, full covariances."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=n_samples)
    clusters = rng.normal(size=(n_samples, 3)) + 4 / np.sqrt(3) * y[:, None]
    factors = [np.eye(m)[rng.integers(m, size=n_samples)] for m in levels]
    X = np.column_stack([clusters, *factors])
    assert adjusted_rand_score(y, quiet_fit(X, 2).predict(X)) > 0.8


def test_far_values_do_not_determine_the_scale():
    """Ten fill values of 1e20 among 600 measurements."""
    X = np.r_[np.random.default_rng(0).normal(280, 10, 600), np.full(10, 1e20)][:, None]
    mixture = quiet_fit(X, 2)
    near = np.argmin(mixture.means_[:, 0])
    assert np.sqrt(mixture.covariances_[near, 0, 0]) == pytest.approx(X[:600].std(), rel=1e-3)


def test_blocks_have_the_scale_of_the_whole():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=12_000), rng.integers(5, size=12_000)])
    whole = quiet_fit(X, 2, max_iter=1, escape=False)
    blocks = RowBlocks.from_iterable(lambda: iter(np.array_split(X, 7)))
    np.testing.assert_array_equal(
        quiet_fit(blocks, 2, max_iter=1, escape=False).reg_covar_, whole.reg_covar_
    )


def test_column_with_a_rare_value_is_not_constant():
    """A sample of 5,000 misses three values among 30,000."""
    X = np.random.default_rng(0).normal(size=(30_000, 2))
    X[:, 1] = 0.0
    X[[5, 17, 29_000], 1] = 1.0
    mixture = quiet_fit(X, 1)
    assert "constant" not in mixture.status_
    assert mixture.reg_covar_[1] < 1e-3


def test_the_search_does_not_put_components_on_rounded_values():
    """Ten distinct values of one normal distribution."""
    X = np.round(np.random.default_rng(2).normal(40, 1.5, 1000))[:, None]
    assert GaussianMixtureSearch(random_state=0).fit(X).best_n_components_ == 1
