"""What a fit says of itself: collapsed components, columns without variance, weights, versions."""

import pickle
import re
import warnings
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SKLEARN
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from skgmm import (
    GaussianMixtureEM,
    GaussianMixtureSearch,
    RowBlocks,
    __version__,
    aic_scorer,
    bic_scorer,
    bootstrap_lrt,
    icl_scorer,
    parameter_uncertainty,
)
from skgmm.covariance import STRUCTURES
from skgmm.display import CriterionDisplay, UncertaintyDisplay

# What the search says of its range is tested in test_admissible.py.
pytestmark = pytest.mark.filterwarnings("ignore:The best number of components")


IRIS = load_iris().data
EVERY = np.arange(len(IRIS))


def fitted(X, *arguments, **options):
    """A fit, and the texts of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mixture = GaussianMixtureEM(*arguments, random_state=0, **options).fit(X)
    return mixture, [str(warning.message) for warning in caught]


# Collapsed components


@pytest.mark.parametrize("n_components", [20, 30, 40])
def test_collapsed_components_are_named_however_few_the_samples_are(n_components):
    mixture, messages = fitted(IRIS, n_components)
    assert "collapsed" in mixture.status_
    assert f"Ended: {mixture.status_}" in " ".join(str(mixture.summary()).split())
    if SKLEARN >= (1, 9):  # which shows fitted attributes
        assert f"Status of the fit: {mixture.status_}" in mixture._repr_html_()
    assert sum("collapsed" in message for message in messages) == 1
    if n_components >= 30:  # of which too few samples are the reason: one warning says both
        assert len(messages) == 1
        assert "149 distinct samples" in messages[0]


@pytest.mark.parametrize("scorer", [bic_scorer, aic_scorer, icl_scorer])
def test_scorers_give_nan_for_collapsed_fits(scorer):
    collapsed, _ = fitted(IRIS, 20)
    with pytest.warns(ConvergenceWarning, match=r"n_components=20, covariance_type='full'\) is"):
        assert np.isnan(scorer(collapsed, IRIS))
    sound, _ = fitted(IRIS, 2)
    assert np.isfinite(scorer(sound, IRIS))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_collapsed_fit_is_not_chosen_by_grid_search():
    grid = {"n_components": [2, 3, 30, 40]}
    search = GridSearchCV(
        GaussianMixtureEM(random_state=0), grid, scoring=bic_scorer, cv=[(EVERY, EVERY)]
    )
    with pytest.warns(UserWarning, match="scores are non-finite"):
        search.fit(IRIS)
    assert search.best_params_ == {"n_components": 2}
    search.set_params(param_grid={"n_components": [30, 40]})
    with pytest.warns(UserWarning, match="scores are non-finite"):
        search.fit(IRIS)
    assert np.isnan(search.best_score_)


def test_degenerate_component_of_a_stream_is_named_and_has_no_score():
    rng = np.random.default_rng(0)
    X = np.r_[rng.normal(size=(500, 2)), np.column_stack([np.full(500, 9.0), rng.normal(size=500)])]
    rng.shuffle(X)
    stream = GaussianMixtureEM(2, warm_up=200, reg_covar=1e-9, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"Components \[\d\] are degenerate"):
        stream.partial_fit(X)
    assert "degenerate" in stream.status_
    with pytest.warns(ConvergenceWarning, match="NaN"):
        assert np.isnan(bic_scorer(stream, X))


THREE = np.repeat([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], 100, axis=0)


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize(
    ("unit", "reg_covar", "named"),
    [
        (1.0, 100.0, "The variance of columns x0, x1 is less than what reg_covar adds"),
        (1e-3, 1e-3, "The variance of columns x0, x1 is less than what reg_covar adds"),
        (1.0, 2.0, "the variance of components [0, 1, 2]"),
        (0.02, 1e-3, "the variance of components [0, 1, 2]"),
    ],
)
def test_a_reg_covar_that_hides_clusters_is_to_be_decreased(name, unit, reg_covar, named):
    """The advice, followed to the letter, gives the clusters and no warning."""
    X = unit * (THREE + np.random.default_rng(0).normal(size=THREE.shape))
    _, messages = fitted(X, 3, covariance_type=name, reg_covar=reg_covar)
    assert len(messages) == 1
    assert named in messages[0]
    advised = float(re.search(r"Decrease reg_covar to ([-+.e\d]+),", messages[0])[1])
    for decreased in (advised, "auto"):
        mixture, messages = fitted(X, 3, covariance_type=name, reg_covar=decreased)
        assert not messages
        assert adjusted_rand_score(np.repeat([0, 1, 2], 100), mixture.predict(X)) > 0.95


@pytest.mark.parametrize("name", ["full", "tied", "VVE", "diag"])
def test_a_flat_cluster_beside_a_given_reg_covar_is_a_status_without_a_warning(name):
    rng = np.random.default_rng(0)
    X = THREE + rng.normal(size=THREE.shape) * [1.0, 0.05]
    mixture, messages = fitted(X, 3, covariance_type=name, reg_covar=0.01)
    assert "degenerate" in mixture.status_
    assert not messages


# Columns


def with_column(kind):
    x = IRIS
    column = {
        "constant": np.full(len(x), 3.7),
        "copy": x[:, 0],
        "sum": x[:, 0] - 2 * x[:, 2],
        "float32 sum": (x[:, 0] + x[:, 2]).astype(np.float32),
    }[kind]
    return np.column_stack([x, column])


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("constant", "Column x4 is constant"),
        ("copy", "Columns x0, x4 are linearly dependent"),
        ("sum", "Columns x0, x2, x4 are linearly dependent"),
        ("float32 sum", "Columns x0, x2, x4 are linearly dependent"),
    ],
)
@pytest.mark.parametrize("covariance_type", ["full", "tied", "VEE"])
def test_columns_that_add_no_direction_are_named(kind, named, unit, covariance_type):
    X = with_column(kind) * [1, 1, 1, 1, unit]
    mixture, messages = fitted(X, 2, covariance_type=covariance_type)
    assert len(messages) == 1
    assert messages[0].startswith(f"{named}")
    assert "only 4 of 5 directions" in messages[0]
    assert "samples vary in 4 of 5 directions" in mixture.status_


@pytest.mark.parametrize("covariance_type", sorted(STRUCTURES))
def test_collinear_samples_can_be_fitted(covariance_type):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 1))
    X = np.c_[x, x + 1e-3 * rng.normal(size=(300, 2)), IRIS[:, :1].repeat(2, axis=0)]
    _, messages = fitted(X, 1, covariance_type=covariance_type)
    assert messages == []


def test_axis_aligned_structures_ignore_linear_dependence():
    for covariance_type in ("diag", "tied-diag", "VEI", "spherical"):
        mixture, messages = fitted(with_column("copy"), 2, covariance_type=covariance_type)
        assert messages == []
        assert mixture.status_ == "converged"


def test_a_given_reg_covar_smaller_than_a_variance_leaves_it_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    X = np.column_stack([x, x + 3e-6 * rng.normal(size=300)])
    _, messages = fitted(X, 1, reg_covar=0.0)
    assert messages == []
    _, messages = fitted(X, 1)
    assert "x0, x1 are linearly dependent" in messages[0]


def test_dummy_variables_of_a_frame_are_named(tmp_path):
    frame = pd.DataFrame(IRIS[:, :2], columns=["length", "width"])
    for name in range(3):
        frame[f"kind {name}"] = (name == EVERY % 3) * 1.0
    named = "Columns kind 0, kind 1, kind 2 are linearly dependent"
    for data in (frame, RowBlocks.from_iterable(lambda: iter([frame[:70], frame[70:]]))):
        _, messages = fitted(data, 1)
        assert any(message.startswith(named) for message in messages)
    with pytest.warns(ConvergenceWarning, match=named):
        GaussianMixtureSearch([1], ["full"], random_state=0).fit(frame)
    with pytest.warns(ConvergenceWarning, match=named):
        GaussianMixtureEM(warm_up=100).partial_fit(frame)


def test_columns_are_named_in_dask_arrays():
    array = pytest.importorskip("dask.array")
    X = array.from_array(with_column("copy"), chunks=(40, 5))
    _, messages = fitted(X, 2)
    assert messages[0].startswith("Columns x0, x4 are linearly dependent")


def test_too_few_samples_are_one_warning():
    X = np.random.default_rng(0).normal(size=(20, 30))
    mixture, messages = fitted(X, 1)
    assert len(messages) == 1
    assert messages[0].startswith("X has 20 distinct samples")
    assert mixture.status_ == "converged, samples vary in 19 of 30 directions"


# What is still to be gained


@pytest.mark.parametrize("max_iter", [1, 2, 12, 40])
@pytest.mark.parametrize("acceleration", ["auto", "lbfgs"])
def test_warnings_have_no_infinite_gain(max_iter, acceleration):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 2)) + 1.5 * rng.integers(2, size=(4000, 1))
    mixture, messages = fitted(
        X, 2, max_iter=max_iter, tol=0, acceleration=acceleration, escape=False
    )
    if mixture.status_ == "reached max_iter":
        assert "inf" not in messages[0].partition("(")[2]
        assert ("no estimate" in messages[0]) != ("The estimated" in messages[0])
    if max_iter == 1:
        assert "There is no estimate of the remaining gain yet" in messages[0]


# Weights


@pytest.fixture
def clusters():
    rng = np.random.default_rng(0)
    return np.r_[rng.normal(-4, 1, size=(100, 2)), rng.normal(4, 1, size=(100, 2))]


def test_relative_weights_are_named_by_criteria_and_the_remedy_helps(clusters):
    relative = np.full(len(clusters), 1 / len(clusters))
    counts = relative * relative.sum() / (relative**2).sum()
    mixture = GaussianMixtureEM(2, random_state=0).fit(clusters, sample_weight=relative)
    for name in ("bic", "aic", "icl"):
        with pytest.warns(UserWarning, match="effective number of samples is 200"):
            getattr(mixture, name)(clusters, sample_weight=relative)
        plain = getattr(mixture, name)(clusters)
        assert getattr(mixture, name)(clusters, sample_weight=counts) == pytest.approx(plain)
    search = GaussianMixtureSearch((1, 2, 3), ["full", "tied"], random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"sum to the effective number: sample_weight \*"):
        search.fit(clusters, sample_weight=relative)
    assert search.fit(clusters, sample_weight=counts).best_n_components_ == 2


def test_relative_weights_of_blocks_are_named_too(clusters):
    mixture = GaussianMixtureEM(2, random_state=0).fit(clusters)
    relative = np.full(100, 1 / 200)
    pairs = [(clusters[:100], relative), (clusters[100:], relative)]
    with pytest.warns(UserWarning, match="effective number of samples is 200"):
        mixture.bic(RowBlocks.from_iterable(lambda: iter(pairs)))


@pytest.mark.parametrize("weights", [np.ones(200), np.arange(200) % 3, np.full(200, 0.5)])
def test_integer_weights_give_no_warning(weights, clusters):
    mixture = GaussianMixtureEM(2, random_state=0).fit(clusters, sample_weight=weights)
    mixture.bic(clusters, sample_weight=weights)  # warnings are errors
    mixture.aic(clusters[:5], sample_weight=np.ones(5))  # few samples are another matter


def test_scorers_count_weights():
    weights = np.random.default_rng(0).integers(0, 4, size=len(IRIS))
    mixture = GaussianMixtureEM(2, random_state=0).fit(IRIS, sample_weight=weights)
    for scorer, name in ((bic_scorer, "bic"), (aic_scorer, "aic"), (icl_scorer, "icl")):
        score = scorer(mixture, IRIS, sample_weight=weights)
        assert score == -getattr(mixture, name)(IRIS, sample_weight=weights)
        assert score != scorer(mixture, IRIS)


def grid_search(scoring, **options):
    grid = {"n_components": [1, 2, 3]}
    model = options.pop("model", GaussianMixtureEM(random_state=0))
    return GridSearchCV(model, grid, scoring=scoring, cv=[(EVERY, EVERY)], **options)


@pytest.mark.parametrize("several", [False, True])
def test_a_grid_search_passes_weights_on(several):
    weights = np.random.default_rng(0).integers(0, 4, size=len(IRIS))
    scoring = {"bic": bic_scorer, "icl": icl_scorer} if several else bic_scorer
    search = grid_search(scoring, refit="bic" if several else True)
    search.fit(IRIS, sample_weight=weights)
    assert search.best_score_ == -search.best_estimator_.bic(IRIS, sample_weight=weights)


@pytest.mark.parametrize("requested", [True, False])
def test_a_grid_search_routes_weights(requested):
    weights = np.random.default_rng(0).integers(0, 4, size=len(IRIS))
    with config_context(enable_metadata_routing=True):
        scorer = deepcopy(bic_scorer).set_score_request(sample_weight=requested)
        model = GaussianMixtureEM(random_state=0).set_fit_request(sample_weight=True)
        search = grid_search(scorer, model=model).fit(IRIS, sample_weight=weights)
    expected = search.best_estimator_.bic(IRIS, sample_weight=weights if requested else None)
    assert search.best_score_ == -expected


def test_scorers_are_copied_and_pickled():
    mixture = GaussianMixtureEM(2, random_state=0).fit(IRIS)
    for scorer in (
        bic_scorer,
        clone(bic_scorer, safe=False),
        pickle.loads(pickle.dumps(bic_scorer)),
    ):
        assert scorer(mixture, IRIS) == -mixture.bic(IRIS)
        assert repr(scorer) == "bic_scorer"
    assert len(cross_val_score(GaussianMixtureEM(), IRIS, scoring=bic_scorer, cv=3)) == 3


# Messages


@pytest.mark.parametrize(
    ("covariances", "covariance_type", "message"),
    [
        (
            [np.eye(2), [[1, 2], [2, 4]]],
            "full",
            "component 1 has .* eigenvalue, against 5",
        ),
        ([[1, 2], [2, 4]], "tied", "smallest eigenvalue, against 5 .* add to the diagonal, or use"),
        ([[1, 1], [4, 0]], "diag", "component 1 is 0 at its smallest, against 4 .* add to it"),
        ([1, 0], "spherical", "component 1 is 0 at its smallest"),
        ([np.eye(2), [[1, 0.5], [0, 1]]], "full", "component 1 is not symmetric"),
    ],
)
def test_given_singular_covariance_raises_an_error(covariances, covariance_type, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM.from_parameters(
            [0.5, 0.5], [[0, 0], [1, 1]], covariances, covariance_type
        )


def test_displays_say_what_they_need():
    mixture = GaussianMixtureEM(2, random_state=0).fit(IRIS)
    with pytest.raises(TypeError, match="single GaussianMixtureEM: pass a fitted GaussianMix"):
        CriterionDisplay.from_estimator(mixture)
    with pytest.raises(ValueError, match=r"UncertaintyDisplay.from_estimator needs X"):
        UncertaintyDisplay.from_estimator(mixture, None)


def test_methods_have_the_qualified_name_of_the_estimator():
    """In messages of Python, and for whoever looks at them."""
    for name in dir(GaussianMixtureEM):
        member = getattr(GaussianMixtureEM, name)
        if name in (
            "to_json",
            "from_json",
            "set_params",
        ):  # which all estimators inherit from one class
            continue
        if not name.startswith("_") and "skgmm" in getattr(member, "__module__", ""):
            assert member.__qualname__ == f"GaussianMixtureEM.{name}"
    for method in ("predict", "partial_fit"):
        with pytest.raises(TypeError, match=rf"^GaussianMixtureEM\.{method}\(\) missing"):
            getattr(GaussianMixtureEM(), method)()


# Pickles


def test_pickles_carry_the_version(monkeypatch):
    mixture = GaussianMixtureEM(2, random_state=0).fit(IRIS)
    search = GaussianMixtureSearch([1, 2], "full", random_state=0).fit(IRIS)
    for estimator in (mixture, search):
        assert estimator.__getstate__()["_skgmm_version"] == __version__
        text = pickle.dumps(estimator)
        same = pickle.loads(text)  # warnings are errors
        assert same.score(IRIS) == estimator.score(IRIS)
        assert "_skgmm_version" not in vars(same)
        with monkeypatch.context() as context:
            context.setattr("skgmm._version.__version__", "99.0")
            message = rf"from version skgmm {__version__} when using version skgmm 99.0"
            with pytest.warns(InconsistentVersionWarning, match=message):
                assert pickle.loads(text).score(IRIS) == estimator.score(IRIS)


@pytest.mark.skipif(int(np.__version__.split(".")[0]) < 2, reason="NumPy 1 cannot read arrays of 2")
def test_pickles_without_a_version_are_read():
    """Written before there was one."""
    text = (Path(__file__).parent / "reference" / "without_version.pkl").read_bytes()
    with pytest.warns(InconsistentVersionWarning, match="skgmm unknown"):
        stored = pickle.loads(text)
    mixture, search = stored["mixture"], stored["search"]
    assert mixture.score(IRIS) == pytest.approx(-1.4290313624700837)
    assert search.best_score_ == pytest.approx(561.7284621143384)
    assert bic_scorer(search, IRIS) == pytest.approx(-search.best_score_)
    assert str(mixture.summary())


@pytest.mark.parametrize("structure", ["full", "diag", "VEE", "VVE", "spherical"])
@pytest.mark.parametrize("far", [1e3, 1e12, 1e20])
def test_a_component_on_one_far_sample_is_named(far, structure):
    """However far: where the sample hides the variance of all others, it hides no collapse."""
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(60, 3)), rng.normal(size=(60, 3)) + 6, np.full((1, 3), far)])
    mixture = GaussianMixtureEM(
        2, covariance_type=structure, random_state=0, init_params="kmeans", escape=False
    )
    with pytest.warns(ConvergenceWarning, match="collapsed"):
        mixture.fit(X)
    (alone,) = np.flatnonzero(np.round(mixture.weights_ * len(X)) == 1)
    assert f"components [{alone}] collapsed" in mixture.status_


def test_a_bootstrap_test_warns_of_relative_weights():
    X = np.random.default_rng(0).normal(size=(400, 2))
    with pytest.warns(UserWarning, match="sample_weight sums to 8, "):
        bootstrap_lrt(
            X, max_components=1, n_bootstrap=2, sample_weight=np.full(400, 0.02), random_state=0
        )


def test_standard_errors_with_relative_weights_warn_and_the_remedy_helps(clusters):
    relative = np.full(len(clusters), 1 / len(clusters))
    mixture = GaussianMixtureEM(2, random_state=0, tol=1e-9).fit(clusters)
    with pytest.warns(UserWarning, match="effective number of samples is 200"):
        parameter_uncertainty(mixture, clusters, sample_weight=relative)
    counts = relative * relative.sum() / (relative**2).sum()
    got, expected = (
        parameter_uncertainty(mixture, clusters, sample_weight=weights).means.standard_error
        for weights in (counts, None)
    )
    np.testing.assert_allclose(got, expected)
