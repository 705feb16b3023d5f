"""The shape of the house: imports point downward, and cost no more than scikit-learn's."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skgmm

PACKAGE = Path(skgmm.__file__).parent
ROOT = Path(__file__).parents[1]

# Upper layers first. A module imports from its own package and from layers below, never from above.
# A folder within a package may be a layer of its own.
LAYERS = [
    "__main__",
    "_applications",
    "_applications.command",
    "display",
    "testing",
    "__init__",
    "onnx",
    "_applications.supervised",
    "model_selection",
    "_mixture",
    "_inference.export",
    "_partial_fit",
    "_streaming",
    "_inference",
    "_fitting",
    "_inference.report",
    "_inference.representation",
    "_progress",
    "_starts",
    "_em",
    "_objective",
    "_prior",
    "_fixed",
    "_validation",
    "_rows",
    "_parameters",
    "covariance",
    "_moments",
    "_fitted",
    "_version",
    "_threads",
    "_kernels",
    "_sklearn_compat",
    "_linalg",
    "_datasets",
]

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
)


def path_of(module):
    return PACKAGE.joinpath(*module.split(".")).with_suffix(".py")


def imported_modules(module):
    """Modules of skgmm that a module imports from."""
    for node in ast.walk(ast.parse(path_of(module).read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                assert not name.name.startswith("skgmm"), "use from-imports within the package"
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("skgmm"):
            continue
        base = node.module.removeprefix("skgmm").removeprefix(".")
        if base == "_kernels._native":  # compiled; it imports nothing
            continue
        for name in node.names:
            full = f"{base}.{name.name}".removeprefix(".")
            candidates = (full, f"{full}.__init__", base, f"{base}.__init__".removeprefix("."))
            yield next(candidate for candidate in candidates if candidate in MODULES)


def layer_of(module):
    parts = module.split(".")
    prefixes = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return LAYERS.index(next(prefix for prefix in prefixes if prefix in LAYERS))


def test_every_layer_has_modules():
    assert {layer_of(module) for module in MODULES} == set(range(len(LAYERS)))


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_to_the_same_package_or_to_lower_layers(module):
    own = layer_of(module)
    packaged = "." in module
    upward = [
        other
        for other in imported_modules(module)
        if layer_of(other) < own or (layer_of(other) == own and not packaged)
    ]
    assert not upward, f"{module} imports from {upward}"


def test_few_names_at_the_top_level():
    """A newcomer reads the folder: at most 19 modules beside the entry points, and 9 packages."""
    modules = {module for module in MODULES if "." not in module} - {"__init__", "__main__"}
    packages = {module.split(".")[0] for module in MODULES if "." in module}
    assert len(modules) <= 19
    assert len(packages) <= 9


def test_no_import_cycle():
    remaining = {module: set(imported_modules(module)) - {module} for module in MODULES}
    while remaining:
        free = [module for module, needs in remaining.items() if not needs & set(remaining)]
        assert free, f"these modules import each other: {sorted(remaining)}"
        for module in free:
            del remaining[module]


@pytest.mark.parametrize("package", ["covariance", "_em"])
def test_the_model_side_never_imports_the_data_side(package):
    """The M-step and the EM loop see Moments, never data."""
    for module in MODULES:
        if module.startswith(f"{package}."):
            data_side = [o for o in imported_modules(module) if o.startswith("_rows")]
            assert not data_side, f"{module} imports from {data_side}"


def test_the_data_side_never_imports_the_model_side():
    """The E-step never asks which structure it serves, only which form of scatter to return."""
    for module in MODULES:
        if module.startswith("_rows."):
            model_side = [o for o in imported_modules(module) if o.startswith("covariance")]
            assert not model_side, f"{module} imports from {model_side}"


def test_no_switch_on_the_name_of_a_structure():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                text = ast.unparse(node)
                names = ("'full'", "'tied'", "'diag'", "'spherical'")
                assert not any(name in text for name in names), f"{path.name}: {text}"


def test_only_covariances_know_how_they_are_kept():
    """Others ask questions (`whiten`, `of`, ...); `kernel_factors` is for the kernel."""
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("covariance/"):
            assert not re.search(r"\.factor\b", path.read_text()), f"{name}: ask the covariance"


# Of lines. Longer is only the public class, most of which is its documentation.
LONGEST_FILE = 350
LONGER = {"_mixture.py"}


def test_no_source_file_is_long():
    sources = [p for p in PACKAGE.rglob("*") if p.suffix in (".py", ".cpp", ".hpp")]
    assert len(sources) > 100
    lines = {p.relative_to(PACKAGE).as_posix(): len(p.read_text().splitlines()) for p in sources}
    long = {name: n for name, n in lines.items() if n > LONGEST_FILE and name not in LONGER}
    assert not long, f"split these along their ideas: {long}"


def run_python(code):
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    return result.stdout.split()


@pytest.mark.slow
def test_importing_costs_no_more_than_importing_sklearn_mixture():
    """The same modules, but for our own: compare sets, not seconds."""
    listing = "import sys; print(*sorted(sys.modules))"
    theirs = set(run_python(f"import sklearn.mixture; {listing}"))
    ours = set(run_python(f"import skgmm; {listing}"))
    assert {name for name in ours - theirs if not name.startswith("skgmm")} == set()


def test_properties_are_cached_without_a_lock():
    """See `_threads.cached_property`."""
    for path in PACKAGE.rglob("*.py"):
        if path.name != "_threads.py":
            assert "functools import cached_property" not in path.read_text(), path


@pytest.mark.parametrize("page", ["where_to_change", "architecture", "add_a_data_source"])
def test_files_that_the_development_pages_name_exist(page):
    text = (ROOT / "docs" / "development" / f"{page}.rst").read_text()
    names = re.findall(r"``([\w/]+(?:\.py|\.cpp|/))``", text)
    assert names
    missing = [name for name in names if not any(ROOT.rglob(name.rstrip("/")))]
    assert not missing
