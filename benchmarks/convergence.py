"""How many passes over the data: plain EM against the accelerated, on overlapping mixtures.

python benchmarks/convergence.py [--structures [NAME ...]] [--no-times]

All runs begin at the same k-means partition. "Plain" is EM until nothing is left to gain; counted
are evaluations until within 1e-7 nats per row of where it ends, for every structure of the registry
and for the one that the documentation registers. Means are over the mixtures for which plain EM
takes at least 150. "Left" is what the default settings leave on the table. Time is that of a
default fit of full, its starts and escapes included, and of a fit from one start, against
scikit-learn with one start and tol=1e-8, one thread each.
"""

import argparse
import importlib.util
import json
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES

HERE = Path(__file__).parent

# Rows, features, components, seed, distance of the centres.
PROBLEMS = [
    (2000, 2, 2, 1, 1.2),
    (3000, 3, 3, 2, 1.5),
    (3000, 4, 5, 3, 1.5),
    (2000, 2, 4, 5, 1.8),
    (3000, 2, 3, 8, 1.3),
    (3000, 2, 5, 10, 2.0),
    (2000, 2, 3, 11, 1.4),
    (3000, 3, 4, 12, 1.3),
    (4000, 2, 2, 13, 1.0),
    (3000, 3, 5, 14, 1.5),
]


def rows(n, d, K, seed, apart):
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + 0.15 * rng.normal(size=(K, d, d))
    means = apart * rng.normal(size=(K, d))
    labels = rng.integers(K, size=n)
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))


def until(objectives, target):
    """Evaluations until the target, or all of them."""
    reached = np.flatnonzero(np.array(objectives) >= target)
    return int(reached[0]) + 1 if len(reached) else len(objectives)


def seconds(fit, repeats=3):
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        fit()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def register_documented():
    path = HERE.parent / "docs" / "examples" / "shared_correlation.py"
    spec = importlib.util.spec_from_file_location("shared_correlation", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def evaluations(name, n, d, K, seed, apart):
    """Of one mixture: plain and accelerated, and what they and the default reach."""
    X = rows(n, d, K, seed, apart)
    labels = KMeans(K, n_init=1, random_state=0).fit_predict(X)
    given = {"covariance_type": name, "responsibilities_init": np.eye(K)[labels]}
    plain = GaussianMixtureEM(K, **given, acceleration=None, tol=1e-13, max_iter=100_000).fit(X)
    fast = GaussianMixtureEM(K, **given, tol=1e-9, max_iter=100_000).fit(X)
    default = GaussianMixtureEM(K, **given).fit(X)
    best = max(plain.lower_bounds_[-1], fast.lower_bounds_[-1])
    return {
        "problem": [n, d, K],
        "plain": until(plain.lower_bounds_, plain.lower_bounds_[-1] - 1e-7),
        "accelerated": until(fast.lower_bounds_, plain.lower_bounds_[-1] - 1e-7),
        "gain": fast.lower_bounds_[-1] - plain.lower_bounds_[-1],
        "left": best - default.lower_bounds_[-1],
    }


def times(n, d, K, seed, apart):
    """How many times faster than scikit-learn, full covariances."""
    X = rows(n, d, K, seed, apart)
    theirs = GaussianMixture(K, tol=1e-8, max_iter=100_000, random_state=0)
    time_theirs = seconds(lambda: theirs.fit(X))
    one = GaussianMixtureEM(K, init_params="kmeans", escape=False, random_state=0)
    default = GaussianMixtureEM(K, random_state=0)
    return {
        "problem": [n, d, K],
        "one_start": time_theirs / seconds(lambda: one.fit(X)),
        "default": time_theirs / seconds(lambda: default.fit(X)),
    }


def summary(records):
    """A structure's line of the table."""
    slow = [record for record in records if record["plain"] >= 150]
    plain = [record["plain"] for record in slow]
    fewer = statistics.geometric_mean(record["plain"] / record["accelerated"] for record in slow)
    worse = sum(record["gain"] < -1e-7 for record in records)
    left = max(record["left"] for record in records)
    return (
        f"{len(slow)} mixtures that take plain EM {min(plain)} to {max(plain)}: {fewer:.1f} times "
        f"fewer, worse optimum in {worse} of {len(records)}, left by default at most {left:.1e}"
    )


def main():
    register_documented()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", nargs="*", default=list(STRUCTURES), choices=STRUCTURES)
    parser.add_argument("--no-times", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "convergence.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    counted = found.setdefault("evaluations", {})
    for name in options.structures:
        counted[name] = [evaluations(name, *problem) for problem in PROBLEMS]
        print(f"{name}: {summary(counted[name])}", flush=True)
    if not options.no_times:
        with threadpool_limits(1):
            found["times"] = [times(*problem) for problem in PROBLEMS]
        for key in ("one_start", "default"):
            faster = statistics.geometric_mean(record[key] for record in found["times"])
            print(f"{key}: {faster:.1f} times faster than scikit-learn")
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
