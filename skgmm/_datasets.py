"""Data sets for examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

FAITHFUL = Path(__file__).parent / "data" / "faithful.csv"

_ABOUT = """Eruptions of Old Faithful in Yellowstone National Park, in minutes: how long each took,
and how long it was until the next one (Azzalini & Bowman 1990, A look at some data on the Old
Faithful geyser, Applied Statistics 39, 357-365; in the version of R, from Härdle 1991)."""


def load_faithful(*, as_frame: bool = False) -> Bunch:
    """272 eruptions of Old Faithful: duration, and time until the next eruption, in minutes.

    Parameters
    ----------
    as_frame : bool, default=False
        Whether `data` is a data frame (needs pandas) instead of an array.

    Returns
    -------
    faithful : Bunch
        With `data` (272, 2), `feature_names`, `filename` and `DESCR`, as scikit-learn's data sets.

    Examples
    --------
    >>> from skgmm import GaussianMixtureEM, load_faithful
    >>> X = load_faithful().data
    >>> GaussianMixtureEM(2, random_state=0).fit(X).weights_.round(2)
    array([0.36, 0.64])
    """
    with FAITHFUL.open(encoding="utf-8") as file:
        names = [name.strip('"') for name in file.readline().strip().split(",")]
        data = np.loadtxt(file, delimiter=",")
    if as_frame:
        import pandas as pd

        data = pd.DataFrame(data, columns=names)
    return Bunch(data=data, feature_names=names, filename=str(FAITHFUL), DESCR=_ABOUT)
