"""The shape of the house: imports point downward, and cost no more than scikit-learn's."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skgmm

PACKAGE = Path(skgmm.__file__).parent

# Upper rooms first. A room may import from the rooms below it, not from itself or above.
ROOMS = [
    "__main__",
    "_command.__init__",
    "_command._input",
    "_command._output",
    "_command._streams",
    "_command._csv",
    "display.__init__",
    "display._criterion",
    "display._convergence",
    "display._uncertainty",
    "display._mixture",
    "display._drawing",
    "display._view",
    "display._style",
    "__init__",
    "_show_versions",
    "model_selection.__init__",
    "model_selection._search",
    "model_selection._bootstrap",
    "model_selection._uncertainty",
    "model_selection._information",
    "model_selection._cross_validation",
    "model_selection._table",
    "model_selection._scorers",
    "model_selection._sweep",
    "model_selection._tasks",
    "model_selection._candidates",
    "model_selection._nesting",
    "_mixture",
    "_streams",
    "_inference",
    "_summary",
    "_partial",
    "_reading",
    "_dask_input",
    "_dask",
    "_chunks",
    "_block_rows",
    "_survey",
    "_totals",
    "_sources",
    "_parquet",
    "_npy",
    "_block",
    "_files",
    "_fitting",
    "_merging",
    "_streaming",
    "_escape",
    "_starts",
    "_race",
    "_validation",
    "_array_input",
    "_bad_values",
    "_sklearn_compat",
    "_representation",
    "_version",
    "_following",
    "_callbacks",
    "_verbose",
    "_restarts",
    "_workers",
    "_collapse",
    "_em",
    "_acceleration",
    "_moment_coordinates",
    "_coordinates",
    "_progress",
    "_result",
    "_initialization",
    "_kmeans",
    "_iterations",
    "_problem",
    "_rows",
    "_sample",
    "_expectation",
    "_parameters",
    "covariance.__init__",
    "covariance._coordinates",
    "covariance._common_axes",
    "covariance._own_axes",
    "covariance._ellipsoidal",
    "covariance._spherical",
    "covariance._axis_aligned",
    "covariance._volumes",
    "covariance._axes",
    "covariance._structure",
    "covariance._base",
    "_moments",
    "_fitted",
    "_threads",
    "_kernels.__init__",
    "_linalg",
]


def imported_rooms(path):
    """Rooms of skgmm that a file imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("skgmm"):
            base = node.module.removeprefix("skgmm").removeprefix(".")
            if base == "_kernels._native":  # compiled; it imports nothing
                continue
            for name in node.names:
                full = f"{base}.{name.name}".removeprefix(".")
                if full in ROOMS:
                    yield full
                elif f"{full}.__init__" in ROOMS:
                    yield f"{full}.__init__"
                elif base in ROOMS:
                    yield base
                else:
                    yield f"{base}.__init__".removeprefix(".")
        elif isinstance(node, ast.Import):
            for name in node.names:
                assert not name.name.startswith("skgmm"), "use from-imports within the package"


def test_every_module_has_a_room():
    modules = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
    }
    assert modules == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_downward(room):
    path = PACKAGE.joinpath(*room.split(".")).with_suffix(".py")
    lower = ROOMS[ROOMS.index(room) + 1 :]
    upward = [other for other in imported_rooms(path) if other not in lower]
    assert not upward, f"{room} imports from {upward}"


def test_data_side_and_model_side_meet_only_in_moments():
    """The M-step never sees a row; the E-step never asks which structure it serves."""
    model = [room for room in ROOMS if room.startswith("covariance.")]
    for room in [*model, "_parameters", "_moments"]:
        path = PACKAGE.joinpath(*room.split(".")).with_suffix(".py")
        assert not {"_expectation", "_rows"} & set(imported_rooms(path))
    for room in ["_expectation", "_sample", "_rows"]:
        assert not set(imported_rooms(PACKAGE / f"{room}.py")) & {*model, "_problem"}


def test_no_switch_on_the_name_of_a_structure():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                names = ("'full'", "'tied'", "'diag'", "'spherical'")
                assert not any(name in text for name in names), f"{path.name}: {text}"


def run_python(code):
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout.split()


def test_importing_costs_no_more_than_importing_sklearn_mixture():
    """The same modules, but for our own: compare sets, not seconds."""
    listing = "import sys; print(*sorted(sys.modules))"
    theirs = set(run_python(f"import sklearn.mixture; {listing}"))
    ours = set(run_python(f"import skgmm; {listing}"))
    assert {name for name in ours - theirs if not name.startswith("skgmm")} == set()
