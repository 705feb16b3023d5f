"""At home among Pipelines, searches, routing, data frames and threads."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from conftest import SKLEARN
from sklearn.base import clone
from sklearn.datasets import load_iris, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgmm import GaussianMixtureEM


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(
        200, centers=[[0, 0], [6, 0], [0, 8]], cluster_std=[1, 0.5, 2], random_state=0
    )


def bic_scorer(estimator, X, y=None):
    return -estimator.bic(X)


def test_pipeline_with_scaling_and_projection():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(
        StandardScaler(), PCA(3), GaussianMixtureEM(3, covariance_type="tied", random_state=0)
    )
    assert adjusted_rand_score(y, pipeline.fit(X).predict(X)) > 0.8
    assert pipeline.predict_proba(X).shape == (150, 3)
    assert np.isfinite(pipeline.score(X))
    assert pipeline.fit_predict(X).shape == (150,)


@pytest.mark.parametrize("scoring", [None, bic_scorer])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_grid_search_finds_three_components(scoring, blobs):
    X, _ = blobs
    grid = {
        "n_components": [1, 2, 3],
        "covariance_type": ["full", "tied", "diag", "spherical"],
        "init_params": ["kmeans", "random_from_data"],
    }
    search = GridSearchCV(GaussianMixtureEM(random_state=0), grid, scoring=scoring, cv=3)
    search.fit(X)
    assert search.best_params_["n_components"] == 3
    assert search.predict(X).shape == (200,)


def test_metadata_routing_passes_weights(blobs):
    X, _ = blobs
    weights = np.where(X[:, 0] > 3, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        mixture = GaussianMixtureEM(2, random_state=0).set_fit_request(sample_weight=True)
        mixture.set_score_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler(), mixture)
        pipeline.named_steps["standardscaler"].set_fit_request(sample_weight=True)
        pipeline.fit(X, sample_weight=weights)
        search = GridSearchCV(mixture, {"n_components": [1, 2]}, cv=3)
        search.fit(X, sample_weight=np.ones(len(X)))
    kept = weights > 0
    scaled = StandardScaler().fit(X[kept]).transform(X[kept])
    expected = GaussianMixtureEM(2, random_state=0).fit(scaled)
    np.testing.assert_allclose(pipeline[-1].means_, expected.means_, atol=1e-8)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame, blobs):
    X, _ = blobs
    rows = frame({"a": X[:, 0], "b": X[:, 1]})
    mixture = GaussianMixtureEM(3, random_state=0).fit(rows)
    np.testing.assert_array_equal(
        mixture.predict(rows), GaussianMixtureEM(3, random_state=0).fit(X).predict(X)
    )
    if frame is pl.DataFrame and SKLEARN < (1, 9):
        return  # scikit-learn did not look at the names of polars columns
    assert list(mixture.feature_names_in_) == ["a", "b"]
    assert "\n  a " in str(mixture.summary())
    with pytest.raises(ValueError, match="feature names"):
        mixture.predict(frame({"b": X[:, 1], "a": X[:, 0]}))


def test_scoring_data_frames_gives_no_warning_about_names(blobs):
    X, _ = blobs
    frame = pd.DataFrame(X, columns=["a", "b"])
    mixture = GaussianMixtureEM(3, random_state=0).fit(frame)
    plain = GaussianMixtureEM(3, random_state=0).fit(X)
    for name in ("score", "bic", "aic", "icl", "expected_complete_log_likelihood"):
        assert getattr(mixture, name)(frame) == getattr(plain, name)(X)


def test_pandas_nullable_and_weights_as_series(blobs):
    X, _ = blobs
    rows = pd.DataFrame(X).astype("Float64")
    weights = pd.Series(np.arange(len(X)) % 3)
    a = GaussianMixtureEM(2, random_state=0).fit(rows, sample_weight=weights)
    b = GaussianMixtureEM(2, random_state=0).fit(X, sample_weight=weights.to_numpy())
    np.testing.assert_array_equal(a.means_, b.means_)


@pytest.mark.parametrize("layout", ["fortran", "strided", "read-only", "big-endian"])
def test_layouts(layout, blobs):
    X, _ = blobs
    other = {
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
        "read-only": np.array(X),
        "big-endian": X.astype(">f8"),
    }[layout]
    other.flags.writeable = layout != "read-only"
    expected = GaussianMixtureEM(3, random_state=0).fit(X)
    np.testing.assert_allclose(
        GaussianMixtureEM(3, random_state=0).fit(other).means_, expected.means_, rtol=1e-12
    )


def test_copied_and_pickled_mixtures_predict_the_same(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    for again in (copy.deepcopy(mixture), pickle.loads(pickle.dumps(mixture))):
        np.testing.assert_array_equal(again.predict(X), mixture.predict(X))
    assert not hasattr(clone(mixture), "means_")
    plain = (np.ndarray, int, float, str, bool, list, dict, type(None))
    assert all(isinstance(value, plain) for value in vars(mixture).values())


def test_estimator_can_be_used_in_many_threads(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    expected = mixture.predict_proba(X)
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda _: mixture.predict_proba(X), range(40))
        fits = pool.map(lambda _: clone(mixture).fit(X).means_, range(16))
        for result in results:
            np.testing.assert_array_equal(result, expected)
        for means in fits:
            np.testing.assert_array_equal(means, mixture.means_)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_the_same_steps_as_scikit_learn_from_the_same_start(covariance_type):
    # Clusters that overlap, so that after 7 steps there is more to gain than a rounding.
    centres = [[0, 0], [4, 0], [0, 5]]
    X, _ = make_blobs(200, centers=centres, cluster_std=[1.5, 1, 2], random_state=0)
    start = GaussianMixtureEM(
        3,
        covariance_type=covariance_type,
        init_params="random_from_data",
        max_iter=0,
        random_state=1,
    ).fit(X)
    arguments = {
        "n_components": 3,
        "covariance_type": covariance_type,
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
        "max_iter": 7,
        "tol": 0,
        "reg_covar": 0,
    }
    with pytest.warns(ConvergenceWarning):
        theirs = GaussianMixture(**arguments).fit(X)
    with pytest.warns(ConvergenceWarning, match="Best performing initialization did not converge"):
        ours = GaussianMixtureEM(**arguments).fit(X)
    assert ours.n_iter_ == 7
    for name in ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_"):
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=1e-8, atol=1e-10
        )
    for method in ("score", "bic", "aic", "score_samples", "predict_proba"):
        np.testing.assert_allclose(
            getattr(ours, method)(X), getattr(theirs, method)(X), rtol=1e-8, atol=1e-12
        )


def test_mixture_with_attributes_set_by_hand():
    mixture = GaussianMixtureEM(2, covariance_type="diag")
    mixture.weights_ = np.array([0.25, 0.75])
    mixture.means_ = np.array([[0.0, 0.0], [5.0, 5.0]])
    mixture.covariances_ = np.ones((2, 2))
    mixture.precisions_cholesky_ = np.ones((2, 2))
    np.testing.assert_array_equal(mixture.predict([[0, 0], [5, 5]]), [0, 1])


def test_sampling_and_criteria_of_a_mixture_written_by_hand():
    mixture = GaussianMixtureEM(2)
    mixture.weights_ = np.array([0.25, 0.75])
    mixture.means_ = [[0.0, 0.0], [5.0, 5.0]]
    mixture.covariances_ = [np.eye(2), 2 * np.eye(2)]
    X, _ = mixture.sample(500, random_state=0)
    assert mixture.bic(X) - mixture.aic(X) == pytest.approx(11 * (np.log(500) - 2))
    assert "weight     0.2500" in str(mixture.summary())


def test_warm_start_continues_the_previous_fit(blobs):
    X, _ = blobs
    arguments = {"n_components": 3, "init_params": "random_from_data", "random_state": 3, "tol": 0}
    with pytest.warns(ConvergenceWarning):
        whole = GaussianMixtureEM(**arguments, max_iter=6).fit(X)
    parts = GaussianMixtureEM(**arguments, max_iter=2, warm_start=True)
    for _ in range(3):
        with pytest.warns(ConvergenceWarning):
            parts.fit(X)
    np.testing.assert_allclose(parts.means_, whole.means_, rtol=1e-12)
    resumed = GaussianMixtureEM(3, random_state=0, warm_start=True).fit(X)
    reached = resumed.lower_bound_
    assert resumed.fit(X).n_iter_ == 1
    assert resumed.lower_bound_ >= reached


def test_warm_start_obeys_a_new_reg_covar(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(2, random_state=0, warm_start=True).fit(X)
    with pytest.warns(ConvergenceWarning, match="few distinct samples"):  # one loses its rows to it
        mixture.set_params(reg_covar=5.0).fit(X)
    assert np.linalg.eigvalsh(mixture.covariances_).min() > 5.0


@pytest.mark.parametrize("method", ["fit", "fit_predict"])
def test_warnings_point_at_the_line_that_fits(method, blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(3, max_iter=1, random_state=0)

    def caller():
        getattr(mixture, method)(X)

    with pytest.warns(ConvergenceWarning) as caught:
        caller()
    assert caught[0].filename == __file__
    assert caught[0].lineno == caller.__code__.co_firstlineno + 1


def test_tol_0_runs_max_iter_iterations(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(2, random_state=0, tol=0, max_iter=4, init_params="random")
    with pytest.warns(ConvergenceWarning):
        assert mixture.fit(X).n_iter_ == 4
    stuck = GaussianMixtureEM(1, tol=0, max_iter=50).fit(X)
    assert stuck.converged_
    assert stuck.n_iter_ < 5


def test_callable_start_gets_samples_weights_and_random_state(blobs):
    X, y = blobs
    seen = []

    def start(X, n_components, random_state, sample_weight):
        seen.append((X.shape, n_components, random_state.randint(1000), sample_weight))
        return np.eye(3)[y] if len(seen) % 2 else y

    weights = np.linspace(1, 2, len(X))
    mixture = GaussianMixtureEM(3, init_params=start, n_init=2, random_state=0)
    mixture.fit(X, sample_weight=weights)
    assert seen[0][:2] == ((200, 2), 3)
    assert seen[0][2] != seen[1][2]
    np.testing.assert_array_equal(seen[0][3], weights)
    assert adjusted_rand_score(y, mixture.predict(X)) > 0.95


def test_the_criteria(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    total = mixture.score_samples(X).sum()
    assert mixture.n_parameters_ == 17
    assert mixture.aic(X) == pytest.approx(2 * 17 - 2 * total)
    assert mixture.bic(X) == pytest.approx(17 * np.log(200) - 2 * total)
    entropy = -2 * np.log(mixture.predict_proba(X).max(axis=1)).sum()
    assert mixture.icl(X) == pytest.approx(mixture.bic(X) + entropy)


def test_ecll_is_the_log_likelihood_less_the_entropy_of_the_assignment(blobs):
    X, _ = blobs
    mixture = GaussianMixtureEM(3, random_state=0).fit(X)
    proba, log_proba = mixture.predict_proba(X), mixture.predict_log_proba(X)
    entropy = -(proba * np.where(proba > 0, log_proba, 0)).sum()
    ecll = mixture.expected_complete_log_likelihood(X)
    assert ecll == pytest.approx(mixture.score_samples(X).sum() - entropy)
    assert ecll == pytest.approx(mixture.expected_complete_log_likelihood(X, proba))
    hard = np.eye(3)[mixture.predict(X)]
    assert mixture.expected_complete_log_likelihood(X, hard) >= ecll


def test_many_samples_start_from_a_weighted_subsample():
    """Above 25,000 rows starts see a sample; weights still count."""
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(30_000, 2)), rng.normal(size=(30_000, 2)) + 8]
    weights = np.repeat([1.0, 3.0], 30_000)
    for kind in ("kmeans", "random_from_data", "k-means++"):
        start = GaussianMixtureEM(2, init_params=kind, random_state=0, max_iter=0)
        start.fit(X, sample_weight=weights)
        if kind == "kmeans":
            np.testing.assert_allclose(np.sort(start.weights_), [0.25, 0.75], atol=0.01)
    weights[:30_000] = 0
    one = GaussianMixtureEM(1, random_state=0).fit(X, sample_weight=weights)
    np.testing.assert_allclose(one.means_[0], X[30_000:].mean(axis=0), rtol=1e-9)
