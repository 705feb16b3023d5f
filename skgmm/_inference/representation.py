"""How estimators show themselves in notebooks: scikit-learn's tables, with links to our docs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from html import escape
from importlib import metadata
from inspect import isfunction
from typing import TypeVar

from sklearn.utils import estimator_html_repr

Class = TypeVar("Class", bound=type)


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


def named_after(owner: str) -> Callable[[Class], Class]:
    """Methods of a mixin call themselves those of the class that users know.

    Python's messages name them: "GaussianMixtureEM.predict() missing 1 required ...".
    """

    def rename(mixin: Class) -> Class:
        for name, member in vars(mixin).items():
            method = member.__func__ if isinstance(member, classmethod) else member
            while isfunction(method):
                method.__qualname__ = f"{owner}.{name}"
                method = getattr(method, "__wrapped__", None)
        return mixin

    return rename


class RepresentationMixin:
    """Links and status of the HTML representation, in the protocol of scikit-learn's own mixin."""

    _doc_link_module = "skgmm"

    @property
    def _doc_link_template(self) -> str:
        # Of nothing, scikit-learn makes no link.
        return f"{documentation()}/api.html" if documentation() else ""

    def _html_repr(self) -> str:
        """As scikit-learn's, which cuts long attributes, with the whole status of the fit."""
        status = getattr(self, "status_", None)
        line = "" if status is None else f"<p>Status of the fit: {escape(status)}</p>"
        return str(estimator_html_repr(self)) + line
