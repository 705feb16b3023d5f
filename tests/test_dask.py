"""Dask arrays and data frames: the answer of rows in memory, computed where the chunks are."""

import os
import pickle
import signal
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureEM

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
dask = pytest.importorskip("dask")

BY_ROW = ("predict", "predict_proba", "predict_log_proba", "score_samples")
# A start from which EM takes its time on `rows`.
START = {
    "max_iter": 10_000,
    "weights_init": [0.5, 0.5],
    "means_init": [[-0.5, 0.0], [1.5, 0.0]],
    "precisions_init": [np.eye(2), np.eye(2)],
    "tol": 1e-9,
}


def rows(n=3000, chunks=500, seed=0):
    """Two overlapping clusters, lazily; the chunks can be made again on any worker."""
    rng = da.random.default_rng(seed)
    labels = rng.random(size=(n, 1), chunks=(chunks, 1)) < 0.4
    return rng.normal(size=(n, 2), chunks=(chunks, 2)) + 2.0 * labels


def weights_of(X, seed=0):
    rng = np.random.default_rng(seed)
    return rng.exponential(size=len(X)) * (rng.random(len(X)) > 0.1)


def assert_same_fit(got, expected):
    for name in ("weights_", "means_", "covariances_", "total_weight_", "reg_covar_"):
        a, b = getattr(got, name), getattr(expected, name)
        np.testing.assert_array_equal(a, b)
    assert got.n_iter_ == expected.n_iter_
    assert got.status_ == expected.status_


def refused(X, match, error=ValueError, sample_weight=None, **arguments):
    """A fit that fails leaves the estimator as it was."""
    mixture = GaussianMixtureEM(2, **arguments).fit(rows().compute())
    mixture.set_params(**arguments)
    before = dict(vars(mixture))
    with pytest.raises(error, match=match):
        mixture.fit(X, sample_weight=sample_weight)
    assert vars(mixture).keys() == before.keys()
    assert all(vars(mixture)[name] is before[name] for name in before)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("chunks", [3000, 500, 130])  # one, a few, and more than are summed at once
def test_result_is_that_of_data_in_memory(chunks, weighted):
    X = rows(chunks=chunks)
    local = X.compute()
    weights = weights_of(local) if weighted else None
    lazy = None if weights is None else da.from_array(weights, chunks=chunks)
    expected = GaussianMixtureEM(**START, n_components=2).fit(local, sample_weight=weights)
    for given in {id(weights): weights, id(lazy): lazy}.values():
        got = GaussianMixtureEM(**START, n_components=2).fit(X, sample_weight=given)
        assert_same_fit(got, expected)
        assert all(type(getattr(got, name)) is np.ndarray for name in ("weights_", "means_"))
        for name in ("score", "bic", "icl"):
            assert getattr(got, name)(X, sample_weight=given) == pytest.approx(
                getattr(expected, name)(local, sample_weight=weights), rel=1e-9
            )
    assert got.expected_complete_log_likelihood(X) == pytest.approx(
        expected.expected_complete_log_likelihood(local), rel=1e-9
    )


def test_starts_are_those_of_data_in_memory():
    X = rows(n=60_000, chunks=7000)
    local = X.compute()
    weights = weights_of(local)
    arguments = {"n_components": 3, "random_state": 0, "max_iter": 20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        expected = GaussianMixtureEM(**arguments).fit(local, sample_weight=weights)
        got = GaussianMixtureEM(**arguments).fit(X, sample_weight=weights)
    assert got.starts_ == expected.starts_
    assert_same_fit(got, expected)


def test_values_per_sample_are_lazy():
    made = []
    X = rows().map_blocks(lambda chunk: made.append(1) or chunk, dtype=float, meta=np.empty((0, 0)))
    local = rows().compute()
    mixture = GaussianMixtureEM(**START, n_components=2).fit(local)
    lazy = {name: getattr(mixture, name)(X) for name in BY_ROW}
    assert not made
    for name, values in lazy.items():
        expected = getattr(mixture, name)(local)
        assert isinstance(values, da.Array)
        assert (values.shape, values.dtype) == (expected.shape, expected.dtype)
        assert values.chunks[0] == X.chunks[0]
        np.testing.assert_allclose(values.compute(), expected, rtol=1e-12, atol=1e-12)
    labels = GaussianMixtureEM(**START, n_components=2).fit_predict(rows())
    assert isinstance(labels, da.Array)
    np.testing.assert_array_equal(labels.compute(), mixture.predict(local))


def test_each_chunk_is_computed_once_per_pass():
    made = []
    X = rows(n=12_000, chunks=2000)
    X = X.map_blocks(lambda chunk: made.append(1) or chunk, dtype=float, meta=np.empty((0, 0)))
    mixture = GaussianMixtureEM(**START, n_components=2).fit(X)
    # The survey, the start's evaluation, and one pass for each evaluation.
    assert len(made) == X.numblocks[0] * (mixture.n_iter_ + 2)


def test_float32_and_integers():
    X = rows()
    single = GaussianMixtureEM(**START, n_components=2).fit(X.astype(np.float32))
    assert single.means_.dtype == np.float32
    assert single.predict_proba(X.astype(np.float32)).dtype == np.float32
    whole = (10 * X).astype(np.int32)
    got = GaussianMixtureEM(1).fit(whole)
    np.testing.assert_allclose(got.means_[0], whole.compute().mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("method", ["score_samples", "predict_log_proba"])
def test_logarithms_beyond_float32_keep_their_values(method):
    """Of lazy values nobody knows whether float32 holds them: they are float64."""
    X = rows().compute().astype(np.float32)
    mixture = GaussianMixtureEM(**START, n_components=2).fit(X)
    far = np.array([[1e25, 0.0], [0.0, 0.0], [-1e25, 1e24]], dtype=np.float32)
    expected = getattr(mixture, method)(far)
    assert expected.min() < np.finfo(np.float32).min
    lazy = getattr(mixture, method)(da.from_array(far, chunks=(2, 2)))
    assert lazy.dtype == np.float64
    np.testing.assert_allclose(lazy.compute(), expected, rtol=1e-12)
    near = getattr(mixture, method)(da.from_array(X, chunks=(50, 2)))
    np.testing.assert_allclose(near.compute(), getattr(mixture, method)(X), rtol=1e-5, atol=1e-5)


def test_data_frames():
    local = pd.DataFrame(rows().compute(), columns=["a", "b"])
    frame = dd.from_pandas(local, npartitions=4)
    weights = pd.Series(weights_of(local))
    lazy = dd.from_pandas(weights, npartitions=4)
    expected = GaussianMixtureEM(**START, n_components=2).fit(local, sample_weight=weights)
    got = GaussianMixtureEM(**START, n_components=2).fit(frame, sample_weight=lazy)
    assert_same_fit(got, expected)
    assert got.feature_names_in_.tolist() == ["a", "b"]
    for name in BY_ROW:  # lengths are not known, and not needed
        values = getattr(got, name)(frame)
        assert isinstance(values, da.Array)
        np.testing.assert_allclose(values.compute(), getattr(expected, name)(local), rtol=1e-9)
    assert got.score(frame, sample_weight=lazy) == pytest.approx(
        expected.score(local, sample_weight=weights), rel=1e-12
    )
    with pytest.raises(ValueError, match="feature names should match"):
        got.predict(frame.rename(columns={"a": "z"}))


def test_empty_chunks_and_frames_with_empty_partitions():
    number = da.arange(3000, chunks=500)
    X = rows()[(number < 500) | (number >= 1000)].compute_chunk_sizes()
    assert X.chunks[0][1] == 0
    last = rows()[number < 2500].compute_chunk_sizes()
    assert last.chunks[0][-1] == 0
    got = GaussianMixtureEM(**START, n_components=2).fit(last)
    assert_same_fit(got, GaussianMixtureEM(**START, n_components=2).fit(last.compute()))
    got = GaussianMixtureEM(**START, n_components=2).fit(X)
    assert_same_fit(got, GaussianMixtureEM(**START, n_components=2).fit(X.compute()))
    assert got.predict(X).compute().shape == (2500,)
    frame = dd.from_dask_array(rows(), columns=["a", "b"])
    frame = frame[frame["a"].map_partitions(lambda column: column > column.mean() + 100)]
    named = GaussianMixtureEM(1).fit(pd.DataFrame(rows().compute(), columns=["a", "b"]))
    assert named.predict(frame).compute().shape == (0,)


# Errors


def test_invalid_chunks_raise_an_error():
    X = rows()
    refused(X.rechunk((500, 1)), r"chunked along the features, into chunks of \(1, 1\).*X.rechunk")
    unknown = X[X[:, 0] > 0]
    refused(unknown, r"X has chunks of unknown length. Call X.compute_chunk_sizes\(\)")
    GaussianMixtureEM(1).fit(unknown.compute_chunk_sizes())
    refused(X[:, 0], r"X should be a Dask array or data frame of shape \(n_samples, n_features\)")
    refused(dask.delayed(1), "X should be a Dask array or data frame")
    refused(X.astype(complex), "X should hold real numbers, but holds complex128")
    refused(X.astype(str), "X should hold real numbers")
    mixture = GaussianMixtureEM(1).fit(X)
    with pytest.raises(ValueError, match="X has 1 features, but GaussianMixtureEM is expecting 2"):
        mixture.predict(X[:, :1])


@pytest.mark.parametrize("bad", [-np.inf, np.inf])
def test_infinity_error_names_the_chunk(bad):
    X = rows()
    X[1234, 1] = bad
    match = rf"X, chunk 2: contains {bad} in row 234 of the block, feature 1"
    refused(X, match)
    mixture = GaussianMixtureEM(1).fit(rows())
    with pytest.raises(ValueError, match=match):
        mixture.score(X)
    with pytest.raises(ValueError, match=match):
        mixture.predict(X).compute()


def test_bad_weights():
    X = rows()
    refused(X, r"sample_weight.shape == \(7,\), expected \(3000,\)", sample_weight=np.ones(7))
    refused(X, r"X, chunk \d: sample_weight should not be negative", sample_weight=-np.ones(3000))
    refused(X, "all weights are zero", sample_weight=da.zeros(3000, chunks=500))
    with pytest.raises(ValueError, match="X has no sample of positive weight"):
        GaussianMixtureEM(1).fit(X).score(X, sample_weight=np.zeros(3000))
    mixture, unknown = GaussianMixtureEM(1).fit(X), X[X[:, 0] > 0]
    with pytest.raises(ValueError, match="sample_weight has 1 chunks, but X 6 of unknown length"):
        mixture.score(unknown, sample_weight=np.ones(3000))


def test_too_few_samples_and_unsupported_arguments_with_dask():
    refused(rows()[:0], "X has no samples")
    refused(rows(n=1), "Found array with 1 sample")
    shares = np.full((3000, 2), 0.5)
    refused(
        rows(), "responsibilities_init is not supported with Dask", responsibilities_init=shares
    )


def test_far_sample_is_reported_with_its_index():
    X = rows()
    X[1234] = 1e149
    tiny = GaussianMixtureEM.from_parameters([1], [[0, 0]], [np.eye(2) * 1e-140])
    with pytest.raises(ValueError, match="Row 1234 of X is so many standard deviations") as caught:
        tiny.score_samples(X).compute()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.row, str(again)) == (1234, str(caught.value))


def test_dask_is_imported_only_for_dask_arrays(tmp_path):
    code = (
        "import sys, numpy as np; from skgmm import GaussianMixtureEM, RowBlocks\n"
        "X = np.random.default_rng(0).normal(size=(50, 2))\n"
        "GaussianMixtureEM(1).fit(X).predict(X)\n"
        "GaussianMixtureEM(1).fit(RowBlocks.from_iterable(lambda: [X])).score(X)\n"
        "asked = {'dask', 'distributed', 'skgmm._rows.dask_rows', 'skgmm._rows.parquet'}\n"
        "print(sorted(asked & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# A cluster of processes


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    # Workers cannot import this file: what it hands them goes by value.
    cloudpickle = pytest.importorskip("cloudpickle")
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options, processes=True) as local:
        yield local


@pytest.fixture
def client(cluster):
    from distributed import Client

    def expired(*_):
        raise TimeoutError("the cluster does not answer: its processes have ended or wait")

    # Without its workers a cluster waits for ever.
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, expired)
        signal.alarm(240)
    with Client(cluster) as client:
        client.wait_for_workers(2)
        yield client
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)


@pytest.mark.slow
def test_cluster_gives_the_result_in_memory(client):
    X = rows().persist()
    local = X.compute()
    weights = weights_of(local)
    for own in (None, weights):
        expected = GaussianMixtureEM(**START, n_components=2).fit(local, sample_weight=own)
        got = GaussianMixtureEM(**START, n_components=2).fit(X, sample_weight=own)
        assert_same_fit(got, expected)
    assert_same_fit(GaussianMixtureEM(**START, n_components=2).fit(rows(), None, weights), expected)
    np.testing.assert_array_equal(got.predict(X).compute(), expected.predict(local))
    with pytest.raises(ValueError, match="X, chunk 2: contains inf"):
        got.score(X.map_blocks(_spoilt, dtype=float))
    # A lambda goes by value; a function of this file would be looked up by name first.
    holes = X.map_blocks(lambda chunk: _with_holes(chunk), dtype=float).persist()
    steps = {"n_components": 2, "noise": "auto", "acceleration": None, "escape": False}
    got = GaussianMixtureEM(**{**START, **steps}).fit(holes)
    expected = GaussianMixtureEM(**{**START, **steps}).fit(holes.compute())
    np.testing.assert_allclose(got.means_, expected.means_, rtol=1e-8)
    assert got.noise_volume_ == expected.noise_volume_
    np.testing.assert_array_equal(got.predict(holes).compute(), expected.predict(holes.compute()))


def _with_holes(chunk):
    """One feature is missing where the other one is small."""
    return np.where([[False, True]] * (chunk[:, :1] < 0.1), np.nan, chunk)


def _spoilt(chunk, block_id=None):
    """Infinity in the third chunk."""
    return np.where(block_id[0] == 2, np.inf, chunk)


def test_transferred_bytes_do_not_grow_with_the_samples(client, cluster):
    from distributed.diagnostics.plugin import SchedulerPlugin

    class Results(SchedulerPlugin):
        def __init__(self):
            self.bytes = []

        def transition(self, key, start, finish, *args, nbytes=0, **kwargs):
            if (start, finish) == ("processing", "memory") and key.startswith("_run"):
                self.bytes.append(nbytes)

    counts = []
    for n in (20_000, 200_000):
        X = rows(n=n, chunks=n // 8).persist()
        X.sum().compute()
        results = Results()
        cluster.scheduler.add_plugin(results, name="results")
        mixture = GaussianMixtureEM(**{**START, "tol": 0, "max_iter": 10}, n_components=2)
        with pytest.warns(ConvergenceWarning):
            mixture.fit(X)
        cluster.scheduler.remove_plugin("results")
        counts.append(sorted(results.bytes)[:20])  # the largest are of the survey's sample
    assert len(counts[0]) == 20
    assert len(results.bytes) <= 2 * (10 + 3)  # a task for each worker and pass
    assert counts[0] == counts[1]
    assert max(counts[0]) < 2000


def test_chunks_that_changed_raise_an_error():
    """Of a source that shrinks between passes."""
    passes = []

    def shrinking(chunk, block_id=None):
        passes.append(block_id[0])
        return chunk[:-1] if passes.count(block_id[0]) > 1 and block_id[0] == 1 else chunk

    for n in (3000, 12_000):  # few rows are brought to memory
        passes.clear()
        X = rows(n=n).map_blocks(shrinking, dtype=float, meta=np.empty((0, 0)))
        refused(X, "X, chunk 1: the computed chunk has 499 samples, but its declared length is 500")


@pytest.mark.slow
def test_a_worker_that_dies_in_the_middle_of_a_fit(client, monkeypatch):
    from skgmm._rows import dask_rows

    X = rows(n=20_000, chunks=1000)
    expected = GaussianMixtureEM(**START, n_components=2).fit(X.compute())
    X = X.persist()
    workers = client.run(os.getpid)
    passes, share = [], dask_rows.tasks_of

    def dying(X, chunks):
        tasks = share(X, chunks)
        passes.append(1)
        if len(passes) == 8:  # the tasks of this pass will be sent to it
            os.kill(next(iter(workers.values())), signal.SIGKILL)
        return tasks

    monkeypatch.setattr(dask_rows, "tasks_of", dying)
    got = GaussianMixtureEM(**START, n_components=2).fit(X)
    assert len(passes) > 8
    assert_same_fit(got, expected)
    client.wait_for_workers(2)
    assert set(client.run(os.getpid)) != set(workers)
