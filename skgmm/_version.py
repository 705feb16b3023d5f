"""The version of skgmm, and pickles that carry it."""

from __future__ import annotations

import platform
import sys
import warnings
from importlib.metadata import version
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from skgmm import _kernels
from skgmm._threads import available_threads

__version__ = "0.1.0"


class VersionedPickleMixin:
    """Pickles with the version that wrote them; to read those of another one warns.

    scikit-learn does the same, for its own classes only.
    """

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {**state, "_skgmm_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        written_by = state.get("_skgmm_version", "unknown")
        if written_by != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=f"skgmm {__version__}",
                    original_sklearn_version=f"skgmm {written_by}",
                ),
                stacklevel=2,
            )
        own = {name: value for name, value in state.items() if name != "_skgmm_version"}
        super().__setstate__(own)  # type: ignore[misc]


def show_versions() -> None:
    """Print versions, the instruction set of the kernel and the number of threads.

    Examples
    --------
    >>> import skgmm
    >>> skgmm.show_versions()  # doctest: +ELLIPSIS
    skgmm...
    """
    for name in ("skgmm", "numpy", "scipy", "scikit-learn", "joblib", "threadpoolctl"):
        print(f"{name:22}{version(name)}")
    print(f"{'python':22}{sys.version.split()[0]} on {platform.platform()}")
    print(f"{'kernel':22}{_kernels.active()} (of {', '.join(_kernels.available())})")
    print(f"{'threads':22}{available_threads(None)}")
