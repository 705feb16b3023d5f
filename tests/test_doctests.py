"""Examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import skgmm

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(skgmm.__path__, "skgmm.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_estimator_has_examples():
    finder = doctest.DocTestFinder(recurse=True)
    examples = [t for t in finder.find(skgmm.GaussianMixtureEM, module=False) if t.examples]
    assert len(examples) >= 2
