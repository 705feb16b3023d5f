"""The skgmm command."""

import csv
import gzip
import re
import subprocess
import sys

import numpy as np
import pytest

from skgmm.__main__ import main
from skgmm._applications.command._csv import read_csv


def test_without_arguments_it_fits_old_faithful(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    for text in ("eruptions", "waiting", "0.6441", "0.3559", "-1130.2", "BIC: 2322.1"):
        assert text in printed
    assert "Ended: converged after" in printed


@pytest.mark.slow
def test_as_a_module_and_as_a_console_script():
    for command in ([sys.executable, "-P", "-m", "skgmm"], ["skgmm"]):
        result = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert result.stdout.startswith("skgmm ")


@pytest.mark.parametrize("header", [True, False])
def test_a_file_with_labels(header, tmp_path, faithful, capsys):
    source, labels = tmp_path / "data.csv", tmp_path / "out.csv"
    np.savetxt(source, faithful, delimiter=",", header="a,b" if header else "", comments="")
    arguments = [str(source), "--components", "3", "--covariance", "tied", "--labels", str(labels)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "3 components" in printed
    assert "tied" in printed
    assert (" a " if header else "x0") in printed
    rows = list(csv.reader(labels.read_text().splitlines()))
    assert rows[0] == ["label", "responsibility_0", "responsibility_1", "responsibility_2"]
    values = np.array(rows[1:], dtype=float)
    assert values.shape == (272, 4)
    np.testing.assert_allclose(values[:, 1:].sum(axis=1), 1.0)
    np.testing.assert_array_equal(values[:, 1:].argmax(axis=1), values[:, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,x\n2,u,y\n3,,z\n", r"'b' \(line 3: 'u'\), 'c' \(line 2: 'x'\)"),
        ("1,2\n3\n", "line 2: 1 columns, but the first line has 2"),
        ("", "is empty"),
        ("a,b\n", "has a header but no rows"),
        ("a,b\n1,inf\n2,3\n", r"'b' \(line 2: 'inf'\)"),
        ("a,b,\n1,2,\n2,3,NA\n", r"finite numbers, but empty: 'x2'. Remove the columns"),
    ],
)
def test_bad_files_are_explained(text, message, tmp_path, capsys):
    with pytest.raises(ValueError, match=message):
        read_csv(text, "data.csv")
    path = tmp_path / "data.csv"
    path.write_text(text)
    assert main([str(path)]) == 2
    assert capsys.readouterr().err.startswith("skgmm: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,x\n2,3,y\n3,,z\n", r"'b' \(line 4: ''\), 'c' \(line 2: 'x'\)"),
        ("NA,NA\n1,2\n2,3\n", r"'x0' \(line 1: 'NA'\), 'x1'.*; with --missing allow, empty"),
        ("a,b\n1,nan\n2,3\n", r"'b' \(line 2: 'nan'\)"),
    ],
)
def test_missing_values_may_be_refused(text, message, tmp_path, capsys):
    with pytest.raises(ValueError, match=message):
        read_csv(text, "data.csv", missing=False)
    path = tmp_path / "data.csv"
    path.write_text(text)
    assert main([str(path), "--missing", "refuse"]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_cells_without_a_value_are_missing():
    names, X = read_csv("a,b\n1,\nNA,2\n N/A ,nan\nnull,None\n3,4\n", "data.csv")
    assert names == ["a", "b"]
    nan = np.nan
    np.testing.assert_array_equal(X, [[1, nan], [nan, 2], [nan, nan], [nan, nan], [3, 4]])
    names, X = read_csv("NA,NA\n1,2\n", "data.csv")  # no header
    assert names == ["x0", "x1"]
    np.testing.assert_array_equal(X, [[nan, nan], [1, 2]])


def test_other_errors_are_one_line(tmp_path, faithful, capsys):
    assert main([str(tmp_path / "absent.csv")]) == 2
    path = tmp_path / "data.csv"
    np.savetxt(path, faithful, delimiter=",")
    assert main([str(path), "--components", "0"]) == 2
    assert main([str(path), "--components", "300"]) == 2
    error = capsys.readouterr().err
    assert "absent.csv" in error
    assert "--components = 300" in error
    assert "n_components" not in error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--components", "0"], "--components: should be an integer, at least 1, but got '0'"),
        (["--components", "2.5"], "but got '2.5'"),
        (["--seed", "-1"], "--seed: should be an integer, from 0 to 4294967295, but got '-1'"),
        (["--covariance", "vvw"], "--covariance should be one of 'tied-spherical' or 'EII'"),
        (["--demo", "data.csv"], "not allowed with argument"),
        (["--wrong"], "unrecognized arguments: --wrong"),
    ],
)
def test_bad_options_are_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_parameters_without_an_option_are_marked_as_python(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("".join(f"{i},{j}\n" for i in range(3) for j in range(2)))
    assert main([str(path), "--components", "5"]) == 0
    error = capsys.readouterr().err
    assert "(In Python: reg_covar" in error
    assert "n_components" not in error


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a;b\n1;2\n2;3\n", "semicolons, not by commas. Use: --sep ';'"),
        ("1,5;2,5\n2,5;3,0\n", "semicolons"),
        ('"a";"b"\n"1,5";"2"\n"2";"x"\n', "semicolons"),
        ("a\tb\n1\t2\n", "tabs"),
        ("1|2\n3|4\n", "vertical bars"),
        (" 1.0e+00  2.0e+00\n -1.0e+00 2.0e+00\n", "spaces"),
        ("1, x, 3\n1, y, 4\n", "these columns are not all finite numbers: 'x1'"),
        ("name,tags\n1,x;y\n2,z;u\n", "these columns are not all finite numbers: 'tags'"),
        ("a,b\n1,2\n3\n", "line 3: 1 columns"),
    ],
)
def test_another_separator_is_named(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_csv(text, "data.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"1,2\n", mtime=0)[:-9], "not a complete compressed file"),
        (b"\x93NUMPY\x01", "not a complete .npy file"),
        (b"PAR1", "not a complete Parquet file"),
        ("a,b\n1,2\n".encode("utf-16"), "text in UTF-16"),
        ("größe,b\n1,2\n".encode("latin-1"), "line 1: byte 0xf6 is not UTF-8"),
        (b"PK\x03\x04", "Excel workbook"),
        (b"a,b\n1,\x00\n2,3\n", "line 2"),
        (b"   \n", "not all finite numbers"),
    ],
)
def test_other_formats_are_named(content, message, tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    assert main([str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_line_breaks_within_quotes():
    names, X = read_csv('"a\nb",c\r\n1,2\r\n3,4\r\n', "data.csv")
    assert names == ["a\nb", "c"]
    np.testing.assert_array_equal(X, [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="line 4: 1 columns"):
        read_csv('"a\nb",c\n1,2\n3\n', "data.csv")
    np.testing.assert_array_equal(read_csv("1,2\r3,4\r", "data.csv")[1], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("header", "first", "said"),
    [
        (",a,b", 0, True),
        ("Unnamed: 0,a,b", 0, True),
        ('"",a,b', 1, True),
        ("", 0, True),
        ("t,a,b", 0, False),
        (",a,b", 7, False),
    ],
)
def test_column_of_row_numbers_gives_a_note(header, first, said, faithful, tmp_path, capsys):
    path = tmp_path / "data.csv"
    numbered = np.c_[np.arange(len(faithful)) + first, faithful]
    np.savetxt(path, numbered, delimiter=",", fmt="%g", header=header, comments="")
    assert main([str(path)]) == 0
    error = capsys.readouterr().err
    assert (f"the first column has no name and counts {first}, {first + 1}" in error) == said


def test_duplicate_column_names_give_a_note(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("a,b,a\n1,2,4\n2,3,1\n3,1,1\n5,8,2\n")
    assert main([str(path), "--components", "1"]) == 0
    assert "note: more than one column has the name 'a'" in capsys.readouterr().err


def test_quotes_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes('﻿"a b","c"\r\n"1","2"\r\n\r\n3,4\r\n'.encode())
    names, X = read_csv(path.read_text(encoding="utf-8-sig"), "data.csv")
    assert names == ["a b", "c"]
    np.testing.assert_array_equal(X, [[1, 2], [3, 4]])


def test_warnings_are_shown(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("1,2\n1,2\n3,4\n3,4\n")
    assert main([str(path), "--components", "3"]) == 0
    assert "warning: X has 2 distinct samples" in capsys.readouterr().err


def test_a_prior(tmp_path, capsys):
    path = tmp_path / "two.csv"
    path.write_text("x,y\n" + "1,1\n1,1\n5,6\n6,4\n7,5\n5,7\n")
    assert main([str(path), "--components", "2", "--prior", "auto"]) == 0
    assert "reg_covar" not in capsys.readouterr().err
    assert main([str(path), "--prior", "strong"]) == 2
    assert "--prior" in capsys.readouterr().err
