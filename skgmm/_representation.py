"""How estimators show themselves in notebooks: scikit-learn's tables, with links to our docs."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def documentation() -> str:
    """Address of the documentation, "" if none is known.

    The metadata of the package (`[project.urls]` in pyproject.toml) is the one place that holds it.
    """
    try:
        entries = metadata.metadata("skgmm").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:  # a copy of the folder on the path
        return ""
    for entry in entries:
        label, _, address = entry.partition(",")
        if label.strip().lower() == "documentation":
            return address.strip().rstrip("/")
    return ""


class RepresentationMixin:
    """Links of the HTML representation, in the protocol of scikit-learn's own mixin."""

    _doc_link_module = "skgmm"

    @property
    def _doc_link_template(self) -> str:
        # Of nothing, scikit-learn makes no link.
        return f"{documentation()}/api.html" if documentation() else ""
