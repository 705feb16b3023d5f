"""Missing values in all their forms are read as NaN, or refused with what does not take them."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureEM, GaussianMixtureSearch
from skgmm.display import MixtureDisplay

pa = pytest.importorskip("pyarrow")

N = 60
X = np.random.default_rng(0).normal(size=(N, 2))
DAYS = pd.date_range("2020-01-01", periods=N)


def put(value, row=3, column=1, dtype=object):
    """X with one other value."""
    array = X.astype(dtype)
    array[row, column] = value
    return array


def frame(**columns):
    return pd.DataFrame({"a": X[:, 0], **columns})


ODD = np.arange(N) % 2 == 1
MISSING = [
    (put(np.nan, dtype=float), put(np.nan, dtype=float)),
    (put(np.nan, dtype=np.float32), put(np.nan, dtype=np.float32)),
    (put(None), put(np.nan, dtype=float)),
    (put(pd.NA), put(np.nan, dtype=float)),
    (frame(b=put(pd.NA)[:, 1]), put(np.nan, dtype=float)),
    (frame(b=put(np.nan, dtype=float)[:, 1]).set_axis(DAYS), put(np.nan, dtype=float)),
    *(
        (given, np.column_stack([X[:, 0], np.where(ODD, np.nan, np.arange(N))]))
        for given in (
            frame(b=pd.array([None if odd else n for n, odd in enumerate(ODD)], dtype="Int64")),
            frame(b=pd.array(np.where(ODD, None, np.arange(N)), dtype="Float64")),
            frame(b=pd.array(np.where(ODD, None, np.arange(N)), dtype="int64[pyarrow]")),
            pl.DataFrame({"a": X[:, 0], "b": [None if odd else n for n, odd in enumerate(ODD)]}),
            pa.table({"a": X[:, 0], "b": [None if odd else n for n, odd in enumerate(ODD)]}),
        )
    ),
    (frame(b=pd.array([None, True, False] * (N // 3), dtype="boolean")), None),
    (np.ma.array(X, mask=X > 1), np.where(X > 1, np.nan, X)),
    (list(np.ma.array(X, mask=X > 1)), np.where(X > 1, np.nan, X)),
    (np.ma.array(X.astype(np.float32), mask=X > 1), None),
]


@pytest.mark.parametrize(("given", "array"), MISSING, ids=lambda given: type(given).__name__)
def test_missing_values_are_read_as_nan(given, array):
    fitted = GaussianMixtureEM(2, max_iter=3, random_state=0, reg_covar=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = fitted.fit(given)
        if array is not None:
            again = clone(fitted).fit(array)
            np.testing.assert_array_equal(mixture.means_, again.means_)
            np.testing.assert_array_equal(mixture.predict_proba(given), again.predict_proba(array))
    names = getattr(given, "column_names", getattr(given, "columns", None))
    if names is not None:
        assert list(mixture.feature_names_in_) == list(names)


@pytest.mark.parametrize(
    "given",
    [put(np.nan, dtype=float), put(pd.NA), np.ma.array(X, mask=X > 1)],
    ids=["NaN", "NA", "masked"],
)
def test_plots_show_incomplete_samples_where_they_can_be(given):
    collections = pytest.importorskip("matplotlib.collections")
    mixture = GaussianMixtureEM(2, random_state=0).fit(given)
    plane = MixtureDisplay.from_estimator(mixture, given, features=[0, 1])
    n_complete = int((~np.isnan(plane.rows)).all(axis=1).sum())
    markers = [c for c in plane.ax_.collections if isinstance(c, collections.PathCollection)]
    n_drawn = sum(np.isfinite(m.get_offsets()).all(axis=1).sum() for m in markers)
    assert n_drawn == n_complete < N
    principal = MixtureDisplay.from_estimator(mixture, given, features="principal")
    assert np.isfinite(principal.rows).all()
    histogram = MixtureDisplay.from_estimator(mixture, given, features=[1])
    area = sum(bar.get_height() * bar.get_width() for bar in histogram.ax_.patches)
    assert area == pytest.approx(1.0)


def test_a_feature_never_observed_is_named():
    bad = frame(b=np.nan, c=1.0)
    weights = np.where(np.arange(N) < 3, 0.0, 1.0)
    for estimator in (GaussianMixtureEM(1), GaussianMixtureSearch([1])):
        with pytest.raises(ValueError, match="NaN in every sample of column 'b': nothing can be"):
            estimator.fit(bad)
        rare = X.copy()
        rare[3:, 1] = np.nan
        with pytest.raises(ValueError, match="in every sample of positive weight of feature 1"):
            estimator.fit(rare, sample_weight=weights)
    # Once fitted, such a table is as good as any.
    assert GaussianMixtureEM(1).fit(X).predict(np.full((3, 2), np.nan)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_beside_missing_values_is_an_error(value):
    bad = put(value, dtype=float)
    bad[0, 0] = np.nan
    fitted = GaussianMixtureEM(1).fit(X)
    for method in (GaussianMixtureEM(1).fit, fitted.predict, fitted.score, fitted.impute):
        with pytest.raises(ValueError, match=r"infinity .* feature 1 \(first in row 3\).*by NaN"):
            method(bad)
