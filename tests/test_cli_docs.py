"""The documentation page of the skgmm command says what the command does."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from skgmm.__main__ import main
from skgmm._applications.command._options import Parser

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "command.rst"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="needs the sources of the documentation")


def test_the_table_lists_every_option():
    described = set(re.findall(r"``(--[\w-]+|file)\b", PAGE.read_text().split("\nOptions\n")[1]))
    options = {
        option
        for action in Parser()._actions
        for option in action.option_strings or [action.dest]
        if option != "-h"
    }
    assert options == described


def test_the_examples_run(tmp_path, faithful, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savetxt("data.csv", faithful, delimiter=",", header="a,b", comments="")
    shutil.copy("data.csv", "new.csv")
    examples = re.findall(r"^   \$ (.*)$", PAGE.read_text(), flags=re.MULTILINE)
    commands = [shlex.split(line, comments=True) for line in examples]
    assert len(commands) >= 6
    for words in commands:
        if words[0] != "skgmm":  # a pipe: other tests write to standard input
            words = ["skgmm", "data.csv", *words[words.index("skgmm") + 1 :]]
        assert main(words[1:]) == 0, words
        assert capsys.readouterr().out
    written = {path.name for path in tmp_path.iterdir()} - {"data.csv", "new.csv"}
    assert written == {"labels.csv", "plot.png", "model.json"}
