"""RowBlocks: types that differ, data that change between passes, broken files, closed readers."""

import os
import struct
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from skgmm import GaussianMixtureEM, RowBlocks

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

N = 3000
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2)) + 3.0 * (RNG.random((N, 1)) < 0.4)
# More samples than are gathered in memory, so that a fit reads them in every pass.
MANY = np.random.default_rng(1).normal(size=(20_000, 2)) + 3.0 * (RNG.random((20_000, 1)) < 0.4)
START = {"means_init": [[0.0, 0.0], [3.0, 3.0]], "max_iter": 5, "tol": 0.0, "acceleration": None}


def blocks_of(*parts):
    return RowBlocks.from_iterable(lambda: list(parts))


def many(X=MANY, size=3000):
    return [X[i : i + size] for i in range(0, len(X), size)]


def fitted(blocks, **arguments):
    """A fit of a few iterations."""
    with pytest.warns(UserWarning, match="did not converge"):
        return GaussianMixtureEM(2, **START, **arguments).fit(blocks)


# Types that differ between files and blocks


@pytest.fixture
def files(tmp_path):
    """A function that writes one Parquet file for each column of numbers, called x."""

    def write(*columns):
        paths = [str(tmp_path / f"{number}.parquet") for number in range(len(columns))]
        for path, column in zip(paths, columns, strict=True):
            pq.write_table(pa.table({"x": column}), path)
        return paths

    return write


@pytest.mark.parametrize(
    ("columns", "expected", "dtype"),
    [
        ([pa.array([1, 2]), pa.array([0.5, 0.25, 9.75])], [1, 2, 0.5, 0.25, 9.75], np.float64),
        ([pa.array([1], pa.int8()), pa.array([1000])], [1, 1000], np.float64),
        ([pa.array([-1]), pa.array([2**64 - 2**11], pa.uint64())], [-1, 2**64 - 2**11], np.float64),
        ([pa.array([1.5], pa.float32()), pa.array([1e300])], [1.5, 1e300], np.float64),
        ([pa.array(np.array([0.5], np.float16)), pa.array([1e9])], [0.5, 1e9], np.float64),
        ([pa.array([1.5], pa.float32()), pa.array([2], pa.int64())], [1.5, 2], np.float64),
        ([pa.array([1.5], pa.float32())] * 2, [1.5, 1.5], np.float32),
        ([pa.array([True, False]), pa.array([7])], [1, 0, 7], np.float64),
        ([pa.array([Decimal("1.25")]), pa.array([2])], [1.25, 2], np.float64),
        ([pa.array([10, 20]).dictionary_encode(), pa.array([2])], [10, 20, 2], np.float64),
        ([pa.array([], pa.int32()), pa.array([2.5])], [2.5], np.float64),
        ([pa.array([2**53 + 2])], [2**53 + 2], np.float64),
    ],
)
def test_parquet_types_are_promoted(files, columns, expected, dtype):
    blocks = RowBlocks.from_parquet(files(*columns))
    read = np.concatenate(list(blocks))[:, 0]
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, None, 3]),
        pa.array([1.5, None, 3]),
        pa.array([True, None, True]),
        pa.array([Decimal(1), None, Decimal(3)]),
        pa.array([1, None, 3]).dictionary_encode(),
        pa.array([1.0, np.nan, 3.0]),
    ],
    ids=lambda column: str(column.type)[:10],
)
def test_parquet_missing_values(files, column):
    """Whatever the type of the column, its missing values are those of the same data in memory."""
    values = [5.0, 6.0, float(column[0].as_py()), np.nan, float(column[2].as_py())]
    expected = GaussianMixtureEM(1).fit(np.array(values)[:, None])
    blocks = RowBlocks.from_parquet(files(pa.array([5, 6]), column))
    got = [GaussianMixtureEM(1).fit(blocks)]
    tables = [pa.table({"x": part}) for part in (pa.array([5, 6]), column)]
    if not pa.types.is_dictionary(column.type):
        got.append(GaussianMixtureEM(1).fit(blocks_of(*tables)))
    for mixture in got:
        np.testing.assert_allclose(mixture.covariances_, expected.covariances_, rtol=1e-10)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array(["u"]), r"column 'x' should hold real numbers, but holds string"),
        (pa.array(pd.date_range("2020", periods=2)), "holds timestamp.*days since a date"),
        (pa.array([1, 2], pa.date32()), "holds date32.*days since a date"),
        (pa.array([1, 2], pa.duration("s")), "holds duration.*days since a date"),
        (pa.array([[1.0]]), "holds list"),
    ],
)
def test_parquet_columns_that_are_not_numeric(files, column, message):
    with pytest.raises(ValueError, match=rf"1.parquet, rows 0 to \d: .*{message}"):
        GaussianMixtureEM(1).fit(RowBlocks.from_parquet(files(pa.array([1.0]), column)))


def test_parquet_columns(tmp_path):
    path, turned = tmp_path / "0.parquet", tmp_path / "1.parquet"
    pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), path)
    pq.write_table(pa.table({"b": X[:, 1], "a": X[:, 0], "c": X[:, 0]}), turned)
    read = np.concatenate(list(RowBlocks.from_parquet([path, turned], ["a", "b"])))
    np.testing.assert_array_equal(read, np.concatenate([X, X]))
    with pytest.raises(ValueError, match=r"columns should name each column once, .*\['a', 'a'\]"):
        RowBlocks.from_parquet(path, ["a", "a"])
    pq.write_table(pa.table([pa.array([1.0]), pa.array([2.0])], names=["a", "a"]), turned)
    with pytest.raises(ValueError, match=r"1.parquet has more than one column 'a'"):
        RowBlocks.from_parquet(turned)
    pq.write_table(pa.table({"a": pa.array([], pa.float64())}), turned)
    with pytest.raises(ValueError, match="X has no samples"):
        GaussianMixtureEM(1).fit(RowBlocks.from_parquet(turned))


def test_weights_of_parquet_are_promoted_too(tmp_path):
    paths = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    pq.write_table(pa.table({"x": X[:2, 0], "w": [1, 2]}), paths[0])
    pq.write_table(pa.table({"x": X[:2, 0], "w": [0.5, 0.25]}), paths[1])
    mixture = GaussianMixtureEM(1).fit(RowBlocks.from_parquet(paths, sample_weight="w"))
    assert mixture.total_weight_ == 3.75
    pq.write_table(pa.table({"x": X[:2, 0], "w": [1, None]}), paths[1])
    with pytest.raises(ValueError, match=r"1.parquet, rows 0 to 1: .*sample_weight contains NaN"):
        GaussianMixtureEM(1).fit(RowBlocks.from_parquet(paths, sample_weight="w"))


@pytest.mark.parametrize("kinds", [(np.int64, float), (np.float32, float), (np.int8, np.uint64)])
def test_types_of_arrays_that_differ(tmp_path, kinds):
    parts = [(100 * np.abs(X[:500])).astype(kinds[0]), (100 * np.abs(X[500:])).astype(kinds[1])]
    expected = np.concatenate([part.astype(float) for part in parts])
    paths = [tmp_path / f"{number}.npy" for number in range(2)]
    for path, part in zip(paths, parts, strict=True):
        np.save(path, part)
    for blocks in (RowBlocks.from_npy(paths), blocks_of(*parts), blocks_of(*parts[::-1])):
        mixture = GaussianMixtureEM(1).fit(blocks)
        assert mixture.means_.dtype == np.float64
        np.testing.assert_allclose(mixture.means_[0], expected.mean(axis=0), rtol=1e-12)
        assert mixture.predict_proba(blocks).dtype == np.float64


@pytest.mark.parametrize(
    ("later", "message"),
    [
        (lambda frame: frame[["b", "a"]], r"has the columns \['b', 'a'\], but the first \['a', "),
        (
            lambda frame: frame.rename(columns={"b": "z"}),
            r"has the columns \['a', 'z'\], but the first \['a', 'b'",
        ),
        (lambda frame: frame.set_axis([1, 0], axis=1), r"has the columns \[1, 0\]"),
        (lambda frame: frame[["a"]], r"has the columns \['a'\]"),
    ],
)
def test_columns_of_blocks_that_differ(later, message):
    frame = pd.DataFrame(X, columns=["a", "b"])
    with pytest.raises(ValueError, match=rf"X, block 1: this block {message}"):
        GaussianMixtureEM(1).fit(blocks_of(frame[:9], later(frame[9:])))


def test_names_after_an_array_without():
    frame = pd.DataFrame(X, columns=["a", "b"])
    with pytest.raises(ValueError, match=r"block 1: .* but the first is an array without names"):
        GaussianMixtureEM(1).fit(blocks_of(X[:9], frame[9:]))
    numbered = pd.DataFrame(X)
    with pytest.raises(ValueError, match=r"block 1: .*columns \[1, 0\], but the first \[0, 1\]"):
        GaussianMixtureEM(1).fit(blocks_of(numbered[:9], numbered[9:][[1, 0]]))


def test_all_bad_columns_of_a_block_are_named():
    bad = X.copy()
    bad[7] = np.inf
    with pytest.raises(
        ValueError, match=r"inf.* in row 7 of the block, feature 0 \(and in feature 1\)"
    ):
        GaussianMixtureEM(1).fit(blocks_of(bad))
    frame = pd.DataFrame(X, columns=["a", "b"]).assign(b="x")
    with pytest.raises(
        ValueError, match=r"X, block 0: could not.* text in column 'b' \(first in r"
    ):
        GaussianMixtureEM(1).fit(blocks_of(frame))


# Data that change between passes


def changing(*passes):
    """Blocks of a function that makes others from some pass on; the last of `passes` stays."""
    made = []

    def factory():
        made.append(1)
        return passes[min(len(made), len(passes)) - 1]

    return RowBlocks.from_iterable(factory)


def spoilt(value, row=17_000):
    other = MANY.copy()
    other[row, 1] = value
    return other


@pytest.mark.parametrize("at", [2, 3, 5])  # passes that are sound: the header, the survey, EM
@pytest.mark.parametrize(
    ("other", "message"),
    [
        (many(MANY + 1e-6), r"values of X changed during the fit: feature 0 sums to .*, but to "),
        (many(spoilt(MANY[17_000, 1] + 1.0)), "values of X changed during the fit: feature 1 sum"),
        (many(spoilt(np.nan)), "changed during the fit: there is NaN or infinity in this pass"),
        (many(MANY[:-1]), "X has 19999 samples in this pass, but had 20000 in the first"),
        (many(MANY[:, ::-1]), "values of X changed during the fit: feature 0"),
    ],
)
def test_values_that_change_between_passes(other, message, at):
    blocks = changing(*[many()] * at, other)
    with pytest.raises(ValueError, match=rf"{message}.*|the same blocks at every call"):
        GaussianMixtureEM(2, **START).fit(blocks)


def test_weights_that_change_between_passes():
    ones = [(part, np.ones(len(part))) for part in many()]
    twos = [*ones[:-1], (ones[-1][0], 2 * ones[-1][1])]
    with pytest.raises(ValueError, match="weights of X changed during the fit: they sum to 22000"):
        GaussianMixtureEM(2, **START).fit(changing(ones, ones, ones, twos))


def test_few_samples_that_change_before_they_are_gathered():
    with pytest.raises(ValueError, match="values of X changed during the fit"):
        GaussianMixtureEM(2, **START).fit(changing([X], [X], [X + 1.0]))


@pytest.mark.parametrize("scale", [1.0, 1e-100, 1e100])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_other_chunks_of_the_same_data_are_not_a_change(offset, scale):
    same = (MANY + offset) * scale
    blocks = changing(many(same), many(same), many(same, 777), many(same, 20_000))
    got, expected = GaussianMixtureEM(1).fit(blocks), GaussianMixtureEM(1).fit(same)
    np.testing.assert_array_equal(got.means_, expected.means_)


def grow(path):
    np.save(path, np.concatenate([MANY, MANY]))


def replace(path):
    other = path.with_suffix(".other")
    np.save(other, MANY + 1.0)
    os.replace(str(other) + ".npy", path)


def rewrite(path):
    content = bytearray(path.read_bytes())
    content[-8:] = struct.pack("<d", 0.123)
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))  # also where the clock is coarse


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (grow, r"its size was 320128 bytes and is 640128"),
        (replace, r"it was replaced by another file"),
        (rewrite, r"it was written to"),
    ],
)
@pytest.mark.parametrize("moment", [2, 12, 40])
def test_a_file_that_changes_during_a_fit(tmp_path, monkeypatch, change, message, moment):
    """While it is surveyed, at a later block, and in a later pass."""
    path = tmp_path / "rows.npy"
    np.save(path, MANY)
    reads, read = [], np.fromfile

    def changing(*arguments, **options):
        reads.append(1)
        if len(reads) == moment:
            change(path)
        return read(*arguments, **options)

    monkeypatch.setattr(np, "fromfile", changing)
    with pytest.raises(ValueError, match=rf"rows.npy changed while it was in use: .*{message}"):
        GaussianMixtureEM(2, **START).fit(RowBlocks.from_npy(path, block_rows=2500))
    assert len(reads) >= moment


def test_a_parquet_file_that_changes_while_it_is_predicted(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1]}), path)
    mixture = GaussianMixtureEM(1).fit(RowBlocks.from_parquet(path))
    blocks = RowBlocks.from_parquet(path, block_rows=1000)
    source = blocks.source
    mixture.predict(blocks)
    before = source.files()
    pq.write_table(pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 1]}), path)
    object.__setattr__(source, "files", lambda: before)  # as of the moment the pass began
    with pytest.raises(ValueError, match=r"rows.parquet changed while it was in use: its size was"):
        mixture.predict(blocks)


# Broken files


def npy(header, data=b"", version=(1, 0)):
    text = header.encode("latin1") + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + data


def described(shape, descr="'<f8'"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        npy(described("(-1, 2)")),
        npy(described("(2, -1)")),
        npy(described("(3, 0)")),
        npy(described("(100000000000000000000000, 2)")),
        npy(described("('a', 2)")),
        npy(described("(2, 2)", "'nonsense'")),
        npy(described("(2, 2)", "[('a', '<f8')]"), bytes(32)),
        npy(described("(2, 2)", "'|O'"), bytes(32)),
        npy(described("(2, 2)", "'<M8[s]'"), bytes(32)),
        npy("{'descr': '<f8'"),
        npy("(" * 500),
        npy("\xff\xfe"),
        npy(described("(2, 2)"), bytes(32), (9, 0)),
        npy(described("(2, 2)"), bytes(31)),
        npy(described("(2, 2)"), bytes(33)),
    ],
)
def test_broken_npy_files_are_named(tmp_path, content):
    path = tmp_path / "bad.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.npy"):
        RowBlocks.from_npy(path)


def test_every_version_of_npy(tmp_path):
    for version in ((1, 0), (2, 0), (3, 0)):
        path = tmp_path / "rows.npy"
        path.write_bytes(npy(described("(2, 2)"), X[:2].tobytes(), version))
        np.testing.assert_array_equal(next(iter(RowBlocks.from_npy(path))), X[:2])


def damaged(content, seed):
    """A file with other bytes here and there, or cut."""
    rng = np.random.default_rng(seed)
    content = bytearray(content)
    if seed % 4 == 0:
        return content[: rng.integers(len(content))]
    first = len(content) - 700 if seed % 4 == 1 else 0  # the footer, or anywhere
    for place in rng.integers(first, len(content), 4):
        content[place] ^= int(rng.integers(1, 256))
    return content


def test_broken_parquet_files_are_named(tmp_path):
    good, bad = tmp_path / "good.parquet", tmp_path / "bad.parquet"
    table = pa.table({"a": X[:200, 0], "b": X[:200, 1]})
    pq.write_table(table, good, row_group_size=50, write_page_checksum=True)
    n_refused = 0
    for seed in range(120):
        bad.write_bytes(damaged(good.read_bytes(), seed))
        try:
            read = np.concatenate(list(RowBlocks.from_parquet(bad)))
        except ValueError as error:
            assert "bad.parquet" in str(error)  # noqa: PT017
            n_refused += 1
        else:  # in what nobody reads
            np.testing.assert_array_equal(read, X[:200])
    assert n_refused > 90


def test_a_parquet_file_that_is_absent_stays_absent(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.parquet"):
        RowBlocks.from_parquet(tmp_path / "absent.parquet")


# Closing


class Reader:
    """An iterator with a file behind it, as pandas.read_csv makes one."""

    def __init__(self, parts, opened):
        self.parts, self.opened = iter(parts), opened
        opened.append(self)

    def __iter__(self):
        return self

    def __next__(self):
        part = next(self.parts)
        if isinstance(part, Exception):
            raise part
        return part

    def close(self):
        if self in self.opened:
            self.opened.remove(self)


def generated(parts, opened):
    reader = Reader(parts, opened)
    try:
        yield from reader
    finally:
        reader.close()


class Collection:
    """Something whose iterator is to be closed."""

    def __init__(self, parts, opened):
        self.parts, self.opened = parts, opened

    def __iter__(self):
        return Reader(self.parts, self.opened)


@pytest.mark.parametrize("kind", [Reader, generated, Collection])
def test_readers_are_closed(kind):
    opened = []

    def blocks(*parts):
        return RowBlocks.from_iterable(lambda: kind(parts, opened))

    good = blocks(*many())
    mixture = fitted(good)
    assert not opened
    mixture.predict(good)
    mixture.score(good)
    assert not opened
    for _ in good:
        break
    assert not opened
    bad = MANY[:3000].copy()
    bad[5, 1] = np.inf
    for parts in (
        [MANY, bad, MANY],
        [MANY[:3000], OSError("the disk is gone"), MANY],
        [MANY, MANY[:, :1], MANY],
        [MANY[:0]],
    ):
        spoilt = blocks(*parts)
        for method in (GaussianMixtureEM(2).fit, mixture.score, mixture.bic):
            with pytest.raises((ValueError, OSError)) as caught:
                method(spoilt)
            assert not opened, caught.value  # while the traceback is still held
    lost = GaussianMixtureEM.from_parameters([1], [[0, 0]], [np.eye(2) * 1e-140])
    for method in (lost.predict, lost.score):
        far = blocks(np.full((9, 2), 1e149), *many())
        with pytest.raises(ValueError, match="Row 0 of X") as caught:
            method(far)
        assert not opened, caught.value


def test_readers_of_csv_are_closed(tmp_path, recwarn):
    path = tmp_path / "rows.csv"
    pd.DataFrame(X, columns=["a", "b"]).to_csv(path, index=False)
    blocks = RowBlocks.from_iterable(lambda: pd.read_csv(path, chunksize=500))
    mixture = GaussianMixtureEM(1).fit(blocks)
    next(iter(blocks))
    assert mixture.predict(blocks).shape == (N,)
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]
