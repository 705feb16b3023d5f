"""Sphinx configuration."""

import inspect
import os
import sys
import warnings
from pathlib import Path

import skgmm
import skgmm.covariance
import skgmm.display
from skgmm import __version__

sys.path.insert(0, str(Path(__file__).parent / "figures"))

# Reports fit the width of the terminal. In the documentation they do not depend on the builder's.
os.environ["COLUMNS"] = "80"

project = "skgmm"
author = "The skgmm developers"
copyright = "2026, The skgmm developers"  # noqa: A001
release = version = __version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",  # formulas without a network
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery"]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # a function in sphinx_gallery_conf
nitpicky = True  # a reference that leads nowhere is a warning
# numpydoc makes references of attributes that are properties.
nitpick_ignore = [("py:obj", "n_iter_")]
autosummary_generate = True
autosummary_generate_overwrite = True
autosummary_imported_members = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# Parameters have their types in the text below; in the signature they hide the defaults.
autodoc_typehints = "none"


def own_methods(cls):
    """Public methods that are not scikit-learn's own; `set_callbacks` has examples in the guide."""
    return [
        name
        for name, value in inspect.getmembers(cls, callable)
        if not name.startswith("_")
        and (
            (getattr(value, "__module__", None) or "").startswith("skgmm")
            or name == "set_callbacks"
        )
    ]


autosummary_context = {
    "own_methods": {
        f"{module.__name__}.{name}": own_methods(getattr(module, name))
        for module in (skgmm, skgmm.display, skgmm.covariance, skgmm.model_selection)
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
    }
}

# The few names that these pages refer to, so that a build needs no network: docs/inventories.
intersphinx_mapping = {
    name: (url, f"inventories/{name}.inv")
    for name, url in {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
        "scipy": "https://docs.scipy.org/doc/scipy/",
        "sklearn": "https://scikit-learn.org/stable/",
        "joblib": "https://joblib.readthedocs.io/en/stable/",
        "pandas": "https://pandas.pydata.org/docs/",
        "matplotlib": "https://matplotlib.org/stable/",
        "pyarrow": "https://arrow.apache.org/docs/",
    }.items()
}

doctest_global_setup = """
try:
    import dask
except ImportError:
    dask = None
"""

plot_basedir = "figures"
plot_formats = [("png", 160)]
plot_html_show_source_link = False
plot_html_show_formats = False


running = []


def strict(gallery_conf, fname, when):
    """Warnings end an example, as errors do: readers would ask what they mean."""
    while running:
        running.pop().__exit__(None, None, None)
    if when == "before":
        running.append(warnings.catch_warnings(action="error"))
        running[-1].__enter__()
        # plt.show() without a screen
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")


sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "FileNameSortKey",
    "image_srcset": ["2x"],
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 3600,
    "capture_repr": (),
    "reset_modules": ("matplotlib", strict),
    "reset_modules_order": "both",
    # Pages of the API list the examples that use what they describe, and programs link to them.
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skgmm",),
    "reference_url": {"skgmm": None},
}

html_theme = "pydata_sphinx_theme"
html_title = "skgmm"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
}
html_context = {"default_mode": "auto"}  # light or dark as the reader's system
# Pages without pages below them need no list of these.
html_sidebars = {name: [] for name in ("start", "theory", "changelog")}
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["skgmm.css"]
html_show_sourcelink = False
