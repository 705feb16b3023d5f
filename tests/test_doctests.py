"""Examples in docstrings run."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

import skgmm

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(skgmm.__path__, "skgmm.")
    if not module.name.endswith("__main__")
)


OPTIONAL = {
    "skgmm._rows.dask_chunks": "dask",
    "skgmm._rows.dask_rows": "dask",
    "skgmm._rows.dask_input": "dask",
    "skgmm._rows.parquet": "pyarrow",
    "skgmm.onnx": "skl2onnx",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    if name in OPTIONAL:
        pytest.importorskip(OPTIONAL[name])
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_estimator_has_examples():
    finder = doctest.DocTestFinder(recurse=True)
    examples = [t for t in finder.find(skgmm.GaussianMixtureEM, module=False) if t.examples]
    assert len(examples) >= 2


def test_the_ten_lines_of_the_readme_run(capsys):
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    names = {}
    for program in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(program, names)
    assert "Ended: converged" in capsys.readouterr().out
    plt.close("all")
