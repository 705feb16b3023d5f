"""Mixtures that learn from rows in pieces, and mixtures made of mixtures."""

import pickle
import warnings
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils.estimator_checks import check_estimators_partial_fit_n_features
from strategies import as_estimator, random_mixture, seeds, start_of, structures

from skgmm import GaussianMixtureEM, RowBlocks
from skgmm.covariance import STRUCTURES

PARAMETERS = ("weights_", "means_", "covariances_")


def clusters(n, seed=0, apart=8.0, d=2):
    """Rows of two clusters, of 30 % and 70 %."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + apart * (rng.random(n) < 0.7)[:, None]


def streamed(mixture, X, size, sample_weight=None):
    """The mixture after all rows, in pieces of this size."""
    for i in range(0, len(X), size):
        piece = slice(i, i + size)
        mixture.partial_fit(X[piece], None, None if sample_weight is None else sample_weight[piece])
    return mixture


def assert_same_mixture(got, expected, tolerance=1e-9):
    for name in PARAMETERS:
        a, b = getattr(got, name), getattr(expected, name)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


# Learning


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_pass_comes_close_to_a_fit(name):
    source = random_mixture(3, 3, 3, name)
    X, _ = source.draw(20_000, np.random.RandomState(0))
    full = GaussianMixtureEM(**start_of(as_estimator(source, name))).fit(X)
    mixture = clone(full).set_params(warm_up=1000)
    streamed(mixture, X, 500)
    assert full.score(X) - mixture.score(X) < 0.005
    assert mixture.covariance_type_ == name
    assert mixture.n_parameters_ == full.n_parameters_
    assert mixture.total_weight_ == pytest.approx(20_000)
    assert mixture.status_ == "partial fit"


def test_more_passes_are_closer_to_a_fit():
    source = random_mixture(1, 3, 2, "full", spread=1.0)
    X, _ = source.draw(20_000, np.random.RandomState(0))
    full = GaussianMixtureEM(**start_of(as_estimator(source, "full")), tol=1e-9).fit(X)
    mixture = clone(full).set_params(warm_up=1000, step_exponent=0.8)
    short = [full.score(X) - streamed(mixture, X, 500).score(X) for _ in range(5)]
    assert short[-1] < 0.75 * short[0]


@pytest.mark.slow
@given(seeds, st.integers(1, 400))
def test_a_warm_up_is_a_fit(seed, size):
    X = clusters(400, seed)
    mixture = GaussianMixtureEM(2, covariance_type="diag", warm_up=400, random_state=0)
    expected = clone(mixture).fit(X)
    pieces = [X[i : i + size] for i in range(0, len(X), size)]
    for piece in pieces[:-1]:
        with warnings.catch_warnings():  # the first few rows are fitted too
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.partial_fit(piece)
    mixture.partial_fit(pieces[-1])
    assert_same_mixture(mixture, expected)
    assert mixture.lower_bound_ == pytest.approx(expected.lower_bound_, rel=1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@given(seeds, structures)
def test_merge_with_common_parameters_is_an_em_iteration(seed, name):
    """partial_fit that forgets nothing, and merge, both from one start."""
    source = random_mixture(seed, 2, 2, name)
    X, _ = source.draw(990, np.random.RandomState(seed % 1000))
    start = GaussianMixtureEM(
        **start_of(as_estimator(source, name)), max_iter=0, reg_covar=1e-6, step_exponent=1.0
    )
    expected = clone(start).set_params(max_iter=1).fit(X)
    first, second = clone(start).fit(X[:900]), clone(start).fit(X[900:])
    assert_same_mixture(GaussianMixtureEM.merge([first, second]), expected, 1e-6)
    assert_same_mixture(first.partial_fit(X[900:]), expected, 1e-6)
    assert first.total_weight_ == pytest.approx(990)


def test_weights_are_repetitions():
    fitted = GaussianMixtureEM(2, step_exponent=1.0, random_state=0).fit(clusters(1000))
    X, counts = clusters(40, seed=1), np.random.default_rng(1).integers(0, 4, size=40)
    assert counts.sum() < 100  # one step: a tenth of what is remembered
    weighted = deepcopy(fitted).partial_fit(X, sample_weight=counts)
    repeated = deepcopy(fitted).partial_fit(np.repeat(X, counts, axis=0))
    assert_same_mixture(weighted, repeated)


def test_result_is_invariant_to_the_scale_of_weights():
    X = clusters(3000)
    weights = np.random.default_rng(0).exponential(size=3000)
    mixture = GaussianMixtureEM(2, warm_up=500, random_state=0)
    one = streamed(clone(mixture), X, 300, weights)
    other = streamed(clone(mixture), X, 300, weights / 4096)
    assert_same_mixture(one, other)


def test_step_exponent_of_zero_follows_a_drift():
    rng = np.random.default_rng(0)
    following = GaussianMixtureEM(2, warm_up=1000, step_exponent=0.0, random_state=0)
    keeping = clone(following).set_params(step_exponent=1.0)
    for place in np.linspace(0.0, 10.0, 101):
        X = rng.normal(size=(500, 1)) + rng.choice([place, place + 8.0], size=(500, 1))
        following.partial_fit(X)
        keeping.partial_fit(X)
    np.testing.assert_allclose(np.sort(following.means_[:, 0]), [10.0, 18.0], atol=0.5)
    assert keeping.score(X) < following.score(X) - 0.2


def test_memory_does_not_grow():
    mixture = GaussianMixtureEM(2, warm_up=300, random_state=0)
    X = clusters(5000)
    streamed(mixture, X[:600], 100)
    before = len(pickle.dumps(mixture))
    streamed(mixture, X, 100)
    assert len(pickle.dumps(mixture)) < before + 100


def test_single_sample_per_call():
    mixture = streamed(GaussianMixtureEM(2, warm_up=100, random_state=0), clusters(100), 100)
    streamed(mixture, clusters(300, seed=1), 1)
    assert mixture.total_weight_ == pytest.approx(400)
    np.testing.assert_allclose(np.sort(mixture.means_[:, 0]), [0.0, 8.0], atol=0.5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_stream_component_that_lost_its_samples_is_named():
    """It keeps its mean and is told about, once it has forgotten all of its rows."""
    rng = np.random.default_rng(0)
    both = np.r_[rng.normal(size=(200, 1)), rng.normal(size=(200, 1)) + 100]
    mixture = GaussianMixtureEM(2, random_state=0, step_exponent=0.0, warm_up=400)
    mixture.partial_fit(both)
    for _ in range(400):
        mixture.partial_fit(rng.normal(size=(100, 1)))
    with pytest.warns(ConvergenceWarning, match="have lost all their samples"):
        mixture.partial_fit(rng.normal(size=(100, 1)))
    assert "empty" in mixture.status_
    assert mixture.means_.max() == pytest.approx(100, abs=1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_collapsed_component_is_named_and_can_recover():
    rng = np.random.default_rng(1)
    mixture = GaussianMixtureEM(1, reg_covar=0.0, step_exponent=0.0, warm_up=10)
    mixture.partial_fit(rng.normal(size=(10, 1)))
    for _ in range(2_000):
        mixture.partial_fit(np.ones((1, 1)))
    with pytest.warns(ConvergenceWarning, match="became singular"):
        mixture.partial_fit(np.ones((1, 1)))
    assert mixture.status_ == "collapsed component"
    assert np.isfinite(mixture.covariances_).all()
    mixture.partial_fit(rng.normal(size=(200, 1)))
    assert mixture.status_ == "partial fit"


def test_incremental_of_dask_ml():
    wrappers = pytest.importorskip("dask_ml.wrappers")
    import dask.array as da

    X = clusters(6_000)
    inner = GaussianMixtureEM(2, random_state=0, warm_up=1_000)
    wrapped = wrappers.Incremental(inner, shuffle_blocks=False)
    wrapped.fit(da.from_array(X, chunks=(500, 2)))
    np.testing.assert_array_equal(wrapped.estimator_.means_, streamed(clone(inner), X, 500).means_)


# Begin, stop, go on


def test_too_few_samples_are_kept_for_the_warm_up():
    X = clusters(50)
    mixture = GaussianMixtureEM(2, random_state=0).partial_fit(X[:1])
    assert mixture.n_features_in_ == 2
    with pytest.raises(NotFittedError):
        mixture.predict(X)
    mixture.partial_fit(X[1:])
    assert_same_mixture(mixture, GaussianMixtureEM(2, random_state=0).fit(X))


def test_warm_up_copies_the_data():
    X = clusters(50)
    mixture = GaussianMixtureEM(2, random_state=0)
    buffer = X[:1].copy()
    mixture.partial_fit(buffer)
    buffer[:] = 1e6
    mixture.partial_fit(X[1:])
    assert_same_mixture(mixture, GaussianMixtureEM(2, random_state=0).fit(X))


@pytest.mark.parametrize("cut", [3, 150, 900])
def test_pickle_between_calls_of_partial_fit(cut):
    X = clusters(1500)
    mixture = GaussianMixtureEM(2, warm_up=300, random_state=0).partial_fit(X[:cut])
    other = pickle.loads(pickle.dumps(mixture))
    for stream in (mixture, other):
        streamed(stream, X[cut:], 200)
    assert_same_mixture(other, mixture, 0.0)


def test_fit_after_partial_fit_starts_from_scratch():
    X = clusters(1000)
    for n_before in (1, 100, 1000):
        mixture = GaussianMixtureEM(2, warm_up=300, random_state=0)
        mixture.partial_fit(clusters(n_before, seed=1, d=3)).fit(X)
        assert_same_mixture(mixture, clone(mixture).fit(X), 0.0)
        assert mixture.total_weight_ == 1000


def test_partial_fit_continues_from_fit_and_from_parameters():
    X = clusters(2000)
    fitted = GaussianMixtureEM(2, random_state=0).fit(X)
    given = GaussianMixtureEM.from_parameters(
        fitted.weights_, fitted.means_, fitted.covariances_
    ).set_params(warm_up=2000)
    for mixture in (fitted, given):
        before = mixture.means_.copy()
        mixture.partial_fit(clusters(20, seed=1))
        assert 0 < np.abs(mixture.means_ - before).max() < 0.2
        assert mixture.total_weight_ == pytest.approx(2020)
        assert np.isfinite(mixture.lower_bound_)


def test_data_frames_and_float32():
    X = clusters(1000)
    frame = pd.DataFrame(X, columns=["a", "b"])
    mixture = streamed(GaussianMixtureEM(2, warm_up=200, random_state=0), frame, 100)
    assert list(mixture.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        mixture.partial_fit(frame.rename(columns={"a": "c"}))
    single = streamed(GaussianMixtureEM(2, warm_up=200), X.astype(np.float32), 100)
    assert single.means_.dtype == np.float32


def test_the_protocol_of_dask_ml():
    """dask_ml.wrappers.Incremental: a deep copy, block by block, from one process to the next."""
    X = clusters(1000)
    mixture = GaussianMixtureEM(2, warm_up=200, random_state=0)
    model = deepcopy(clone(mixture))
    for i in range(0, 1000, 100):
        model = pickle.loads(pickle.dumps(deepcopy(model).partial_fit(X[i : i + 100], None)))
    assert_same_mixture(model, streamed(clone(mixture), X, 100), 0.0)


# Errors


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((5, 3)), "3 features"),
        (np.full((5, 2), np.inf), "infinity"),
        (np.empty((0, 2)), "0 sample"),
    ],
)
def test_a_call_that_fails_changes_nothing(X, message):
    rows = clusters(500)
    for n_before in (1, 100, 500):
        mixture = GaussianMixtureEM(2, warm_up=300, random_state=0).partial_fit(rows[:n_before])
        before = pickle.dumps(mixture)
        with pytest.raises(ValueError, match=message):
            mixture.partial_fit(X)
        assert pickle.dumps(mixture) == before


def test_partial_fit_with_changed_parameters_raises_an_error():
    mixture = GaussianMixtureEM(2, random_state=0).fit(clusters(100))
    mixture.set_params(n_components=3)
    with pytest.raises(ValueError, match="n_components from 2 to 3"):
        mixture.partial_fit(clusters(10))
    mixture.set_params(n_components=2, covariance_type="tied")
    with pytest.raises(ValueError, match="covariance_type from 'full' to 'tied'"):
        mixture.partial_fit(clusters(10))


def test_blocks_are_refused():
    blocks = RowBlocks.from_iterable(lambda: iter([clusters(10)]))
    with pytest.raises(TypeError, match="one block at a time"):
        GaussianMixtureEM().partial_fit(blocks)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sklearn_check():
    check_estimators_partial_fit_n_features("GaussianMixtureEM", GaussianMixtureEM())


# Merging


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_merged_shards_are_nearly_a_fit_of_all(name):
    source = random_mixture(5, 3, 3, name, spread=4.0)
    X, _ = source.draw(6000, np.random.RandomState(0))
    start = start_of(as_estimator(source, name))
    merged = GaussianMixtureEM.merge(
        [GaussianMixtureEM(**start).fit(part) for part in np.array_split(X, 4)]
    )
    full = GaussianMixtureEM(**start).fit(X)
    assert full.score(X) - merged.score(X) < 0.005
    assert merged.lower_bound_ <= merged.score(X) + 1e-9


def test_components_are_matched_in_a_merge():
    X = clusters(2000)
    shards = [GaussianMixtureEM(2, random_state=0).fit(part) for part in np.array_split(X, 2)]
    other = shards[1]
    turned = deepcopy(other)
    for name in (*PARAMETERS, "precisions_", "precisions_cholesky_"):
        setattr(turned, name, getattr(other, name)[::-1])
    turned._memory = {
        name: value[::-1] if isinstance(value, np.ndarray) else value
        for name, value in other._memory.items()
    }
    merged = GaussianMixtureEM.merge([shards[0], turned])
    assert_same_mixture(merged, GaussianMixtureEM.merge(shards))


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_three_components_are_matched_in_any_order(name, order):
    rng = np.random.default_rng(0)
    places = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    parts = [rng.normal(size=(300, 2)) + places[rng.integers(3, size=300)] for _ in range(2)]

    def fitted(part, means):
        return GaussianMixtureEM(3, covariance_type=name, means_init=means).fit(part)

    first = fitted(parts[0], places)
    merged = GaussianMixtureEM.merge([first, fitted(parts[1], places[list(order)])])
    expected = GaussianMixtureEM.merge([first, fitted(parts[1], places)])
    assert_same_mixture(merged, expected, 1e-6)


def test_merged_reg_covar_is_the_mean_over_samples():
    X = clusters(1000)
    parts = [GaussianMixtureEM(1).fit(part) for part in (X[:100], X[100:])]
    merged = GaussianMixtureEM.merge(parts)
    floors = [part.reg_covar_ for part in parts]
    np.testing.assert_allclose(
        merged.reg_covar_, np.average(floors, axis=0, weights=[100, 900]), rtol=1e-12
    )


def test_merging_different_clusters_gives_a_warning():
    shards = [GaussianMixtureEM(2, random_state=0).fit(clusters(500)) for _ in range(2)]
    shards.append(GaussianMixtureEM(2, random_state=0).fit(clusters(500, apart=30.0) - 15.0))
    with pytest.warns(ConvergenceWarning, match="not found the same components"):
        GaussianMixtureEM.merge(shards)


def test_merged_mixture_can_be_fitted_further():
    X = clusters(3000)
    mixture = GaussianMixtureEM(2, warm_up=300, random_state=0)
    shards = [streamed(clone(mixture), part, 100) for part in np.array_split(X, 3)]
    merged = GaussianMixtureEM.merge(shards)
    assert merged.status_ == "merged"
    merged.partial_fit(X[:100])
    assert merged.total_weight_ == pytest.approx(3100)


@pytest.mark.parametrize(
    ("mixtures", "message"),
    [
        ([], "at least one"),
        (
            [GaussianMixtureEM(2).fit(clusters(50)), GaussianMixtureEM(3).fit(clusters(50))],
            "n_components",
        ),
        (
            [GaussianMixtureEM(2).fit(clusters(50)), GaussianMixtureEM(2).fit(clusters(50, d=3))],
            "n_features",
        ),
        ([GaussianMixtureEM(2).partial_fit(clusters(50))], "warm-up"),
    ],
)
def test_mixtures_that_cannot_be_merged(mixtures, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM.merge(mixtures)


def test_unfitted_mixtures_cannot_be_merged():
    with pytest.raises(NotFittedError):
        GaussianMixtureEM.merge([GaussianMixtureEM(2)])


def test_merging_does_not_modify_the_mixtures():
    X = clusters(2000)
    parts = [GaussianMixtureEM(2, random_state=0).fit(part) for part in np.array_split(X, 2)]
    before = [pickle.dumps(part) for part in parts]
    GaussianMixtureEM.merge(parts).partial_fit(X)
    assert [pickle.dumps(part) for part in parts] == before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_up_is_refitted_when_doubled():
    X = clusters(450)
    mixture = GaussianMixtureEM(2, warm_up=5000, random_state=0)
    fits = {n: clone(mixture).fit(X[:n]) for n in (50, 100, 200, 400)}
    for i, n_fitted in enumerate([50, 100, 100, 200, 200, 200, 200, 400, 400]):
        mixture.partial_fit(X[50 * i : 50 * (i + 1)])
        assert_same_mixture(mixture, fits[n_fitted])
        assert mixture.total_weight_ == n_fitted
