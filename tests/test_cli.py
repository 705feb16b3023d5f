"""The skgmm command."""

import csv
import subprocess
import sys

import numpy as np
import pytest

from skgmm.__main__ import main, read_csv


def test_without_arguments_it_fits_old_faithful(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    for text in ("eruptions", "waiting", "weight 0.64", "weight 0.35", "-1130.2", "BIC: 2322.1"):
        assert text in printed
    assert "Ended: converged after" in printed


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
        ("a,b,c\n1,2,x\n2,3,y\n3,,z\n", r"'b' \(line 4: ''\), 'c' \(line 2: 'x'\)"),
        ("1,2\n3\n", "line 2: 1 columns, but the first line has 2"),
        ("", "is empty"),
        ("a,b\n", "has a header but no rows"),
        ("NA,NA\n1,2\n2,3\n", r"'x0' \(line 1: 'NA'\), 'x1'"),
        ("a,b\n1,nan\n2,3\n", r"'b' \(line 2: 'nan'\)"),
    ],
)
def test_bad_files_are_explained(text, message, tmp_path, capsys):
    with pytest.raises(ValueError, match=message):
        read_csv(text, "data.csv")
    path = tmp_path / "data.csv"
    path.write_text(text)
    assert main([str(path)]) == 2
    assert capsys.readouterr().err.startswith("skgmm: ")


def test_other_errors_are_one_line(tmp_path, faithful, capsys):
    assert main([str(tmp_path / "absent.csv")]) == 2
    path = tmp_path / "data.csv"
    np.savetxt(path, faithful, delimiter=",")
    assert main([str(path), "--components", "0"]) == 2
    assert main([str(path), "--components", "300"]) == 2
    error = capsys.readouterr().err
    assert "absent.csv" in error
    assert "n_components" in error
    assert "Traceback" not in error


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
    assert "warning: X has 2 distinct rows" in capsys.readouterr().err
