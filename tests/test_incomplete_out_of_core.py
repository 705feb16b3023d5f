"""Missing values, labels and noise in blocks and chunks: the answer of the same data in memory."""

import warnings
from unittest.mock import patch

import numpy as np
import oracle
import oracle_incomplete
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from strategies import seeds, structures

from skgmm import GaussianMixtureEM, RowBlocks, UniformNoise
from skgmm._moments import Scatter
from skgmm._rows.base import InMemoryRows
from skgmm._rows.intake import rows_to_fit
from skgmm._rows.noise import Background
from skgmm._rows.out_of_core import beside
from skgmm._rows.row_draws import row_normals
from skgmm._rows.uniform_noise import beside_noise
from skgmm.covariance import STRUCTURES, find_structure

K, D = 3, 3
MEANS = np.array([[0.0, 0, 0], [5.0, 3, -2], [-4.0, 4, 2]])
STEPS = {"max_iter": 4, "escape": False, "acceleration": None}
BY_ROW = ("predict", "predict_proba", "predict_log_proba", "score_samples")


@pytest.fixture(autouse=True)
def small_blocks():
    """Few samples are read block by block too, in sums of few samples."""
    names = "_rows.block_rows.unit_rows", "_rows.dask_chunks.unit_rows", "_fitting.FEW_ROWS"
    with (
        patch(f"skgmm.{names[0]}", 16),
        patch(f"skgmm.{names[1]}", 16),
        patch(f"skgmm.{names[2]}", 0),
    ):
        yield


def problem(n=240, seed=0, share=0.2):
    """Incomplete samples of three clusters with outliers, weights with zeros, and some labels."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = MEANS[z] + rng.normal(size=(n, D))
    X[: n // 10] = rng.uniform(-15, 15, size=(n // 10, D))
    order = rng.permutation(n)
    X, z = X[order], z[order]
    X[rng.random(X.shape) < share] = np.nan
    X[0] = np.nan  # a sample without any value
    known = np.where((rng.random(n) < 0.1) & (order >= n // 10), z, -1)
    known[np.argmax(z[:, None] == np.arange(K), axis=0)] = np.arange(K)
    return X, rng.integers(0, 3, size=n).astype(float), known


def blocks_of(X, weights=None, size=37):
    def made():
        for i in range(0, len(X), size):
            yield X[i : i + size] if weights is None else (X[i : i + size], weights[i : i + size])

    return RowBlocks.from_iterable(made)


def dask_of(array, size=37):
    dask_array = pytest.importorskip("dask.array")
    return dask_array.from_array(array, chunks=(size, *array.shape[1:]))


def fitted(X, weights=None, labels=None, **options):
    options = {"random_state": 0, "covariance_type": "full", **options}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianMixtureEM(K, **options).fit(X, sample_weight=weights, labels=labels)


def assert_same_fit(got, expected, rtol=1e-8):
    """To rounding, which some iterations increase."""
    for name in ("weights_", "means_", "covariances_", "total_weight_", "lower_bound_"):
        np.testing.assert_allclose(
            getattr(got, name), getattr(expected, name), rtol=rtol, atol=1e-9
        )
    np.testing.assert_allclose(got.reg_covar_, expected.reg_covar_, rtol=1e-12)
    assert got.status_ == expected.status_
    assert got.n_parameters_ == expected.n_parameters_
    assert getattr(got, "noise_volume_", 0) == pytest.approx(
        getattr(expected, "noise_volume_", 0), rel=1e-10
    )


def assert_same_answers(mixture, given, X, given_weights=None, weights=None):
    for name in BY_ROW:
        got = getattr(mixture, name)(given)
        np.testing.assert_allclose(got, getattr(mixture, name)(X), rtol=1e-9, atol=1e-12)
    for name in ("score", "bic", "aic", "icl"):
        expected = getattr(mixture, name)(X, sample_weight=weights)
        got = getattr(mixture, name)(given, sample_weight=given_weights)
        assert got == pytest.approx(expected, rel=1e-11)


# The E-step


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("noise", [False, True])
def test_the_e_step_of_blocks_is_that_of_the_oracle(name, labelled, noise):
    X, weights, known = problem(60)
    source = GaussianMixtureEM(K, covariance_type=name, means_init=MEANS, max_iter=1)
    rng = np.random.RandomState(0)
    rows = rows_to_fit(source, blocks_of(X, weights, 17), None, rng, known if labelled else None)
    parameters = fitted(X, weights, covariance_type=name, means_init=MEANS, max_iter=2)
    sides, parameters = None, parameters._parameters()
    if noise:
        background = Background.of(rows, 4000.0, 0.05)
        rows, sides = beside(rows, background), np.exp(background.log_sides)
        parameters = type(parameters).from_weights(
            0.9 * parameters.weights, parameters.means, parameters.covariance
        )
    form, floor = find_structure(name).scatter, np.array([0.1, 0.0, 0.2])
    got = rows.expectation(parameters, form, floor)
    expected = oracle_incomplete.expectation(
        X, weights, parameters, form, floor, known if labelled else None, sides
    )
    oracle.assert_moments_equal(got, expected, parameters)
    if form is not Scatter.DIAGONAL:
        np.testing.assert_array_equal(got.scatter, np.swapaxes(got.scatter, -1, -2))


# Blocks = whole


@settings(max_examples=15)
@given(
    structures,
    seeds,
    st.integers(9, 150),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "auto", UniformNoise(volume=5000.0)]),
    st.sampled_from([0.0, 0.2]),
)
def test_blocks_give_the_fit_of_the_same_data_in_memory(
    name, seed, size, weighted, labelled, noise, share
):
    X, weights, known = problem(120, seed, share)
    weights, known = weights if weighted else None, known if labelled else None
    options = {"covariance_type": name, "noise": noise, "means_init": MEANS, **STEPS}
    expected = fitted(X, weights, known, **options)
    got = fitted(blocks_of(X, weights, size), labels=known, **options)
    assert_same_fit(got, expected)
    assert_same_answers(got, blocks_of(X, weights, size), X, weights=weights)


@pytest.mark.parametrize("noise", [None, "auto"])
def test_a_whole_fit_with_moves_and_quasi_newton_steps(noise):
    X, _, known = problem(400)
    expected = fitted(X, labels=known, noise=noise)
    got = fitted(blocks_of(X, size=200), labels=known, noise=noise)
    assert got.converged_
    assert_same_fit(got, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["kmeans", "k-means++", "random", "random_from_data", "callable"])
def test_every_start(kind):
    X, _, known = problem()

    def nearest(X, n_components, random_state, sample_weight):
        assert not np.isnan(X).any()
        return np.argmin(np.square(X[:, None] - MEANS).sum(axis=2), axis=1)

    init = nearest if kind == "callable" else kind
    options = {"init_params": init, "noise": "auto", **STEPS}
    for labels in (None, known):
        expected = fitted(X, labels=labels, **options)
        assert_same_fit(fitted(blocks_of(X), labels=labels, **options), expected)


def test_starts_from_responsibilities():
    """All samples are filled in, the same in every block."""
    X, weights, known = problem()
    given = np.random.default_rng(0).dirichlet(np.ones(K), size=len(X))
    options = {"responsibilities_init": given, **STEPS}
    for labels, noise in ((None, None), (known, None), (known, "auto")):
        expected = fitted(X, weights, labels, noise=noise, **options)
        got = fitted(blocks_of(X, weights), labels=labels, noise=noise, **options)
        assert_same_fit(got, expected)


def test_draws_of_starts_depend_on_values_alone():
    X = problem()[0]
    draws = row_normals(X)
    np.testing.assert_array_equal(row_normals(X[::-1]), draws[::-1])
    np.testing.assert_array_equal(row_normals(X[7:9]), draws[7:9])
    np.testing.assert_array_equal(row_normals(np.where(X == 0, -0.0, X)), draws)
    many = row_normals(np.arange(60_000.0).reshape(-1, 3))
    np.testing.assert_allclose(many.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(many.T), np.eye(3), atol=0.03)


def test_float32():
    X = problem()[0].astype(np.float32)
    got, expected = fitted(blocks_of(X), max_iter=3), fitted(X, max_iter=3)
    assert got.means_.dtype == np.float32
    np.testing.assert_allclose(got.means_, expected.means_, rtol=1e-5)


def test_weights_are_repetitions_and_the_order_of_samples_does_not_matter():
    X, weights, known = problem()
    options = {"noise": "auto", **STEPS}
    expected = fitted(blocks_of(X, weights), labels=known, **options)
    own = np.repeat(np.arange(len(X)), weights.astype(int))
    assert_same_fit(fitted(blocks_of(X[own]), labels=known[own], **options), expected)
    order = np.random.default_rng(0).permutation(len(X))
    moved = fitted(blocks_of(X[order], weights[order]), labels=known[order], **options)
    assert_same_fit(moved, expected)


def test_blocks_of_weight_zero_and_blocks_without_values():
    X, weights, _ = problem()
    weights[:80], X[80:120] = 0.0, np.nan
    for noise in (None, "auto"):
        options = {"noise": noise, **STEPS}
        got = fitted(blocks_of(X, weights, 20), **options)
        assert_same_fit(got, fitted(X, weights, **options))


def test_fit_predict_does_not_use_labels():
    X, _, known = problem()
    mixture = fitted(X, noise="auto", **STEPS)
    with pytest.warns(ConvergenceWarning):
        predicted = mixture.fit_predict(blocks_of(X), labels=known)
    np.testing.assert_array_equal(predicted, mixture.predict(X))
    assert (predicted == -1).any()


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_moments_of_all_samples_do_not_depend_on_labels(share):
    X, weights, known = problem(share=share)
    X[0] = 0.0  # with share=0 no value is missing
    rng = np.random.RandomState(0)
    rows = rows_to_fit(GaussianMixtureEM(K), blocks_of(X, weights), None, rng, known)
    plain = rows_to_fit(GaussianMixtureEM(K), blocks_of(X, weights), None, rng)
    assert rows.unlabelled().scale_sample().rows.shape[1] == D
    for form in (Scatter.FULL, Scatter.DIAGONAL):
        expected = plain.overall_moments(form)
        for own in (rows, rows.unlabelled()):
            got = own.overall_moments(form)
            np.testing.assert_allclose(got.mean, expected.mean, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(got.scatter, expected.scatter, rtol=1e-9, atol=1e-8)


# Files


def test_files_and_memory_maps(tmp_path):
    X, weights, known = problem()
    expected = fitted(X, weights, known, **STEPS)
    for name, array in {"X": X, "weights": weights, "labels": known}.items():
        np.save(tmp_path / name, array)
    mapped, labels = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("X", "labels"))
    assert_same_fit(fitted(mapped, weights, labels, **STEPS), expected)
    files = {"sample_weight": tmp_path / "weights.npy", "block_rows": 50}
    blocks = RowBlocks.from_npy(tmp_path / "X.npy", **files)
    assert_same_fit(fitted(blocks, labels=labels, **STEPS), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, "Int64", object])
def test_nulls_of_parquet_files(tmp_path, dtype):
    pytest.importorskip("pyarrow")
    X = np.round(100 * problem()[0])
    frame = pd.DataFrame(X, columns=list("abc"))
    frame = frame.astype({"b": dtype}) if dtype is not object else frame.astype({"b": "Float64"})
    frame.to_parquet(tmp_path / "data.parquet", row_group_size=100)
    blocks = RowBlocks.from_parquet(tmp_path / "data.parquet", block_rows=60)
    options = {**STEPS}
    assert_same_fit(fitted(blocks, **options), fitted(frame, **options))


@pytest.mark.parametrize("kind", ["NA", "None", "masked"])
def test_blocks_with_other_missing_values(kind):
    X = problem()[0]
    frame = pd.DataFrame(X, columns=list("abc"))
    made = {
        "NA": lambda: frame.astype("Float64"),
        "None": lambda: frame.astype(object).where(frame.notna(), None),
        "masked": lambda: np.ma.masked_invalid(X),
    }[kind]()
    blocks = RowBlocks.from_iterable(lambda: [made[:100], made[100:]])
    options = {**STEPS}
    assert_same_fit(fitted(blocks, **options), fitted(X, **options))


# The box of noise


@pytest.mark.parametrize("holes", [False, True])
def test_the_volume_is_that_of_the_samples_in_memory(holes):
    X, weights, _ = problem(share=0.2 * holes)
    X = X[1:] @ np.array([[1.0, 0.9, 0], [0, 0.2, 0], [0, 0.3, 1.0]])  # correlated
    weights = weights[1:]
    expected = Background.of(InMemoryRows(X, weights), None, 0.05)
    bounding = np.nanmax(X[weights > 0], axis=0) - np.nanmin(X[weights > 0], axis=0)
    assert (expected.volume < 0.9 * bounding.prod()) != holes
    for data, own in ((blocks_of(X, weights, 29), None), (dask_of(X, 29), dask_of(weights, 29))):
        rows = rows_to_fit(GaussianMixtureEM(K), data, own, np.random.RandomState(0))
        got = beside_noise(rows, UniformNoise()).background
        assert got.volume == pytest.approx(expected.volume, rel=1e-12)
        np.testing.assert_array_equal([got.low, got.high], [expected.low, expected.high])


# Dask = whole


@pytest.mark.parametrize("name", ["full", "VEI"])
@pytest.mark.parametrize("noise", [None, "auto"])
@pytest.mark.parametrize("size", [300, 40])
def test_dask_gives_the_fit_of_the_same_data_in_memory(name, noise, size):
    X, weights, _ = problem()
    options = {"covariance_type": name, "noise": noise, **STEPS}
    expected = fitted(X, weights, **options)
    got = fitted(dask_of(X, size), dask_of(weights, size), **options)
    assert_same_fit(got, expected)
    lazy = dask_of(X, size)
    shapes = {name: getattr(got, name)(lazy).shape for name in BY_ROW}
    assert shapes["predict_proba"] == (len(X), K + (noise is not None))
    assert_same_answers(got, lazy, X, dask_of(weights, size), weights)


def test_dask_data_frames_masked_arrays_and_empty_chunks():
    dask_frame = pytest.importorskip("dask.dataframe")
    import dask.array as da

    X = problem()[0]
    expected = fitted(X, noise="auto", **STEPS)
    frame = dask_frame.from_pandas(pd.DataFrame(X, columns=list("abc")), npartitions=4)
    masked = da.ma.masked_invalid(dask_of(X))
    empty = da.concatenate([dask_of(X)[:0], dask_of(X), dask_of(X)[:0]])
    for lazy in (frame, frame.astype("Float64"), masked, empty):
        got = fitted(lazy, noise="auto", **STEPS)
        assert_same_fit(got, expected)
        np.testing.assert_array_equal(got.predict(lazy).compute(), expected.predict(X))


# Errors


def test_a_feature_never_observed_is_named():
    X, weights, _ = problem()
    X[:, 1] = np.nan
    frame = pd.DataFrame(X, columns=list("abc"))
    for blocks, name in {blocks_of(X): "feature 1", blocks_of(frame): "column 'b'"}.items():
        with pytest.raises(ValueError, match=f"NaN in every sample of {name}: nothing can be"):
            fitted(blocks)
    with pytest.raises(ValueError, match="NaN in every sample of feature 1: nothing can be"):
        fitted(dask_of(X))
    X[5, 1], weights[5] = 1.0, 0.0
    with pytest.raises(ValueError, match="in every sample of positive weight of feature 1"):
        fitted(blocks_of(X, weights))


@pytest.mark.parametrize("later", [0.0, np.nan])
def test_values_that_come_or_go_between_passes_are_noticed(later):
    X, passes = problem()[0], []

    def made():
        passes.append(1)
        changed = X.copy()
        if len(passes) > 3:
            changed[100, 1] = later
        else:
            changed[100, 1] = np.nan if later == 0.0 else 0.0
        return [changed[:50], changed[50:]]

    with pytest.raises(ValueError, match=r"feature 1 has \d+ missing values in this pass, but \d+"):
        fitted(RowBlocks.from_iterable(made))


def test_what_cannot_be_combined_says_so():
    X, _, known = problem(50)
    errors = np.ones(X.shape)
    message = "error_covariance is not supported with RowBlocks or Dask yet: give X in memory"
    for data in (blocks_of(X), dask_of(X)):
        with pytest.raises(ValueError, match=message):
            GaussianMixtureEM(K).fit(data, error_covariance=errors)
        with pytest.raises(ValueError, match=message):
            fitted(X).predict(data, error_covariance=errors)
    with pytest.raises(ValueError, match="labels are not supported with Dask yet: use RowBlocks"):
        GaussianMixtureEM(K).fit(dask_of(X), labels=known)
    with pytest.raises(ValueError, match=r"labels should have the shape \(n_samples,\) = \(50,\)"):
        GaussianMixtureEM(K).fit(blocks_of(X), labels=known[1:])
    with pytest.raises(TypeError, match="impute takes X in memory, but got a RowBlocks"):
        fitted(X).impute(blocks_of(X))


def test_a_lost_sample_is_named_by_its_number_among_all():
    X = problem()[0]
    X[101] = [1e149, np.nan, 0.0]
    mixture = GaussianMixtureEM.from_parameters([1], [[0, 0, 0]], [np.eye(3) * 1e-140])
    with pytest.raises(ValueError, match="Row 101 of X is so many standard deviations"):
        mixture.score(blocks_of(X))


def test_the_fit_of_a_block_visits_each_sample_once_per_pass():
    """Noise takes three passes more, for its box."""
    X, read = problem()[0], []

    def made():
        for i in range(0, len(X), 50):
            read.append(len(X[i : i + 50]))
            yield X[i : i + 50]

    passes = {}
    for noise in (None, UniformNoise(volume=5000.0)):
        read.clear()
        mixture = fitted(
            RowBlocks.from_iterable(made), means_init=MEANS, max_iter=2, noise=noise, escape=False
        )
        assert sum(read) % len(X) in (0, 50)  # the header is that of the first block
        passes[noise] = sum(read) // len(X)
        assert mixture.n_iter_ == 2
    assert passes[noise] == passes[None] + 1


def test_few_samples_are_brought_to_memory():
    X, weights, known = problem()
    with patch("skgmm._fitting.FEW_ROWS", 1000):
        expected = fitted(X, weights, known, noise="auto")
        got = fitted(blocks_of(X, weights), labels=known, noise="auto")
        assert_same_fit(got, expected, rtol=1e-12)
