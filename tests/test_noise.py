"""A component of constant density beside the Gaussians."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import oracle
import oracle_incomplete
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV

from skgmm import (
    GaussianMixtureEM,
    GaussianMixtureSearch,
    UniformNoise,
    parameter_uncertainty,
)
from skgmm._em.loop import run_em
from skgmm._em.quasi_newton import coordinates_around
from skgmm._objective import Objective
from skgmm._rows import groups, incomplete
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._rows.noise import Background
from skgmm.covariance import STRUCTURES, find_structure
from skgmm.display import MixtureDisplay, UncertaintyDisplay

NAMES = list(STRUCTURES)
D, K = 3, 3
MEANS = np.array([[0.0, 0, 0], [5.0, 0, 1], [0.0, 5, -1]])


def contaminated(n, seed=0, share=0.15, missing=0.1, known=0.2):
    """Clusters, a part of the samples uniform in a box; the same with holes; labels; truth."""
    rng = np.random.default_rng(seed)
    z = rng.integers(K, size=n)
    X = MEANS[z] + rng.normal(size=(n, D))
    outside = rng.random(n) < share
    X[outside] = rng.uniform(-15, 20, size=(outside.sum(), D))
    z[outside] = -1
    holes = X.copy()
    holes[rng.random((n, D)) < missing] = np.nan
    holes[0] = np.nan
    return X, holes, np.where(rng.random(n) < known, z, -1), z


def parameters_of(name, X, noise_weight=0.1):
    mixture = GaussianMixtureEM(K, covariance_type=name, means_init=MEANS, max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        parameters = mixture.fit(X)._parameters()
    return replace(parameters, log_weights=parameters.log_weights + np.log1p(-noise_weight))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("labelled", [False, True], ids=["unlabelled", "labelled"])
@pytest.mark.parametrize("many", [1, 10**9], ids=["views", "batches"])
def test_the_e_step_is_that_of_the_oracle(name, missing, labelled, many, monkeypatch):
    monkeypatch.setattr(groups, "_MANY", many)
    monkeypatch.setattr(incomplete, "_NUMBERS", 20 * D)
    X, holes, labels, _ = contaminated(40)
    given, known = holes if missing else X, labels if labelled else None
    weights = np.random.default_rng(1).integers(0, 3, size=40).astype(float)
    parameters, form = parameters_of(name, X), find_structure(name).scatter
    floor = np.array([0.3, 0.2, 0.0])
    background = Background.of(InMemoryRows(given, weights), 4000.0, 0.05)
    rows = GroupedRows.of(InMemoryRows(given, weights), known, background)
    got = rows.expectation(parameters, form, floor)
    sides = np.exp(background.log_sides)
    assert np.prod(sides) == pytest.approx(4000.0)
    expected = oracle_incomplete.expectation(given, weights, parameters, form, floor, known, sides)
    oracle.assert_moments_equal(got, expected, parameters)
    assert got.mass.sum() < got.total_weight


@pytest.mark.parametrize("name", NAMES)
def test_em_never_lowers_the_objective_and_the_weight_of_noise_is_at_its_maximum(name):
    X, holes, labels, _ = contaminated(120)
    mixture = GaussianMixtureEM(
        K, covariance_type=name, noise="auto", means_init=MEANS, tol=1e-11, reg_covar=1e-3
    )
    mixture.fit(holes, labels=labels)
    assert mixture.converged_
    assert np.diff(mixture.lower_bounds_).min() >= 0
    parameters = mixture._parameters()
    sides = np.exp(Background.from_state(mixture._noise).log_sides)
    public = parameters.means, oracle_incomplete.dense(parameters)

    def objective(weights, floor):
        total = oracle_incomplete.log_likelihood(
            holes, np.ones(120), weights, *public, floor, labels, sides
        )
        return total / 120

    plain = objective(parameters.weights, None)
    assert mixture.lower_bound_ == pytest.approx(plain, rel=1e-11)
    for k in range(K):
        step = 1e-4 * np.eye(K)[k]
        slope = objective(parameters.weights + step, np.full(D, 1e-3)) - objective(
            parameters.weights - step, np.full(D, 1e-3)
        )
        assert abs(slope / 2e-4) < 2e-5
    objective = Objective(
        GroupedRows.of(InMemoryRows(X), None, Background.of(InMemoryRows(X), None, 0.05)),
        find_structure(name),
        np.full(D, 1e-8),
    )
    parameters, objectives = parameters_of(name, X), []
    for _ in range(80):
        moments = objective.evaluate(parameters)
        objectives.append(moments.mean_objective)
        parameters = objective.maximise(moments, parameters)
    assert np.diff(objectives).min() > -1e-12


@pytest.mark.parametrize("kind", ["auto", "kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_finds_clusters_and_noise(kind):
    X, holes, _, z = contaminated(500)
    for given in (X, holes):
        mixture = GaussianMixtureEM(K, noise="auto", init_params=kind, random_state=0).fit(given)
        assert mixture.converged_
        assert mixture.noise_weight_ == pytest.approx(np.mean(z == -1), abs=0.02)
        assert np.mean((mixture.predict(X) == -1) == (z == -1)) > 0.97
        assert mixture.weights_.sum() + mixture.noise_weight_ == pytest.approx(1, abs=1e-12)


def test_acceleration_goes_on_beside_noise():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 2)) + 2.0 * rng.integers(2, size=400)[:, None]
    X[:40] = rng.uniform(-9, 9, size=(40, 2))
    rows = GroupedRows.of(InMemoryRows(X), None, Background.of(InMemoryRows(X), None, 0.05))
    objective = Objective(rows, find_structure("full"), np.full(2, 1e-10))
    mixture = GaussianMixtureEM(2, means_init=[[0.0, 0], [2, 2]], max_iter=0, noise="auto")
    start = mixture.fit(X)._parameters()
    plain = run_em(objective, start, tol=1e-10, max_iter=3000, acceleration=None)
    fast = run_em(objective, start, tol=1e-10, max_iter=3000)
    assert fast.objective > plain.objective - 1e-8
    assert len(fast.objectives) < 0.6 * len(plain.objectives)


def test_what_methods_return():
    X, holes, _, _ = contaminated(300)
    mixture = GaussianMixtureEM(K, noise="auto", random_state=0).fit(X)
    shares = mixture.predict_proba(holes)
    assert shares.shape == (300, K + 1)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-12)
    labels = mixture.predict(holes)
    np.testing.assert_array_equal(labels, np.append(np.arange(K), -1)[shares.argmax(axis=1)])
    assert (np.take_along_axis(shares, labels[:, None], axis=1)[:, 0] == shares.max(axis=1)).all()
    np.testing.assert_allclose(np.exp(mixture.predict_log_proba(holes)), shares, atol=1e-12)
    assert mixture.n_parameters_ == 29 + 2
    given = GaussianMixtureEM(K, noise=UniformNoise(volume=1e4), random_state=0).fit(X)
    assert given.n_parameters_ == mixture.n_parameters_ - 1
    assert given.noise_volume_ == pytest.approx(1e4)
    n = len(X)
    bic = -2 * n * mixture.score(X) + mixture.n_parameters_ * np.log(n)
    assert mixture.bic(X) == pytest.approx(bic)
    certainty = mixture.predict_log_proba(X).max(axis=1).sum()
    assert mixture.icl(X) == pytest.approx(bic - 2 * certainty)
    ecll = mixture.expected_complete_log_likelihood(X)
    assert mixture.expected_complete_log_likelihood(X, mixture.predict_proba(X)) == pytest.approx(
        ecll
    )
    # A sample without values: density 1, and the weights.
    assert mixture.score_samples(holes[:1])[0] == 0.0
    weights = np.append(mixture.weights_, mixture.noise_weight_)
    np.testing.assert_allclose(shares[0], weights, rtol=1e-12)
    drawn, components = mixture.sample(4000, random_state=0)
    assert np.mean(components == -1) == pytest.approx(mixture.noise_weight_, abs=0.02)
    box = drawn[components == -1]
    assert (box >= X.min(axis=0)).all()
    assert (box <= X.max(axis=0)).all()
    far = mixture.predict([[1e6, 1e6, 1e6]])
    assert far.tolist() == [-1]
    assert np.isfinite(mixture.impute(holes)).all()
    again = pickle.loads(pickle.dumps(mixture))
    np.testing.assert_array_equal(again.predict_proba(X), mixture.predict_proba(X))


def test_volume_is_that_of_the_smaller_box_whatever_the_units():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(2000, 2)) @ [[1.0, 0.95], [0.0, 0.1]]  # a thin diagonal
    units = np.array([1.0, 1e4])
    small, large = (Background.of(InMemoryRows(X * scale), None, 0.05) for scale in (1.0, units))
    box = np.ptp(X, axis=0).prod()
    assert small.volume < 0.5 * box
    assert large.volume == pytest.approx(small.volume * 1e4, rel=1e-9)
    holes = X.copy()
    holes[0, 0] = np.nan
    assert Background.of(InMemoryRows(holes), None, 0.05).volume == pytest.approx(
        np.nanmax(holes[:, 0]) * 0 + np.ptp(holes[1:, 0]) * np.ptp(holes[:, 1])
    )
    far = np.vstack([X, [[50.0, 50.0]]])
    weights = np.append(np.ones(2000), 0.0)
    assert Background.of(InMemoryRows(far, weights), None, 0.05).volume == pytest.approx(
        small.volume
    )


def test_without_noise_in_the_data_the_fit_is_that_without_noise():
    X, _, _, _ = contaminated(300, share=0.0)
    options = {"means_init": MEANS, "tol": 1e-12}
    beside = GaussianMixtureEM(K, noise=UniformNoise(volume=1e12), **options).fit(X)
    plain = GaussianMixtureEM(K, **options).fit(X)
    assert beside.noise_weight_ < 1e-6
    np.testing.assert_allclose(beside.means_, plain.means_, rtol=1e-5, atol=1e-6)
    # Weight 0: the same E-step, to the last bit.
    parameters, background = plain._parameters(), Background.of(InMemoryRows(X), None, 0.05)
    exact = replace(parameters, log_weights=np.log([0.5, 0.25, 0.25]))
    form, floor = find_structure("full").scatter, np.zeros(D)
    got = GroupedRows.of(InMemoryRows(X), None, background).expectation(exact, form, floor)
    expected = InMemoryRows(X).expectation(exact, form, floor)
    np.testing.assert_allclose(got.scatter, expected.scatter, rtol=1e-14)
    assert got.objective == expected.objective


@pytest.mark.filterwarnings("ignore:Components .* collapsed")  # without noise
def test_starts_that_are_given():
    X, _, _, z = contaminated(300)
    truth = np.zeros((300, K + 1))
    truth[np.arange(300), z] = 1.0
    for options in (
        {"responsibilities_init": truth},
        {"means_init": MEANS, "weights_init": [0.5, 0.25, 0.25]},
        {"init_params": lambda X, K, rng, w: rng.randint(K, size=len(X)), "random_state": 1},
    ):
        mixture = GaussianMixtureEM(K, noise="auto", **options).fit(X)
        assert mixture.noise_weight_ == pytest.approx(np.mean(z == -1), abs=0.03)
    start = GaussianMixtureEM(
        K, noise=UniformNoise(weight=0.2), max_iter=0, weights_init=[0.5, 0.25, 0.25]
    )
    start.set_params(means_init=MEANS).fit(X)
    np.testing.assert_allclose(start.weights_, [0.4, 0.2, 0.2])
    again = mixture.set_params(warm_start=True).fit(X)
    assert again.n_iter_ < 5
    without = GaussianMixtureEM(K, warm_start=True, means_init=MEANS, reg_covar=0.1).fit(X)
    assert without.set_params(noise="auto").fit(X).noise_weight_ > 0.1
    assert not hasattr(without.set_params(noise=None, warm_start=False).fit(X), "noise_weight_")
    assert without.predict_proba(X).shape == (300, K)


def test_from_parameters():
    mixture = GaussianMixtureEM.from_parameters(
        [0.5, 0.4], [[0.0], [4.0]], [[[1.0]], [[1.0]]], noise_volume=100.0
    )
    assert mixture.noise_weight_ == pytest.approx(0.1)
    density = np.exp(mixture.score_samples([[1000.0]]))[0]
    assert density == pytest.approx(0.1 / 100)
    assert mixture.predict([[0.0], [1000.0]]).tolist() == [0, -1]
    assert (mixture.sample(200, random_state=0)[1] == -1).any()
    with pytest.raises(ValueError, match="should be normalized"):
        GaussianMixtureEM.from_parameters([0.5, 0.4], [[0.0], [4.0]], [[[1.0]], [[1.0]]])
    with pytest.raises(ValueError, match="should be normalized"):
        GaussianMixtureEM.from_parameters(
            [0.9, 0.4], [[0.0], [4.0]], [[[1.0]], [[1.0]]], noise_volume=1.0
        )


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (UniformNoise(volume=0.0), "noise: volume should be a positive number or None"),
        (UniformNoise(volume=-1.0), "noise: volume should be a positive number or None"),
        (UniformNoise(volume=np.inf), "noise: volume should be a positive number or None"),
        (UniformNoise(weight=0.0), "noise: weight should be between 0 and 1"),
        (UniformNoise(weight=1), "noise: weight should be between 0 and 1"),
        ("some", "The 'noise' parameter of GaussianMixtureEM must be"),
        (0.1, "The 'noise' parameter of GaussianMixtureEM must be"),
    ],
)
def test_noise_is_checked(noise, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixtureEM(K, noise=noise).fit(contaminated(50)[0])


def test_the_box_of_a_constant_feature_has_no_volume():
    X = np.column_stack([contaminated(60)[0], np.ones(60)])
    with pytest.raises(ValueError, match=r"feature 3 is constant, so that the box .* no volume"):
        GaussianMixtureEM(1, noise="auto").fit(X)


def test_parameters_of_noise_are_parameters_of_the_mixture():
    mixture = GaussianMixtureEM(2, noise=UniformNoise())
    mixture.set_params(noise__weight=0.3)
    assert clone(mixture).noise.weight == 0.3


def test_float32():
    X = contaminated(300)[0].astype(np.float32)
    mixture = GaussianMixtureEM(K, noise="auto", random_state=0).fit(X)
    double = GaussianMixtureEM(K, noise="auto", random_state=0).fit(X.astype(np.float64))
    np.testing.assert_allclose(mixture.means_, double.means_, rtol=1e-3, atol=1e-4)
    assert mixture.noise_weight_ == pytest.approx(double.noise_weight_, rel=1e-4)
    assert mixture.predict_proba(X).dtype == np.float32


@pytest.mark.parametrize(
    ("criterion", "structures"),
    [("bic", ["full", "tied", "EEI"]), ("log_likelihood", ["full"])],
)
def test_a_search_beside_noise_counts_clusters_and_not_outliers(criterion, structures):
    X, holes, _, _ = contaminated(300)
    for data in (X, holes):
        search = GaussianMixtureSearch(
            range(1, 6), structures, criterion, noise="auto", random_state=0
        ).fit(data)
        best = search.best_estimator_
        # Held-out likelihoods of three and four components differ by a tenth of their errors.
        assert search.best_n_components_ in ((K,) if criterion == "bic" else (K, K + 1))
        assert best.noise_weight_ == pytest.approx(0.2, abs=0.06)
        assert (search.predict(data) == -1).mean() == pytest.approx(best.noise_weight_, abs=0.06)
        row = search.best_index_
        assert search.results_["bic"][row] == pytest.approx(best.bic(data))
        assert search.results_["n_parameters"][row] == best.n_parameters_


def test_a_search_without_noise_counts_the_outliers():
    X = contaminated(300)[0]
    plain = GaussianMixtureSearch(range(1, 7), ["full"], random_state=0).fit(X)
    assert plain.best_n_components_ > K  # the outliers have a component


@pytest.mark.parametrize("options", [{}, {"means_init": MEANS}, {"n_init": 2}])
@pytest.mark.parametrize("volume", [1e-9, 1e-2])
def test_if_all_samples_are_noise_the_error_says_why(options, volume):
    X = contaminated(200)[0]
    mixture = GaussianMixtureEM(K, noise=UniformNoise(volume=volume), random_state=0, **options)
    with pytest.raises(ValueError, match=r"every sample is noise.*Increase the volume"):
        mixture.fit(X)
    assert not hasattr(mixture, "weights_")


@pytest.mark.parametrize("name", NAMES)
def test_gradient_in_the_coordinates_of_quasi_newton_steps(name):
    X, holes, labels, _ = contaminated(150)
    background = Background.of(InMemoryRows(holes), None, 0.05)
    rows = GroupedRows.of(InMemoryRows(holes), labels, background)
    objective = Objective(rows, find_structure(name), np.full(D, 1e-3))
    anchor = objective.maximise(objective.evaluate(parameters_of(name, X, 0.3)), None)
    moments = objective.evaluate(anchor)
    coordinates = coordinates_around(objective, anchor, moments)
    rng = np.random.default_rng(0)
    here = 0.02 * rng.normal(size=coordinates.size)

    def value(vector):
        return objective.evaluate(coordinates.at(vector).parameters).objective

    point = coordinates.at(here)
    at = objective.evaluate(point.parameters)
    gradient = point.gradient(at)
    assert point.parameters.log_noise_weight > np.log(0.05)
    for i in range(coordinates.size):
        step = 1e-5 * np.eye(coordinates.size)[i]
        slope = (value(here + step) - value(here - step)) / 2e-5
        assert gradient[i] == pytest.approx(slope, abs=2e-5 * len(X))


def test_search_with_labels_keeps_the_names_of_the_components():
    X, _, _, z = contaminated(400, share=0.0)
    named = np.array([2, 0, 1])[z]
    labels = np.where(np.arange(400) < 60, named, -1)
    search = GaussianMixtureSearch([3, 4], ["spherical", "full"], random_state=0)
    predicted = search.fit_predict(X, labels=labels)
    assert search.best_n_components_ == 3
    assert np.mean(predicted == named) > 0.98
    best, row = search.best_estimator_, search.best_index_
    alone = GaussianMixtureEM(3, covariance_type="spherical", random_state=0).fit(X, labels=labels)
    assert best.lower_bound_ == pytest.approx(alone.lower_bound_, abs=1e-5)
    assert search.results_["log_likelihood"][row] == pytest.approx(400 * best.lower_bound_)
    with pytest.raises(ValueError, match="labels should be components from 0 to n_components - 1"):
        GaussianMixtureSearch([2, 3]).fit(X, labels=labels)
    beside = GaussianMixtureSearch([3], ["full"], noise=UniformNoise(volume=1e5), random_state=0)
    assert np.mean(beside.fit_predict(X, labels=labels) == named) > 0.95


def test_a_model_of_the_search_in_which_all_samples_are_noise_says_so():
    X = contaminated(200)[0]
    search = GaussianMixtureSearch([2], "full", noise=UniformNoise(volume=1e-6), random_state=0)
    with pytest.raises(ValueError, match="every sample is noise"):
        search.fit(X)


def test_grid_search_over_the_weight():
    X = contaminated(200)[0]
    mixture = GaussianMixtureEM(K, noise=UniformNoise(volume=4e4), random_state=0)
    grid = GridSearchCV(mixture, {"noise__weight": [0.02, 0.2]}, cv=2).fit(X)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()
    assert grid.best_estimator_.noise_volume_ == pytest.approx(4e4)
    assert mixture.noise.weight == 0.05


def test_summary_names_the_noise():
    mixture = GaussianMixtureEM(K, noise="auto", random_state=0).fit(contaminated(200)[0])
    text = str(mixture.summary())
    assert f"{mixture.n_parameters_} free parameters" in text
    assert f"Noise: weight {mixture.noise_weight_:.4f}" in text
    assert "Noise" not in str(GaussianMixtureEM(1).fit(contaminated(200)[0]).summary())


@pytest.mark.parametrize("features", [None, [0], [0, 1], [0, 1, 2]])
def test_mixture_display(features):
    plt = pytest.importorskip("matplotlib.pyplot")
    X = contaminated(200)[0]
    mixture = GaussianMixtureEM(K, noise="auto", random_state=0).fit(X)
    display = MixtureDisplay.from_estimator(mixture, X, features=features)
    assert display.responsibilities.shape == (200, K + 1)
    if features == [0, 1]:
        texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert f"noise: {100 * mixture.noise_weight_:.0f} %" in texts
        n_drawn = [len(each.get_offsets()) for each in display.ax_.collections]
        assert (mixture.predict(X) == -1).sum() in n_drawn
    plt.close("all")


def test_uncertainty_display():
    plt = pytest.importorskip("matplotlib.pyplot")
    X = contaminated(200, share=0.3)[0]
    mixture = GaussianMixtureEM(K, noise=UniformNoise(weight=0.2), random_state=0).fit(X)
    display = UncertaintyDisplay.from_estimator(mixture, X)
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts[-1].startswith(f"noise\n{(mixture.predict(X) == -1).sum()} samples")
    plt.close("all")


def test_n_components_close_to_the_number_of_samples():
    X = contaminated(12)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = GaussianMixtureEM(
            11, covariance_type="tied", noise=UniformNoise(volume=1e9), random_state=0
        )
        assert mixture.fit(X).weights_.shape == (11,)


@pytest.mark.parametrize("covariance_type", ["diag", "spherical"])
def test_with_more_features_than_samples_the_box_is_that_of_the_features(covariance_type):
    """Along principal axes without variance it has sides that are rounding."""
    X = np.random.default_rng(0).normal(size=(40, 60)) + 4.0 * (np.arange(40) % 2)[:, None]
    X[:3] = np.random.default_rng(1).uniform(-20, 20, size=(3, 60))
    mixture = GaussianMixtureEM(
        2, covariance_type=covariance_type, noise="auto", reg_covar=0.1, random_state=0
    )
    labels = mixture.fit_predict(X)
    assert mixture.noise_volume_ == pytest.approx(np.ptp(X, axis=0).prod())
    assert adjusted_rand_score(np.arange(3, 40) % 2, labels[3:]) == 1.0
    assert (labels[:3] == -1).all()


def known_information(of_sample, at, n_samples):
    """Standard errors from the outer products of numeric slopes of each sample's log-density."""
    slopes = np.empty((n_samples, len(at)))
    for i in range(len(at)):
        step = 1e-5 * np.eye(len(at))[i]
        slopes[:, i] = (of_sample(at + step) - of_sample(at - step)) / 2e-5
    return np.sqrt(np.diagonal(np.linalg.inv(slopes.T @ slopes)))


@pytest.mark.parametrize("missing", [False, True])
def test_parameter_uncertainty_beside_noise(missing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 1)) + 5.0 * rng.integers(2, size=(4000, 1))
    X = np.hstack([X, rng.normal(size=X.shape)])
    X[:400] = rng.uniform(-20, 20, size=(400, 2))
    if missing:
        X[rng.random(4000) < 0.2, 1] = np.nan
    noise = UniformNoise(volume=1600.0)
    mixture = GaussianMixtureEM(
        2, covariance_type="diag", noise=noise, tol=1e-12, means_init=[[0.0, 0], [5, 0]]
    ).fit(X)
    found = parameter_uncertainty(mixture, X)
    sides = np.exp(Background.from_state(mixture._noise).log_sides)

    def of_sample(vector):
        weights, means, variances = vector[:2], vector[2:6].reshape(2, 2), vector[6:].reshape(2, 2)
        joint = np.log(weights)[:, None] + np.nansum(
            -0.5 * (X - means[:, None]) ** 2 / variances[:, None]
            - 0.5 * np.log(2 * np.pi * variances[:, None]) * ~np.isnan(X),
            axis=2,
        )
        left = np.log(1 - weights.sum()) - (~np.isnan(X)) @ np.log(sides)
        return np.logaddexp.reduce(np.vstack([joint, left]), axis=0)

    at = np.concatenate([a.ravel() for a in (mixture.weights_, mixture.means_)])
    at = np.append(at, mixture.covariances_.ravel())
    errors = known_information(of_sample, at, 4000)
    parts = (found.weights, found.means, found.covariances)
    got = np.concatenate([part.standard_error.ravel() for part in parts])
    np.testing.assert_allclose(got, errors, rtol=0.1)
    assert found.noise_weight.estimate == pytest.approx(mixture.noise_weight_)
    binomial = np.sqrt(0.1 * 0.9 / 4000)
    assert binomial < found.noise_weight.standard_error < 1.3 * binomial
    assert found.noise_weight.lower < 0.1 < found.noise_weight.upper
    drawn = parameter_uncertainty(mixture, X, method="bootstrap", n_bootstrap=40, random_state=0)
    assert drawn.draws["noise_weight"].shape == (40,)
    np.testing.assert_allclose(drawn.means.standard_error, found.means.standard_error, rtol=0.6)


def test_no_information_where_the_weight_of_noise_is_zero():
    X = contaminated(200, share=0.0)[0]
    mixture = GaussianMixtureEM(K, noise=UniformNoise(volume=1e12), tol=1e-10, means_init=MEANS)
    mixture.fit(X)
    with pytest.raises(ValueError, match=r"observed information .* the weight of noise is 0"):
        parameter_uncertainty(mixture, X)
    drawn = parameter_uncertainty(mixture, X, method="bootstrap", n_bootstrap=10, random_state=0)
    assert np.isfinite(drawn.means.standard_error).all()


def test_a_volume_in_single_precision_is_that_number():
    X = np.random.default_rng(0).normal(size=(100, 2))
    noise = UniformNoise(volume=np.float32(1000))
    fitted = GaussianMixtureEM(noise=noise, random_state=0).fit(X)
    assert fitted.noise_volume_ == pytest.approx(1000.0, rel=1e-14)


def test_a_volume_too_large_for_a_number_is_infinite_without_a_warning():
    X = 1e100 * np.random.default_rng(0).normal(size=(100, 6))
    fitted = GaussianMixtureEM(noise="auto", random_state=0).fit(X)
    assert fitted.noise_volume_ == np.inf
    assert np.isfinite(fitted.score(X))
