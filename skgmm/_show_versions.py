"""What a bug report should begin with."""

import platform
import sys
from importlib.metadata import version

from skgmm import _kernels
from skgmm._threads import available_threads


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
