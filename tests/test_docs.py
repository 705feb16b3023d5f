"""What a build of the documentation cannot notice."""

import inspect
import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

import skgmm
import skgmm.covariance
import skgmm.display
import skgmm.model_selection

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "docs/gallery").glob("plot_*.py"))
MODULES = (skgmm, skgmm.display, skgmm.model_selection)
CLASSES = sorted(
    {
        value
        for module in MODULES
        for value in map(module.__dict__.get, module.__all__)
        if inspect.isclass(value)
    },
    key=lambda cls: cls.__name__,
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_run_as_a_file_shows_its_figures(example):
    assert example.read_text(encoding="utf-8").endswith("plt.show()\n")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_public_name_has_a_page(module):
    listed = set(re.findall(r"^   ([\w.]+)$", (ROOT / "docs/api.rst").read_text(), re.M))
    prefix = module.__name__.removeprefix("skgmm").removeprefix(".")
    top_level = {"__version__", *(skgmm.__all__ if module is not skgmm else ())}
    modules = {name for name in module.__all__ if inspect.ismodule(getattr(module, name))}
    names = set(module.__all__) - top_level - modules
    assert {f"{prefix}.{name}".lstrip(".") for name in names} <= listed


def attributes_without_text(docstring):
    """Names in the section Attributes below which there is no indented line."""
    section = re.search(r"^Attributes\n-+\n(.*?)(?=^\S[^\n]*\n---|\Z)", docstring, re.M | re.S)
    lines = section[1].splitlines() if section else []
    following = [*lines[1:], ""]
    return [
        line
        for line, after in zip(lines, following, strict=False)
        if line and line[0] != " " and not after.startswith(" ")
    ]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_attribute_has_a_text(cls):
    assert attributes_without_text(inspect.getdoc(cls)) == []


def test_attributes_without_text_are_found():
    docstring = "One.\n\nAttributes\n----------\na : int\n    A.\nb : int\n\nNotes\n-----\nx\n"
    assert attributes_without_text(docstring) == ["b : int"]


def texts():
    for pattern in ("*.md", "docs/*.rst", "docs/*/*.rst", "docs/gallery/*.py", "skgmm/**/*.py"):
        for path in ROOT.glob(pattern):
            if not {"auto_examples", "generated"} & set(path.parts):
                yield path, path.read_text(encoding="utf-8")


def test_no_remedy_installs_the_package_from_a_registry():
    """It is not published; the name may belong to somebody else."""
    named = re.compile(r"pip install [^\n`&]*\bskgmm\b(?!/)")
    assert [str(path) for path, text in texts() if named.search(text)] == []


def test_no_cell_of_a_simple_table_is_wrapped():
    """The second line of a wrapped cell becomes a row of its own: list-table takes long cells."""
    border = re.compile(r"^=+( +=+)+$")
    wrapped = []
    for path, text in texts():
        lines = text.splitlines()
        borders = [i for i, line in enumerate(lines) if border.match(line)]
        for begin, end in pairwise(borders):
            if "" not in lines[begin:end]:
                wrapped += [f"{path}:{i}" for i in range(begin, end) if lines[i].startswith(" ")]
    assert wrapped == []


def test_pypi_shows_the_readme_without_images_that_it_cannot_load():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    readme = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "![" in text
    for rule in readme["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    assert "](docs/" not in text
