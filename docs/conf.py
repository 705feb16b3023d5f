"""Sphinx configuration."""

import os
import sys
from pathlib import Path

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
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # formulas without a network
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery"]
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
# Parameters have their types in the text below; in the signature they hide the defaults.
autodoc_typehints = "none"

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
}

html_theme = "pydata_sphinx_theme"
html_title = "skgmm"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
}
# Pages without pages below them need no list of these.
html_sidebars = {name: [] for name in ("start", "theory", "api", "changelog")}
html_static_path = ["_static"]
html_css_files = ["skgmm.css"]
html_show_sourcelink = False
