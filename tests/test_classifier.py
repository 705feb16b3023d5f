"""GaussianMixtureClassifier: Bayes' rule with mixtures of classes."""

import pickle
import warnings

import numpy as np
import pytest
from conftest import SKLEARN
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from strategies import seeds, structures

from skgmm import (
    ConjugatePrior,
    GaussianMixtureClassifier,
    GaussianMixtureEM,
    GaussianMixtureRegressor,
    GaussianMixtureSearch,
    RowBlocks,
)

IRIS = load_iris(return_X_y=True)
EXACT = GaussianMixtureEM(reg_covar=0)  # maximum likelihood, as mclust and discriminant analysis
TIED = GaussianMixtureEM(covariance_type="tied", reg_covar=0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.slow
@parametrize_with_checks(
    [
        GaussianMixtureClassifier(),
        GaussianMixtureClassifier(GaussianMixtureEM(covariance_type="tied"), ties="across"),
        GaussianMixtureClassifier(GaussianMixtureEM(covariance_type="diag"), unlabeled=-7),
    ]
)
def test_sklearn_check(estimator, check):
    check(estimator)


def classes_in_two_clusters(n, seed=0, apart=5.0):
    """Two classes, each with two clusters, at the corners of a square."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(4, size=n)
    X = apart * np.array([[0, 0], [1, 0], [0, 1], [1, 1]])[corner] + rng.normal(size=(n, 2))
    return X, np.where((corner == 0) | (corner == 3), "odd", "even")


def overlapping(seed, n=90, n_classes=3, d=2):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, d)) + 2 * rng.normal(size=(n_classes, d))[y], y


# Properties


@given(seed=seeds, name=structures, ties=st.sampled_from(["within", "across"]))
def test_probabilities_are_bayes_rule_for_the_mixtures(seed, name, ties):
    X, y = overlapping(seed)
    classifier = GaussianMixtureClassifier(GaussianMixtureEM(covariance_type=name), ties=ties)
    classifier.fit(X, y)
    mixture = classifier.mixture_
    dense = np.array([mixture._parameters().covariance.with_factors(3, True).dense()])[0]
    joint = np.column_stack(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(X)
            for weight, mean, covariance in zip(
                mixture.weights_, mixture.means_, dense, strict=True
            )
        ]
    )
    expected = joint - logsumexp(joint, axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_log_proba(X), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(classifier.predict_proba(X), np.exp(expected), atol=1e-9)
    np.testing.assert_allclose(classifier.priors_, 1 / 3)
    np.testing.assert_array_equal(classifier.predict(X), expected.argmax(axis=1))


@given(seed=seeds, name=structures)
def test_names_and_order_of_classes_change_nothing_but_names(seed, name):
    X, y = overlapping(seed)
    mixture = GaussianMixtureEM(covariance_type=name)
    one = GaussianMixtureClassifier(mixture, ties="across").fit(X, y)
    renamed = np.array(["c", "a", "b"])[y]
    other = GaussianMixtureClassifier(mixture, ties="across").fit(X, renamed)
    assert other.classes_.tolist() == ["a", "b", "c"]
    # Structures whose M-step is iterative end where the gain is below `tol`.
    found = other.predict_proba(X)[:, [2, 0, 1]]
    np.testing.assert_allclose(one.predict_proba(X), found, atol=0.02)


@given(seed=seeds, ties=st.sampled_from(["within", "across"]))
def test_weights_are_repetitions(seed, ties):
    X, y = overlapping(seed)
    weights = np.random.default_rng(seed).integers(0, 4, size=len(X))
    one = GaussianMixtureClassifier(TIED, ties=ties).fit(X, y, sample_weight=weights)
    repeated = np.repeat(X, weights, axis=0), np.repeat(y, weights)
    other = GaussianMixtureClassifier(TIED, ties=ties).fit(*repeated)
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-7)
    np.testing.assert_allclose(one.priors_, other.priors_)


@given(seed=seeds, scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_units_do_not_matter(seed, scale):
    X, y = overlapping(seed)
    one = GaussianMixtureClassifier().fit(X, y).predict_log_proba(X)
    other = GaussianMixtureClassifier().fit(scale * X, y).predict_log_proba(scale * X)
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


# Where the model is that of another program


@pytest.mark.parametrize("solver", ["svd", "lsqr"])
def test_tied_across_classes_is_linear_discriminant_analysis(solver):
    if solver == "svd" and SKLEARN < (1, 9):
        pytest.skip("divides the covariance by n - n_classes before scikit-learn 1.9")
    for X, y in (IRIS, load_wine(return_X_y=True), overlapping(1)):
        ours = GaussianMixtureClassifier(TIED, ties="across").fit(X, y)
        theirs = LinearDiscriminantAnalysis(solver=solver).fit(X, y)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        np.testing.assert_allclose(
            ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6, atol=1e-12
        )


@pytest.mark.parametrize("ties", ["within", "across"])
def test_full_is_quadratic_discriminant_analysis(ties):
    """Theirs divides covariances by n - 1 in some releases: the densities are compared with those
    of ML covariances, and the labels with theirs.
    """
    X, y = IRIS
    ours = GaussianMixtureClassifier(EXACT, ties=ties).fit(X, y)
    joint = np.column_stack(
        [
            np.log(np.mean(y == c))
            + multivariate_normal(X[y == c].mean(axis=0), np.cov(X[y == c].T, bias=True)).logpdf(X)
            for c in range(3)
        ]
    )
    expected = joint - logsumexp(joint, axis=1, keepdims=True)
    np.testing.assert_allclose(ours.predict_log_proba(X), expected, rtol=1e-7, atol=1e-9)
    theirs = QuadraticDiscriminantAnalysis().fit(X, y)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_mclust_da_and_edda_on_iris():
    """mclust 6.0.0: MclustDA (EEE2, XXX, XXX) and EDDA (VEV), log-likelihoods of the features."""
    X, y = IRIS
    search = GaussianMixtureSearch(range(1, 4), reg_covar=0, random_state=0)
    within = GaussianMixtureClassifier(search).fit(X, y)
    models = [(m.n_components, m.covariance_type) for m in within.mixtures_]
    assert models == [(2, "tied"), (1, "tied"), (1, "tied")]
    assert within.mixture_.score(X) * 150 == pytest.approx(-172.81, abs=0.006)
    across = GaussianMixtureClassifier(GaussianMixtureSearch(reg_covar=0), ties="across").fit(X, y)
    assert across.mixture_.covariance_type == "VEV"
    assert across.mixture_.score(X) * 150 == pytest.approx(-187.71, abs=0.006)


# Attributes


def test_attributes_within():
    X, y = classes_in_two_clusters(400)
    classifier = GaussianMixtureClassifier(
        GaussianMixtureSearch([1, 2, 3], ["spherical", "full"], random_state=0)
    ).fit(X, y)
    assert classifier.classes_.tolist() == ["even", "odd"]
    assert [m.n_components for m in classifier.mixtures_] == [2, 2]
    assert classifier.component_classes_.tolist() == [0, 0, 1, 1]
    assert classifier.component_classes_.dtype == np.int64
    mass = np.bincount(classifier.component_classes_, classifier.mixture_.weights_)
    np.testing.assert_allclose(mass, classifier.priors_)
    np.testing.assert_allclose(
        classifier.mixture_.score_samples(X),
        logsumexp(
            [
                np.log(prior) + mixture.score_samples(X)
                for prior, mixture in zip(classifier.priors_, classifier.mixtures_, strict=True)
            ],
            axis=0,
        ),
    )
    assert classifier.score(X, y) > 0.98
    assert classifier.set_params(ties="across", mixture=None).fit(X, y)
    assert not hasattr(classifier, "mixtures_")
    assert classifier.component_classes_.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["diag", "tied", "full", "VEV"])
def test_bic_counts_the_parameters_of_the_classes(name):
    X, y = IRIS
    model = GaussianMixtureEM(2, covariance_type=name, random_state=0)
    classifier = GaussianMixtureClassifier(model).fit(X, y)
    mixture = classifier.mixture_
    n_free = 2 + sum(own.n_parameters_ for own in classifier.mixtures_)
    assert mixture.n_parameters_ == n_free
    expected = -2 * len(X) * mixture.score(X) + n_free * np.log(len(X))
    assert mixture.bic(X) == pytest.approx(expected)
    read = GaussianMixtureClassifier.from_json(classifier.to_json())
    assert read.mixture_.bic(X) == mixture.bic(X)


def test_a_fit_to_labels_alone_has_no_random_start():
    X, y = overlapping(0)
    classifier = GaussianMixtureClassifier(GaussianMixtureEM(max_iter=3), ties="across").fit(X, y)
    assert classifier.mixture_.starts_["kind"] == ["labels"]
    assert classifier.mixture_.n_iter_ <= 2


@pytest.mark.parametrize("ties", ["within", "across"])
def test_given_priors_replace_proportions(ties):
    X, y = overlapping(2)
    plain = GaussianMixtureClassifier(ties=ties).fit(X, y)
    priors = np.array([0.7, 0.3, 0.0])
    given_priors = GaussianMixtureClassifier(ties=ties, priors=priors).fit(X, y)
    joint = plain.predict_proba(X) / plain.priors_ * priors
    expected = joint / joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(given_priors.predict_proba(X), expected, atol=1e-9)
    np.testing.assert_array_equal(given_priors.priors_, priors)
    np.testing.assert_allclose(given_priors.mixture_.weights_, priors)
    with pytest.warns(UserWarning, match=r"priors do not sum to 1 but to 2\. Renormalizing"):
        doubled = GaussianMixtureClassifier(ties=ties, priors=2 * priors).fit(X, y)
    np.testing.assert_allclose(doubled.priors_, priors)


# Missing values


@pytest.mark.parametrize("ties", ["within", "across"])
def test_missing_values_are_integrated_out(ties):
    X, y = IRIS
    classifier = GaussianMixtureClassifier(ties=ties).fit(X, y)
    some = X.copy()
    some[:, [1, 3]] = np.nan
    mixture = classifier.mixture_
    joint = np.column_stack(
        [
            np.log(weight)
            + multivariate_normal(mean[[0, 2]], S[np.ix_([0, 2], [0, 2])]).logpdf(X[:, [0, 2]])
            for weight, mean, S in zip(
                mixture.weights_, mixture.means_, mixture.covariances_, strict=True
            )
        ]
    )
    expected = joint - logsumexp(joint, axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_log_proba(some), expected, rtol=1e-7, atol=1e-9)
    nothing = classifier.predict_proba(np.full((1, 4), np.nan))[0]
    np.testing.assert_allclose(nothing, classifier.priors_)
    rng = np.random.default_rng(0)
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    assert classifier.fit(holes, y).score(holes, y) > 0.9


# Samples without a class


@pytest.mark.parametrize("ties", ["within", "across"])
@pytest.mark.parametrize("unlabeled", [-1, np.nan])
def test_one_gaussian_for_each_class_is_the_fit_with_labels(ties, unlabeled):
    X, z = overlapping(3, n=200)
    hidden = np.arange(200) % 4 > 0
    y = np.where(hidden, unlabeled, z)
    classifier = GaussianMixtureClassifier(
        GaussianMixtureEM(tol=1e-10, reg_covar=0), ties=ties, unlabeled=unlabeled
    ).fit(X, y)
    mixture = GaussianMixtureEM(3, tol=1e-10, reg_covar=0, random_state=0)
    mixture.fit(X, labels=np.where(hidden, -1, z))
    np.testing.assert_allclose(classifier.mixture_.means_, mixture.means_, atol=1e-4)
    np.testing.assert_allclose(classifier.priors_, mixture.weights_, atol=1e-4)


@pytest.mark.filterwarnings("ignore:class 'odd'. 1 of 6 models are excluded")
@pytest.mark.parametrize(
    "mixture",
    [
        GaussianMixtureEM(2, random_state=0),
        GaussianMixtureEM(2, covariance_type="tied", prior="auto", random_state=0),
        GaussianMixtureSearch([1, 2, 3], ["tied-spherical", "spherical"], random_state=0),
    ],
)
def test_unlabelled_samples_teach_classes_of_several_components(mixture):
    X, z = classes_in_two_clusters(600, apart=4.0)
    hidden = np.random.default_rng(0).random(600) > 0.05
    y = np.where(hidden, "unknown", z)
    classifier = GaussianMixtureClassifier(mixture, unlabeled="unknown").fit(X, y)
    assert classifier.classes_.tolist() == ["even", "odd"]
    assert [m.n_components for m in classifier.mixtures_] == [2, 2]
    others, truth = classes_in_two_clusters(2000, seed=1, apart=4.0)
    assert classifier.score(others, truth) > 0.93


def log_likelihood_of_samples_and_classes(classifier, X, codes):
    joint = np.log(classifier.priors_) + np.column_stack(
        [mixture.score_samples(X) for mixture in classifier.mixtures_]
    )
    known = codes >= 0
    return joint[known, codes[known]].sum() + logsumexp(joint[~known], axis=1).sum()


def test_em_over_the_classes_ends_at_a_maximum():
    """A fit with more evaluations gains no more than `tol`, a fit to labelled samples is below."""
    X, z = classes_in_two_clusters(300, apart=3.0)
    codes = np.where(np.arange(300) % 5 == 0, z == "odd", -1)
    mixture = GaussianMixtureEM(2, tol=1e-7, random_state=0)
    found = GaussianMixtureClassifier(mixture, unlabeled=-1).fit(X, codes)
    own = log_likelihood_of_samples_and_classes(found, X, codes)
    better = GaussianMixtureClassifier(clone(mixture).set_params(tol=1e-10), unlabeled=-1)
    best = log_likelihood_of_samples_and_classes(better.fit(X, codes), X, codes)
    assert best - own < 300 * 1e-5
    labelled = GaussianMixtureClassifier(mixture).fit(X[codes >= 0], codes[codes >= 0])
    assert own > log_likelihood_of_samples_and_classes(labelled, X, codes)
    posterior = found.predict_proba(X)
    posterior[codes >= 0] = np.eye(2)[codes[codes >= 0]]
    np.testing.assert_allclose(posterior.mean(axis=0), found.priors_, atol=1e-3)


def test_one_labelled_sample_of_each_class():
    X, z = overlapping(5, n=300)
    X = X + 6 * np.eye(3)[z][:, :2]
    y = np.full(300, -1)
    y[:3] = z[:3]
    for ties in ("within", "across"):
        classifier = GaussianMixtureClassifier(ties=ties, unlabeled=-1).fit(X, y)
        assert classifier.score(X, z) > 0.9


def test_unlabelled_samples_with_weights_and_missing_values():
    X, z = classes_in_two_clusters(400)
    rng = np.random.default_rng(0)
    holes = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    y = np.where(rng.random(400) < 0.8, "?", z)
    weights = rng.integers(0, 3, size=400)
    mixture = GaussianMixtureEM(2, random_state=0)
    classifier = GaussianMixtureClassifier(mixture, unlabeled="?").fit(holes, y, weights)
    assert classifier.score(X, z) > 0.95


def test_no_unlabelled_sample_is_the_plain_fit():
    X, y = overlapping(0)
    one = GaussianMixtureClassifier(unlabeled=-1).fit(X, y)
    other = GaussianMixtureClassifier().fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


# Within scikit-learn


def test_pipeline_grid_search_clone_and_pickle():
    X, y = IRIS
    pipeline = make_pipeline(StandardScaler(), GaussianMixtureClassifier(GaussianMixtureEM()))
    name = "gaussianmixtureclassifier"
    grid = {
        f"{name}__ties": ["within", "across"],
        f"{name}__mixture__covariance_type": ["full", "tied"],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.95
    classifier = search.best_estimator_[-1]
    assert clone(classifier).get_params()["mixture"].covariance_type in ("full", "tied")
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    assert not hasattr(classifier.mixture, "means_")  # the parameter is cloned
    assert cross_val_score(GaussianMixtureClassifier(), X, y, scoring="roc_auc_ovr").min() > 0.99


def test_names_of_features():
    pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True, as_frame=True)
    for ties in ("within", "across"):
        classifier = GaussianMixtureClassifier(ties=ties).fit(X, y)
        assert classifier.feature_names_in_.tolist() == X.columns.tolist()
        assert classifier.mixture_.feature_names_in_.tolist() == X.columns.tolist()
        assert classifier.predict(X).shape == (150,)
        with pytest.raises(ValueError, match="feature names should match"):
            classifier.predict(X[X.columns[::-1]])
        with pytest.warns(UserWarning, match="GaussianMixtureClassifier was fitted with"):
            classifier.predict(X.to_numpy())


def test_float32_and_nullable_data_frames():
    pd = pytest.importorskip("pandas")
    X, y = IRIS
    single = GaussianMixtureClassifier().fit(X.astype(np.float32), y)
    assert np.mean(single.predict(X) == GaussianMixtureClassifier().fit(X, y).predict(X)) > 0.98
    frame = pd.DataFrame(X, columns=list("abcd")).astype("Float64")
    frame.iloc[0, 0] = pd.NA
    classifier = GaussianMixtureClassifier().fit(frame, pd.Series(y, dtype="Int64"))
    assert classifier.predict(frame)[0] == 0


# Faults


def rare_class():
    X, y = overlapping(0, n=60, d=4)
    return np.vstack([X, X[:3] + 1]), np.append(y, [7, 7, 7])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"class 7 has 3 samples, but covariance_type='full' with n_components=1 needs at le"),
        ({"ties": "across"}, r"class 7 has 3 samples, but covariance_type='full' needs at least 5"),
        ({"mixture": GaussianMixtureEM(4, covariance_type="tied")}, r"class 7 has 3 samples"),
        (
            {"mixture": GaussianMixtureSearch(4, "EII", random_state=0)},
            r"class 7: Expected n_samples >= n_components but got n_components = 4",
        ),
    ],
)
def test_a_class_with_too_few_samples_is_named(options, message):
    X, y = rare_class()
    with pytest.raises(ValueError, match=message):
        GaussianMixtureClassifier(**options).fit(X, y)


@pytest.mark.parametrize(
    "options",
    [
        {"mixture": GaussianMixtureEM(covariance_type="diag")},
        {"mixture": GaussianMixtureEM(covariance_type="tied"), "ties": "across"},
        {"mixture": GaussianMixtureEM(reg_covar=0.1)},
        {"mixture": GaussianMixtureEM(prior="auto")},
        {"mixture": GaussianMixtureSearch([1, 2], random_state=0)},
    ],
)
def test_the_remedies_for_too_few_samples_work(options):
    X, y = rare_class()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert GaussianMixtureClassifier(**options).fit(X, y).score(X, y) > 0.5


def test_a_wide_table_warns_with_the_name_of_the_class():
    X = np.random.default_rng(0).normal(size=(20, 30))
    with pytest.warns(ConvergenceWarning) as caught:
        GaussianMixtureClassifier().fit(X, np.repeat(["a", "b"], 10))
    for warning, name in zip(caught, "ab", strict=True):
        assert f"class {name!r}: X has 10 distinct samples" in str(warning.message)
        assert warning.filename == __file__


@pytest.mark.parametrize(
    ("y", "weights", "options", "message"),
    [
        (np.zeros(90), None, {}, r"needs samples of at least two classes.* y has one class, 0\.0"),
        (np.arange(90) % 2, np.arange(90) % 2, {}, r"one class, 1 among samples of positive"),
        (np.full(90, -1), None, {"unlabeled": -1}, r"at least two classes, but y has no class"),
        (np.arange(90) / 7, None, {}, r"Unknown label type"),
        (None, None, {}, r"requires y to be passed, but the target y is None"),
        (np.arange(89) % 2, None, {}, r"inconsistent numbers of samples"),
        (np.where(np.arange(90) > 5, 1.0, np.nan), None, {}, r"Input y contains NaN"),
        (np.arange(90) % 3, None, {"priors": [0.5, 0.5]}, r"a number for each of the 3 classes"),
        (np.arange(90) % 3, None, {"priors": [2, -0.5, -0.5]}, r"priors must be non-negative"),
        (np.arange(90) % 3, None, {"ties": "both"}, r"'ties' parameter"),
        (np.arange(90) % 3, None, {"mixture": 3}, r"'mixture' parameter"),
        (
            np.arange(90) % 3,
            None,
            {"mixture": GaussianMixtureEM(noise="auto")},
            r"does not support a mixture with noise",
        ),
    ],
)
def test_bad_input(y, weights, options, message):
    X = overlapping(0)[0]
    with pytest.raises(ValueError, match=message):
        GaussianMixtureClassifier(**options).fit(X, y, sample_weight=weights)


def with_missing(kind):
    """Classes of `overlapping(0)` of which every fourth is missing."""
    y = np.array(["a", "b", "c"], dtype=object)[overlapping(0)[1]]
    gone = np.arange(len(y)) % 4 == 0
    if kind == "masked":
        return np.ma.masked_array(overlapping(0)[1], gone)
    if kind == "numbers":
        return np.where(gone, np.nan, overlapping(0)[1])
    pd = pytest.importorskip("pandas")
    y[gone] = {"NaN": np.nan, "None": None}.get(kind, pd.NA)
    return pd.Series(y, dtype=kind) if kind in ("string", "category") else y


MISSING = pytest.mark.parametrize(
    "kind", ["numbers", "masked", "NaN", "None", "NA", "string", "category"]
)


@MISSING
def test_missing_classes_are_an_error_with_a_remedy(kind):
    X, y = overlapping(0)[0], with_missing(kind)
    missing = (len(y) + 3) // 4
    with pytest.raises(ValueError, match=f"y contains NaN in {missing} of .*unlabeled=np.nan"):
        GaussianMixtureClassifier().fit(X, y)


@MISSING
def test_missing_classes_may_mark_unlabelled_samples(kind):
    X, y = overlapping(0)
    mixture = GaussianMixtureEM(random_state=0)
    expected = GaussianMixtureClassifier(mixture, ties="across", unlabeled=-1)
    expected.fit(X, np.where(np.arange(len(y)) % 4, y, -1))
    classifier = GaussianMixtureClassifier(mixture, ties="across", unlabeled=np.nan)
    classifier.fit(X, with_missing(kind))
    np.testing.assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))


def test_an_invalid_parameter_is_not_blamed_on_a_class():
    X, y = overlapping(0)
    with pytest.raises(ValueError, match=r"^The 'tol' parameter of GaussianMixtureEM"):
        GaussianMixtureClassifier(GaussianMixtureEM(tol=-1.0)).fit(X, y)


def test_mixtures_of_classes_share_no_parameters():
    X, y = overlapping(0)
    given = GaussianMixtureEM(prior=ConjugatePrior(), means_init=X[:1])
    first, second, *_ = GaussianMixtureClassifier(given).fit(X, y).mixtures_
    first.set_params(prior__mean_rows=3.0)
    first.means_init[:] = 7.0
    for other in (second, given):
        assert other.prior.mean_rows == 0.0
        np.testing.assert_array_equal(other.means_init, X[:1])


def test_a_column_of_classes_is_flattened_with_a_warning():
    X, y = overlapping(0)
    with pytest.warns(DataConversionWarning):
        GaussianMixtureClassifier().fit(X, y[:, None])


def test_a_failed_fit_leaves_the_classifier_as_it_was():
    X, y = overlapping(0)
    classifier = GaussianMixtureClassifier().fit(X, y)
    before = dict(vars(classifier))
    with pytest.raises(ValueError, match="Input X contains infinity"):
        classifier.fit(np.full((5, 2), np.inf), y[:5])
    assert vars(classifier) == before


def test_what_is_not_in_memory_and_what_is_not_fitted():
    X = overlapping(0)[0]
    with pytest.raises(TypeError, match="takes X in memory, but got a RowBlocks"):
        GaussianMixtureClassifier().fit(RowBlocks.from_iterable(lambda: [X]), np.zeros(90))
    for method in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(NotFittedError):
            getattr(GaussianMixtureClassifier(), method)(X)


@pytest.mark.parametrize(
    ("estimator", "remedy"),
    [
        (
            GaussianMixtureClassifier(),
            r"GaussianMixtureClassifier\(mixture=GaussianMixtureEM\(\)\)",
        ),
        (
            GaussianMixtureRegressor(),
            r'GaussianMixtureRegressor\(mixture=GaussianMixtureEM\(prior="auto"\)\)',
        ),
    ],
)
def test_parameters_of_a_mixture_that_is_none_cannot_be_searched(estimator, remedy):
    grid = {"mixture__n_components": [1, 2]}
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=f"no parameter 'n_components' to set.*{remedy}"):
        GridSearchCV(estimator, grid).fit(X, y)
    given = clone(estimator).set_params(mixture=GaussianMixtureEM(), mixture__n_components=2)
    assert given.mixture.n_components == 2
    found = GridSearchCV(given, grid, cv=3).fit(X, y)
    assert found.best_params_["mixture__n_components"] in (1, 2)


def test_unlabeled_of_another_type_is_named():
    X, z = classes_in_two_clusters(60)
    y = np.where(np.arange(60) % 3 > 0, z, "-1").astype(str)
    with pytest.raises(ValueError, match="unlabeled=-1 is no value of y, but '-1'"):
        GaussianMixtureClassifier(unlabeled=-1).fit(X, y)
    assert "-1" not in GaussianMixtureClassifier(unlabeled="-1").fit(X, y).classes_


def test_priors_that_are_no_numbers_are_named():
    X, z = classes_in_two_clusters(60)
    with pytest.raises(ValueError, match="priors should be numbers"):
        GaussianMixtureClassifier(priors={"even": 0.3, "odd": 0.7}).fit(X, z)
