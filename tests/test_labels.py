"""Samples whose component is known: labels of fit."""

import warnings

import numpy as np
import oracle
import oracle_incomplete
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgmm import GaussianMixtureEM, RowBlocks
from skgmm._rows import groups, incomplete
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm.covariance import STRUCTURES, find_structure

NAMES = list(STRUCTURES)
D, K = 3, 3
MEANS = np.array([[0.0, 0, 0], [2.0, 0, 1], [0.0, 2, -1]])


def overlapping(n, seed=0, known=0.3, missing=0.15):
    """Overlapping clusters, their components, a part of these as labels, and holes in the data."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = MEANS[z] + rng.normal(size=(n, D))
    labels = np.where(rng.random(n) < known, z, -1)
    holes = X.copy()
    holes[rng.random((n, D)) < missing] = np.nan
    return X, holes, labels, z


def parameters_of(name, X):
    mixture = GaussianMixtureEM(K, covariance_type=name, random_state=0, max_iter=3, escape=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mixture.fit(X)._parameters()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("many", [1, 10**9], ids=["views", "batches"])
def test_the_e_step_is_that_of_the_oracle(name, missing, many, monkeypatch):
    monkeypatch.setattr(groups, "_MANY", many)
    monkeypatch.setattr(incomplete, "_NUMBERS", 20 * D)
    X, holes, labels, _ = overlapping(60)
    given = holes if missing else X
    weights = np.random.default_rng(1).integers(0, 3, size=60).astype(float)
    parameters, form = parameters_of(name, X), find_structure(name).scatter
    floor = np.array([0.1, 0.2, 0.0])
    got = GroupedRows.of(InMemoryRows(given, weights), labels).expectation(parameters, form, floor)
    expected = oracle_incomplete.expectation(given, weights, parameters, form, floor, labels)
    oracle.assert_moments_equal(got, expected, parameters)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_labels_name_the_components_from_every_start(name):
    X, _, labels, z = overlapping(300)
    levels = []
    for kind in ("auto", "kmeans", "k-means++", "random", "random_from_data"):
        mixture = GaussianMixtureEM(K, covariance_type=name, init_params=kind, random_state=1)
        mixture.fit(X, labels=labels)
        assert mixture.converged_
        assert np.mean(mixture.predict(X) == z) > 0.75
        levels.append(mixture.lower_bound_)
    np.testing.assert_allclose(levels, max(levels), atol=2e-4)
    public = mixture.weights_, mixture.means_, oracle_incomplete.dense(mixture._parameters())
    expected = oracle_incomplete.log_likelihood(X, np.ones(300), *public, labels=labels) / 300
    assert mixture.lower_bound_ == pytest.approx(expected, rel=1e-12)


def test_labels_and_missing_values_together():
    X, holes, labels, z = overlapping(300)
    mixture = GaussianMixtureEM(K, random_state=0).fit(holes, labels=labels)
    assert np.mean(mixture.predict(X) == z) > 0.75
    assert np.diff(mixture.lower_bounds_).min() >= 0
    again = GaussianMixtureEM(K, random_state=0)
    np.testing.assert_array_equal(again.fit_predict(holes, labels=labels), again.predict(holes))


def test_all_labels_known_is_an_estimate_by_class():
    X, _, _, z = overlapping(200)
    mixture = GaussianMixtureEM(K, reg_covar=0, random_state=0).fit(X, labels=z)
    for k in range(K):
        np.testing.assert_allclose(mixture.means_[k], X[z == k].mean(axis=0), rtol=1e-10)
        np.testing.assert_allclose(
            mixture.covariances_[k], np.cov(X[z == k].T, bias=True), rtol=1e-9, atol=1e-12
        )
    np.testing.assert_allclose(mixture.weights_, np.bincount(z) / 200, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_samples_of_known_components_are_read_once(name, weighted, monkeypatch):
    """The E-step of the groups finds the same."""
    X, _, _, z = overlapping(200)
    parameters = parameters_of(name, X)
    weights = np.random.default_rng(9).integers(3, size=200).astype(float) if weighted else None
    rows, form = GroupedRows.of(InMemoryRows(X, weights), z), find_structure(name).scatter
    floor = np.array([0.0, 0.1, 0.2])
    assert rows._all_known is not None
    found = rows.expectation(parameters, form, floor)
    rows.__dict__["_all_known"] = None
    expected = rows.expectation(parameters, form, floor)
    assert found.objective == pytest.approx(expected.objective, rel=1e-12)
    assert found.total_weight == expected.total_weight
    for part in ("mass", "mean", "scatter"):
        np.testing.assert_allclose(
            getattr(found, part), getattr(expected, part), rtol=1e-11, atol=1e-12
        )
    monkeypatch.setattr(groups.PatternGroup, "expectation", None)
    model = GaussianMixtureEM(3, covariance_type=name, max_iter=50)
    model.fit(X, sample_weight=weights, labels=z)
    counted = np.ones(200) if weights is None else weights
    reached = model.score_samples(X) + model.predict_log_proba(X)[np.arange(200), z]
    assert model.lower_bound_ == pytest.approx(np.average(reached, weights=counted), rel=1e-9)


def test_one_labelled_sample_of_each_component_names_it():
    X, _, _, z = overlapping(400)
    X = X + 4 * MEANS[z]  # well apart
    labels = np.full(400, -1)
    for k, name in enumerate([2, 0, 1]):
        labels[np.flatnonzero(z == k)[0]] = name
    mixture = GaussianMixtureEM(K, random_state=0).fit(X, labels=labels)
    np.testing.assert_allclose(np.mean(mixture.predict(X) == np.array([2, 0, 1])[z]), 1, atol=0.01)


def test_a_component_without_labelled_samples_is_found():
    X, _, labels, z = overlapping(400)
    X = X + 4 * MEANS[z]
    mixture = GaussianMixtureEM(K, random_state=0).fit(X, labels=np.where(labels == 1, -1, labels))
    assert np.mean(mixture.predict(X) == z) > 0.99


def test_parameters_of_the_start_do_not_renumber_components():
    X, _, labels, z = overlapping(300)
    for options in ({"weights_init": [0.5, 0.3, 0.2]}, {"precisions_init": [np.eye(D)] * K}):
        mixture = GaussianMixtureEM(K, random_state=0, **options).fit(X, labels=labels)
        assert np.mean(mixture.predict(X) == z) > 0.75


def test_a_start_by_a_callable_or_responsibilities():
    X, _, labels, z = overlapping(300)
    shares = np.random.default_rng(0).dirichlet(np.ones(K), size=300)
    for options in (
        {"init_params": lambda X, K, rng, w: rng.randint(K, size=len(X))},
        {"responsibilities_init": shares},
    ):
        mixture = GaussianMixtureEM(K, random_state=0, **options).fit(X, labels=labels)
        assert np.mean(mixture.predict(X) == z) > 0.75


def test_no_label_is_the_same_fit_to_the_last_bit():
    X, _, _, _ = overlapping(200)
    plain = GaussianMixtureEM(K, random_state=0).fit(X)
    for labels in (None, np.full(200, -1), [-1] * 200):
        mixture = GaussianMixtureEM(K, random_state=0).fit(X, labels=labels)
        np.testing.assert_array_equal(mixture.covariances_, plain.covariances_)


def test_weights_are_repetitions():
    _, holes, labels, _ = overlapping(300)
    weights = np.random.default_rng(0).integers(0, 3, size=300)
    options = {"random_state": 0, "tol": 1e-11}
    one = GaussianMixtureEM(K, **options).fit(holes, sample_weight=weights, labels=labels)
    repeated = [np.repeat(array, weights, axis=0) for array in (holes, labels)]
    other = GaussianMixtureEM(K, **options).fit(repeated[0], labels=repeated[1])
    np.testing.assert_allclose(one.means_, other.means_, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(50, 3), r"labels should be components from 0 to n_components - 1 = 2, or -1"),
        (np.full(50, -2), r"but that of sample 0 is -2"),
        (np.zeros(49, dtype=int), r"labels should have the shape \(n_samples,\) = \(50,\)"),
        (np.zeros((50, 1), dtype=int), r"labels should have the shape"),
        (np.zeros(50), r"labels should be integers, -1 where .* but got float64"),
        (np.array(["a"] * 50), r"labels should be integers.*numpy\.unique\(names"),
        (np.zeros(50, dtype=bool), r"labels should be integers"),
    ],
)
def test_labels_are_checked(labels, message):
    X = overlapping(50)[0]
    for method in ("fit", "fit_predict"):
        with pytest.raises(ValueError, match=message):
            getattr(GaussianMixtureEM(K), method)(X, labels=labels)


def test_what_does_not_take_labels_yet_says_so():
    X = overlapping(50)[0]
    dask_array = pytest.importorskip("dask.array")
    with pytest.raises(ValueError, match="labels are not supported with Dask yet"):
        GaussianMixtureEM(K).fit(dask_array.from_array(X), labels=np.zeros(50, dtype=int))


def source_of(kind):
    """Two clusters, and their labels."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(40, 2)), rng.normal(5.0, 1.0, size=(40, 2))])
    labels = np.repeat([0, 1], 40)
    if kind == "missing":
        X[::3, 0] = np.nan
    some = np.where(np.arange(80) % 4 < 2, labels, -1)
    if kind == "blocks":
        return RowBlocks.from_iterable(lambda: np.split(X, 4)), some
    return X, some


@pytest.mark.parametrize("kind", ["arrays", "missing", "blocks"])
@pytest.mark.parametrize("covariances", [None, [np.eye(2)] * 2])
@pytest.mark.parametrize(
    "options", [{}, {"noise": "auto"}, {"prior": "auto"}, {"fixed": "weights"}]
)
def test_labels_of_a_component_whose_weight_is_0_are_named(kind, covariances, options):
    X, labels = source_of(kind)
    start = {"weights_init": [1, 0], "means_init": [[0, 0], [5, 5]], "precisions_init": covariances}
    model = GaussianMixtureEM(2, **start, **options)
    message = r"labels assign samples, such as sample 40, to one of the components \[1\]"
    with pytest.raises(ValueError, match=message) as error:
        model.fit(X, labels=labels)
    assert "weights_init" in str(error.value)
    model.set_params(weights_init=[0.9, 0.1]).fit(X, labels=labels)  # the remedy


def test_labels_of_a_component_whose_weight_was_0_in_the_previous_fit():
    X, labels = source_of("arrays")
    model = GaussianMixtureEM.from_parameters([1, 0], [[0, 0], [5, 5]], [np.eye(2)] * 2)
    with pytest.raises(ValueError, match="the previous fit with warm_start=True"):
        model.set_params(n_components=2, warm_start=True).fit(X, labels=labels)


@pytest.mark.parametrize("options", [{}, {"noise": "auto"}, {"prior": "auto"}])
@pytest.mark.parametrize("kind", ["arrays", "missing"])
@pytest.mark.parametrize("n_components", [2, 3])
def test_labels_that_leave_a_component_without_samples_are_named(kind, options, n_components):
    X, labels = source_of(kind)
    labels = np.minimum(np.abs(labels), n_components - 2)
    message = rf"No samples are left for components \[{n_components - 1}\], because labels"
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(n_components, random_state=0, **options).fit(X, labels=labels)


def test_pandas_labels_and_y_is_ignored():
    pd = pytest.importorskip("pandas")
    X, _, labels, z = overlapping(100)
    series = pd.Series(labels, dtype="Int64")
    one = GaussianMixtureEM(K, random_state=0).fit(X, z[::-1], labels=series)
    other = GaussianMixtureEM(K, random_state=0).fit(X, labels=labels)
    np.testing.assert_array_equal(one.means_, other.means_)


def test_labels_name_the_components_also_of_given_weights():
    X = np.concatenate([np.zeros(40), np.full(10, 9.0)])[:, None]
    X = X + np.random.default_rng(0).normal(size=X.shape)
    labels = np.where(np.arange(50) % 5 == 0, (np.arange(50) < 40).astype(int), -1)
    mixture = GaussianMixtureEM(2, weights_init=[0.8, 0.2], init_params="kmeans", max_iter=0)
    mixture.fit(X, labels=labels)
    assert mixture.means_[0, 0] > mixture.means_[1, 0]


@pytest.mark.parametrize("missing", [False, True])
def test_moments_of_all_samples_do_not_depend_on_labels(missing):
    X = np.random.default_rng(0).normal(size=(60, 2))
    if missing:
        X[::3, 0] = np.nan
    rows = InMemoryRows(X)
    form = find_structure("full").scatter
    labelled = GroupedRows.of(rows, np.arange(60) % 3).overall_moments(form)
    plain = (GroupedRows.of(rows) if missing else rows).overall_moments(form)
    np.testing.assert_allclose(labelled.scatter, plain.scatter, rtol=1e-12)


@pytest.mark.parametrize("missing", [False, True])
def test_a_fit_with_all_labels_looks_for_no_start(missing, monkeypatch):
    """Responsibilities are known, so that neither starts nor moves could find anything."""
    X, holes, _, z = overlapping(200)
    monkeypatch.setattr(GroupedRows, "start_sample", None)
    mixture = GaussianMixtureEM(K, random_state=0).fit(holes if missing else X, labels=z)
    assert mixture.starts_["kind"] == ["labels"]
    assert mixture.converged_
    if not missing:
        np.testing.assert_allclose(mixture.weights_, np.bincount(z) / 200, rtol=1e-12)
        assert mixture.n_iter_ <= 2


def test_one_component_starts_from_all_samples(monkeypatch):
    X = overlapping(200)[0]
    monkeypatch.setattr(InMemoryRows, "start_sample", None)
    mixture = GaussianMixtureEM(reg_covar=0).fit(X)
    np.testing.assert_allclose(mixture.covariances_[0], np.cov(X.T, bias=True), rtol=1e-10)
    assert mixture.n_iter_ <= 2


def test_a_label_too_large_for_an_integer_is_named_as_it_was_given():
    X, labels = np.random.default_rng(0).normal(size=(20, 2)), np.full(20, 2**63, dtype=np.uint64)
    with pytest.raises(ValueError, match="that of sample 0 is 9223372036854775808"):
        GaussianMixtureEM(2).fit(X, labels=labels)


@pytest.mark.parametrize("source", [np.asarray, lambda X: RowBlocks.from_iterable(lambda: [X])])
@pytest.mark.parametrize("order", [[0, 1, 2], [1, 2, 0], [2, 1, 0]])
def test_one_label_of_each_component_names_it_among_many_samples(source, order):
    """Starts look at a part of so many samples, which may hold none of those with labels."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=60_000)
    X = rng.normal(size=(60_000, 2)) + 8.0 * np.eye(3, 2)[truth]
    labels = np.full(len(X), -1)
    first = [np.flatnonzero(truth == k)[0] for k in range(3)]
    labels[first] = order
    mixture = GaussianMixtureEM(3, random_state=0).fit(source(X), labels=labels)
    assert mixture.predict(X[first]).tolist() == order


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("labels", [[-1, 1, 0, 0], [-1, -1, 1, -1], None])
def test_samples_that_do_not_vary_are_fitted(labels):
    """No feature was left to find starts by, and integer division by zero ended the process."""
    X, lost = np.full((4, 2), 3.0), np.full((4, 2), 3.0)
    lost[0, 0] = np.nan
    for samples in X, lost:
        mixture = GaussianMixtureEM(2, random_state=0).fit(samples, labels=labels)
        np.testing.assert_allclose(mixture.means_, 3.0)


@pytest.mark.parametrize("values", [[0.0, 1.0, np.nan], [0, 1, None]])
def test_missing_labels_are_to_be_minus_one(values):
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(ValueError, match="some are missing: replace these by -1"):
        GaussianMixtureEM(2).fit(X, labels=10 * values)
