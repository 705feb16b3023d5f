"""Rows that do not fit in memory: memmaps and blocks give the answer of rows in memory."""

import pickle
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from strategies import as_estimator, random_mixture, seeds, start_of, structures

from skgmm import GaussianMixtureEM, RowBlocks
from skgmm._rows.block_rows import ahead
from skgmm._rows.sample import reservoir

BY_ROW = ("predict", "predict_proba", "predict_log_proba", "score_samples")
FITTED = ("weights_", "means_", "covariances_", "reg_covar_", "total_weight_", "lower_bound_")


def overlapping(n=3000, d=3, seed=0, dtype=np.float64):
    """Rows of three clusters that EM takes its time to part, and weights with zeros among them."""
    source = random_mixture(seed, 3, d, "full", spread=1.0)
    X, _ = source.draw(n, np.random.RandomState(seed))
    rng = np.random.default_rng(seed)
    weights = rng.exponential(size=n) * (rng.random(n) > 0.1)
    return X.astype(dtype), weights, start_of(as_estimator(source, "full"))


def cut(X, weights=None, size=700):
    """RowBlocks of arrays."""

    def made():
        for i in range(0, len(X), size):
            yield X[i : i + size] if weights is None else (X[i : i + size], weights[i : i + size])

    return RowBlocks.from_iterable(made)


def saved(folder, X, name="rows.npy", order="C"):
    path = folder / name
    np.save(path, np.asarray(X, order=order))
    return path


def assert_same_fit(got, expected):
    """To the last bit: sums do not depend on how rows are cut."""
    for name in FITTED:
        np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))
    assert got.n_iter_ == expected.n_iter_
    assert got.status_ == expected.status_


# The same answer


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_memmaps_and_blocks_agree(tmp_path, order, weighted):
    X, weights, start = overlapping()
    weights = weights if weighted else None
    path = saved(tmp_path, X, order=order)
    of_weights = saved(tmp_path, weights, "weights.npy") if weighted else None
    expected = GaussianMixtureEM(**start).fit(X, sample_weight=weights)
    mapped = np.load(path, mmap_mode="r")
    assert_same_fit(GaussianMixtureEM(**start).fit(mapped, sample_weight=weights), expected)
    for blocks in (
        RowBlocks.from_npy(path, sample_weight=of_weights, block_rows=301),
        cut(X, weights),
    ):
        got = GaussianMixtureEM(**start).fit(blocks)
        assert_same_fit(got, expected)
        for name in BY_ROW:
            np.testing.assert_allclose(getattr(got, name)(blocks), getattr(expected, name)(X))
        for name in ("score", "bic", "aic", "icl"):
            assert getattr(got, name)(blocks) == pytest.approx(
                getattr(expected, name)(X, sample_weight=weights), rel=1e-9
            )
        ecll = got.expected_complete_log_likelihood(blocks)
        assert ecll == pytest.approx(expected.expected_complete_log_likelihood(X), rel=1e-9)
        given = expected.predict_proba(X)
        assert got.expected_complete_log_likelihood(blocks, given) == pytest.approx(ecll, rel=1e-9)


@pytest.mark.slow
@given(name=structures, seed=seeds, d=st.integers(1, 3), size=st.integers(20, 1200))
def test_results_do_not_depend_on_the_block_size(name, seed, d, size):
    """From the default start, with everything that amplifies a rounding."""
    parameters = random_mixture(seed, 2, d, name, spread=1.0)
    X, _ = parameters.draw(1000, np.random.RandomState(seed))
    mixture = GaussianMixtureEM(2, covariance_type=name, max_iter=30, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert_same_fit(clone(mixture).fit(cut(X, size=size)), mixture.fit(X))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"init_params": "kmeans"},
        {"init_params": "random_from_data", "n_init": 2, "covariance_type": "diag"},
        {"responsibilities_init": True},
        {"reg_covar": 1e-3, "acceleration": "lbfgs"},
    ],
)
def test_starts_are_those_of_data_in_memory(arguments):
    """Also where they look at a sample only: the rows are more than it holds."""
    X, weights, _ = overlapping(n=60_000, d=2)
    if arguments.get("responsibilities_init"):
        arguments = {"responsibilities_init": np.eye(3)[np.arange(len(X)) % 3]}
    fits = [GaussianMixtureEM(3, random_state=0, max_iter=20, **arguments) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        expected, got = fits[0].fit(X, sample_weight=weights), fits[1].fit(cut(X, weights, 7001))
    assert got.starts_ == expected.starts_
    assert_same_fit(got, expected)


def test_a_callable_start_gets_the_sample():
    X, weights, _ = overlapping(n=60_000, d=2)
    seen = []

    def start(rows, n_components, random_state, sample_weight):
        seen.append((rows.shape, sample_weight.shape))
        return np.arange(len(rows)) % n_components

    GaussianMixtureEM(2, init_params=start, max_iter=0).fit(cut(X, weights))
    assert seen == [((25_000, 2), (25_000,))]


def test_start_sample_does_not_depend_on_the_chunking():
    X, weights, _ = overlapping(n=70_000, d=2)
    whole = reservoir(X, weights, 500, key=7).sample()
    first = int(np.count_nonzero(weights[:333]))
    rest = reservoir(X[333:], weights[333:], 500, 7, first)
    parts = rest + reservoir(X[:333], weights[:333], 500, 7)
    np.testing.assert_array_equal(parts.sample().rows, whole.rows)
    np.testing.assert_array_equal(parts.sample().weights, whole.weights)
    assert len(whole) == 500


def test_start_sample_keeps_totals():
    """Priority sampling is unbiased: over many keys, weighted totals are those of the rows."""
    X, weights, _ = overlapping(n=2000, d=2)
    totals = []
    for key in range(200):
        sample = reservoir(X, weights, 200, key).sample()
        totals.append([sample.weights.sum(), *(sample.weights @ sample.rows)])
    expected = np.array([weights.sum(), *(weights @ X)])
    error = np.std(totals, axis=0) / np.sqrt(len(totals))
    assert (np.abs(np.mean(totals, axis=0) - expected) < 4 * error).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_float32_stays_float32(tmp_path, order):
    X, _, start = overlapping(dtype=np.float32)
    blocks = RowBlocks.from_npy(saved(tmp_path, X, order=order), block_rows=512)
    got, expected = GaussianMixtureEM(**start).fit(blocks), GaussianMixtureEM(**start).fit(X)
    np.testing.assert_allclose(got.means_, expected.means_, rtol=1e-6, atol=1e-6)
    for name in BY_ROW:
        assert getattr(got, name)(blocks).dtype == getattr(expected, name)(X).dtype


@pytest.mark.parametrize("dtype", [np.int8, np.float16, ">f8"])
def test_other_numbers_become_float64(tmp_path, dtype):
    X = (np.random.default_rng(0).normal(size=(500, 2)) * 20).astype(dtype)
    got = GaussianMixtureEM(1).fit(RowBlocks.from_npy(saved(tmp_path, X)))
    np.testing.assert_allclose(got.means_, X.mean(axis=0, dtype=float)[None], rtol=1e-12)


def test_files_follow_one_another(tmp_path):
    X, weights, start = overlapping()
    parts = [slice(0, 1000), slice(1000, 1001), slice(1001, 1001), slice(1001, None)]
    paths = [saved(tmp_path, X[part], f"{i}.npy") for i, part in enumerate(parts)]
    of_weights = [saved(tmp_path, weights[part], f"w{i}.npy") for i, part in enumerate(parts)]
    blocks = RowBlocks.from_npy(paths, sample_weight=of_weights, block_rows=128)
    expected = GaussianMixtureEM(**start).fit(X, sample_weight=weights)
    assert_same_fit(GaussianMixtureEM(**start).fit(blocks), expected)
    np.testing.assert_array_equal(expected.predict(blocks), expected.predict(X))
    np.testing.assert_array_equal(np.concatenate(list(blocks)), X)


def test_fit_predict_on_blocks():
    X, _, start = overlapping()
    labels = GaussianMixtureEM(**start).fit_predict(cut(X))
    np.testing.assert_array_equal(labels, GaussianMixtureEM(**start).fit(X).predict(X))


# Passes and memory


def test_pass_reads_each_sample_once_in_order():
    X, _, start = overlapping(n=12_000)
    read = []

    def made():
        read.append([])
        for i in range(0, len(X), 1700):
            read[-1].append(i)
            yield X[i : i + 1700]

    mixture = GaussianMixtureEM(**start).fit(RowBlocks.from_iterable(made))
    whole = list(range(0, 12_000, 1700))
    header, *passes = read
    assert header == [0]
    assert all(one == whole for one in passes)
    # The survey, the start's evaluation, and one pass for each evaluation.
    assert len(passes) == mixture.n_iter_ + 2


def test_one_block_is_read_ahead():
    made, used = [], []
    computing = threading.Event()

    def items():
        for i in range(10):
            made.append(i)
            if i == 1:
                computing.wait(5)  # made while the first is in use, or never
            yield i

    for item in ahead(items()):
        computing.set()
        used.append(item)
        assert len(made) <= len(used) + 1
    assert used == list(range(10))


def test_an_error_in_a_block_ends_its_thread():
    X, _, start = overlapping()

    def made():
        yield X[:500]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        GaussianMixtureEM(**start).fit(RowBlocks.from_iterable(made))
    assert not [t for t in threading.enumerate() if t.name.startswith("skgmm-blocks")]


def test_a_memmap_is_read_in_place(tmp_path):
    """Neither the rows nor a row of flags for each are copied: anonymous memory stays small."""
    tracemalloc = pytest.importorskip("tracemalloc")
    path = tmp_path / "rows.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(1_600_000, 8))
    X[:] = np.random.default_rng(0).normal(size=X.shape)
    X.flush()
    mapped = np.load(path, mmap_mode="r")
    start = {"weights_init": [1], "means_init": np.zeros((1, 8)), "precisions_init": [np.eye(8)]}
    tracemalloc.start()
    try:
        mixture = GaussianMixtureEM(1, **start).fit(mapped)
        mixture.score(mapped[:1000])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mapped.nbytes / 2


# Errors


def assert_untouched(mixture, before):
    after = vars(mixture)
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before)


def refused(blocks, match, error=ValueError, mixture=None):
    """A fit that fails leaves the estimator as it was, fitted or not."""
    mixture = mixture or GaussianMixtureEM(2)
    before = dict(vars(mixture))
    with pytest.raises(error, match=match):
        mixture.fit(blocks)
    assert_untouched(mixture, before)


@pytest.fixture
def fitted():
    X, _, start = overlapping()
    return GaussianMixtureEM(**start).fit(X)


def test_truncated_file(tmp_path, fitted):
    X, _, _ = overlapping()
    whole, broken = saved(tmp_path, X, "whole.npy"), saved(tmp_path, X, "broken.npy")
    blocks = RowBlocks.from_npy([whole, broken])
    content = broken.read_bytes()
    broken.write_bytes(content[:-1000])
    message = (
        r"broken.npy is truncated: by its header it has 3000 rows, 72000 bytes, but only 71000"
    )
    refused(blocks, message, mixture=fitted)
    with pytest.raises(ValueError, match=message):
        fitted.predict(blocks)
    with pytest.raises(ValueError, match=message):
        RowBlocks.from_npy(broken)
    broken.write_bytes(content[:50])
    with pytest.raises(ValueError, match=r"broken.npy is not an .npy file"):
        RowBlocks.from_npy(broken)


@pytest.mark.parametrize("order", ["C", "F"])
def test_file_truncated_while_it_is_read(tmp_path, fitted, order, monkeypatch):
    X, _, _ = overlapping()
    path = saved(tmp_path, X, order=order)
    blocks = RowBlocks.from_npy(path, block_rows=1000)
    reads = []
    whole = np.fromfile

    def cutting(*arguments, **options):
        reads.append(1)
        if len(reads) == 2:
            path.write_bytes(path.read_bytes()[:30_000])
        return whole(*arguments, **options)

    monkeypatch.setattr(np, "fromfile", cutting)
    refused(blocks, "rows.npy was truncated while it was read", mixture=fitted)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinity_error_names_block_and_row(tmp_path, fitted, bad):
    X, _, _ = overlapping()
    X[1234, 1] = bad
    path = saved(tmp_path, X)
    blocks = RowBlocks.from_npy(path, block_rows=1000)
    match = rf"rows.npy, rows 1000 to 1999: contains {bad} in row 234 of the block, feature 1"
    refused(blocks, match, mixture=fitted)
    with pytest.raises(ValueError, match=match):
        fitted.score(blocks)
    refused(cut(X), r"X, block 1: contains", mixture=fitted)


def test_other_columns(tmp_path, fitted):
    X, _, _ = overlapping()
    message = r"X, block 1: this block has 2 features, but those before it 3"
    refused(RowBlocks.from_iterable(lambda: [X[:100], X[100:, :2]]), message, mixture=fitted)
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    turned = frame.iloc[100:][["a", "c", "b"]]
    message = r"X, block 1: this block has the columns \['a', 'c', 'b'\], but the first"
    refused(RowBlocks.from_iterable(lambda: [frame[:100], turned]), message, mixture=fitted)
    narrow = saved(tmp_path, X[:, :2], "narrow.npy")
    with pytest.raises(ValueError, match=r"narrow.npy has 2 features, but .*rows.npy 3"):
        RowBlocks.from_npy([saved(tmp_path, X), narrow])
    with pytest.raises(ValueError, match="X has 2 features, but GaussianMixtureEM is expecting 3"):
        fitted.predict(RowBlocks.from_npy(narrow))


@pytest.mark.parametrize(("later", "rows"), [(2999, "2999"), (0, "0"), (3001, "3001")])
def test_a_source_that_changes_between_passes(fitted, later, rows):
    X, _, _ = overlapping()
    passes = []

    def made():
        passes.append(1)
        stop = 3000 if len(passes) <= 2 else later
        yield from (X[i : min(i + 500, stop)] for i in range(0, min(stop, 3000), 500))
        if stop > 3000:
            yield X[: stop - 3000]

    message = rf"X has {rows} samples in this pass, but had 3000 in the first"
    refused(RowBlocks.from_iterable(made), message, mixture=fitted)


@pytest.mark.parametrize("dtypes", [("f4", "f8"), ("f8", "f4")])
def test_files_of_both_precisions_are_float64(tmp_path, dtypes):
    X, _, start = overlapping()
    halves = [half.astype(dtype) for half, dtype in zip((X[:1500], X[1500:]), dtypes, strict=True)]
    paths = [saved(tmp_path, half, f"{number}.npy") for number, half in enumerate(halves)]
    mixture = GaussianMixtureEM(**start).fit(RowBlocks.from_npy(paths))
    assert mixture.means_.dtype == np.float64
    for method in ("predict_proba", "predict_log_proba", "score_samples"):
        assert getattr(mixture, method)(RowBlocks.from_npy(paths)).dtype == np.float64
    assert_same_fit(mixture, GaussianMixtureEM(**start).fit(np.concatenate(halves)))


def test_factory_must_return_a_new_iterator():
    X, _, _ = overlapping()
    once = iter([X[:1000], X[1000:2000], X[2000:]])
    refused(RowBlocks.from_iterable(lambda: once), "does not return a new iterator")
    refused(RowBlocks.from_iterable(lambda: None), "returned NoneType", error=TypeError)
    with pytest.raises(TypeError, match="factory should be a function that returns a new"):
        RowBlocks.from_iterable(iter([X]))


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (lambda X: [], "X has no samples"),
        (lambda X: [X[:0]], "X has no samples"),
        (lambda X: [X[:1]], "Found array with 1 sample"),
        (lambda X: [X[:, 0]], "blocks should have two dimensions, but have 1"),
        (lambda X: [X[:9], [["a", "b", "c"]]], "X, block 1: could not convert string"),
        (lambda X: [X[:9], X[:9] * 1j], "X, block 1: Complex data not supported"),
        (lambda X: [X * 1e200], "values as large as"),
        (
            lambda X: [(X, np.ones(7))],
            r"X, block 0: sample_weight should have the shape \(3000,\), but got \(7,\)",
        ),
        (
            lambda X: [(X[:9], np.ones(9)), (X, -np.ones(3000))],
            "X, block 1: sample_weight should not be neg",
        ),
        (lambda X: [(X, np.zeros(3000))], "all weights are zero"),
    ],
)
def test_bad_blocks(blocks, message):
    X, _, _ = overlapping()
    refused(RowBlocks.from_iterable(lambda: blocks(X)), message)


def test_bad_files(tmp_path):
    X, weights, _ = overlapping()
    path = saved(tmp_path, X)
    flat = saved(tmp_path, weights, "flat.npy")
    objects = saved(tmp_path, np.array([["a", "b"]]), "objects.npy")
    with pytest.raises(ValueError, match=r"flat.npy should hold real numbers in 2 dimensions"):
        RowBlocks.from_npy(flat)
    with pytest.raises(ValueError, match=r"objects.npy should hold real numbers"):
        RowBlocks.from_npy(objects)
    with pytest.raises(ValueError, match="sample_weight should name a file for each of paths, 1"):
        RowBlocks.from_npy(path, sample_weight=[flat, flat])
    short = saved(tmp_path, weights[:-1], "short.npy")
    with pytest.raises(ValueError, match=r"short.npy holds 2999 weights, but .*rows.npy 3000"):
        RowBlocks.from_npy(path, sample_weight=short)
    with pytest.raises(ValueError, match="paths should name at least one file"):
        RowBlocks.from_npy([])
    with pytest.raises(ValueError, match="block_rows should be at least 1, but got 0"):
        RowBlocks.from_npy(path, block_rows=0)
    with pytest.raises(FileNotFoundError):
        RowBlocks.from_npy(tmp_path / "absent.npy")


def test_weights_come_with_the_blocks(fitted):
    X, weights, _ = overlapping()
    with pytest.raises(ValueError, match="whose weights come with the data"):
        fitted.score(cut(X), sample_weight=weights)


def test_a_score_of_nothing(fitted):
    X, _, _ = overlapping()
    with pytest.raises(ValueError, match="X has no samples"):
        fitted.score(RowBlocks.from_iterable(lambda: [X[:0]]))
    with pytest.raises(ValueError, match="X has no sample of positive weight"):
        fitted.bic(cut(X, np.zeros(len(X))))
    assert fitted.predict(RowBlocks.from_iterable(lambda: [X[:0]])).shape == (0,)


def test_sources_are_not_converted_to_arrays(fitted):
    X, _, _ = overlapping()
    with pytest.raises(TypeError, match="RowBlocks cannot be converted to an array"):
        np.asarray(cut(X))
    with pytest.raises(TypeError, match=r"an iterator .* which can be read only once"):
        fitted.predict(iter([X]))


def test_blocks_of_weight_zero_are_ignored():
    X, weights, start = overlapping()
    weights[700:1400] = 0
    expected = GaussianMixtureEM(**start).fit(X, sample_weight=weights)
    assert_same_fit(GaussianMixtureEM(**start).fit(cut(X, weights)), expected)


def test_far_sample_error_has_the_index_in_all_samples(fitted):
    X, _, _ = overlapping()
    X[2345] = 1e149
    tiny = GaussianMixtureEM.from_parameters([1], [[0, 0, 0]], [np.eye(3) * 1e-140])
    with pytest.raises(ValueError, match="Row 2345 of X"):
        tiny.score_samples(cut(X))


# scikit-learn


def test_pickle_clone_pipeline(tmp_path):
    X, _, start = overlapping()
    blocks = pickle.loads(pickle.dumps(RowBlocks.from_npy(saved(tmp_path, X), block_rows=999)))
    mixture = clone(GaussianMixtureEM(**start)).fit(blocks)
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(again.predict(blocks), mixture.predict(X))
    pipeline = make_pipeline(GaussianMixtureEM(**start)).fit(blocks)
    np.testing.assert_array_equal(pipeline.predict(blocks), mixture.predict(X))
    assert "rows.npy" in repr(blocks)


def test_names_of_features(tmp_path):
    X, _, start = overlapping()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    blocks = RowBlocks.from_iterable(lambda: [frame[:1000], frame[1000:]])
    mixture = GaussianMixtureEM(**start).fit(blocks)
    assert mixture.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(mixture.predict(frame), mixture.predict(blocks))
    other = frame.rename(columns={"a": "z"})
    with pytest.raises(ValueError, match="feature names should match"):
        mixture.predict(RowBlocks.from_iterable(lambda: [other]))


# Parquet


@pytest.fixture
def parquet(tmp_path):
    """A folder of two Parquet files, their rows and weights."""
    pytest.importorskip("pyarrow")
    X, weights, start = overlapping()
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(n=weights, kind="x")
    folder = tmp_path / "table"
    folder.mkdir()
    frame[:1700].to_parquet(folder / "0.parquet", row_group_size=500)
    frame[1700:].to_parquet(folder / "1.parquet")
    return folder, frame, start


def test_parquet(parquet):
    folder, frame, start = parquet
    X, weights = frame[["a", "b", "c"]], frame["n"].to_numpy()
    blocks = RowBlocks.from_parquet(folder, ["a", "b", "c"], sample_weight="n", block_rows=333)
    expected = GaussianMixtureEM(**start).fit(X, sample_weight=weights)
    got = GaussianMixtureEM(**start).fit(blocks)
    assert_same_fit(got, expected)
    assert got.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(got.predict(blocks), expected.predict(X))
    turned = RowBlocks.from_parquet(folder, ["b", "a", "c"])
    with pytest.raises(ValueError, match="order as they were in fit"):
        got.predict(turned)
    plain = frame.drop(columns="kind")
    plain.astype(np.float32).to_parquet(folder / "0.parquet")
    single = RowBlocks.from_parquet(folder / "0.parquet", sample_weight="n")
    assert GaussianMixtureEM(**start).fit(single).means_.dtype == np.float32


def test_parquet_files_with_other_columns_are_refused_in_either_order(tmp_path):
    paths = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    frame = pd.DataFrame({"x": np.arange(9.0), "y": np.arange(9.0)})
    frame[["x"]].to_parquet(paths[0])
    frame.to_parquet(paths[1])
    with pytest.raises(ValueError, match=r"two.parquet has columns that .*one.parquet does.*'y'"):
        RowBlocks.from_parquet(paths)
    with pytest.raises(ValueError, match=r"one.parquet has no column 'y'"):
        RowBlocks.from_parquet(paths[::-1])
    assert GaussianMixtureEM(1).fit(RowBlocks.from_parquet(paths, ["x"])).n_features_in_ == 1


def test_parquet_errors(parquet, fitted):
    folder, frame, _ = parquet
    with pytest.raises(ValueError, match=r"0.parquet has no column 'z', but 'a', 'b', 'c', 'n'"):
        RowBlocks.from_parquet(folder, ["a", "z"])
    refused(RowBlocks.from_parquet(folder), "0.parquet, rows 0 to .*: column 'kind' should hold")
    blocks = RowBlocks.from_parquet(folder, ["a", "b", "c"], block_rows=500)
    frame.loc[10, "b"] = np.inf
    frame.to_parquet(folder / "0.parquet")
    refused(blocks, r"0.parquet, rows 0 to 499: contains inf in row 10", mixture=fitted)
    content = (folder / "1.parquet").read_bytes()
    (folder / "1.parquet").write_bytes(content[:-100])
    with pytest.raises(ValueError, match=r"1.parquet is not a complete Parquet file"):
        RowBlocks.from_parquet(folder)
    (folder / "0.parquet").unlink()
    refused(blocks, "0.parquet", error=FileNotFoundError, mixture=fitted)
    (folder / "1.parquet").unlink()
    with pytest.raises(ValueError, match=r"there is no \*.parquet file"):
        RowBlocks.from_parquet(folder)
