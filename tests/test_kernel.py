"""The compiled kernel against the NumPy oracle, on every instruction set that runs here."""

from functools import reduce
from itertools import pairwise
from operator import add

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import assert_moments_equal
from sklearn.datasets import load_iris
from strategies import random_mixture, seeds

from skgmm import GaussianMixtureEM, _kernels
from skgmm._moments import Scatter
from skgmm._rows import e_step
from skgmm._rows.base import InMemoryRows
from skgmm.covariance import STRUCTURES

EPSILON = np.finfo(np.float64).eps


def laid_out(X, layout):
    """The same rows in another memory layout."""
    if layout == "fortran":
        return np.asfortranarray(X)
    if layout == "strided":
        wide = np.zeros((2 * len(X), 3 * X.shape[1]), dtype=X.dtype)
        wide[::2, ::3] = X
        return wide[::2, ::3]
    if layout == "reversed":
        return np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1]
    return X


@st.composite
def cases(draw):
    """A mixture, rows (in some dtype and layout), weights and a form of scatter."""
    name = draw(st.sampled_from(sorted(STRUCTURES)))
    K, d = draw(st.integers(1, 7)), draw(st.integers(1, 11))
    seed = draw(seeds)
    parameters = random_mixture(seed, K, d, name)
    n = draw(st.sampled_from([1, 2, 3, 7, 8, 15, 16, 17, 100, 255, 256, 257, 700]))
    X, _ = parameters.draw(n, np.random.RandomState(seed))
    scale = 10.0 ** draw(st.sampled_from([-100, -3, 0, 0, 0, 3, 100]))
    dtype = np.float32 if abs(np.log10(scale)) < 10 and draw(st.booleans()) else np.float64
    X = laid_out((X * scale).astype(dtype), draw(st.sampled_from(["c", "fortran", "strided"])))
    covariance = type(parameters.covariance)(parameters.covariance.factor / scale)
    parameters = type(parameters)(parameters.log_weights, parameters.means * scale, covariance)
    weights = None
    if draw(st.booleans()):
        weights = np.random.default_rng(seed).exponential(size=n)
        weights[1::5] = 0.0
    return parameters, X, weights, draw(st.sampled_from(list(Scatter)))


@given(case=cases(), n_threads=st.integers(1, 3))
def test_moments_equal_the_oracle(case, n_threads):
    parameters, X, weights, form = case
    expected = oracle.expectation(X, weights, parameters, form)
    got = InMemoryRows(X, weights, n_threads).expectation(parameters, form)
    assert_moments_equal(got, expected, parameters)


@given(case=cases())
def test_values_equal_the_oracle(case):
    parameters, X, _, _ = case
    log_density, shares = oracle.responsibilities(X, parameters)
    rtol = 1e-12 if X.dtype == np.float64 else 1e-6
    got = e_step.log_densities(X, parameters)
    np.testing.assert_allclose(got, log_density, rtol=1e-12, atol=1e-12)
    proba = e_step.responsibilities(X, parameters)
    assert proba.dtype == X.dtype
    slack = 1e-12 * (1 + np.abs(log_density).max())
    np.testing.assert_allclose(proba, shares.T, rtol=rtol, atol=max(rtol * 1e-3, slack))
    log_proba = e_step.log_responsibilities(X, parameters)
    sure = shares.T > 1e-30
    np.testing.assert_allclose(
        log_proba[sure], np.log(shares.T[sure]), rtol=rtol, atol=1e2 * slack + rtol
    )
    labels = e_step.labels(X, parameters)
    assert labels.dtype == np.int64
    assert (shares.T[np.arange(len(X)), labels] >= shares.max(axis=0) - 10 * slack).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["full", "tied", "diag"])
@pytest.mark.parametrize(("n", "d", "n_targets"), [(1, 1, 1), (33, 3, 2), (301, 11, 3)])
def test_averaged_lines_equal_the_oracle(instructions, name, n, d, n_targets, dtype):
    parameters, rng = random_mixture(d, 4, d, name), np.random.default_rng(n)
    X = parameters.draw(n, np.random.RandomState(0))[0].astype(dtype)
    _, shares = oracle.responsibilities(X, parameters)
    lines, origin = rng.normal(size=(4, n_targets, 1 + d)), parameters.means[0]
    values = np.einsum("kqj,nj->nkq", lines[:, :, 1:], X - origin) + lines[:, :, 0]
    expected = np.einsum("kn,nkq->nq", shares, values)
    got = e_step.averaged_lines(X, parameters, origin, lines)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-12 * np.abs(values).max())


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_first_of_equally_probable_components_is_predicted(instructions, name):
    """As argmax does."""
    one = random_mixture(0, 1, 3, name)
    X, _ = one.draw(300, np.random.RandomState(0))
    X[:, 0] = 0.0
    for apart in ([0, 0, 0, 0], [2, 1, 1, 2], [2, 3, 1, 1], [0, 0, 1, 1]):
        means = np.zeros((4, 3))
        means[:, 0] = apart
        equal = type(one).from_weights(np.full(4, 0.25), means, one.covariance)
        labels = e_step.labels(X, equal)
        assert set(labels) == {apart.index(min(apart))}


@pytest.mark.parametrize("n_threads", [1, 2])
def test_first_far_sample_is_named(n_threads):
    """Also where rows in several chunks, which threads share, are infinitely far away."""
    parameters = random_mixture(0, 2, 2, "full")
    X = np.zeros((16 * _kernels.unit_rows, 2))
    X[[1500, 1501, 5000, 16_000]] = 1e200
    rows = InMemoryRows(X, None, n_threads)
    for ask in (
        rows.labels,
        rows.responsibilities,
        lambda parameters: rows.expectation(parameters, Scatter.FULL),
    ):
        with pytest.raises(_kernels.LostRowError) as caught:
            ask(parameters)
        assert caught.value.row == 1500


@pytest.mark.slow
@pytest.mark.parametrize("form", list(Scatter))
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 8, 9, 16, 17, 33, 49, 70])
def test_every_instruction_set(instructions, d, form):
    """Every tile shape and block size, for both kinds of factor."""
    for name in ("full", "diag"):
        parameters = random_mixture(d, 3, d, name, spread=1.0)
        X, _ = parameters.draw(611, np.random.RandomState(d))
        weights = np.random.default_rng(d).exponential(size=611)
        expected = oracle.expectation(X, weights, parameters, form)
        got = InMemoryRows(X, weights).expectation(parameters, form)
        assert_moments_equal(got, expected, parameters)
        log_density, shares = oracle.responsibilities(X, parameters)
        np.testing.assert_allclose(e_step.log_densities(X, parameters), log_density, rtol=1e-11)
        proba = e_step.responsibilities(X, parameters)
        np.testing.assert_allclose(proba, shares.T, rtol=1e-9, atol=1e-13)


def test_instruction_sets_are_listed_and_chosen():
    assert _kernels.available()[-1] == "baseline"
    assert _kernels.active() == _kernels.available()[0]
    with pytest.raises(ValueError, match="no such instruction set here: MMX"):
        _kernels.use("MMX")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_the_number_of_threads_does_not_change_a_bit(name, dtype):
    parameters = random_mixture(0, 5, 6, name)
    X, _ = parameters.draw(50_000, np.random.RandomState(0))
    X = X.astype(dtype)
    weights = np.random.default_rng(0).exponential(size=len(X))
    form = STRUCTURES[name].scatter
    one = InMemoryRows(X, weights, 1).expectation(parameters, form)
    for n_threads in (2, 3, 8):
        many = InMemoryRows(X, weights, n_threads).expectation(parameters, form)
        for field in ("mass", "mean", "scatter", "objective", "total_weight"):
            np.testing.assert_array_equal(getattr(many, field), getattr(one, field))
        np.testing.assert_array_equal(
            e_step.responsibilities(X, parameters, n_threads=n_threads),
            e_step.responsibilities(X, parameters, n_threads=1),
        )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fit_is_bit_identical_for_any_n_jobs():
    X, _ = random_mixture(0, 4, 5, "full").draw(30_000, np.random.RandomState(0))
    fits = [
        GaussianMixtureEM(
            4, n_init=3, init_params="k-means++", random_state=0, max_iter=5, n_jobs=n_jobs
        ).fit(X)
        for n_jobs in (1, 2, 3, -1, None)
    ]
    for other in fits[1:]:
        for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
            np.testing.assert_array_equal(getattr(other, name), getattr(fits[0], name))


def matrices(mixture):
    """Covariances of the components, (K, d, d), from the public attribute."""
    given, (K, d) = mixture.covariances_, mixture.means_.shape
    return {
        "full": lambda: given,
        "tied": lambda: np.repeat(given[None], K, axis=0),
        "diag": lambda: given[:, :, None] * np.eye(d),
        "spherical": lambda: given[:, None, None] * np.eye(d),
    }[mixture.covariance_type]()


def exact_log_likelihood(X, mixture):
    """From the public attributes, with 50 digits by mpmath."""
    d = X.shape[1]
    with mpmath.workdps(50):
        components = []
        for weight, mean, covariance in zip(
            mixture.weights_, mixture.means_, matrices(mixture), strict=True
        ):
            factor = mpmath.cholesky(mpmath.matrix(covariance.tolist()))
            log_det = sum(mpmath.log(factor[i, i]) for i in range(d))
            height = mpmath.mpf(float(weight)) * mpmath.exp(-log_det)
            components.append((height, mean, factor))
        total = -len(X) * d * mpmath.log(2 * mpmath.pi) / 2
        for row in X:
            density = mpmath.mpf(0)
            for height, mean, factor in components:
                y = []
                for i in range(d):
                    inner = sum(factor[i, j] * y[j] for j in range(i))
                    y.append((mpmath.mpf(float(row[i])) - float(mean[i]) - inner) / factor[i, i])
                density += height * mpmath.exp(-sum(v**2 for v in y) / 2)
            total += mpmath.log(density)
        return float(total)


def check_log_likelihood(X, structure, K, rel):
    """However it is summed: by row, as a mean, and as the fit's own bound."""
    mixture = GaussianMixtureEM(K, covariance_type=structure, random_state=0, reg_covar=0).fit(X)
    exact = exact_log_likelihood(X, mixture)
    assert mixture.score_samples(X).sum() == pytest.approx(exact, rel=rel)
    assert mixture.score(X) * len(X) == pytest.approx(exact, rel=rel)
    assert mixture.lower_bound_ * len(X) == pytest.approx(exact, rel=rel)
    return mixture


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
def test_log_likelihood_to_1e_12_of_50_digits(instructions, faithful, structure):
    for X, K in ((load_iris().data, 3), (faithful, 2)):
        check_log_likelihood(X, structure, K, 1e-12)


@pytest.mark.parametrize("structure", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("case", ["offset 1e8", "condition number 1e10"])
def test_log_likelihood_to_1e_8_of_50_digits_on_hard_data(instructions, case, structure):
    X, _ = random_mixture(1, 2, 3, "diag").draw(150, np.random.RandomState(0))
    if case == "offset 1e8":
        X = X + 1e8
    else:
        root = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
        X = X * [1e5, 1.0, 10.0] @ root
    mixture = check_log_likelihood(X, structure, 2, 1e-8)
    if case.startswith("condition") and structure in ("full", "tied"):
        assert np.linalg.cond(mixture.covariances_).max() > 1e9


def test_exp_and_log_over_their_whole_range(instructions):
    """Through the densities of two components whose log-ratio is x: 1 and exp(-x^2 / 2)."""
    ratio = np.concatenate([np.linspace(0, 649, 4001), 10.0 ** np.linspace(-12, 0, 500)])
    x = np.sqrt(2 * ratio)[:, None]
    means, factors = np.zeros((2, 1)), np.array([[1.0], [1e-30]])
    heights = np.zeros(2)
    shares = np.empty((len(x), 2))
    density = np.empty(len(x))
    _kernels.values(x, means, factors, heights, responsibilities=shares, n_threads=1)
    _kernels.values(x, means, factors, heights, log_density=density, n_threads=1)
    odds = shares[:, 0] / shares[:, 1]
    exact = -(x[:, 0] ** 2) / 2
    np.testing.assert_allclose(odds, np.exp(exact), rtol=8 * EPSILON, atol=0)
    np.testing.assert_allclose(density, np.log1p(np.exp(exact)), rtol=0, atol=2 * EPSILON)
    _kernels.values(x + 1e3, means, factors, heights, responsibilities=shares, n_threads=1)
    assert (shares[:, 0] == 0).all()


def test_log_of_the_largest_responsibility(instructions):
    rng = np.random.default_rng(0)
    for n, n_components, d in ((1, 1, 1), (7, 3, 2), (1500, 5, 3)):
        X, means = 3 * rng.normal(size=(n, d)), 3 * rng.normal(size=(n_components, d))
        model = means, np.ones((1, d)), rng.normal(size=n_components)
        each, largest = np.empty((n, n_components)), np.empty(n)
        _kernels.values(X, *model, log_responsibilities=each, n_threads=1)
        _kernels.values(X, *model, log_certainty=largest, n_threads=1)
        np.testing.assert_array_equal(largest, each.max(axis=1))


def test_log_of_many_equal_components(instructions):
    """The log of a sum of K ones, for K = 1 .. 300."""
    for n_components in range(1, 301):
        density = np.empty(1)
        means = np.zeros((n_components, 1))
        model = means, np.ones((1, 1)), np.zeros(n_components)
        _kernels.values(np.zeros((1, 1)), *model, log_density=density, n_threads=1)
        assert density[0] == pytest.approx(np.log(n_components), rel=4 * EPSILON, abs=0)


def test_component_far_from_its_samples_without_cancellation():
    """Sums about a mean 1e7 deviations away would; a second pass takes the right centre."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    for form in Scatter:
        parameters = random_mixture(0, 1, 2, "full")
        far = type(parameters)(
            parameters.log_weights, parameters.means + 1e7, parameters.covariance
        )
        got = InMemoryRows(X, None).expectation(far, form)
        scatter = np.cov(X.T, bias=True) * 500
        expected = np.diag(scatter)[None] if form is Scatter.DIAGONAL else scatter
        np.testing.assert_allclose(got.scatter.reshape(expected.shape), expected, rtol=1e-9)


@pytest.mark.parametrize("partition", ["labels", "shares", "float32 shares"])
def test_given_partitions(partition, monkeypatch):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(900, 3)) + 100, rng.exponential(size=900)
    labels = rng.integers(0, 4, size=900)
    shares = np.eye(4)[labels] if partition == "labels" else rng.dirichlet(np.ones(4), size=900)
    given = {"labels": labels, "shares": shares, "float32 shares": shares.astype(np.float32)}
    used = given[partition].astype(float) if partition != "labels" else shares
    monkeypatch.setattr(e_step, "_SLICE", 250)
    for form in Scatter:
        got = InMemoryRows(X, weights).partition_moments(given[partition], 4, form)
        mass = weights @ used
        mean = (used * weights[:, None]).T @ X / mass[:, None]
        np.testing.assert_allclose(got.mass, mass, rtol=1e-12)
        np.testing.assert_allclose(got.mean, mean, rtol=1e-12)
        scatter = form.outer((used * weights[:, None]).T, X - mean[:, None, :])
        np.testing.assert_allclose(got.scatter, scatter, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("n_samples", [300, 5000])
@pytest.mark.parametrize("weighted", [False, True])
def test_groups_that_are_empty_and_samples_of_none(n_samples, weighted):
    """Sorted by group or not, in one unit or in several."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 6)) + 1e3
    weights = rng.integers(0, 3, size=n_samples).astype(float) if weighted else np.ones(n_samples)
    labels = rng.choice([-1, 0, 2, 3], p=[0.1, 0.6, 0.2, 0.1], size=n_samples)
    for form in Scatter:
        rows = InMemoryRows(X, weights if weighted else None, n_threads=2)
        got = rows.partition_moments(labels, 5, form)
        own = weights * (labels == np.arange(5)[:, None])
        np.testing.assert_allclose(got.mass, own.sum(axis=1), rtol=1e-12)
        assert got.total_weight == pytest.approx(weights.sum(), rel=1e-12)
        mean = own @ X / np.maximum(got.mass, 1.0)[:, None]
        np.testing.assert_allclose(got.mean[[0, 2, 3]], mean[[0, 2, 3]], rtol=1e-12)
        scatter = form.outer(own, X - mean[:, None, :])
        np.testing.assert_allclose(got.scatter, scatter, rtol=1e-9, atol=1e-8)
        again = InMemoryRows(X, rows.sample_weight).partition_moments(labels, 5, form)
        assert (again.scatter == got.scatter).all()


def test_data_are_read_in_place(monkeypatch):
    """No layout and neither dtype is copied on the way to the kernel."""
    seen = []
    native = _kernels.add_moments
    monkeypatch.setattr(
        _kernels, "add_moments", lambda X, *rest: seen.append(X) or native(X, *rest)
    )
    base = np.random.default_rng(0).normal(size=(600, 4))
    for dtype in (np.float64, np.float32):
        for layout in ("c", "fortran", "strided"):
            X = laid_out(base.astype(dtype), layout)
            seen.clear()
            GaussianMixtureEM(2, tol=1.0, random_state=0).fit(X)
            rows = [given for given in seen if len(given) == 600]
            assert any(np.shares_memory(given, X) for given in rows)


@pytest.mark.parametrize("form", list(Scatter))
@pytest.mark.parametrize("d", [2, 7, 20])
@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_do_not_depend_on_the_chunking(instructions, d, name, form, weighted):
    """Not by a bit, in whatever order parts are added, if they are of whole units of rows."""
    parameters = random_mixture(d, 4, d, name, spread=0.5)
    unit = _kernels.unit_rows
    X, _ = parameters.draw(7 * unit + 333, np.random.RandomState(d))
    rng = np.random.default_rng(d)
    weights = rng.exponential(size=len(X)) if weighted else None
    whole = InMemoryRows(X, weights, 2).expectation(parameters, form)
    for _ in range(5):
        edges = np.r_[0, np.sort(rng.choice(np.arange(1, 8), 3, replace=False)) * unit, len(X)]
        parts = [InMemoryRows(X, weights, 1).part(slice(*pair)) for pair in pairwise(edges)]
        rng.shuffle(parts)
        floor = np.zeros(d)
        cut = e_step.expectation(
            lambda function, parts=parts: reduce(add, map(function, parts)), parameters, form, floor
        )
        for part in ("mass", "mean", "scatter", "objective", "total_weight"):
            np.testing.assert_array_equal(getattr(cut, part), getattr(whole, part))


@pytest.mark.parametrize("bad", ["weight", "means", "factors", "heights", "labels"])
def test_the_binding_checks_shapes(bad):
    X, K = np.zeros((10, 2)), 3
    arguments = {
        "weight": np.ones(10),
        "means": np.zeros((K, 2)),
        "factors": np.ones((K, 2)),
        "log_peak": np.zeros(K),
        "centres": np.zeros((K, 2)),
        "labels": np.zeros(10, dtype=np.int64),
    }
    wrong = {
        "weight": np.ones(9),
        "means": np.zeros((K, 3)),
        "factors": np.ones((2, 2)),
        "heights": np.zeros(2),
        "labels": np.zeros(9, dtype=np.int64),
    }
    arguments[{"heights": "log_peak"}.get(bad, bad)] = wrong[bad]
    own = {name: arguments.pop(name) for name in ("weight", "labels")}
    model = _kernels.Model(form=_kernels.Scatter.DIAGONAL, **arguments)
    with pytest.raises((ValueError, TypeError)):
        _kernels.total(X, model=model, n_threads=1, **own)


def test_show_versions(capsys):
    import skgmm

    skgmm.show_versions()
    printed = capsys.readouterr().out
    assert _kernels.active() in printed
    for name in ("numpy", "scipy", "scikit-learn", "threads"):
        assert name in printed


@pytest.mark.parametrize("form", list(_kernels.Scatter))
def test_added_variances_are_checked_for_their_shape(form):
    with pytest.raises(ValueError, match="scatter: of as many components and features"):
        _kernels.with_added_variances(np.zeros((2, 2, 5)), np.ones(3), np.ones(2), form)
