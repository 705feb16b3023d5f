"""How many evaluations: plain EM against the accelerated, with values missing, noise and labels.

Four overlapping mixtures; of each, 15 % of the cells are missing, 10 % of the samples are uniform
in a box, and of 10 % the component is known. Both begin at the same parameters. Counted are
evaluations until within 1e-7 nats per sample of where plain EM ends.
"""

import numpy as np

from skgmm import GaussianMixtureEM, UniformNoise
from skgmm._em.loop import run_em
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._rows.noise import Background
from skgmm.covariance import find_structure

# Samples, features, components, seed, distance of the centres.
PROBLEMS = [(2000, 2, 2, 1, 1.2), (3000, 3, 3, 2, 1.5), (3000, 2, 3, 8, 1.3), (3000, 3, 4, 12, 1.3)]
NEAR = 1e-7


def make(n, d, n_components, seed, apart):
    """Samples with NaN, labels, and the means of the components."""
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + 0.15 * rng.normal(size=(n_components, d, d))
    means = apart * rng.normal(size=(n_components, d))
    z = rng.integers(n_components, size=n)
    X = means[z] + np.einsum("nij,nj->ni", roots[z], rng.normal(size=(n, d)))
    labels = np.where(rng.random(n) < 0.1, z, -1)
    outside = rng.random(n) < 0.1
    X[outside] = rng.uniform(-8, 8, size=(outside.sum(), d))
    labels[outside] = -1
    X[rng.random(X.shape) < 0.15] = np.nan
    return X, labels, means


def evaluations(problem):
    """Of plain EM, of the accelerated, and how much higher the end of the latter is."""
    X, labels, means = make(*problem)
    n_components, d = means.shape
    noise = UniformNoise(volume=16.0**d)
    start = GaussianMixtureEM(n_components, means_init=means, noise=noise, max_iter=0)
    parameters = start.fit(X, labels=labels)._parameters()
    background = Background.of(InMemoryRows(X), 16.0**d, 0.05)
    rows = GroupedRows.of(InMemoryRows(X), labels, background)
    objective = Objective(rows, find_structure("full"), np.full(d, 1e-8))
    plain = run_em(objective, parameters, tol=1e-11, max_iter=20_000, acceleration=None)
    fast = run_em(objective, parameters, tol=1e-11, max_iter=20_000)
    target = plain.objective - NEAR
    counts = [
        int(np.argmax(np.array(end.objectives) >= target)) + 1
        if max(end.objectives) >= target
        else len(end.objectives)
        for end in (plain, fast)
    ]
    return *counts, fast.objective - plain.objective


def run():
    found = []
    for problem in PROBLEMS:
        plain, fast, higher = evaluations(problem)
        found.append({"problem": problem, "plain": plain, "accelerated": fast, "higher": higher})
        print(f"{problem!s:28} plain EM {plain:5}, accelerated {fast:4}, ratio {plain / fast:5.1f}")
    ratio = float(np.exp(np.mean([np.log(one["plain"] / one["accelerated"]) for one in found])))
    print(f"geometric mean of the ratios {ratio:.1f}")
    return {"problems": found, "geometric_mean": ratio}
