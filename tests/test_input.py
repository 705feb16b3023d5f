"""Input of every kind is read as it is meant, or refused with what is wrong and where."""

import datetime
import os
import re
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureEM, RowBlocks, UniformNoise
from skgmm.model_selection import GaussianMixtureSearch

pa = pytest.importorskip("pyarrow")

N = 60
X = np.random.default_rng(0).normal(size=(N, 2))
DAYS = pd.date_range("2020-01-01", periods=N)
HALF = N // 2


def put(value, row=3, column=1, dtype=object):
    """X with one other value."""
    array = X.astype(dtype)
    array[row, column] = value
    return array


def frame(**columns):
    return pd.DataFrame({"a": X[:, 0], **columns})


@pytest.fixture(scope="module")
def mixture():
    return GaussianMixtureEM(1).fit(X)


# Numbers of every kind


@pytest.mark.parametrize(
    "given",
    [
        X > 0,
        X.astype(np.float16),
        X.astype(np.longdouble),
        X.astype(">f8"),
        X.astype(object),
        np.random.default_rng(0).integers(2**63, 2**64 - 1, size=(N, 2), dtype=np.uint64),
        np.vectorize(Decimal)(X),
        np.ma.array(X),
        np.ma.array(X, mask=np.zeros_like(X, dtype=bool)),
        X.tolist(),
        list(X),
        frame(b=pd.array(range(N), dtype="Int64")),
        frame(b=pd.Categorical([10, 20] * HALF)),
        frame(b=[Decimal(i) for i in range(N)]),
        pl.DataFrame({"a": X[:, 0], "b": X[:, 1] > 0}),
        pa.table({"a": X[:, 0], "b": range(N)}),
        pa.table({"a": [Decimal(i) for i in range(N)], "b": X[:, 1]}),
    ],
    ids=lambda given: f"{type(given).__name__}-{getattr(given, 'dtype', '')}",
)
def test_numeric_types_of_other_libraries_are_read(given):
    array = given.to_pandas().to_numpy() if isinstance(given, pa.Table) else np.asarray(given)
    expected = array.astype(np.float64).mean(axis=0)
    in_blocks = RowBlocks.from_iterable(lambda: [given[:7], given[7:]])
    for rows in (given, in_blocks):
        np.testing.assert_allclose(GaussianMixtureEM(1).fit(rows).means_[0], expected, rtol=1e-12)


# What is no finite number

BAD = [
    (put(np.inf, dtype=float), r"Input X contains infinity .* in feature 1 \(first in row 3\)\."),
    (put(np.inf, dtype=np.float16), r"infinity .* in feature 1 \(first in row 3\)\."),
    (put(np.longdouble("1e4000"), dtype=np.longdouble), r"infinity .* in feature 1 \(first in row"),
    (put(10**400), r"too large .* in feature 1 \(first in row 3\)\."),
    (put("x"), r"could not convert string to float: 'x'.* text in feature 1 \(first in row 3: 'x'"),
    (put({}), r"number, not 'dict'.* values of type dict in feature 1 \(first in row 3: '{}'\)"),
    (put(1j), r"values of type complex in feature 1 \(first in row 3: '1j'\)"),
    (X + 0j, r"^Complex data not supported\. X has values of type complex128 in feature 0"),
    (X.view([("u", float), ("v", float)]), r"structured array with the fields u, v\. Use numpy\."),
    (
        frame(b=put(np.inf, dtype=float)[:, 1]).set_axis(DAYS),
        r"Input X contains infinity .* in column 'b' \(first in row 3, index 2020-01-04",
    ),
    (
        frame(b=np.nan, c=np.inf, d=1.0, e=np.nan),
        r"Input X contains infinity or a value too large for float64 in column 'c' \(first",
    ),
    (
        frame(b=np.nan, d=1.0, e=np.nan),
        r"Input X contains NaN in every sample of column 'b', column 'e': nothing can be learned",
    ),
    (frame(b="x", c="1.5"), r"text in column 'b' \(first in row 0: 'x'\)\. Drop columns of text"),
    (frame(b=pd.Categorical(["u", "v"] * HALF)), r"text in column 'b' \(first in row 0: 'u'\)"),
    (frame(b=X[:, 1] + 0j), r"values of type complex128 in column 'b'"),
    (
        pd.DataFrame({"a": pd.arrays.SparseArray(X[:, 0])}),
        r"X is sparse, but dense data is required\. Use \.sparse\.to_dense\(\)",
    ),
    (pd.DataFrame(X, columns=["a", "a"]).assign(b="x"), r"text in column 'b'"),
    (pl.DataFrame({"a": ["x"] * N, "b": X[:, 1]}), r"text in column 'a' \(first in row 0: 'x'\)"),
    (pl.DataFrame({"a": [[1.0, 2.0]] * N}), r"values of type ndarray in column 'a' \(first in row"),
    (pl.DataFrame({"a": X[:, 0]}).lazy(), r"X is a lazy LazyFrame\. Use X\.collect\(\)"),
    (pa.table({"a": ["x"] * N, "b": X[:, 1]}), r"text in column 'a' \(first in row 0: 'x'\)"),
]


@pytest.mark.parametrize(("given", "message"), BAD)
def test_invalid_values_are_named_with_column_and_first_row(given, message, mixture):
    methods = [GaussianMixtureEM(2).fit, GaussianMixtureSearch([1]).fit]
    if isinstance(given, np.ndarray) and given.dtype.names is None:
        methods.append(mixture.predict)
    for method in methods:
        with pytest.raises((ValueError, TypeError), match=message) as caught:
            method(given)
        assert "HistGradientBoosting" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        put(np.inf, dtype=float),
        frame(b=put(np.inf, dtype=float)[:, 1]),
        pl.DataFrame(
            {
                "a": [None if n % 2 else n for n in range(2 * HALF)],
                "b": put(np.inf, dtype=float)[:, 1],
            }
        ),
    ],
    ids=lambda given: type(given).__name__,
)
def test_remedy_in_the_error_works(given):
    the_remedy_works(GaussianMixtureEM(1).fit, given)


def the_remedy_works(method, given):
    with pytest.raises(ValueError, match="Drop such samples") as caught:
        method(given)
    remedy = re.search(r"Drop such samples: (X[\[.].*?[\])])(?:,|\.$)", str(caught.value)).group(1)
    kept = eval(remedy, {"X": given, "np": np, "pl": pl})
    assert 10 < len(kept) < N
    method(kept)


DATES = [
    np.column_stack([DAYS, DAYS]),
    np.column_stack([DAYS, DAYS]) - DAYS[0].to_datetime64(),
    [[day, day] for day in DAYS.to_numpy()],
    put(datetime.date(2020, 1, 1)),
    put(np.datetime64("2020-01-01")),
    put(np.timedelta64(5, "s")),
    frame(b=DAYS),
    frame(b=DAYS)[["b"]],
    frame(b=DAYS.tz_localize("UTC")),
    frame(b=DAYS - DAYS[0])[["b"]],
    frame(b=DAYS.to_period("D")),
    frame(b=pd.array(DAYS, dtype=pd.ArrowDtype(pa.timestamp("ns")))),
    pl.DataFrame({"a": X[:, 0], "b": list(DAYS.date)}),
    pl.DataFrame({"b": [datetime.timedelta(i) for i in range(N)]}),
    pl.DataFrame({"b": [datetime.time(i % 24) for i in range(N)]}),
    pa.table({"a": X[:, 0], "b": pa.array(DAYS)}),
]


@pytest.mark.parametrize("given", DATES, ids=lambda given: type(given).__name__)
def test_dates_raise_an_error(given, mixture):
    message = r"dates or times in (column 'b'|feature [01]) \(first in row [03].*days since a date"
    with pytest.raises((ValueError, TypeError), match=message):
        GaussianMixtureEM(1).fit(given)
    with pytest.raises((ValueError, TypeError), match=message):
        GaussianMixtureEM(1).fit(RowBlocks.from_iterable(lambda: [given]))


def test_dates_as_weights():
    with pytest.raises(ValueError, match="sample_weight should hold numbers, but holds dates or"):
        GaussianMixtureEM(1).fit(X, sample_weight=DAYS.to_numpy())


# Masked arrays

MASKED = np.ma.array(X, mask=X > 1)


def test_other_masked_arrays(mixture):
    weights = np.ma.array(np.ones(N), mask=np.arange(N) == 5)
    message = r"sample_weight is a masked array with 1 masked values \(first at \[5\]\).*Drop such"
    blocks = RowBlocks.from_iterable(lambda: [(X, weights)])
    for method in (
        lambda: GaussianMixtureEM(1).fit(X, sample_weight=weights),
        lambda: GaussianMixtureEM(1).fit(blocks),
        lambda: mixture.score(X, sample_weight=weights),
    ):
        with pytest.raises(ValueError, match=message):
            method()
    keep = ~np.ma.getmaskarray(weights)
    GaussianMixtureEM(1).fit(X[keep], sample_weight=weights[keep])
    shares = np.ma.array(np.full((N, 2), 0.5), mask=np.eye(N, 2) > 0)
    for name, value in {
        "weights": np.ma.array([0.5, 0.5], mask=[1, 0]),
        "means": np.ma.array(X[:2], mask=np.eye(2)),
        "precisions": np.ma.array([np.eye(2)] * 2, mask=[np.eye(2)] * 2),
        "responsibilities": shares,
    }.items():
        with pytest.raises(ValueError, match=rf"{name[:-1]}.* is a masked array"):
            GaussianMixtureEM(2, **{f"{name}_init": value}).fit(X)
    with pytest.raises(ValueError, match="init_params is a masked array"):
        GaussianMixtureEM(2, init_params=lambda *_: shares).fit(X)
    with pytest.raises(ValueError, match="means is a masked array"):
        GaussianMixtureEM.from_parameters([1.0], np.ma.array([[0.0]], mask=True), [[[1.0]]])


# Arrays of other libraries


@pytest.mark.slow
def test_array_api_dispatch_gives_numpy_arrays():
    pytest.importorskip("array_api_strict")
    code = """
import array_api_strict as xp, numpy as np, sklearn
from skgmm import GaussianMixtureEM, RowBlocks
from skgmm.model_selection import GaussianMixtureSearch
X = np.random.default_rng(0).normal(size=(60, 2))
ones = xp.ones(60)
for dispatch in (False, True):
    with sklearn.config_context(array_api_dispatch=dispatch):
        mixture = GaussianMixtureEM(2, random_state=0, means_init=xp.asarray(X[:2]))
        mixture.fit(xp.asarray(X), sample_weight=ones)
        expected = GaussianMixtureEM(2, random_state=0, means_init=X[:2]).fit(X, None, np.ones(60))
        assert type(mixture.means_) is np.ndarray
        np.testing.assert_array_equal(mixture.means_, expected.means_)
        for name in ("predict", "predict_proba", "score_samples"):
            values = getattr(mixture, name)(xp.asarray(X))
            assert type(values) is np.ndarray
            np.testing.assert_array_equal(values, getattr(expected, name)(X))
        assert mixture.bic(xp.asarray(X), ones) == expected.bic(X, np.ones(60))
        blocks = RowBlocks.from_iterable(lambda: [xp.asarray(X)])
        np.testing.assert_array_equal(mixture.predict(blocks), expected.predict(X))
        GaussianMixtureSearch([1]).fit(xp.asarray(X))
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error:::skgmm", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        timeout=300,
    )
    assert done.stdout.strip() == "done", done.stderr


def test_an_array_that_numpy_cannot_read(mixture):
    class OnADevice:
        shape, ndim, dtype = X.shape, 2, "float32"

        def __array_namespace__(self):
            raise NotImplementedError

        def __array__(self, *_, **__):
            raise RuntimeError("it is on cuda:0")

        def __len__(self):
            return N

    with pytest.raises(TypeError, match=r"X is a .*OnADevice, which NumPy cannot read \(it is on"):
        mixture.predict(OnADevice())


def test_missing_values_beside_dates_are_not_blamed():
    X = pd.DataFrame({"a": [np.nan, 1.0, 2.0], "b": pd.Timestamp("2020")})
    with pytest.raises(ValueError, match=r"^X has dates or times in column 'b'") as caught:
        GaussianMixtureEM().fit(X)
    assert "NaN" not in str(caught.value)
    assert "Missing" not in str(caught.value)


@pytest.mark.parametrize("model", [GaussianMixtureEM(2, noise="auto"), GaussianMixtureSearch()])
def test_parameters_of_a_name_or_none_are_refused_with_what_to_give(model):
    value = "None" if model.noise is None else "'auto'"
    with pytest.raises(ValueError, match=rf"noise is {value}.*noise=UniformNoise\(\)"):
        model.set_params(noise__weight=0.1)
    given = model.set_params(noise=UniformNoise(), noise__weight=0.1)
    assert given.noise.weight == 0.1


def test_weights_that_are_no_numbers_are_named():
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(ValueError, match=r"sample_weight should be numbers.*'balanced'"):
        GaussianMixtureEM(2).fit(X, sample_weight="balanced")


def test_one_component_is_not_to_be_decreased():
    with pytest.warns(ConvergenceWarning, match=r"X has 1 distinct sample,.*give more samples"):
        GaussianMixtureEM(1).fit(np.ones((10, 2)))
