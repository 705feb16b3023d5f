"""What does an iteration of EM with missing values cost, against one on the same samples complete?

Times an E-step and an M-step of both in turn, in one thread: medians, and the median of the ratios.
"""

import time

import numpy as np

from skgmm import GaussianMixtureEM
from skgmm._objective import Objective
from skgmm._rows.base import InMemoryRows
from skgmm._rows.grouped import GroupedRows
from skgmm._threads import single_threaded_blas
from skgmm.covariance import find_structure

REPEATS = 15


def samples(n, d, n_components, seed=0):
    rng = np.random.default_rng(seed)
    component = rng.integers(n_components, size=n)
    means = 3 * rng.normal(size=(n_components, d))
    return means[component] + rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d), rng


def seconds(objective, parameters):
    """Time of an iteration."""
    began = time.perf_counter()
    objective.maximise(objective.evaluate(parameters), parameters)
    return time.perf_counter() - began


def compare(name, n, d, n_components, lose):
    """Median times of an iteration, and of their ratio; `lose` says which values are missing."""
    X, rng = samples(n, d, n_components)
    start = GaussianMixtureEM(n_components, covariance_type=name, max_iter=0, random_state=0)
    parameters, structure = start.fit(X)._parameters(), find_structure(name)
    holes = X.copy()
    holes[lose(rng, n, d)] = np.nan
    pair = [
        Objective(rows, structure, np.full(d, 1e-6))
        for rows in (InMemoryRows(X), GroupedRows.of(InMemoryRows(holes)))
    ]
    times = np.array([[seconds(each, parameters) for each in pair] for _ in range(REPEATS)])
    return *np.median(times, axis=0), float(np.median(times[:, 1] / times[:, 0]))


def one_feature(rng, n, d):
    return (rng.random(n) < 0.3)[:, None] & (np.arange(d) == 0)


def cells(fraction):
    return lambda rng, n, d: rng.random((n, d)) < fraction


CASES = {
    "one feature missing in 30 % of samples, d = 8": (8, one_feature),
    "5 % of cells missing, d = 8": (8, cells(0.05)),
    "10 % of cells missing, d = 20": (20, cells(0.10)),
}


def run():
    found = []
    with single_threaded_blas():
        for title, (d, lose) in CASES.items():
            for name in ("full", "diag"):
                whole, incomplete, ratio = compare(name, 20_000, d, 5, lose)
                found.append(
                    {"case": title, "structure": name, "complete": whole, "missing": incomplete}
                    | {"ratio": ratio}
                )
                print(
                    f"{title:46} {name:5} complete {1e3 * whole:7.2f} ms, "
                    f"missing {1e3 * incomplete:7.2f} ms, ratio {ratio:5.1f}"
                )
    return found
