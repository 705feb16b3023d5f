"""Which optimum is kept where samples are few per parameter."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler
from synthetic_data import apart, one_hot

from skgmm import GaussianMixtureEM
from skgmm._em.loop import run_em
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._rows.noise import Background
from skgmm._starts.compactness import Compactness
from skgmm._starts.leave_one_out import (
    EStep,
    leave_one_out,
    left_out_log_densities,
    left_out_log_joint,
)
from skgmm._starts.methods import start_of
from skgmm._starts.within_noise import Optima, tolerated_errors
from skgmm.covariance import find_structure

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def cancer():
    data = load_breast_cancer()
    return StandardScaler().fit_transform(data.data), data.target


def problem_of(X, covariance_type, cells=0.0):
    floor = np.full(X.shape[1], 1e-9)
    return Objective(InMemoryRows(X), find_structure(covariance_type), floor + cells, cells)


def optimum_of(objective, labels):
    start = start_of(objective, labels.astype(np.int64), int(labels.max()) + 1)
    return run_em(objective, start, tol=1e-8, max_iter=3000)


@pytest.mark.parametrize("seed", range(3))
def test_a_group_of_extreme_samples_does_not_hide_the_clusters(cancer, seed):
    """With K = 2 and one covariance matrix, the optimum with the highest likelihood puts extreme
    values in a component: 569 samples for 526 parameters.
    """
    X, y = cancer
    mixture = GaussianMixtureEM(2, covariance_type="tied", random_state=seed).fit(X)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.6
    history = mixture.lower_bounds_
    assert (np.diff(history) >= 0).all()
    assert history[-1] == pytest.approx(mixture.lower_bound_, abs=1e-6)


def test_missing_values_change_little(cancer):
    X, y = cancer
    incomplete = np.where(np.random.default_rng(0).random(X.shape) < 0.02, np.nan, X)
    mixture = GaussianMixtureEM(2, covariance_type="tied", random_state=0).fit(incomplete)
    assert adjusted_rand_score(y, mixture.predict(incomplete)) > 0.55


def test_units_do_not_matter(cancer):
    X, _ = cancer
    mixture = GaussianMixtureEM(2, covariance_type="tied", random_state=0)
    labels = mixture.fit_predict(X)
    units = 10.0 ** np.linspace(-3, 3, X.shape[1])
    assert adjusted_rand_score(labels, mixture.fit_predict(X * units)) > 0.98


def two_and_two(n, apart, seed=0):
    """Samples of four groups in a rectangle; the optima with K = 2 divide it either way."""
    rng = np.random.default_rng(seed)
    sides = rng.integers(2, size=(n, 2))
    X = rng.normal(size=(n, 2)) + np.array([apart, 4.0]) * sides
    return X, sides.T


def optima_of_a_rectangle(n, apart=4.5, tolerated=1.0):
    """Optima of one problem: the best one, and another."""
    X, (one, other) = two_and_two(n, apart)
    objective = problem_of(X, "tied")
    found = sorted(
        (optimum_of(objective, side) for side in (one, other)), key=lambda o: o.objective
    )
    optima = Optima(objective, tolerated)
    for each in found:
        optima.add(each)
    return optima, found[1], found[0]


def with_volume(one, factor):
    """The same optimum with another scatter within components."""
    return replace(one, moments=replace(one.moments, scatter=one.moments.scatter * factor))


def test_within_the_noise_the_compact_optimum_is_preferred():
    optima, best, other = optima_of_a_rectangle(40, apart=4.1)
    assert best.objective > other.objective
    compact = with_volume(other, 0.1)
    optima.add(compact)
    assert optima.preferred(best) is compact


def test_the_best_is_preferred_to_a_wider_optimum():
    optima, best, other = optima_of_a_rectangle(40)
    optima.most_compact.clear()
    optima.add(with_volume(other, 10.0))
    assert optima.preferred(best) is best


def test_a_clear_difference_is_no_noise():
    optima, best, other = optima_of_a_rectangle(4000, apart=6.0)
    optima.add(with_volume(other, 0.1))
    assert optima.preferred(best) is best


def lost_errors(optima, best, other):
    """What left-out samples lose with the other one, in standard errors."""
    lost = left_out_log_densities(optima.objective, best.parameters) - left_out_log_densities(
        optima.objective, other.parameters
    )
    return lost.mean() / (lost.std() / np.sqrt(len(lost)))


def more_compact(optima, best, other, gain):
    """The other optimum with so much smaller a volume that its criterion is higher by `gain`."""
    lack = optima.criterion(best) + gain - optima.criterion(other)
    return with_volume(other, np.exp(-2.0 * lack / optima.objective.rows.n_features))


def test_the_noise_is_smaller_with_more_samples():
    """Here the other optimum is between a third of a standard error and one below the best."""
    optima, best, other = optima_of_a_rectangle(40, apart=4.1)
    compact = more_compact(optima, best, other, 0.05)
    errors = lost_errors(optima, best, compact)
    for tolerated in (errors - 0.01, errors + 0.01):
        some = Optima(optima.objective, tolerated)
        some.add(compact)
        assert some.preferred(best) is (compact if tolerated > errors else best)


@pytest.mark.parametrize(("n", "apart", "kept"), [(80, 4.5, True), (60, 6.0, False)])
def test_a_much_more_compact_optimum_may_lose_two_standard_errors(n, apart, kept):
    optima, best, other = optima_of_a_rectangle(n, apart)
    errors = lost_errors(optima, best, other)
    assert (0.3 < errors < 2.0) if kept else (2.0 < errors < 3.0)
    for gain in (0.14, 0.16):
        some = Optima(optima.objective, 0.3)
        some.add(more_compact(optima, best, other, gain))
        assert (some.preferred(best) is not best) == (kept and gain > 0.15)


@pytest.mark.parametrize("covariance_type", ["tied", "diag"])
def test_a_component_of_outliers_does_not_hide_the_clusters(covariance_type):
    """Of 200 samples six are far from three clusters, which two components would describe."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        y = np.arange(200) % 3
        X = 6.0 * np.eye(3, 5)[y] + rng.normal(size=(200, 5))
        X[:6] = rng.uniform(-15, 15, size=(6, 5))
        mixture = GaussianMixtureEM(3, covariance_type=covariance_type, random_state=seed).fit(X)
        assert adjusted_rand_score(y[6:], mixture.predict(X[6:])) > 0.8


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag"])
def test_compactness_does_not_depend_on_units(covariance_type):
    X, (one, other) = two_and_two(60, 3.0)
    X = np.c_[X, np.ones(60)]
    differences = []
    for scale in (np.ones(3), np.array([1e-6, 1e3, 1e2])):
        objective = problem_of(X * scale, covariance_type)
        compactness = Compactness(objective)
        moments = [
            objective.rows.partition_moments(
                side.astype(np.int64), 2, objective.structure.scatter, 0.0 * scale
            )
            for side in (one, other)
        ]
        first, second = map(compactness.spread, moments)
        differences.append(first - second)
    assert differences[0] == pytest.approx(differences[1], abs=1e-6)


@pytest.mark.parametrize("kind", ["zero-inflated", "dummy"])
def test_a_pile_of_samples_does_not_make_components_compact(kind):
    """The trace of a partition at the pile is no smaller than without the feature."""
    X, _ = two_and_two(200, 3.0)
    rng = np.random.default_rng(1)
    at_pile = rng.random(200) < 0.8
    column = np.where(at_pile, 0.0, 1.0 if kind == "dummy" else rng.exponential(5.0, 200))
    traces = []
    for columns in (X, np.c_[X, column]):
        objective = problem_of(columns, "full")
        moments = objective.rows.partition_moments(
            at_pile.astype(np.int64), 2, objective.structure.scatter, np.zeros(columns.shape[1])
        )
        traces.append(Compactness(objective).log_trace(moments))
    assert traces[0] == pytest.approx(traces[1], abs=1e-9)


def test_more_may_be_noise_where_values_stand_for_cells():
    """Beyond three samples per parameter, and up to twenty."""
    X = np.random.default_rng(0).normal(size=(100, 2))
    smooth = problem_of(X, "full")
    coarse = problem_of(X, "full", np.array([0.1, 0.0]))
    assert 0 < tolerated_errors(smooth, 2) < 1 < tolerated_errors(coarse, 2)
    assert tolerated_errors(coarse, 1) == 0.0  # 100 samples for 5 parameters


def test_faults_are_no_advantage():
    optima, best, other = optima_of_a_rectangle(40)
    compact = with_volume(other, 0.1)
    for fault in ({"collapsed": [0]}, {"degenerate": [0]}, {"small": [0]}, {"singular": [0]}):
        optima.add(replace(compact, **fault))
    assert optima.preferred(best) is best
    broken = replace(best, collapsed=[1])
    optima.add(compact)
    assert optima.preferred(broken) is broken


def test_only_the_likelihood_counts_where_samples_are_many():
    optima, best, other = optima_of_a_rectangle(40, tolerated=0.0)
    optima.add(with_volume(other, 0.1))
    assert optima.preferred(best) is best


def test_what_is_known_beside_the_samples_decides():
    """Few are fewer than three for each parameter, and some fewer than twenty; nothing is noise
    with a prior, labels or noise components.
    """
    X, _ = two_and_two(23, 4.0)
    objective = problem_of(X, "tied")  # 8 parameters
    assert tolerated_errors(objective, 2) == 3.0
    assert 0.0 < tolerated_errors(problem_of(two_and_two(24, 4.0)[0], "tied"), 2) < 0.5
    assert tolerated_errors(problem_of(two_and_two(160, 4.0)[0], "tied"), 2) == 0.0
    assert not tolerated_errors(replace(objective, prior=object()), 2)
    assert not tolerated_errors(replace(objective, fixed=object()), 2)
    labelled = type("Labelled", (InMemoryRows,), {"labelled": True})
    assert not tolerated_errors(replace(objective, rows=labelled(X)), 2)
    background = Background.of(InMemoryRows(X), None, 0.1)
    beside = GroupedRows.of(InMemoryRows(X), background=background)
    assert not tolerated_errors(replace(objective, rows=beside), 2)


def test_left_out_densities_are_those_of_all_other_samples():
    """Of an M-step from sums without the sample, with the responsibilities as they are."""
    X, (one, _) = two_and_two(60, 3.0)
    objective = problem_of(X, "tied")
    parameters = optimum_of(objective, one).parameters
    responsibilities = objective.rows.responsibilities(parameters)
    expected = []
    for i in range(60):
        rest = np.arange(60) != i
        others = start_of(replace(objective, rows=InMemoryRows(X[rest])), responsibilities[rest], 2)
        expected.append(float(InMemoryRows(X[i : i + 1]).log_densities(others)[0]))
    found = left_out_log_densities(objective, parameters)
    lost = objective.rows.log_densities(parameters) - expected
    assert lost.mean() > 0.1
    # One constant is left out.
    difference = found - expected
    errors = np.abs(difference - np.median(difference))
    assert np.median(errors) < 0.01 * lost.std()
    assert errors.max() < 0.5 * lost.std()


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("n", [20, 100])
def test_units_change_left_out_densities_by_a_constant(covariance_type, n):
    """Also where covariance matrices are shrunk, so that different parameters can be compared."""
    X = np.random.default_rng(0).normal(size=(n, 4))
    X[: n // 2] += 2.0
    labels = np.arange(n) < n // 2
    found = []
    for scale in (1.0, 10.0):
        objective = problem_of(scale * X, covariance_type)
        parameters = start_of(objective, labels.astype(np.int64), 2)
        found.append(left_out_log_densities(objective, parameters))
    np.testing.assert_allclose(found[0] - found[1], 4 * np.log(10.0), atol=1e-5)


def test_responsibilities_are_those_of_the_densities():
    X, (one, _) = two_and_two(60, 3.0)
    objective = problem_of(X, "full")
    now = EStep(objective, optimum_of(objective, one).parameters)
    log_joint = left_out_log_joint(objective, now)
    expected = np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))
    np.testing.assert_allclose(leave_one_out(objective, now), expected, atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_starts_that_end_lower_by_noise_are_continued(cancer, seed):
    """With an unrelated column too; many starts lead to groups of a few samples."""
    X, y = cancer
    X = np.c_[X, one_hot(seed, len(X))]
    mixture = GaussianMixtureEM(2, covariance_type="tied", random_state=seed).fit(X)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.55


@pytest.mark.parametrize("seed", [0, 1])
def test_unrelated_categories_are_not_the_clusters(seed):
    X, y = load_iris(return_X_y=True)
    X = np.c_[X, one_hot(seed, len(X))]
    mixture = GaussianMixtureEM(3, random_state=seed).fit(X)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.75


def test_an_optimum_from_a_part_of_the_samples_is_not_kept_for_noise():
    """Weights so uneven that 6,000 samples count as 3,000, for 3,443 parameters. Clusters are 6
    standard deviations apart, and the likelihood is higher where two of them are one component.
    """
    data = apart(2, 6000, 40, 4)
    weights = np.random.default_rng(2).exponential(size=6000)
    mixture = GaussianMixtureEM(4, random_state=2).fit(data.X, sample_weight=weights)
    assert adjusted_rand_score(data.labels, mixture.predict(data.X)) > 0.95


def test_weak_clusters_of_equal_shape_are_not_given_up_for_a_higher_likelihood():
    """500 samples of 20 features in three clusters, for 692 parameters."""
    rng = np.random.default_rng(5000)
    labels = rng.integers(3, size=500)
    X = 0.6 * rng.normal(size=(3, 20))[labels] + rng.normal(size=(500, 20))
    found = GaussianMixtureEM(3, random_state=0).fit_predict(X)
    assert adjusted_rand_score(labels, found) > 0.6
