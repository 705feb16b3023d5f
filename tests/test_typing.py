"""Type checkers and editors know attributes, methods and options."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

import skgmm
from skgmm import GaussianMixtureClassifier, GaussianMixtureEM, GaussianMixtureRegressor
from skgmm import GaussianMixtureSearch as Search
from skgmm._starts.methods import PARTITIONS, SEEDS, InitMethod
from skgmm.covariance import STRUCTURES, CovarianceType, find_structure

SCRIPT = Path(__file__).parent / "typing" / "user_script.py"
PACKAGES = Path(skgmm.__file__).parents[1]


def check(*command, **variables):
    """Run a type checker, whose output is the message of the failure."""
    result = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **variables},
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="needs mypy")
def test_mypy_accepts_a_users_script():
    # Of an editable install, mypy does not find the package by itself.
    path = {} if "site-packages" in PACKAGES.parts else {"MYPYPATH": str(PACKAGES)}
    options = ["--strict", "--no-incremental", "--config-file", os.devnull]
    check("mypy", *options, "--follow-imports", "silent", str(SCRIPT), **path)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("basedpyright") is None, reason="needs basedpyright")
def test_pyright_accepts_a_users_script(tmp_path):
    project = tmp_path / "pyrightconfig.json"
    settings = {
        "include": [str(SCRIPT)],
        "extraPaths": [str(PACKAGES)],
        "typeCheckingMode": "standard",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "enableTypeIgnoreComments": False,
    }
    project.write_text(json.dumps(settings))
    check("basedpyright", "--project", str(project), "--pythonpath", sys.executable)


def test_declared_attributes_have_no_values():
    for cls in (GaussianMixtureEM, Search, GaussianMixtureClassifier, GaussianMixtureRegressor):
        estimator = cls()
        fitted = [name for name in dir(estimator) if name.endswith("_") and name[0] != "_"]
        assert fitted == []
        with pytest.raises(NotFittedError):
            check_is_fitted(estimator)


def test_options_for_editors_are_those_that_exist():
    names = get_args(CovarianceType)
    ours = [s for s in STRUCTURES.values() if type(s).__module__.startswith("skgmm.")]
    known = {name for s in ours for name in (s.name, *s.aliases)}
    assert set(names) == known
    assert all(find_structure(name) for name in names)
    assert set(get_args(InitMethod)) == {"auto", *PARTITIONS, *SEEDS}
