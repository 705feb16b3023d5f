"""Each option of the skgmm command."""

import bz2
import gzip
import json
import lzma
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgmm import GaussianMixtureEM, GaussianMixtureSearch
from skgmm.__main__ import main
from skgmm._applications.command import _fast_csv
from skgmm._applications.command._csv import Format, read_csv
from skgmm._applications.command._input import Input
from skgmm._applications.command._table import read_table


def run(capsys, *arguments):
    """What is printed, as an object if it is JSON; the command must succeed."""
    assert main([str(argument) for argument in arguments]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    return json.loads(printed) if "--json" in arguments else printed


def refused(capsys, message, *arguments):
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert len(error.splitlines()) == 1


def hide_pyarrow(patch):
    """From the reader of CSV text only: scikit-learn looks into `sys.modules` too."""

    def fail(*arguments):
        raise ModuleNotFoundError

    patch.setattr(_fast_csv, "_by_arrow", fail)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) + 6.0 * rng.integers(2, size=(200, 1))
    return pd.DataFrame(X, columns=["a", "b", "c"])


@pytest.fixture
def path(table, tmp_path):
    table.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


def means_of(results):
    return np.sort(np.array(results["means"]), axis=0)


@pytest.mark.parametrize(
    "kind", ["csv", "csv.gz", "csv.bz2", "csv.xz", "parquet", "npy", "semicolons", "tabs"]
)
def test_formats(kind, table, tmp_path, capsys):
    file, options = tmp_path / f"data.{kind}", []
    text = table.to_csv(index=False).encode()
    if kind == "parquet":
        table.to_parquet(file)
    elif kind == "npy":
        np.save(file.with_suffix(".npy"), table.to_numpy())
    elif kind == "semicolons":
        table.to_csv(file, index=False, sep=";", decimal=",")
        options = ["--sep", ";", "--decimal", ","]
    elif kind == "tabs":
        table.to_csv(file, index=False, sep="\t")
        options = ["--sep", "tab"]
    else:
        compress = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
        file.write_bytes(compress.get(kind[4:], bytes)(text))
    results = run(capsys, file, "--json", *options)
    expected = GaussianMixtureEM(2, random_state=0).fit(table.to_numpy())
    np.testing.assert_allclose(means_of(results), np.sort(expected.means_, axis=0), rtol=1e-12)
    named = ["x0", "x1", "x2"] if kind == "npy" else ["a", "b", "c"]
    assert results["feature_names"] == named


@pytest.mark.parametrize("library", ["pyarrow", "numpy"])
def test_the_fast_reader_reads_what_the_exact_one_does(library, table, monkeypatch):
    if library == "numpy":
        hide_pyarrow(monkeypatch)
    text = table.to_csv(index=False)
    names, X = _fast_csv.read_fast(Input("x", text.encode()), Format())
    expected = read_csv(text, "x")
    assert names == expected[0]
    np.testing.assert_array_equal(X, expected[1])


CELLS = st.one_of(
    st.floats(-1e9, 1e9).map(repr),
    st.sampled_from(
        ["", "NA", "nan", "-nan", "NaN", "N/A", "inf", "x", " 1.5", "1_0", '"2"', "+3"]
    ),
)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=4), st.booleans())
def test_every_reader_says_the_same(rows, missing):
    text = "\n".join(",".join(row) for row in rows)
    form = Format(missing=missing)
    try:
        expected = read_csv(text, "x", *form)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            read_table(Input("x", text.encode()), form)
        return
    got = read_table(Input("x", text.encode()), form)
    assert got.names == expected[0]
    np.testing.assert_array_equal(got.X, expected[1])


def test_header(tmp_path, capsys):
    file = tmp_path / "years.csv"
    file.write_text("2019,2020\n" + "".join(f"{i},{i * i}\n" for i in range(20)))
    with_header = run(capsys, file, "--header", "--json", "--components", "1")
    assert with_header["feature_names"] == ["2019", "2020"]
    assert with_header["n_samples"] == 20
    assert run(capsys, file, "--json", "--components", "1")["n_samples"] == 21
    file.write_text("a,b\n1,2\n3,4\n")
    refused(capsys, r"'x0' \(line 1: 'a'\)", file, "--no-header")


def test_columns(path, table, capsys):
    results = run(capsys, path, "--columns", "c,a", "--json")
    assert results["feature_names"] == ["c", "a"]
    expected = GaussianMixtureEM(2, random_state=0).fit(table[["c", "a"]].to_numpy())
    np.testing.assert_allclose(means_of(results), np.sort(expected.means_, axis=0), rtol=1e-12)
    refused(capsys, "--columns: there is no column 'z', but 'a', 'b', 'c'", path, "--columns", "z")
    refused(capsys, "--columns: should be names, each once", path, "--columns", "a,a")


def test_separators_and_decimal_points(path, table, capsys):
    table.to_csv(path, index=False, sep="\t")
    assert run(capsys, path, "--sep", r"\t", "--json")["feature_names"] == ["a", "b", "c"]
    refused(capsys, "--sep: should be one character, or tab, .*but got ', '", path, "--sep", ", ")
    for wrong in ("5", "e", "-", "", "point"):
        refused(capsys, "--decimal: should be one character", path, f"--decimal={wrong}")


def test_a_seed_of_0_is_refused_with_predict(path, tmp_path, capsys):
    model = tmp_path / "model.json"
    run(capsys, path, "--save", model)
    refused(capsys, "--seed is for a fit", path, "--predict", model, "--seed", "0")


def test_weights(path, table, capsys, tmp_path):
    weights = np.arange(200) % 3
    table.assign(n=weights).to_csv(path, index=False)
    results = run(capsys, path, "--weights", "n", "--json")
    repeated = table.loc[table.index.repeat(weights)].to_numpy()
    expected = GaussianMixtureEM(2, random_state=0).fit(repeated)
    np.testing.assert_allclose(means_of(results), np.sort(expected.means_, axis=0), rtol=1e-6)
    assert results["feature_names"] == ["a", "b", "c"]
    assert results["log_likelihood"] == pytest.approx(expected.score(repeated) * len(repeated))
    table.assign(n=-1).to_csv(path, index=False)
    refused(capsys, "--weights", path, "--weights", "n")


def test_drop_missing(path, table, capsys):
    holes = table.copy()
    holes.loc[::10, "b"] = np.nan
    holes.to_csv(path, index=False)
    assert run(capsys, path, "--json")["n_missing"] == 20
    assert main([str(path), "--drop-missing", "--json"]) == 0
    captured = capsys.readouterr()
    assert "note: 20 rows with missing values left out" in captured.err
    results = json.loads(captured.out)
    assert (results["n_samples"], results["n_missing"]) == (180, 0)
    holes["b"] = holes["b"].where(holes.index == 1)
    holes["a"] = holes["a"].where(holes.index != 1)
    holes.to_csv(path, index=False)
    refused(capsys, "--drop-missing: every row has a missing value", path, "--drop-missing")


def test_a_search(path, table, capsys):
    options = [path, "--components", "1-3", "--covariance", "full,tied,VVI"]
    results = run(capsys, *options, "--json")
    search = GaussianMixtureSearch([1, 2, 3], ["full", "tied", "VVI"], random_state=0)
    search.fit(table.to_numpy())
    assert results["n_components"] == search.best_n_components_ == 2
    assert results["criterion"] == "bic"
    assert min(m["bic"] for m in results["models"] if m["bic"]) == pytest.approx(search.best_score_)
    assert len(results["models"]) == 9
    printed = run(capsys, *options, "--criterion", "icl")
    assert "Criterion: ICL" in printed
    assert "Fitted: 9 of 9 models" in printed
    all_of_them = run(capsys, path, "--components", "1,2", "--covariance", "all", "--json")
    assert len(all_of_them["models"]) == 28
    refused(capsys, "--criterion is for several models", path, "--criterion", "bic")
    for wrong in ("3-1", "1-", "0-2", "a"):
        refused(capsys, "--components: should", path, "--components", wrong)


def test_a_saved_mixture_labels_other_data(path, table, tmp_path, capsys):
    model, labels = tmp_path / "model.json", tmp_path / "labels.csv"
    run(capsys, path, "--save", model, "--labels", labels)
    first = labels.read_text()
    mixture = GaussianMixtureEM.from_json(model)
    assert mixture.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(mixture.predict(table), pd.read_csv(labels)["label"])
    # Columns are found by their names.
    table[["c", "b", "a"]].assign(z=1.0).to_csv(path, index=False)
    printed = run(capsys, path, "--predict", model, "--labels", labels)
    assert "2 components" in printed
    assert labels.read_text() == first
    refused(capsys, "--predict: there is no column 'a'", "--demo", "--predict", model)
    np.savetxt(path, np.eye(2), delimiter=",")
    refused(capsys, "3 features, but the data have 2 columns", path, "--predict", model)
    refused(capsys, r"absent\.json: No such file", path, "--predict", tmp_path / "absent.json")
    (tmp_path / "bad.json").write_text("{}")
    refused(capsys, r"--predict .*bad\.json", path, "--predict", tmp_path / "bad.json")


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_a_plot(ending, path, tmp_path, capsys):
    out = tmp_path / f"out.{ending}"
    run(capsys, path, "--plot", out)
    magic = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    assert out.read_bytes().startswith(magic[ending])


def test_plots_are_checked_before_the_fit(path, tmp_path, capsys, monkeypatch):
    refused(
        capsys, r"--plot .*out\.txt: the name should end with one of", path, "--plot", "out.txt"
    )
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refused(capsys, "--plot needs matplotlib", path, "--plot", tmp_path / "out.png")


def test_no_two_outputs_are_one_file(path, tmp_path, capsys):
    out = tmp_path / "out.csv"
    refused(capsys, "--save .* is the file of --labels", path, "--labels", out, "--save", out)
    refused(capsys, "--save .*would overwrite the data file", path, "--save", path)


def test_noise(path, table, capsys):
    far = pd.DataFrame(np.random.default_rng(1).uniform(-40, 40, (30, 3)), columns=[*"abc"])
    pd.concat([table, far]).to_csv(path, index=False)
    results = run(capsys, path, "--noise", "--json")
    assert 0.08 < results["noise_weight"] < 0.2
    assert "Noise" in run(capsys, path, "--noise") or "noise" in run(capsys, path, "--noise")


def test_json_is_valid_where_numbers_are_not(path, capsys):
    results = run(capsys, path, "--components", "1-60", "--covariance", "full", "--json")
    assert any(model["bic"] is None for model in results["models"])


@pytest.mark.slow
def test_progress_is_shown_on_a_terminal(path, capsys):
    arguments = [str(path), "--components", "1-3"]
    command = [sys.executable, "-P", "-m", "skgmm", *arguments]
    ours, theirs = pty.openpty()
    done = subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, check=True, timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert "model 3 of 3" in shown
    assert shown.endswith("\r\x1b[K")
    assert main(arguments) == 0
    assert capsys.readouterr() == (done.stdout.decode(), "")


@pytest.mark.slow
def test_completion_of_options():
    pytest.importorskip("argcomplete")
    line = "skgmm --comp"
    environment = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": "/dev/stdout",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "skgmm"], env=environment, capture_output=True, text=True
    )
    assert "--components" in done.stdout


@pytest.fixture
def with_text(table, path):
    """A column that is no feature, whose cells have commas, quotes and line breaks."""
    texts = [f'no. {i}, "é"\nx' if i % 7 == 0 else f"s{i}" for i in range(len(table))]
    table.assign(id=texts, n=1.0 + np.arange(len(table)) % 3).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("library", ["pyarrow", "numpy"])
def test_only_the_chosen_columns_are_numbers(library, with_text, table, capsys, monkeypatch):
    if library == "numpy":
        hide_pyarrow(monkeypatch)
    refused(capsys, r"'id' \(line 3: .*Leave the columns out \(--columns\)", with_text)
    results = run(capsys, with_text, "--columns", "c,a", "--weights", "n", "--json")
    weights = 1.0 + np.arange(len(table)) % 3
    expected = GaussianMixtureEM(2, random_state=0)
    expected.fit(table[["c", "a"]].to_numpy(), sample_weight=weights)
    np.testing.assert_allclose(means_of(results), np.sort(expected.means_, axis=0), rtol=1e-12)
    with with_text.open("a") as file:
        file.write("1,2\n")  # counted in the columns that are not read too
    refused(capsys, "2 columns, but the first line has 5", with_text, "--columns", "a,b")


def test_only_the_chosen_columns_of_parquet_and_npy_are_numbers(table, tmp_path, capsys):
    parquet, npy = tmp_path / "data.parquet", tmp_path / "data.npy"
    table.assign(id="x").to_parquet(parquet)
    refused(capsys, r"data\.parquet, rows 0 to 199: column 'id'.*--columns", parquet)
    assert run(capsys, parquet, "--columns", "a", "--json")["feature_names"] == ["a"]
    X = table.to_numpy(copy=True)
    X[3, 2] = np.inf
    np.save(npy, X)
    refused(capsys, r"not all finite numbers: 'x2' \(row 3: inf\)", npy)
    assert run(capsys, npy, "--columns", "x0,x1", "--json")["feature_names"] == ["x0", "x1"]
    X[:, 2] = np.nan
    np.save(npy, X)
    refused(capsys, "but empty: 'x2'", npy)
    refused(capsys, r"'x2' \(row 0: nan\).*with --missing allow", npy, "--missing", "refuse")


def test_a_saved_mixture_ignores_text_in_other_columns(with_text, tmp_path, capsys):
    model, labels = tmp_path / "model.json", tmp_path / "labels.csv"
    run(capsys, with_text, "--columns", "a,c", "--save", model, "--labels", labels)
    first = labels.read_text()
    run(capsys, with_text, "--predict", model, "--labels", labels)
    assert labels.read_text() == first


@pytest.mark.parametrize(
    "option",
    [
        ["--components", "2"],
        ["--covariance", "full"],
        ["--criterion", "bic"],
        ["--seed", "0"],
        ["--prior", "auto"],
        ["--noise"],
        ["--save", "again.json"],
    ],
)
def test_options_of_a_fit_are_refused_beside_a_saved_mixture(option, path, capsys):
    message = f"{option[0]} is for a fit, but --predict uses the mixture of model.json"
    refused(capsys, message, path, "--predict", "model.json", *option)


@pytest.mark.parametrize("library", ["pyarrow", "numpy"])
def test_decimal_commas(library, tmp_path, capsys, monkeypatch):
    if library == "numpy":
        hide_pyarrow(monkeypatch)
    file, options = tmp_path / "data.csv", ["--sep", ";", "--decimal", ",", "--components", "1"]
    file.write_text("1,5;2,5\n2,5;3\n4;NA\n6;0\n")  # no header
    results = run(capsys, file, "--json", *options)
    assert results["feature_names"] == ["x0", "x1"]
    assert (results["n_samples"], results["n_missing"]) == (4, 1)
    assert results["means"][0][0] == pytest.approx(3.5)
    # A point would be a thousands separator: 1.234,5. It is not taken for a decimal point.
    file.write_text("1,5;2\n1.234;3\n4;1\n")
    refused(capsys, r"'x0' \(line 2: '1\.234'\)", file, *options)
    refused(capsys, "--sep and --decimal should differ, but both are ','", file, "--decimal", ",")


def test_any_number_of_spaces(tmp_path, capsys):
    file = tmp_path / "data.txt"
    file.write_text('  a   "b c"\n  1.0 2\n 12.0   NA  \n\n  5.0 \t 3\n')
    results = run(capsys, file, "--sep", "space", "--json", "--components", "1")
    assert results["feature_names"] == ["a", "b c"]
    assert results["means"] == [[pytest.approx(6.0), pytest.approx(2.5, abs=2)]]
    assert results["n_missing"] == 1
    file.write_text(" a  b\n 1  2\n 3  4\n")
    refused(capsys, "separated by spaces, not by commas. Use: --sep space", file)


def test_labels_keep_the_place_of_rows_that_were_left_out(path, table, tmp_path, capsys):
    holes, labels = table.copy(), tmp_path / "labels.csv"
    holes.loc[::10, "b"] = np.nan
    holes.to_csv(path, index=False)
    run(capsys, path, "--drop-missing", "--labels", labels)
    written = pd.read_csv(labels)
    assert len(written) == len(holes)
    np.testing.assert_array_equal(written["label"].isna(), holes["b"].isna())
    complete = holes.dropna().to_numpy()
    mixture = GaussianMixtureEM(2, random_state=0).fit(complete)
    np.testing.assert_array_equal(written["label"].dropna(), mixture.predict(complete))


def test_rows_without_a_weight_are_left_out_too(path, table, capsys):
    table.assign(n=[np.nan, *[1.0] * (len(table) - 1)]).to_csv(path, index=False)
    refused(capsys, "--weights: column 'n' of .* has missing values", path, "--weights", "n")
    results = run(capsys, path, "--weights", "n", "--drop-missing", "--json")
    assert results["n_samples"] == len(table) - 1


def test_where_a_mixture_was_fitted_is_not_saved(path, tmp_path, capsys, monkeypatch):
    """On a terminal the fit is verbose; the saved mixture is not."""
    model = tmp_path / "model.json"
    monkeypatch.setattr("skgmm._applications.command._fit._on_terminal", lambda: True)
    assert main([str(path), "--save", str(model)]) == 0
    captured = capsys.readouterr()
    assert "start 0" in captured.err
    assert "start 0" not in captured.out
    assert GaussianMixtureEM.from_json(model).verbose == 0


NUMBERS = [
    "1",
    "-3",
    "+3",
    "2.5",
    "1e5",
    " 1",
    "1 ",
    "1_0",
    "0x10",
    "1,5",
    "1.234",
    "1e400",
    "\xa01",
]
QUOTED = ['"', '1"', '"2"', '"1"2', '"1""2"', '"NA"', '""', '"1\n"', "'", "#"]
WORDS = ["NA", "nan", "-nan", "n/a", "inf", "Infinity", "a", "", "   ", "\t2", "1\t2", "\0"]
ODD_CELLS = st.sampled_from(NUMBERS + QUOTED + WORDS)


@pytest.mark.parametrize("library", ["pyarrow", "numpy"])
@given(
    rows=st.lists(st.lists(ODD_CELLS, min_size=1, max_size=3), min_size=1, max_size=5),
    written=st.sampled_from(
        [(",", "."), (";", "."), (";", ","), ("\t", ","), (" ", "."), (" ", ",")]
    ),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    header=st.sampled_from([None, True, False]),
    last_only=st.booleans(),
)
def test_a_fast_reader_reads_what_the_exact_one_does_or_nothing(
    library, rows, written, end, header, last_only
):
    def choose(names):
        return [len(names) - 1] if last_only else list(range(len(names)))

    form = Format(*written, header)
    text = end.join(form.sep.join(row) for row in rows)
    with pytest.MonkeyPatch.context() as patch:
        if library == "numpy":
            hide_pyarrow(patch)
        fast = _fast_csv.read_fast(Input("x", text.encode()), form, choose)
    if fast is not None:
        names, X = read_csv(text, "x", *form, choose)
        assert fast[0] == names
        np.testing.assert_array_equal(fast[1], X)


def test_options_of_text_are_refused_for_arrays(tmp_path, capsys):
    file = tmp_path / "x.npy"
    np.save(file, np.random.default_rng(0).normal(size=(50, 2)))
    assert main([str(file), "--sep", ";", "--header"]) == 2
    assert "x.npy is no CSV text: leave out --sep and --header" in capsys.readouterr().err


def test_a_column_is_not_both_a_feature_and_the_weights(tmp_path, capsys):
    file = tmp_path / "x.csv"
    table = pd.DataFrame(
        np.random.default_rng(0).uniform(1, 2, size=(50, 3)), columns=["a", "b", "w"]
    )
    table.to_csv(file, index=False)
    assert main([str(file), "--columns", "a,w", "--weights", "w"]) == 2
    assert "--columns: 'w' is the column of --weights" in capsys.readouterr().err
