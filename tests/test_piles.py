"""A value that many samples share, beside others that hardly any do, does not decide the clusters.

Zeros of an amount, both ends of a scale, values beyond a limit of detection, fill values.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from skgmm import GaussianMixtureEM, GaussianMixtureSearch, RowBlocks
from skgmm._rows.feature_scale import FeatureScale


def step_of(column, counts=None):
    """Of a feature beside another, or of a single one with these counts."""
    if counts is not None:
        return FeatureScale.of(column[:, None], counts).steps[0]
    X = np.column_stack([column, np.random.default_rng(9).normal(size=len(column))])
    return FeatureScale.of(X, np.ones(len(X))).steps[0]


def quiet_fit(X, n_components, seed=0, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixtureEM(n_components, random_state=seed, **options).fit(X)


def index_of(X, y, seed=0, **options):
    return adjusted_rand_score(y, quiet_fit(X, y.max() + 1, seed, **options).predict(X))


NORMAL = np.random.default_rng(0).normal(size=1000)


@pytest.mark.parametrize(
    ("column", "least", "most"),
    [
        (NORMAL, 0.0, 0.0),
        (np.round(NORMAL, 1), 0.0, 0.0),
        (np.where(np.arange(1000) < 90, 0.0, NORMAL), 0.0, 0.0),  # fewer than a tenth
        (np.minimum(NORMAL, 0.4), 0.6, 0.9),  # next to it samples are close to one another
        (np.clip(NORMAL, -1.0, 1.0), 0.3, 0.6),
        (np.where(np.arange(1000) < 300, 0.0, 50 + NORMAL), 0.8, 2.0),  # not the gap
        (np.where(np.arange(1000) < 300, 1e20, NORMAL), 0.8, 2.0),
        (np.where(np.arange(1000) < 300, 0.0, NORMAL + 1000 * (np.arange(1000) % 2)), 0.5, 2.5),
        (np.where(np.arange(1000) < 150, 0.0, NORMAL + 9 * (-1) ** np.arange(1000)), 1.0, 3.0),
        (np.where(np.arange(1000) < 800, 0.0, 3 + NORMAL), 2.0, 3.0),  # all others
    ],
)
def test_the_cell_of_a_pile_is_as_wide_as_the_samples_next_to_it(column, least, most):
    assert least <= step_of(column) <= most


def test_of_two_piles_the_narrower_cell_counts():
    """One is beside close samples, one beside samples far apart."""
    values = np.r_[np.zeros(200), np.linspace(0.1, 1.0, 300), np.linspace(2, 40, 300)]
    both = step_of(np.r_[values, np.full(200, 41.0)])
    assert both == pytest.approx(step_of(values), rel=0.2)
    assert both < 0.2 * step_of(np.r_[values[200:], np.full(200, 41.0)])


def test_another_pile_is_not_next_to_one():
    """Its samples are as many as the others, and tell nothing of how far these are spread."""
    others = np.linspace(1.0, 2.0, 600)
    alone = step_of(np.r_[np.zeros(200), others])
    assert step_of(np.r_[np.zeros(200), np.full(200, 0.5), others]) == pytest.approx(alone, rel=0.1)


def test_zero_has_no_sign():
    column = NORMAL.copy()
    column[:80], column[80:160] = 0.0, -0.0
    assert step_of(column) > 0.0


def test_a_pile_of_a_few_samples_is_chance():
    few = np.random.default_rng(0).normal(size=30)
    assert step_of(np.r_[few, np.zeros(4)]) == 0.0
    assert step_of(np.r_[few, np.zeros(5)]) > 0.0


@given(st.permutations(range(60)), st.sampled_from([1.0, -1.0]))
def test_neither_order_nor_direction_matters(order, sign):
    column = np.where(np.arange(60) < 12, 0.1, NORMAL[:60])
    assert step_of(sign * column[list(order)]) == step_of(column) > 0.0


def test_zeros_of_counts_of_many_values():
    rng = np.random.default_rng(0)
    counts = np.round(np.exp(rng.normal(0.0, 1.5, 1000)))
    assert step_of(np.where(rng.random(1000) < 0.6, 0.0, counts)) >= 1.0
    # Where most samples next to the zeros have one value too, its distance is the step.
    assert step_of(np.r_[np.zeros(900), np.full(76, 3.0), 4.0 + np.arange(24)]) == 3.0


def test_dummies_beside_piles():
    """A feature of many values with a pile is none of few values."""
    dummy = np.arange(1000) % 2.0
    X = np.column_stack([dummy, np.maximum(NORMAL, 0.0)])
    scale = FeatureScale.of(X, np.ones(1000))
    assert scale.cells_above(np.full(2, 1e-9))[0] == pytest.approx((np.pi - 2) / 8)


def test_weights_that_are_no_numbers_of_samples_make_no_pile():
    values, weights = np.sort(NORMAL[:50]), np.ones(50)
    weights[20] = 30.5
    assert step_of(values, weights) == 0.0


def test_counts_of_a_single_feature_are_samples():
    """Of more features, equal samples are one."""
    values = np.sort(NORMAL[:50])
    counts = np.ones(50)
    counts[20] = 30.0
    assert step_of(values, counts) == step_of(np.repeat(values, counts.astype(int))) > 0.0
    X = np.column_stack([values, NORMAL[:50]])
    assert not FeatureScale.of(X, counts).steps.any()


def test_blocks_have_the_cells_of_the_whole():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=12_000), np.maximum(rng.normal(size=12_000), 0.0)])
    blocks = RowBlocks.from_iterable(lambda: iter(np.array_split(X, 7)))
    whole, parts = (quiet_fit(rows, 2, max_iter=1, escape=False) for rows in (X, blocks))
    assert whole.reg_covar_[1] > 0.01
    np.testing.assert_array_equal(parts.reg_covar_, whole.reg_covar_)


def test_missing_values_leave_piles():
    column = np.where(np.arange(1000) % 7 == 0, np.nan, np.minimum(NORMAL, 0.4))
    assert 0.6 < step_of(column) < 0.9


def zero_inflated(seed, share):
    """Two clusters 4 deviations apart, a feature that is often 0 beside them, and the labels."""
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], 100)
    clusters = rng.normal(4.0 * y[:, None] - 2.0, 1.0, size=(200, 2))
    amounts = np.where(rng.uniform(size=200) < share, 0.0, rng.gamma(2.0, size=200))
    return np.c_[clusters, amounts], y


def clusters(seed, n_samples, n_features):
    """Three, about 3 deviations apart in each feature."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_samples) % 3
    centres = 3.0 * np.array([rng.permutation(3) - 1 for _ in range(n_features)]).T
    return centres[y] + rng.normal(size=(n_samples, n_features)), y


@pytest.mark.parametrize("share", [0.2, 0.5, 0.7])
@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_a_pile_at_zero_does_not_decide_the_clusters(name, share):
    for seed in range(3):
        X, y = zero_inflated(seed, share)
        for start in ("auto", "random_from_data"):
            mixture = GaussianMixtureEM(
                2, covariance_type=name, init_params=start, n_init=3, random_state=seed
            ).fit(X)
            assert adjusted_rand_score(y, mixture.predict(X)) > 0.8
            assert mixture.status_ == "converged"


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
@pytest.mark.parametrize("seed", range(3))
def test_clipped_values_do_not_decide_the_clusters(name, seed):
    X, y = clusters(seed, 240, 4)
    X = np.clip(X, -2.0, [1.0, 1.0, 9.0, 9.0])
    assert index_of(X, y, seed, covariance_type=name) > 0.9


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
@pytest.mark.parametrize("seed", range(3))
def test_a_fill_value_does_not_hide_clusters_that_are_close_to_each_other(name, seed):
    """The deviation of the whole feature is twenty times that within clusters."""
    rng = np.random.default_rng(seed)
    y = np.arange(600) % 4
    X = rng.normal(size=(600, 4))
    X[:, 0] += np.array([0.0, 4.0, 40.0, 44.0])[y]
    known = rng.random(600) < 0.85
    X[~known, 0] = 0.0
    mixture = quiet_fit(X, 4, seed, covariance_type=name)
    assert adjusted_rand_score(y[known], mixture.predict(X[known])) > 0.85


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("amounts", ["gamma", "normal"])
def test_many_zeros_do_not_decide_the_clusters_of_many_samples(name, share, amounts):
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 2
    X = rng.normal(size=(2000, 3))
    X[:, :2] += 4.0 * y[:, None]
    positive = rng.gamma(2.0, size=2000) if amounts == "gamma" else rng.normal(3.0, 1.0, 2000)
    X[:, 2] = np.where(rng.random(2000) < share, 0.0, positive)
    assert index_of(X, y, covariance_type=name) > 0.95


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_a_fill_value_between_clusters_does_not_hide_them(name):
    """The mean in place of missing values."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = np.column_stack([10.0 * y + rng.normal(size=400), rng.normal(size=400)])
    known = rng.random(400) < 0.85
    X[~known, 0] = X[:, 0].mean()
    mixture = quiet_fit(X, 2, covariance_type=name)
    assert mixture.reg_covar_[0] < 1.0
    assert adjusted_rand_score(y[known], mixture.predict(X[known])) > 0.9


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
@pytest.mark.parametrize("seed", range(3))
def test_a_group_at_the_pile_is_found(name, seed):
    """Two thirds of the samples are next to a group of which a feature is always 0."""
    rng = np.random.default_rng(seed)
    y = np.arange(300) % 3
    X = rng.normal(size=(300, 3))
    X[:, 0] = np.where(y == 0, 0.0, 0.3 * X[:, 0] + np.array([0.0, 1.5, 4.0])[y])
    X[:, 1] += np.array([0.0, 0.0, 2.0])[y]
    assert index_of(X, y, seed, covariance_type=name) > 0.95


def test_a_pile_does_not_win_after_moves_whatever_is_added():
    """A start at the pile is left, although its log-likelihood is higher."""
    X, y = zero_inflated(0, 0.5)
    start = lambda X, K, rng, weights: (X[:, 2] == 0).astype(int)  # noqa: E731
    options = {"init_params": start, "reg_covar": 1e-9, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="degenerate"):
        stuck = GaussianMixtureEM(2, **options, escape=False).fit(X)
    free = GaussianMixtureEM(2, **options).fit(X)
    assert adjusted_rand_score(y, free.predict(X)) > 0.9
    assert free.lower_bound_ < stuck.lower_bound_


@pytest.mark.slow
def test_the_search_does_not_count_piles_again_and_again():
    """Two clusters, each with its zeros and its amounts."""
    for seed in range(2):
        X, _ = zero_inflated(seed, 0.4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search = GaussianMixtureSearch(random_state=0).fit(X)
        assert "degenerate" not in search.best_estimator_.status_
        assert 2 <= search.best_n_components_ <= 4
