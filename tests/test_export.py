"""Mixtures as scikit-learn's, as JSON and as skops files, and back."""

import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from strategies import as_estimator, mixtures, random_mixture, structures

from skgmm import (
    ConjugatePrior,
    GaussianMixtureClassifier,
    GaussianMixtureEM,
    GaussianMixtureRegressor,
    GaussianMixtureSearch,
    UniformNoise,
)
from skgmm._inference.export.encoding import decode, encode
from skgmm._inference.export.json import JSONMixin

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def strict(text):
    """The parsed text, which has no NaN or Infinity outside of strings."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def assert_identical(a, b, where=""):
    """Same types and same bits."""
    assert type(a) is type(b), where
    if isinstance(a, (np.ndarray, np.generic)):
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        if a.dtype == object:
            assert_identical(a.tolist(), b.tolist(), where)
        else:
            assert a.tobytes() == b.tobytes(), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for name in a:
            assert_identical(a[name], b[name], f"{where}.{name}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for one, other in zip(a, b, strict=True):
            assert_identical(one, other, where)
    elif isinstance(a, BaseEstimator):
        assert_identical(vars(a), vars(b), where)
    elif isinstance(a, np.random.RandomState):
        assert_identical(a.get_state(), b.get_state(), where)
    else:
        assert a == b or (a != a and b != b), where


@pytest.fixture(scope="module")
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 3)) + 4 * rng.integers(2, size=(200, 1))


# JSON


@given(
    name=structures,
    dtype=st.sampled_from([np.float32, np.float64]),
    names=st.none() | st.lists(st.text(), min_size=2, max_size=2, unique=True),
    noise=st.sampled_from([None, "auto", UniformNoise(weight=0.1)]),
    n_components=st.integers(1, 2),
)
@settings(max_examples=25)
def test_json_keeps_every_bit_of_a_fit(name, dtype, names, noise, n_components):
    X = np.random.default_rng(0).normal(size=(60, 2)).astype(dtype)
    data = X if names is None else pd.DataFrame(X, columns=names)
    mixture = GaussianMixtureEM(
        n_components, covariance_type=name, noise=noise, random_state=0, max_iter=5, escape=False
    ).fit(data)
    text = mixture.to_json()
    strict(text)
    again = GaussianMixtureEM.from_json(text)
    assert_identical(vars(mixture), vars(again))
    assert again.to_json() == text
    assert_identical(mixture.predict_proba(data), again.predict_proba(data))
    assert_identical(mixture.sample(3), again.sample(3))
    assert again.summary() == mixture.summary()


@given(mixture=mixtures())
def test_json_keeps_every_bit_of_given_parameters(mixture):
    name, parameters = mixture
    estimator = as_estimator(parameters, name)
    assert_identical(vars(estimator), vars(GaussianMixtureEM.from_json(estimator.to_json())))


KEYS = st.text(max_size=5) | st.integers() | st.booleans()
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.floats(width=32).map(np.float32)
    | st.integers(0, 200).map(np.uint8)
    | st.text(max_size=4).map(np.str_)
    | st.booleans().map(np.bool_)
)


@given(
    st.recursive(
        LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(KEYS | st.just("$array"), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_json_keeps_whatever_it_takes(value):
    text = json.dumps(encode(value, "value"), allow_nan=False)
    again = decode(strict(text), "value")
    # Which of the NaNs is not kept.
    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 0.1]),
        np.array([[0.1, np.nan]], dtype=np.float32),
        np.array([1.5, np.inf], dtype=np.float16),
        np.array(["b", "a", "\ud800", "\u00e9\x00x"]),
        np.array(["2020-01-01", "NaT"], dtype="datetime64[s]"),
        np.array([None, "a", 1, 2.5, (1, 2), [3], np.nan], dtype=object),
        np.array([True, False]),
        np.array([2**64 - 1], dtype=np.uint64),
        np.arange(6, dtype=">i4").reshape(2, 3).astype("<i4"),
        np.empty((0, 3)),
        np.empty((3, 0), dtype=np.float32),
        np.array(3.5),
        np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4))),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_json_keeps_arrays(array):
    again = decode(strict(json.dumps(encode(array, "value"), allow_nan=False)), "value")
    if array.shape:
        assert_identical(array, again)
    else:  # arrays without dimension become numbers
        assert_identical(array[()], again)


class Classifier(JSONMixin, BaseEstimator):
    """As an estimator on top of mixtures has it."""

    def __init__(self, mixture=None):
        self.mixture = mixture

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        own = self.mixture or GaussianMixtureEM()
        self.mixtures_ = [own.set_params(random_state=0).fit(X[y == c]) for c in self.classes_]
        self.mixture_ = self.mixtures_[0]
        self.priors_ = np.full(len(self.classes_), 1 / len(self.classes_))
        self.component_classes_ = np.arange(len(self.classes_))
        return self


@pytest.mark.parametrize(
    "classes", [["no", "yes"], [0, 1], [-1.5, 2.0], [False, True], [np.str_("a"), np.str_("b")]]
)
@pytest.mark.parametrize(
    "mixture",
    [
        None,
        GaussianMixtureEM(2, noise="auto", init_params="kmeans"),
        GaussianMixtureEM(2, means_init=pd.DataFrame([[0.0, 0, 0], [1, 1, 1]]), reg_covar=1e-3),
    ],
)
def test_json_of_an_estimator_with_others_within(X, classes, mixture):
    y = np.asarray(classes)[np.arange(len(X)) % 2]
    fitted = Classifier(mixture).fit(X, y)
    again = Classifier.from_json(fitted.to_json())
    assert again.to_json() == fitted.to_json()
    if mixture is None or mixture.means_init is None:
        assert_identical(vars(fitted), vars(again))
    assert_identical(fitted.classes_, again.classes_)
    assert_identical(fitted.mixtures_[1].predict_proba(X), again.mixtures_[1].predict_proba(X))


@pytest.mark.parametrize(
    "options",
    [
        {"prior": "auto"},
        {"prior": ConjugatePrior(mean_rows=0.1, covariance=np.eye(3), covariance_rows=2.0)},
        {"fixed": ["weights"]},
        {
            "fixed": {"means": np.array([True, False])},
            "means_init": [[0, 0, 0], [4, 4, 4]],
        },
    ],
    ids=str,
)
def test_json_keeps_priors_and_fixed_parameters(X, options):
    mixture = GaussianMixtureEM(2, random_state=0, **options).fit(X)
    again = GaussianMixtureEM.from_json(mixture.to_json())
    assert_identical(vars(mixture), vars(again))
    assert_identical(mixture.partial_fit(X).means_, again.partial_fit(X).means_)


def test_json_of_a_search_within(X):
    search = GaussianMixtureSearch([1, 2], covariance_types=["EII", "VVV"], random_state=0)
    again = Classifier.from_json(Classifier(search).to_json())
    assert_identical(search.get_params(), again.mixture.get_params())


def test_json_of_a_warm_up_continues_the_stream(X):
    mixture = GaussianMixtureEM(2, warm_up=150, random_state=0)
    for start in range(0, 200, 20):
        again = GaussianMixtureEM.from_json(mixture.to_json())
        mixture.partial_fit(X[start : start + 20])
        again.partial_fit(X[start : start + 20])
        assert_identical(vars(mixture), vars(again))


def test_json_keeps_the_state_of_a_random_state(X):
    mixture = GaussianMixtureEM(2, random_state=np.random.RandomState(3)).fit(X)
    again = GaussianMixtureEM.from_json(mixture.to_json())
    assert_identical(mixture.sample(5), again.sample(5))
    mixture.random_state = np.random.RandomState(np.random.PCG64(0))
    with pytest.raises(TypeError, match=r"GaussianMixtureEM.random_state .*PCG64"):
        mixture.to_json()


def test_json_after_a_pickle_and_twice(X):
    mixture = pickle.loads(pickle.dumps(GaussianMixtureEM(2, random_state=0).fit(X)))
    once = GaussianMixtureEM.from_json(mixture.to_json())
    twice = GaussianMixtureEM.from_json(pickle.loads(pickle.dumps(once)).to_json())
    assert_identical(vars(mixture), vars(twice))


def test_json_leaves_callbacks_and_metadata_requests_out(X):
    mixture = GaussianMixtureEM(2, random_state=0)
    text = mixture.fit(X).to_json()
    mixture._skl_callbacks = [object()]
    mixture._metadata_request = object()
    assert mixture.to_json() == text


def test_json_of_what_cannot_be_written_names_the_parameter():
    mixture = GaussianMixtureEM(init_params=lambda *arguments: None)
    with pytest.raises(
        TypeError, match=r"GaussianMixtureEM\.init_params is a function.*set_params"
    ):
        mixture.to_json()
    with pytest.raises(TypeError, match=r"Classifier\.mixture\.init_params is a function"):
        Classifier(mixture).to_json()
    with pytest.raises(TypeError, match=r"Classifier\.mixture is GaussianMixture,"):
        Classifier(GaussianMixture()).to_json()
    with pytest.raises(TypeError, match=r"means_init is MaskedArray"):
        GaussianMixtureEM(means_init=np.ma.masked_array([[0.0]], mask=[[True]])).to_json()
    with pytest.raises(TypeError, match=r"tol has the dtype complex"):
        GaussianMixtureEM(tol=np.complex128(1)).to_json()


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_json_files(X, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    for path in (tmp_path / "mixture.json", (tmp_path / "no-suffix").relative_to(tmp_path)):
        assert mixture.to_json(kind(path)) is None
        assert_identical(vars(mixture), vars(GaussianMixtureEM.from_json(kind(path))))
    assert sorted(os.listdir()) == ["mixture.json", "no-suffix"]


def test_json_of_a_file_with_a_byte_order_mark(X, tmp_path):
    path = tmp_path / "mixture.json"
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    path.write_text("\ufeff\r\n" + mixture.to_json(), encoding="utf-8")
    assert_identical(vars(mixture), vars(GaussianMixtureEM.from_json(path)))
    assert_identical(
        vars(mixture), vars(GaussianMixtureEM.from_json(path.read_text(encoding="utf-8")))
    )


def test_json_file_stays_as_it_was_if_it_cannot_be_written(X, tmp_path):
    path = tmp_path / "mixture.json"
    mixture = GaussianMixtureEM(2, random_state=0).fit(X)
    mixture.to_json(path)
    before = path.read_bytes()
    mixture.set_params(init_params=min)
    with pytest.raises(TypeError, match="init_params"):
        mixture.to_json(path)
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        GaussianMixtureEM().to_json(tmp_path / "no" / "mixture.json")
    assert os.listdir(tmp_path) == ["mixture.json"]


def test_json_file_is_complete_whenever_the_process_is_killed(tmp_path):
    """A process that replaces a file again and again is killed in the middle of it."""
    path = tmp_path / "mixture.json"
    program = (
        "import sys, numpy as np\n"
        "from skgmm import GaussianMixtureEM\n"
        "mixture = GaussianMixtureEM.from_parameters(\n"
        "    [1.0], np.zeros((1, 60)), np.eye(60)[None])\n"
        "mixture.to_json(sys.argv[1])\n"
        "print('written', flush=True)\n"
        "while True:\n"
        "    mixture.to_json(sys.argv[1])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "written\n"
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert GaussianMixtureEM.from_json(path).means_.shape == (1, 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON, or is not complete"),
        ("{", "not JSON, or is not complete"),
        ("{" * 100_000, "not JSON, or is not complete"),
        ("[" * 100_000, "not JSON, or is not complete"),
        ('{"format": "skgmm", "a": NaN}', "NaN is not strict JSON"),
        ("[1, 2]", "not written by to_json"),
        ('{"learner": {}}', "not written by to_json"),
        ('{"format": "skgmm"}', "format version None"),
        ('{"format": "skgmm", "format_version": true}', "format version True"),
        (
            '{"format": "skgmm", "format_version": 2, "skgmm_version": "9.0"}',
            r"skgmm 9\.0 in version 2 .* up to 1: update skgmm",
        ),
        ('{"format": "skgmm", "format_version": 1}', "no estimator with a class"),
        (
            '{"format": "skgmm", "format_version": 1, "estimator": {"class": "os"}}',
            "holds a os, not a GaussianMixtureEM",
        ),
        (
            '{"format": "skgmm", "format_version": 1, "estimator": {"class": "GaussianMixtureEM"}}',
            "'parameters' and 'attributes'",
        ),
    ],
    ids=lambda value: value[:30],
)
def test_json_that_is_foreign_or_damaged(text, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM.from_json(text)


def nested_lists(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_json_cut_off_anywhere_is_an_error():
    text = GaussianMixtureEM.from_parameters([1.0], [[0.0]], [[[1.0]]]).to_json()
    for length in range(0, len(text) - 1, 7):
        with pytest.raises(ValueError, match="not complete"):
            GaussianMixtureEM.from_json(text[:length])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["attributes", "means_"], [0.0], "means_ should have two dimensions"),
        (["attributes", "means_", "$array", "shape"], [2, 1], r"shape \(2, 1\)"),
        (["attributes", "means_", "$array", "shape"], [-1], "shape"),
        (["attributes", "means_", "$array", "dtype"], "S9", "dtype 'S9'"),
        (["attributes", "means_", "$array", "dtype"], "uint8", "dtype uint8"),
        (["attributes", "means_", "$array", "values"], [["x"]], "dtype float64"),
        (["attributes", "means_", "$array", "values"], [[None]], "dtype float64"),
        (["attributes", "means_", "$array", "values"], [["inf"]], "finite"),
        (["attributes", "means_", "$array", "values"], [[10**400]], "dtype float64"),
        (["attributes", "weights_"], {"$python": "1"}, "unknown form"),
        (["attributes", "weights_"], nested_lists(600), "recursion"),
        (["attributes", "weights_"], {"$float": "1"}, "nan, inf"),
        (["attributes", "weights_"], {"$tuple": 1}, "should be a list"),
        (["attributes", "weights_"], {"$dict": [1]}, "keys and values"),
        (["attributes", "weights_"], {"$random_state": {}}, "RandomState"),
        (["attributes", "weights_"], {"$array": 3}, "a dtype, a shape and values"),
        (["attributes", "weights_"], None, "weights_ should be an array"),
        (["attributes", "covariance_type_"], "WWW", "WWW"),
        (["attributes", "covariance_type_"], "EII", "covariances_"),
        (["attributes", "n_features_in_"], 7, "n_features_in_"),
        (["parameters", "sauce"], 1, "sauce"),
        (["parameters", "noise"], {"$estimator": {"class": "Popen"}}, "unknown class 'Popen'"),
        (["parameters", "noise"], {"$estimator": {"class": "UniformNoise"}}, "'parameters'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_json_that_was_changed(path, value, message):
    content = json.loads(GaussianMixtureEM.from_parameters([1.0], [[0.0]], [[[1.0]]]).to_json())
    part = content["estimator"]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    with pytest.raises(ValueError, match=r"is damaged.*written by.*: (.|\n)*" + message):
        GaussianMixtureEM.from_json(json.dumps(content))


def test_json_of_another_class_or_a_file_that_is_no_text(X, tmp_path):
    text = Classifier().to_json()
    with pytest.raises(ValueError, match=r"holds a Classifier, .*Classifier\.from_json"):
        GaussianMixtureEM.from_json(text)
    path = tmp_path / "mixture.pickle"
    path.write_bytes(pickle.dumps(GaussianMixtureEM()))
    with pytest.raises(ValueError, match=r"mixture\.pickle is not JSON"):
        GaussianMixtureEM.from_json(path)
    with pytest.raises(FileNotFoundError, match=r"nor is this the text.*mixture\.json"):
        GaussianMixtureEM.from_json("mixture.json")
    with pytest.raises(TypeError, match="bytes"):
        GaussianMixtureEM.from_json(text.encode())


def test_json_of_a_subclass(X):
    class Named(GaussianMixtureEM):
        pass

    mixture = Named(2, random_state=0).fit(X)
    assert type(Named.from_json(mixture.to_json())) is Named
    assert type(Named.from_json(GaussianMixtureEM().to_json())) is Named
    with pytest.raises(ValueError, match="holds a Named"):
        GaussianMixtureEM.from_json(mixture.to_json())


def test_json_of_an_older_version_has_today_s_defaults():
    content = json.loads(GaussianMixtureEM(3).to_json())
    del content["estimator"]["parameters"]["noise"]
    again = GaussianMixtureEM.from_json(json.dumps(content))
    assert again.n_components == 3
    assert again.noise is None


def test_json_while_another_thread_fits(X):
    mixture = GaussianMixtureEM(1, random_state=0).fit(X)

    def fit(_):
        for n_components in (1, 2, 3):
            mixture.set_params(n_components=n_components).fit(X)

    with ThreadPoolExecutor(2) as pool:
        fits = pool.submit(fit, 0)
        while not fits.done():
            again = GaussianMixtureEM.from_json(mixture.to_json())
            assert np.isfinite(again.score(X))
        fits.result()


# scikit-learn

TO_SKLEARN = {
    "EII": "spherical", "VII": "spherical",
    "EEI": "diag", "VEI": "diag", "EVI": "diag", "VVI": "diag",
    "EEE": "tied",
    "VEE": "full", "EVE": "full", "VVE": "full", "EEV": "full", "VEV": "full", "EVV": "full",
    "VVV": "full",
}  # fmt: skip
OTHER_WAY = ["full", "tied", "diag", "spherical"]


def assert_same_answers(one, other, X, dtype=np.float64):
    """Up to rounding in the dtype of the attributes."""
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), **close)
    np.testing.assert_allclose(one.score_samples(X), other.score_samples(X), **close)
    np.testing.assert_allclose(one.bic(X), other.bic(X) + penalty(one, other, X), **close)


def penalty(one, other, X):
    """What parameters cost in BIC that the simpler structure does not have."""
    counts = [
        m.n_parameters_ if isinstance(m, GaussianMixtureEM) else m._n_parameters()
        for m in (one, other)
    ]
    return (counts[0] - counts[1]) * np.log(len(X))


@pytest.mark.parametrize("code", TO_SKLEARN)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_to_sklearn(code, dtype, X):
    mixture = GaussianMixtureEM(2, covariance_type=code, random_state=0, max_iter=50).fit(
        X.astype(dtype)
    )
    theirs = mixture.to_sklearn()
    assert type(theirs) is GaussianMixture
    assert theirs.covariance_type == TO_SKLEARN[code]
    assert_same_answers(mixture, theirs, X)
    assert theirs.sample(5)[0].shape == (5, 3)
    assert (theirs.converged_, theirs.n_iter_, theirs.lower_bound_) == (
        mixture.converged_, mixture.n_iter_, mixture.lower_bound_,
    )  # fmt: skip
    if dtype == np.float64:
        for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
            assert_identical(getattr(mixture, name), getattr(theirs, name))
            assert not np.shares_memory(getattr(mixture, name), getattr(theirs, name))


@given(mixture=mixtures())
def test_to_sklearn_and_back(mixture):
    name, parameters = mixture
    ours = as_estimator(parameters, name)
    again = GaussianMixtureEM.from_sklearn(ours.to_sklearn())
    X, _ = ours.sample(20, random_state=0)
    np.testing.assert_allclose(again.score_samples(X), ours.score_samples(X), rtol=1e-12)


@pytest.mark.parametrize("covariance_type", OTHER_WAY)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_from_sklearn(covariance_type, dtype, X):
    data = pd.DataFrame(X.astype(dtype), columns=["a", "b", "c"])
    theirs = GaussianMixture(
        2, covariance_type=covariance_type, random_state=3, reg_covar=1e-5, n_init=2
    ).fit(data)
    ours = GaussianMixtureEM.from_sklearn(theirs)
    double = data.astype(np.float64)
    assert_same_answers(ours, theirs, double, dtype)
    for name in ("weights_", "means_", "precisions_cholesky_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-6)
        assert getattr(ours, name).dtype == dtype
    assert list(ours.feature_names_in_) == ["a", "b", "c"]
    assert (ours.converged_, ours.n_iter_, ours.lower_bound_, ours.n_features_in_) == (
        theirs.converged_, theirs.n_iter_, theirs.lower_bound_, 3,
    )  # fmt: skip
    assert (ours.random_state, ours.reg_covar, ours.n_init, ours.init_params) == (
        3, 1e-5, 2, "kmeans",
    )  # fmt: skip
    assert ours.tol == GaussianMixtureEM().tol
    assert "given parameters" in str(ours.summary())
    again = GaussianMixtureEM.from_json(ours.to_json())
    assert_identical(vars(ours), vars(again))
    ours.set_params(warm_start=True).fit(double)
    assert ours.lower_bound_ > theirs.lower_bound_ - 1e-3
    again.partial_fit(double)


@pytest.mark.parametrize("covariance_type", OTHER_WAY)
def test_from_sklearn_with_parameters_set_by_hand(covariance_type):
    """Users set a lower triangular root, which scikit-learn takes, and no covariances."""
    mixture = as_estimator(random_mixture(0, 2, 3, covariance_type), covariance_type)
    theirs = GaussianMixture(2, covariance_type=covariance_type)
    theirs.weights_, theirs.means_ = mixture.weights_, mixture.means_
    ellipsoidal = mixture.precisions_.shape[-1] == 3 and covariance_type != "diag"
    root = np.linalg.cholesky if ellipsoidal else np.sqrt
    theirs.precisions_cholesky_ = root(mixture.precisions_)
    X, _ = mixture.sample(50, random_state=0)
    ours = GaussianMixtureEM.from_sklearn(theirs)
    np.testing.assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-10)
    assert ours.n_features_in_ == 3
    theirs.precisions_cholesky_ = theirs.precisions_cholesky_[..., None]
    with pytest.raises(ValueError, match="precisions_cholesky_"):
        GaussianMixtureEM.from_sklearn(theirs)


def test_from_sklearn_of_something_else(X):
    with pytest.raises(ValueError, match=r"BayesianGaussianMixture .*posterior.*from_parameters"):
        GaussianMixtureEM.from_sklearn(BayesianGaussianMixture(n_components=2).fit(X))
    with pytest.raises(TypeError, match="GaussianMixtureEM"):
        GaussianMixtureEM.from_sklearn(GaussianMixtureEM(2).fit(X))
    with pytest.raises(NotFittedError):
        GaussianMixtureEM.from_sklearn(GaussianMixture(2))


def test_the_remedy_for_a_bayesian_mixture(X):
    bayesian = BayesianGaussianMixture(n_components=2, random_state=0).fit(X)
    mixture = GaussianMixtureEM.from_parameters(
        bayesian.weights_, bayesian.means_, bayesian.covariances_, bayesian.covariance_type
    )
    assert np.isfinite(mixture.score(X))
    # The reason for it: the densities differ.
    assert np.abs(mixture.score_samples(X) - bayesian.score_samples(X)).max() > 1e-3


def test_to_sklearn_keeps_parameters_that_mean_the_same(X):
    mixture = GaussianMixtureEM(
        2, reg_covar=1e-4, max_iter=0, n_init=3, init_params="k-means++", random_state=5
    ).fit(X)
    given = mixture.to_sklearn().get_params()
    assert (given["reg_covar"], given["n_init"], given["init_params"]) == (1e-4, 3, "k-means++")
    assert (given["random_state"], given["tol"], given["max_iter"]) == (5, 1e-3, 1)
    default = GaussianMixtureEM(2).fit(X).to_sklearn()
    assert (default.reg_covar, default.init_params) == (1e-6, "kmeans")
    default.fit(X)
    GaussianMixtureEM(2, init_params=lambda X, n, rng, w: np.arange(len(X)) % 2).fit(X).to_sklearn()


def test_conversions_share_nothing_that_changes(X):
    start = np.array([[0.0, 0, 0], [4, 4, 4]])
    ours = GaussianMixtureEM(2, means_init=start, random_state=np.random.RandomState(0)).fit(X)
    theirs = ours.to_sklearn()
    again = GaussianMixtureEM.from_sklearn(theirs)
    for one, other in ((ours, theirs), (theirs, again)):
        assert one.random_state is not other.random_state
        assert not np.shares_memory(one.means_init, other.means_init)
        assert not np.shares_memory(one.means_, other.means_)


def test_to_sklearn_of_noise_or_nothing(X):
    with pytest.raises(ValueError, match="noise"):
        GaussianMixtureEM(2, noise="auto", random_state=0).fit(X).to_sklearn()
    with pytest.raises(NotFittedError):
        GaussianMixtureEM().to_sklearn()


# skops


@pytest.mark.parametrize("noise", [None, UniformNoise(weight=0.1)])
def test_skops_needs_to_trust_our_classes_only(X, noise):
    skops = pytest.importorskip("skops.io")
    mixture = GaussianMixtureEM(2, noise=noise, random_state=0).fit(X.astype(np.float32))
    data = skops.dumps(mixture)
    untrusted = skops.get_untrusted_types(data=data)
    assert set(untrusted) <= {
        "skgmm._mixture.GaussianMixtureEM",
        "skgmm._rows.uniform_noise.UniformNoise",
    }
    again = skops.loads(data, trusted=untrusted)
    assert_identical(mixture.predict_proba(X), again.predict_proba(X))


@pytest.mark.parametrize(
    "estimator",
    [
        GaussianMixtureClassifier(),
        GaussianMixtureClassifier(GaussianMixtureEM(covariance_type="tied"), ties="across"),
        GaussianMixtureClassifier(GaussianMixtureSearch(range(1, 3), ["full"], random_state=0)),
        GaussianMixtureRegressor(),
        GaussianMixtureEM(prior=ConjugatePrior(mean_rows=1.0), fixed="weights"),
    ],
    ids=["classifier", "ties", "search", "regressor", "prior"],
)
def test_estimators_on_top_and_priors_are_written_as_json(estimator):
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    fitted = estimator.fit(X, y if isinstance(estimator, GaussianMixtureRegressor) else names)
    again = type(estimator).from_json(fitted.to_json())
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    assert repr(again) == repr(fitted)
    assert again.to_json() == fitted.to_json()
