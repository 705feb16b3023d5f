"""Dask: no sample is lost or counted twice, and chunks that differ are right or refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgmm import GaussianMixtureEM
from skgmm._kernels import unit_rows

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
dask = pytest.importorskip("dask")

from skgmm._rows.dask_chunks import chunks_of, whole_units  # noqa: E402

N = 20_001  # more than are gathered in memory, and no whole number of units
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2)) + 3.0 * (RNG.random((N, 1)) < 0.4)
FRAME = pd.DataFrame(X, columns=["a", "b"])
MIXTURE = GaussianMixtureEM(1).fit(X)
NAMED = GaussianMixtureEM(1).fit(FRAME)
START = {"means_init": [[0.0, 0.0], [3.0, 3.0]], "random_state": 0, "tol": 1e-2, "escape": False}


@pytest.fixture(autouse=True)
def synchronous():
    with dask.config.set(scheduler="synchronous"):
        yield


def frame_of(parts, meta=FRAME):
    """A data frame whose partitions nobody compares with the meta."""
    return dd.from_map(lambda number: parts[number], range(len(parts)), meta=meta.iloc[:0])


def cut(array, sizes):
    """A Dask array in chunks of these sizes."""
    return da.from_array(array, chunks=(tuple(sizes), *((n,) for n in array.shape[1:])))


sizes = st.lists(
    st.one_of(st.integers(0, 5), st.integers(unit_rows - 1, unit_rows + 1), st.integers(0, 3000)),
    min_size=1,
    max_size=12,
)


@pytest.mark.slow
@given(sizes=sizes, weighted=st.booleans())
def test_units_hold_every_sample_once(sizes, weighted):
    n = sum(sizes)
    numbers = np.arange(n, dtype=float)
    weights = cut(numbers, sizes) if weighted else None
    inner, pieces = whole_units(chunks_of(cut(numbers[:, None], sizes), weights))
    found, of_weights = [], []
    for chunk in inner + pieces:
        rows, own = dask.compute(chunk.rows, chunk.weights, scheduler="synchronous")
        used = rows[chunk.used]
        found.append(used[:, 0])
        of_weights.append(own[chunk.used] if weighted else used[:, 0])
        assert chunk.before == used[0, 0]  # the number that errors name
        assert chunk.before % unit_rows == 0
    np.testing.assert_array_equal(np.sort(np.concatenate([[], *found])), numbers)
    np.testing.assert_array_equal(np.concatenate([[], *of_weights]), np.concatenate([[], *found]))


PARTITIONS = [
    [N],
    [1, N - 1],
    [N - 1, 1],
    [0, 7, 0, N - 7, 0],
    [unit_rows] * 3 + [N - 3 * unit_rows],
    [unit_rows - 1, unit_rows + 1, N - 2 * unit_rows],
    [3] * 9 + [N - 27],
    [N // 3, N // 3, N // 3],
]


@pytest.mark.slow
@pytest.mark.parametrize("lengths", PARTITIONS, ids=str)
def test_masses_add_up_to_the_number_of_samples(lengths):
    ends = np.cumsum(lengths)
    parts = [FRAME[end - n : end] for n, end in zip(lengths, ends, strict=True)]
    expected = GaussianMixtureEM(2, **START).fit(FRAME)
    weights = 1.0 + np.arange(N) % 3
    by_weight = GaussianMixtureEM(2, **START).fit(FRAME, sample_weight=weights)
    lazy_weights = cut(weights, lengths)
    for lazy in (frame_of(parts), cut(X, lengths)):
        mixture = GaussianMixtureEM(2, **START).fit(lazy)
        assert mixture.total_weight_ == N
        np.testing.assert_array_equal(mixture.means_, expected.means_)
        weighted = GaussianMixtureEM(2, **START).fit(lazy, sample_weight=lazy_weights)
        assert weighted.total_weight_ == weights.sum()
        np.testing.assert_array_equal(weighted.means_, by_weight.means_)
        # Lengths of partitions are not known here: every chunk is numbered from 0.
        asked = NAMED if hasattr(lazy, "columns") else MIXTURE
        rows = asked._rows(lazy, lazy_weights)
        _, total, _ = rows.log_likelihood(asked._parameters())
        assert total == weights.sum()
        responsibilities = asked.predict_proba(lazy).compute()
        assert responsibilities.sum() == N
        log_likelihood = asked.score(lazy) * N
        assert log_likelihood == pytest.approx(MIXTURE.score_samples(X).sum(), rel=1e-12)


# Columns and types of partitions


@pytest.mark.parametrize("method", ["fit", "predict", "score"])
@pytest.mark.parametrize("other", [["b", "a"], ["a", "z"], ["a"]])
def test_partitions_with_other_columns(method, other):
    part = FRAME[9:].rename(columns={"b": "z"}) if "z" in other else FRAME[9:][other]
    frame = frame_of([FRAME[:9], part])
    asked = getattr(GaussianMixtureEM(1).fit(FRAME), method)
    message = r"a partition has the columns \['.*\], but the data frame \['a', 'b'\]"
    with pytest.raises(ValueError, match=message):
        dask.compute(asked(frame))


def test_partitions_of_other_types():
    parts = [FRAME[:9], (100 * FRAME[9:99]).astype(int), FRAME[99:300].astype(object)]
    expected = np.concatenate([part.to_numpy().astype(float) for part in parts])
    for declared in (FRAME, FRAME.astype(int).astype("Int64"), FRAME.astype(object)):
        frame = frame_of(parts, declared)
        mixture = GaussianMixtureEM(1).fit(frame)
        np.testing.assert_allclose(mixture.means_[0], expected.mean(axis=0), rtol=1e-12)
        assert mixture.predict_proba(frame).compute().dtype == np.float64
    single = GaussianMixtureEM(1).fit(dd.from_pandas(FRAME.astype(np.float32), npartitions=3))
    assert single.means_.dtype == np.float32


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1.0, np.inf] * 20, r"X, chunk 1: contains inf in row 1 of the block, column 'b'"),
        (["u"] * 40, r"text in column 'b' \(first in row 0, index 0: 'u'\)|text in column 'b'"),
        (pd.date_range("2020", periods=40), r"dates or times in column 'b'.*days since a date"),
    ],
)
def test_partitions_with_bad_columns(column, message):
    bad = FRAME[:40].assign(b=column)
    good = bad[:0] if isinstance(column, list) and column[0] == "u" else bad[:1]
    with pytest.raises((ValueError, TypeError), match=message):
        GaussianMixtureEM(1).fit(frame_of([good, bad], bad))


def test_arrays_of_dates_and_masked_weights():
    days = da.from_array(pd.date_range("2020", periods=40).to_numpy().reshape(20, 2))
    with pytest.raises(ValueError, match=r"holds datetime64.*: convert dates to numbers"):
        GaussianMixtureEM(1).fit(days)
    weights = np.ma.array(np.ones(N), mask=np.arange(N) == 7)
    with pytest.raises(ValueError, match="sample_weight is a masked array"):
        GaussianMixtureEM(1).fit(da.from_array(X), sample_weight=weights)


# Chunks that change between passes


@pytest.mark.parametrize("n", [N, 900])  # few samples are gathered after the survey
def test_chunks_that_change_between_passes(n):
    rng = np.random.default_rng(0)

    def drawn(block_id=None):
        return rng.normal(size=(n // 3, 2))

    unseeded = da.map_blocks(drawn, chunks=((n // 3,) * 3, (2,)), dtype=float)
    with pytest.raises(ValueError, match=r"values of X changed during the fit: .* persist X, or"):
        GaussianMixtureEM(2, **START).fit(unseeded)
    GaussianMixtureEM(1).fit(unseeded.persist())


def test_weights_that_change_between_passes():
    calls = []

    def weights(block):
        calls.append(1)
        return block + (len(calls) > 4)

    lazy = cut(np.ones(N), [N // 3] * 3).map_blocks(weights, dtype=float, meta=np.empty(0))
    with pytest.raises(ValueError, match="weights of X changed during the fit: they sum to"):
        GaussianMixtureEM(2, **START).fit(cut(X, [N // 3] * 3), sample_weight=lazy)


def test_a_nan_that_comes_later_is_noticed():
    calls = []

    def spoilt(block):
        calls.append(1)
        return np.where(len(calls) > 4, np.nan, block)

    lazy = cut(X, [N // 3] * 3).map_blocks(spoilt, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(ValueError, match="there is NaN or infinity in this pass, which was not in"):
        GaussianMixtureEM(2, **START).fit(lazy)
