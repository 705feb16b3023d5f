"""RowBlocks of CSV files, Arrow datasets, tables and streams, Polars scans, and wildcards."""

import gzip
import pickle
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skgmm import GaussianMixtureEM, RowBlocks, load_faithful

pa = pytest.importorskip("pyarrow")
dataset = pytest.importorskip("pyarrow.dataset")


def table(n=3_000):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3)) + 6.0 * rng.integers(2, size=(n, 1))
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(n=rng.integers(1, 4, n))
    frame.loc[::50, "b"] = np.nan
    return frame


@pytest.fixture(scope="module")
def frame():
    return table()


@pytest.fixture(scope="module")
def expected(frame):
    X, weights = frame[["a", "b", "c"]], frame["n"].to_numpy()
    return GaussianMixtureEM(2, random_state=0).fit(X, sample_weight=weights)


def made(kind, frame, folder):
    """The frame as a source of that kind, with the column of weights named."""
    options = {"sample_weight": "n", "block_rows": 700}
    if kind == "csv":
        frame[:1_000].to_csv(folder / "part-0.csv", index=False)
        frame[1_000:].to_csv(folder / "part-1.csv", index=False)
        return RowBlocks.from_csv(folder / "part-*.csv", **options)
    if kind == "csv.gz":
        frame.to_csv(folder / "all.csv.gz", index=False, sep=";", decimal=",", na_rep="NA")
        return RowBlocks.from_csv(folder / "all.csv.gz", sep=";", decimal=",", **options)
    if kind == "parquet":
        frame[:1_000].to_parquet(folder / "part-0.parquet")
        frame[1_000:].to_parquet(folder / "part-1.parquet")
        return RowBlocks.from_parquet(folder / "part-*.parquet", **options)
    if kind == "dataset":
        frame.to_parquet(folder / "all.parquet")
        return RowBlocks.from_arrow(dataset.dataset(folder / "all.parquet"), **options)
    if kind == "scan":
        frame.to_parquet(folder / "all.parquet")
        scan = pl.scan_parquet(folder / "all.parquet").filter(pl.col("n") > 0)
        return RowBlocks.from_arrow(scan, ["a", "b", "c"], **options)
    arrow = pa.Table.from_pandas(frame)
    if kind == "polars":
        return RowBlocks.from_arrow(pl.from_pandas(frame), **options)
    source = arrow if kind == "table" else lambda: arrow.to_reader(max_chunksize=64)
    return RowBlocks.from_arrow(source, **options)


KINDS = ["csv", "csv.gz", "parquet", "dataset", "scan", "polars", "table", "stream"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_is_that_of_the_same_data_in_memory(kind, frame, expected, tmp_path):
    blocks = made(kind, frame, tmp_path)
    got = GaussianMixtureEM(2, random_state=0).fit(blocks)
    np.testing.assert_allclose(got.means_, expected.means_, rtol=1e-9)
    np.testing.assert_allclose(got.covariances_, expected.covariances_, rtol=1e-7)
    assert got.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(got.predict(blocks), expected.predict(frame[["a", "b", "c"]]))
    assert sum(len(block) for block in blocks) == len(frame)


@pytest.mark.parametrize("kind", ["csv", "dataset", "scan", "table"])
def test_sources_can_be_pickled(kind, frame, tmp_path):
    blocks = made(kind, frame, tmp_path)
    again = pickle.loads(pickle.dumps(blocks))
    for one, other in zip(blocks, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_csv_without_header_has_no_names(tmp_path):
    X = load_faithful().data
    np.savetxt(tmp_path / "x.csv", X, delimiter="\t")
    blocks = RowBlocks.from_csv(tmp_path / "x.csv", sep="\t", header=False)
    mixture = GaussianMixtureEM(2, random_state=0).fit(blocks)
    assert not hasattr(mixture, "feature_names_in_")
    np.testing.assert_allclose(mixture.means_, GaussianMixtureEM(2, random_state=0).fit(X).means_)
    second = RowBlocks.from_csv(tmp_path / "x.csv", ["f1"], sep="\t", header=False)
    np.testing.assert_array_equal(np.concatenate(list(second)), X[:, 1:])


@pytest.mark.parametrize("word", ["", "NA", "na", "NaN", "nan", "N/A", "null", "NULL", "None"])
def test_missing_values_in_csv(word, tmp_path):
    (tmp_path / "x.csv").write_text(f"a,b\n1,2\n3,{word}\n")
    (block,) = RowBlocks.from_csv(tmp_path / "x.csv")
    assert np.isnan(block[1, 1])
    assert block[1, 0] == 3.0


def refused(blocks, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(1).fit(blocks)


def test_csv_errors_name_the_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n3,x\n")
    refused(RowBlocks.from_csv(path), r"x\.csv is not a CSV file of numbers.*'x'")
    path.write_text("a,b\n1,2\n3,inf\n5,6\n")
    refused(RowBlocks.from_csv(path), r"x\.csv, rows 0 to 2: contains inf in row 1 .*'b'")
    path.write_text("a,b\n1,2\n3\n")
    with pytest.raises(ValueError, match=r"x\.csv is not a CSV file of numbers.*2 columns, got 1"):
        RowBlocks.from_csv(path)
    path.write_text("")
    with pytest.raises(ValueError, match=r"x\.csv is not a CSV file"):
        RowBlocks.from_csv(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"x\.csv has no column 'z', but 'a', 'b'"):
        RowBlocks.from_csv(path, ["z"])
    (tmp_path / "y.csv").write_text("a,c\n1,2\n")
    with pytest.raises(ValueError, match=r"y\.csv has .*no column 'b'"):
        RowBlocks.from_csv([path, tmp_path / "y.csv"])
    (tmp_path / "z.csv").write_text("b,a\n1,2\n")
    with pytest.raises(ValueError, match=r"z\.csv has the columns \['b', 'a'\], but .*x\.csv"):
        RowBlocks.from_csv([path, tmp_path / "z.csv"])
    assert GaussianMixtureEM(1).fit(RowBlocks.from_csv(str(tmp_path / "[xz].csv"), ["a"])).means_
    for options, name in (({"sep": ", "}, "sep"), ({"decimal": ""}, "decimal")):
        with pytest.raises(ValueError, match=f"{name} should be one character"):
            RowBlocks.from_csv(path, **options)


def test_blocks_of_csv_are_no_longer_than_asked_and_lines_may_be_long(tmp_path):
    X = np.random.default_rng(0).normal(size=(7, 8_000))
    pd.DataFrame(X).to_csv(tmp_path / "x.csv", index=False)  # lines of 150 kB
    blocks = list(RowBlocks.from_csv(tmp_path / "x.csv", ["0", "7999"], block_rows=3))
    assert [len(block) for block in blocks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), X[:, [0, 7_999]])


def test_what_is_no_csv_text_names_the_file(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"x\.csv is not a CSV file of numbers: 'utf-8'"):
        RowBlocks.from_csv(path)
    with pytest.raises(ValueError, match=f"{tmp_path} is not a CSV file"):
        RowBlocks.from_csv(tmp_path)
    text = "a,b\n" + "".join(f"{i * 7919 % 1000},{i * i % 997}\n" for i in range(20_000))
    whole = gzip.compress(text.encode())
    (tmp_path / "y.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"y\.csv\.gz is not a CSV file .*[Tt]runcated"):
        list(RowBlocks.from_csv(tmp_path / "y.csv.gz"))
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        RowBlocks.from_csv(tmp_path / "absent.csv")


def test_options_that_contradict_are_refused(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="sep and decimal should differ, but both are ','"):
        RowBlocks.from_csv(tmp_path / "x.csv", decimal=",")
    for method, source in (
        (RowBlocks.from_csv, tmp_path / "x.csv"),
        (RowBlocks.from_parquet, tmp_path / "x.parquet"),
        (RowBlocks.from_arrow, pa.Table.from_pandas(frame)),
    ):
        with pytest.raises(TypeError, match=r"columns should be a list .*\['ab'\]"):
            method(source, "ab")


def test_a_csv_file_must_not_change_between_passes(tmp_path):
    frame = table(20_000)
    frame.to_csv(tmp_path / "x.csv", index=False)
    blocks = RowBlocks.from_csv(tmp_path / "x.csv", ["a", "c"])

    def change(X, n_components, random_state, sample_weight):
        with (tmp_path / "x.csv").open("a") as file:
            file.write("1,2,3,1\n")
        return np.zeros(len(X), dtype=int)

    with pytest.raises(ValueError, match=r"x\.csv.*changed"):
        GaussianMixtureEM(1, init_params=change).fit(blocks)


def test_what_can_be_read_once_is_refused():
    arrow = pa.table({"a": [1.0, 2.0]})
    for once in (arrow.to_reader(), iter([arrow]), "x.arrow", 3):
        with pytest.raises(TypeError, match=r"source should be a pyarrow Dataset.*but got"):
            RowBlocks.from_arrow(once)


def test_columns_of_arrow_are_checked():
    arrow = pa.table({"a": [1.0, 2.0], "t": ["x", "y"]})
    with pytest.raises(ValueError, match="source has no column 'b', but 'a', 't'"):
        RowBlocks.from_arrow(arrow, ["b"])
    with pytest.raises(ValueError, match="columns should name each column once"):
        RowBlocks.from_arrow(arrow, ["a", "a"])
    refused(
        RowBlocks.from_arrow(arrow), r"source, rows 0 to 1: column 't' should hold real numbers"
    )
    assert GaussianMixtureEM(1).fit(RowBlocks.from_arrow(arrow, ["a"])).means_ == 1.5


def test_wildcards_need_a_file(tmp_path):
    np.save(tmp_path / "[1].npy", np.eye(2))  # a name, not a wildcard
    assert len(list(RowBlocks.from_npy(tmp_path / "[1].npy"))) == 1
    for method in (RowBlocks.from_npy, RowBlocks.from_parquet, RowBlocks.from_csv):
        with pytest.raises(FileNotFoundError, match=r"no file matches .*part-\*"):
            method(tmp_path / "part-*")


def test_without_pyarrow_the_method_is_named(monkeypatch):
    for module in ("pyarrow", "pyarrow.csv", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    for name in ("arrow", "parquet", "csv_files"):
        monkeypatch.delitem(sys.modules, f"skgmm._rows.{name}", raising=False)
    for name, source in (("from_csv", "x.csv"), ("from_arrow", None), ("from_parquet", "x")):
        with pytest.raises(ImportError, match=rf"RowBlocks\.{name} needs pyarrow"):
            getattr(RowBlocks, name)(source)


def test_load_faithful():
    faithful = load_faithful()
    assert faithful.data.shape == (272, 2)
    assert faithful.feature_names == ["eruptions", "waiting"]
    np.testing.assert_array_equal(load_faithful(as_frame=True).data, pd.read_csv(faithful.filename))


def test_gzip_is_found_by_the_name(tmp_path):
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    (block,) = RowBlocks.from_csv(tmp_path / "x.csv.gz")
    np.testing.assert_array_equal(block, [[1, 2], [3, 4]])
