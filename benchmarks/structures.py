"""Time of an EM iteration of each covariance structure, against full or diag.

python benchmarks/structures.py [--rows 100000] [--features 10] [--components 5] [--repeats 21]

An iteration's time is the difference between a long and a short fit from the same start. Structures
take turns with the one they are compared with, either going first every other time, and the medians
of the ratios of such pairs are quoted.
"""

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path

import numpy as np

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES

HERE = Path(__file__).parent
SHORT, LONG = 2, 10


def rows_and_start(n_samples, n_features, n_components):
    """Overlapping clusters of different shapes, and soft responsibilities."""
    rng = np.random.default_rng(0)
    labels = rng.integers(n_components, size=n_samples)
    common, own = (
        rng.normal(size=(1, n_features, n_features)),
        (n_components, n_features, n_features),
    )
    roots = (common + 0.3 * rng.normal(size=own)) / np.sqrt(n_features)
    noise = rng.normal(size=(n_samples, n_features))
    X = 0.5 * rng.normal(size=(n_components, n_features))[labels]
    X += np.einsum("nj,nij->ni", noise, roots[labels]) + 0.3 * noise
    shares = np.full((n_samples, n_components), 0.4 / n_components)
    shares[np.arange(n_samples), labels] += 0.6
    return X, shares


def iteration(X, shares, name, n_jobs):
    """Seconds of one iteration."""

    def fit(max_iter):
        mixture = GaussianMixtureEM(
            shares.shape[1],
            covariance_type=name,
            responsibilities_init=shares,
            max_iter=max_iter,
            tol=0.0,
            acceleration=None,
            n_jobs=n_jobs,
        )
        start = time.perf_counter()
        mixture.fit(X)
        spent = time.perf_counter() - start
        assert mixture.n_iter_ == max_iter, f"{name} converged: the data are too easy"
        return spent

    short = fit(SHORT)
    return (fit(LONG) - short) / (LONG - SHORT)


def compare(X, shares, name, reference, repeats, n_jobs):
    """Median seconds of an iteration, and the median ratio to that of the reference."""
    pairs = []
    for repeat in range(repeats):
        turns = (name, reference) if repeat % 2 else (reference, name)
        seconds = {turn: iteration(X, shares, turn, n_jobs) for turn in turns}
        pairs.append((seconds[name], seconds[reference]))
    return statistics.median(a for a, _ in pairs), statistics.median(a / b for a, b in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--components", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "structures.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # so few iterations do not converge
    X, shares = rows_and_start(options.rows, options.features, options.components)
    results = {}
    for structure in STRUCTURES.values():
        reference = "diag" if structure.code[2] == "I" else "full"
        seconds, ratio = compare(
            X, shares, structure.name, reference, options.repeats, options.jobs
        )
        results[structure.code] = {"seconds": seconds, "ratio": ratio, "reference": reference}
        print(f"{structure.code}  {1e3 * seconds:7.2f} ms   {ratio:.2f} x {reference}", flush=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
