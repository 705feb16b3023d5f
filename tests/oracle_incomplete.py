"""The E-step of samples with missing values, sample by sample, from textbook formulas.

Little & Rubin (2019), Statistical Analysis with Missing Data; Ghahramani & Jordan (1994).
Dense covariances, inverses, no kernel and no shortcut.
"""

import numpy as np

from skgmm._moments import Moments
from skgmm.covariance import find_structure


def dense(parameters):
    """Covariances of all components, (K, d, d)."""
    d = parameters.n_features
    return np.broadcast_to(parameters.covariance.dense(), (parameters.n_components, d, d))


def log_joint(x, weights, means, covariances, floor=None, label=-1, error=0.0):
    """Log of weight x density of what is observed of one sample, (K,).

    `label`: its component where that is known, else -1. `error`: covariance of its errors (d, d).

    `floor` (d,): every observed value is a cloud of this variance, and the log-density is its mean
    over the cloud.
    """
    o = ~np.isnan(x)
    values = np.zeros(len(weights))
    with np.errstate(divide="ignore"):
        values += np.log(weights)
    if label >= 0:
        values[np.arange(len(weights)) != label] = -np.inf
    if not o.any():
        return values
    seen, apart = (covariances + error)[:, o][:, :, o], x[o] - means[:, o]
    precisions = np.linalg.inv(seen)
    _, log_det = np.linalg.slogdet(2 * np.pi * seen)
    values -= 0.5 * (log_det + np.einsum("ki,kij,kj->k", apart, precisions, apart))
    if floor is not None:
        values -= 0.5 * np.einsum("kii,i->k", precisions, floor[o])
    return values


def log_noise(x, weights, sides, label=-1):
    """Log of weight x density of noise at what is observed: 1 / product of these sides."""
    if label >= 0:
        return -np.inf
    left = 1.0 - weights.sum()
    with np.errstate(divide="ignore"):
        return np.log(max(left, 0.0)) - np.log(sides[~np.isnan(x)]).sum()


def log_likelihood(
    X, sample_weight, weights, means, covariances, floor=None, labels=None, sides=None, errors=None
):
    """Total over samples; `sides` (d,) of the box of noise, if there is noise."""
    labels = np.full(len(X), -1) if labels is None else labels
    values = []
    errors = np.zeros(len(X)) if errors is None else errors
    for x, label, error in zip(X, labels, errors, strict=True):
        joint = log_joint(x, weights, means, covariances, floor, label, error)
        if sides is not None:
            joint = np.append(joint, log_noise(x, weights, sides, label))
        values.append(np.logaddexp.reduce(joint))
    return float(np.sum(np.array(values) * sample_weight))


def completed(x, means, covariances, floor, error=0.0):
    """Means and covariances of the complete, true sample given what is observed, by component:
    (K, d) and (K, d, d)."""
    o, d = ~np.isnan(x), len(x)
    gains = np.zeros((len(means), d, int(o.sum())))
    if o.any():
        gains = covariances[:, :, o] @ np.linalg.inv((covariances + error)[:, o][:, :, o])
    points = means + (gains @ (x[o] - means[:, o])[:, :, None])[:, :, 0]
    within = covariances - gains @ covariances[:, o]
    exact = o & (np.diagonal(error * np.eye(d) if np.isscalar(error) else error) == 0.0)
    within[:, exact], within[:, :, exact] = 0.0, 0.0
    return points, within + gains @ np.diag(floor[o]) @ np.swapaxes(gains, 1, 2)


def expectation(X, sample_weight, parameters, form, floor, labels=None, sides=None, errors=None):
    """Moments of the completed samples."""
    labels = np.full(len(X), -1) if labels is None else labels
    covariances, means = dense(parameters), parameters.means
    K, d = means.shape
    mass, first, second = np.zeros(K), np.zeros((K, d)), np.zeros((K, d, d))
    objective = 0.0
    found = []
    errors = np.zeros(len(X)) if errors is None else errors
    for x, weight, label, error in zip(X, sample_weight, labels, errors, strict=True):
        joint = log_joint(x, parameters.weights, means, covariances, floor, label, error)
        noise = -np.inf if sides is None else log_noise(x, parameters.weights, sides, label)
        total = np.logaddexp.reduce(np.append(joint, noise))
        objective += weight * total
        points, within = completed(x, means, covariances, floor, error)
        found.append((weight * np.exp(joint - total), points, within))
    for counts, points, _ in found:
        mass += counts
        first += counts[:, None] * (points - means)
    mean = means + first / np.where(mass > 0, mass, 1.0)[:, None]
    for counts, points, within in found:
        apart = points - mean
        second += counts[:, None, None] * (apart[:, :, None] * apart[:, None] + within)
    return Moments(form, mass, mean, form.from_dense(second), objective, float(sum(sample_weight)))


def impute(X, weights, means, covariances):
    """Conditional means in place of NaN."""
    filled, floor = X.copy(), np.zeros(X.shape[1])
    for i, x in enumerate(X):
        joint = log_joint(x, weights, means, covariances)
        responsibilities = np.exp(joint - np.logaddexp.reduce(joint))
        points, _ = completed(x, means, covariances, floor)
        filled[i] = np.where(np.isnan(x), responsibilities @ points, x)
    return filled


def directions_of(name, parameters, noise=False):
    """Functions t -> (weights, means, covariances): the free directions of a structure."""
    weights, means = parameters.weights, parameters.means
    covariances, code = dense(parameters), find_structure(name).code
    K, D = means.shape
    roots = np.linalg.cholesky(covariances)
    for k in range(0 if noise else 1, K):  # noise has the rest
        step = 0.1 * (np.eye(K)[k] - (0.0 if noise else np.eye(K)[0]))
        yield lambda t, step=step: (weights + t * step, means, covariances)
    for k, j in np.ndindex(K, D):
        step = np.zeros((K, D))
        step[k] = roots[k][:, j]
        yield lambda t, step=step: (weights, means + t * step, covariances)
    for factor in np.eye(K) if code[0] == "V" else [np.ones(K)]:
        grown = factor[:, None, None]
        yield lambda t, grown=grown: (weights, means, covariances * np.exp(t * grown))
    each = [[k] for k in range(K)]
    together = [list(range(K))]
    if code in ("VVV", "EEE"):
        for components in each if code == "VVV" else together:
            for i, j in np.ndindex(D, D):
                if i <= j:
                    step = np.zeros((K, D, D))
                    for k in components:
                        one = np.outer(roots[k][:, i], roots[k][:, j])
                        step[k] = 0.5 * (one + one.T)
                    yield lambda t, step=step: (weights, means, covariances + t * step)
    if code[2] != "I":  # orientations: turn in one plane
        for components in each if code[2] == "V" else together:
            for i, j in np.ndindex(D, D):
                if i < j:
                    yield lambda t, ks=components, i=i, j=j: (
                        weights,
                        means,
                        turned(covariances, ks, i, j, t),
                    )
    if code[1:] in ("EI", "VI"):  # shapes along the features
        for components in each if code[1] == "V" else together:
            for j in range(1, D):
                step = np.zeros((K, D))
                step[components, 0], step[components, j] = 1.0, -1.0
                yield lambda t, step=step: (
                    weights,
                    means,
                    covariances * np.exp(t * step)[:, :, None] * np.eye(D),
                )


def turned(covariances, components, i, j, t):
    turn = np.eye(covariances.shape[-1])
    turn[[i, j], [i, j]] = np.cos(t)
    turn[i, j], turn[j, i] = -np.sin(t), np.sin(t)
    moved = covariances.copy()
    for k in components:
        moved[k] = turn @ covariances[k] @ turn.T
    return moved
