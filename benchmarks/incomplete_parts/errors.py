"""Measurement errors: an E-step beside NumPy's batched matrices, and fits beside XDGMM.

E-steps: 20,000 samples, 5 components, full covariances, one thread; variances or matrices of the
errors, all different, or one for all; medians. Fits: a mixture measured with errors, by default
settings; the log-likelihood of the measurements is that of our `score`, in nats per sample, for the
parameters of both.
"""

import time

import numpy as np

from skgmm import GaussianMixtureEM
from skgmm._moments import Scatter
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._threads import single_threaded_blas

REPEATS = 7


def mixture_of(n, d, n_components, seed=0):
    rng = np.random.default_rng(seed)
    means = 3 * rng.normal(size=(n_components, d))
    roots = np.eye(d) + 0.3 * rng.normal(size=(n_components, d, d))
    z = rng.integers(n_components, size=n)
    return means[z] + np.einsum("nij,nj->ni", roots[z], rng.normal(size=(n, d))), rng


def error_covariances(rng, n, d):
    """By kind: variances (n, d), matrices (n, d, d), and a matrix for all."""
    roots = 0.5 * rng.normal(size=(n, d, d))
    matrices = roots @ np.swapaxes(roots, 1, 2)
    shared = np.broadcast_to(matrices[0], matrices.shape)
    return {"variances": rng.exponential(size=(n, d)), "matrices": matrices, "one matrix": shared}


def by_numpy(X, errors, weights, means, covariances):
    """The same E-step with NumPy's batched matrices: masses, means and scatter."""
    errors = errors[:, :, None] * np.eye(X.shape[1]) if errors.ndim == 2 else errors
    found, joint = [], []
    for weight, mean, covariance in zip(weights, means, covariances, strict=True):
        total = covariance + errors
        inverse, apart = np.linalg.inv(total), X - mean
        gain = covariance @ inverse
        own = np.einsum("nij,nj->ni", gain, apart)
        distance = np.einsum("ni,nij,nj->n", apart, inverse, apart)
        joint.append(np.log(weight) - 0.5 * (distance + np.linalg.slogdet(total)[1]))
        found.append((own, covariance - gain @ covariance))
    joint = np.array(joint)
    responsibilities = np.exp(joint - np.logaddexp.reduce(joint, axis=0))
    for own_part, (own, within) in zip(responsibilities, found, strict=True):
        apart = own - own_part @ own / own_part.sum()
        yield (own_part * apart.T) @ apart + np.einsum("n,nij->ij", own_part, within)


def median_seconds(function, repeats=REPEATS):
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def e_step_seconds(X, errors, start):
    """Of ours, and of NumPy's."""
    parameters, floor = start._parameters(), np.full(X.shape[1], 1e-6)
    rows = InMemoryRows(X)
    if errors is None:
        return median_seconds(lambda: rows.expectation(parameters, Scatter.FULL, floor))
    rows = GroupedRows.of(rows, errors=errors)
    public = start.weights_, start.means_, start.covariances_
    return (
        median_seconds(lambda: rows.expectation(parameters, Scatter.FULL, floor)),
        median_seconds(lambda: list(by_numpy(X, errors, *public)), 3),
    )


def e_steps():
    found = []
    for d in (3, 8):
        X, rng = mixture_of(20_000, d, 5)
        start = GaussianMixtureEM(5, max_iter=0, random_state=0).fit(X)
        complete = e_step_seconds(X, None, start)
        for kind, errors in error_covariances(rng, 20_000, d).items():
            own, theirs = e_step_seconds(X, errors, start)
            found.append({"d": d, "errors": kind, "seconds": own, "numpy": theirs})
            found[-1]["complete"] = complete
            print(
                f"20,000 x {d}, {kind:10}: E-step {1e3 * own:6.1f} ms, NumPy {1e3 * theirs:6.1f} "
                f"ms, ratio {theirs / own:5.1f}; without errors {1e3 * complete:.1f} ms"
            )
    return found


def fits():
    try:
        from astroML.density_estimation import XDGMM
    except ImportError:
        print("astroML is not installed: no fits beside XDGMM")
        return []
    found = []
    for n, d, n_components in ((2000, 2, 3), (5000, 3, 4)):
        X, rng = mixture_of(n, d, n_components, seed=1)
        variances = rng.exponential(size=(n, d))
        Y = X + np.sqrt(variances) * rng.normal(size=(n, d))
        matrices = variances[:, :, None] * np.eye(d)
        began = time.perf_counter()
        ours = GaussianMixtureEM(n_components, random_state=0, n_jobs=1)
        ours.fit(Y, error_covariance=variances)
        seconds = [time.perf_counter() - began]
        began = time.perf_counter()
        theirs = XDGMM(n_components, max_iter=100, tol=1e-5, random_state=0).fit(Y, matrices)
        seconds.append(time.perf_counter() - began)
        same = GaussianMixtureEM.from_parameters(
            theirs.alpha / theirs.alpha.sum(), theirs.mu, theirs.V
        )
        scores = [float(one.score(Y, error_covariance=variances)) for one in (ours, same)]
        found.append({"n": n, "d": d, "K": n_components, "seconds": seconds, "scores": scores})
        print(
            f"fit {n} x {d}, K={n_components}: skgmm {seconds[0]:.2f} s, {scores[0]:.4f} nats; "
            f"XDGMM {seconds[1]:.2f} s, {scores[1]:.4f} nats"
        )
    return found


def run():
    with single_threaded_blas():
        return {"e_steps": e_steps(), "fits": fits()}
