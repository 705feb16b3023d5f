"""Mixtures as ONNX models: answers of onnxruntime beside our own."""

import importlib
import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import as_estimator, random_mixture

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

DTYPES = [np.float32, np.float64]
PROBABILITIES = {np.float32: 1e-5, np.float64: 1e-12}
DENSITIES = {np.float32: 1e-6, np.float64: 1e-12}


def answers(model, X):
    """label, probabilities and score_samples, by onnxruntime."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities", "score_samples"], {"X": X})


def assert_same_answers(mixture, X, dtype):
    """Of the ONNX model and of the mixture, for the same numbers."""
    X = np.asarray(X, dtype=dtype)
    label, probabilities, score = answers(mixture.to_onnx(dtype=dtype), X)
    double = X.astype(np.float64)
    expected = mixture.predict_proba(double)
    assert (label.dtype, probabilities.dtype, score.dtype) == (np.int64, dtype, dtype)
    assert label.shape == score.shape == (len(X),)
    assert probabilities.shape == expected.shape
    np.testing.assert_array_equal(label, mixture.predict(double))
    np.testing.assert_allclose(probabilities, expected, atol=PROBABILITIES[dtype])
    bound = DENSITIES[dtype]
    np.testing.assert_allclose(score, mixture.score_samples(double), rtol=bound, atol=20 * bound)


def moved(mixture, offset):
    """The same mixture elsewhere."""
    return GaussianMixtureEM.from_parameters(
        mixture.weights_, mixture.means_ + offset, mixture.covariances_, mixture.covariance_type
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", STRUCTURES)
def test_answers_far_from_the_origin(name, dtype):
    mixture = moved(as_estimator(random_mixture(1, 4, 3, name), name), 1e4)
    assert_same_answers(mixture, mixture.sample(1000, random_state=0)[0], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (5, 1), (1, 7), (40, 30)])
def test_answers_of_small_and_large_mixtures(name, n_components, n_features, dtype):
    mixture = as_estimator(random_mixture(1, n_components, n_features, name, 0.3), name)
    mixture = moved(mixture, 1e4)
    assert_same_answers(mixture, mixture.sample(200, random_state=0)[0], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_answers_in_other_units(dtype):
    mixture = as_estimator(random_mixture(3, 3, 3, "full", 1.0), "full")
    units = np.array([1e-20, 1.0, 1e12])
    mixture = GaussianMixtureEM.from_parameters(
        mixture.weights_, mixture.means_ * units, mixture.covariances_ * np.outer(units, units)
    )
    assert_same_answers(mixture, mixture.sample(1000, random_state=0)[0], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_noise(dtype, offset):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2)) + 6 * rng.integers(2, size=(400, 1)) + offset
    X[:40] = rng.uniform(-20, 26, size=(40, 2)) + offset
    mixture = GaussianMixtureEM(2, noise="auto", random_state=0).fit(X)
    assert mixture.predict(X).min() == -1
    far = offset + rng.normal(size=(50, 2)) * 10.0 ** rng.uniform(0, 30, size=(50, 1))
    assert_same_answers(mixture, np.vstack([X, far]), dtype)


FAR = [(a, b) for a in (0, -1.7, 1e8, -1e19, 1e30, 3e37) for b in (0.3, 1e3, -1e12, 1e25, -3e37)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", [(0.5, 0.5, 0.0), (0.3, 0.3, 0.4), (0.3, 0.3, 0.3)])
def test_far_samples_have_answers(weights, dtype):
    """Squares of the numbers overflow in float32; a component may have no weight."""
    noise = 1e3 if sum(weights) < 0.95 else None
    mixture = GaussianMixtureEM.from_parameters(
        weights,
        [[0, 0], [3, -1], [1, 2]],
        [[[1, 0.3], [0.3, 2]], [[2, -0.5], [-0.5, 1]], [[3, 1], [1, 3]]],
        noise_volume=noise,
    )
    X = np.array(FAR, dtype=dtype)
    label, probabilities, score = answers(mixture.to_onnx(dtype=dtype), X)
    np.testing.assert_array_equal(label, mixture.predict(X.astype(np.float64)))
    np.testing.assert_allclose(probabilities, mixture.predict_proba(X), atol=1e-5)
    assert not np.isnan(score).any()
    near = np.abs(X).max(axis=1) < 1e13
    expected = mixture.score_samples(X[near].astype(np.float64))
    np.testing.assert_allclose(score[near], expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_that_are_not_finite_in_float64_are_the_farthest(dtype):
    mixture = as_estimator(random_mixture(0, 3, 2, "full"), "full")
    X = np.array([[np.inf, 0], [np.finfo(dtype).max, np.finfo(dtype).min]], dtype=dtype)
    _, probabilities, score = answers(mixture.to_onnx(dtype=dtype), X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert not np.isnan(score).any()


def test_a_fit_in_float32_has_the_precision_of_its_unrounded_parameters():
    X = np.random.default_rng(0).normal(1e4, 1, size=(500, 2)).astype(np.float32)
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    assert mixture.means_.dtype == np.float32
    assert_same_answers(mixture, X, np.float32)


def test_no_samples():
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0, 0]], [[[1, 0], [0, 1]]])
    label, probabilities, score = answers(mixture.to_onnx(), np.empty((0, 2), dtype=np.float32))
    assert (label.shape, probabilities.shape, score.shape) == ((0,), (0, 1), (0,))


@pytest.mark.parametrize("name", ["full", "diag"])
def test_the_model_is_valid_and_describes_itself(name, tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["h", "\u00e9"])
    mixture = GaussianMixtureEM(2, covariance_type=name, noise="auto", random_state=0).fit(frame)
    path = tmp_path / "mixture.onnx"
    model = mixture.to_onnx(path)
    onnx.checker.check_model(model, full_check=True)
    assert path.read_bytes() == model.SerializeToString()
    assert onnx.load(path) == model == mixture.to_onnx(str(path))
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 13)]
    assert json.loads(model.metadata_props[0].value) == ["h", "\u00e9"]
    shapes = {
        value.name: [part.dim_value or part.dim_param for part in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {
        "X": ["n_samples", 2],
        "label": ["n_samples"],
        "probabilities": ["n_samples", 3],
        "score_samples": ["n_samples"],
    }
    assert [file.name for file in tmp_path.iterdir()] == ["mixture.onnx"]


def test_the_reference_implementation_agrees():
    """A second runtime, which follows the text of the standard."""
    reference = pytest.importorskip("onnx.reference")
    mixture = as_estimator(random_mixture(0, 3, 2, "full"), "full")
    X, _ = mixture.sample(50, random_state=0)
    found = reference.ReferenceEvaluator(mixture.to_onnx(dtype="float64")).run(None, {"X": X})
    np.testing.assert_array_equal(found[0], mixture.predict(X))
    np.testing.assert_allclose(found[1], mixture.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(found[2], mixture.score_samples(X), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "int", "sauce", None, np.complex64, ">f4"])
def test_other_dtypes(dtype):
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0.0]], [[[1.0]]])
    with pytest.raises(ValueError, match="dtype should be 'float32' or 'float64'"):
        mixture.to_onnx(dtype=dtype)


def test_what_float32_cannot_hold():
    mixture = GaussianMixtureEM.from_parameters([1.0], [[1e40]], [[[1.0]]])
    with pytest.raises(ValueError, match=r"float32.*dtype='float64'"):
        mixture.to_onnx()
    assert_same_answers(mixture, [[1e40]], np.float64)


def test_a_mixture_that_is_not_fitted():
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().to_onnx()


def test_packages_that_are_not_installed(monkeypatch):
    mixture = GaussianMixtureEM.from_parameters([1.0], [[0.0]], [[[1.0]]])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="to_onnx needs the package onnx: pip install"):
        mixture.to_onnx()
    monkeypatch.delitem(sys.modules, "skgmm.onnx", raising=False)
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"skgmm\.onnx needs the packages onnx and skl2onnx"):
        importlib.import_module("skgmm.onnx")


# Pipelines


@pytest.fixture(scope="module")
def convert():
    skl2onnx = pytest.importorskip("skl2onnx")
    pytest.importorskip("skgmm.onnx")
    return skl2onnx.to_onnx


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("noise", [None, "auto"])
@pytest.mark.parametrize("steps", [[], [StandardScaler()]], ids=["alone", "scaled"])
def test_a_pipeline(convert, steps, noise, dtype):
    rng = np.random.default_rng(0)
    X = 10 * (rng.normal(size=(300, 3)) + 3 * rng.integers(2, size=(300, 1)))
    X = X.astype(dtype)
    pipeline = make_pipeline(*steps, GaussianMixtureEM(2, noise=noise, random_state=0)).fit(X)
    label, probabilities, score = answers(convert(pipeline, X[:1]), X)
    np.testing.assert_array_equal(label, pipeline.predict(X))
    np.testing.assert_allclose(probabilities, pipeline.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(score, pipeline.score_samples(X), rtol=1e-5)


def test_a_pipeline_that_is_not_fitted(convert):
    with pytest.raises(NotFittedError):
        convert(GaussianMixtureEM(), np.zeros((1, 2), dtype=np.float32))


def test_a_mixture_of_columns(convert):
    from skl2onnx.common.data_types import FloatTensorType

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(100, 2)), columns=["a", "b"])
    mixture = GaussianMixtureEM(2, random_state=0).fit(frame)
    types = [(name, FloatTensorType([None, 1])) for name in frame]
    model = convert(mixture, initial_types=types)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    columns = {name: frame[[name]].to_numpy(np.float32) for name in frame}
    np.testing.assert_array_equal(session.run(["label"], columns)[0], mixture.predict(frame))


@pytest.mark.parametrize("opset", [13, 18, 21])
def test_operator_sets(convert, opset):
    mixture = as_estimator(random_mixture(0, 3, 2, "full"), "full")
    X = mixture.sample(20, random_state=0)[0].astype(np.float32)
    model = convert(mixture, X[:1], target_opset=opset)
    np.testing.assert_array_equal(answers(model, X)[0], mixture.predict(X))


@pytest.mark.parametrize("covariance_type", ["tied", "tied-diag", "tied-spherical"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_far_samples_beside_one_covariance_have_the_label_that_they_have_here(
    covariance_type, dtype
):
    """Squared distances agree to the last digit there, and their differences are rounding."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(100, 3)), rng.normal(size=(110, 3)) + 3.0])
    mixture = GaussianMixtureEM(2, covariance_type=covariance_type, random_state=0).fit(X)
    directions = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.3], [-1.0, -1.0, -1.0]])
    far = np.concatenate([10.0**power * directions for power in range(0, 28, 3)]).astype(dtype)
    session = ort.InferenceSession(mixture.to_onnx(dtype=dtype).SerializeToString())
    label, probabilities, _ = session.run(None, {"X": far})
    assert (label == mixture.predict(far.astype(float))).all()
    np.testing.assert_allclose(probabilities, mixture.predict_proba(far.astype(float)), atol=1e-6)
