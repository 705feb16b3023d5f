"""Streams against fits of everything: how much log-likelihood one pass and three passes leave.

python benchmarks/streaming.py

1,000,000 rows go to partial_fit in blocks of 1,000, once and three times. Printed is how many nats
per row the result is below a fit of all rows, on all rows; the seconds of a pass and of that fit;
and the size of the mixture as a pickle, in kB. Both have a few starts, because a single one decides
by chance which of several maxima is found.
"""

import argparse
import json
import pickle
import time
import warnings
from pathlib import Path

import numpy as np

from skgmm import GaussianMixtureEM

HERE = Path(__file__).parent
N_ROWS, BLOCK, STARTS = 1_000_000, 1_000, 4

# Features, components, distance of the centres, structure.
PROBLEMS = [
    (2, 3, 1.2, "full"),
    (2, 3, 4.0, "full"),
    (2, 10, 2.5, "full"),
    (3, 5, 1.5, "full"),
    (5, 5, 1.0, "full"),
    (5, 8, 3.0, "full"),
    (8, 6, 1.0, "full"),
    (10, 3, 0.5, "full"),
    (10, 10, 0.7, "full"),
    (10, 10, 3.0, "full"),
    (4, 6, 1.5, "tied"),
    (6, 8, 1.5, "diag"),
    (3, 4, 2.0, "spherical"),
    (5, 5, 1.5, "VEV"),
]


def rows(d, K, apart, seed):
    """Rows in random order from a mixture with full covariances."""
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + 0.3 * rng.normal(size=(K, d, d))
    means = apart * rng.normal(size=(K, d))
    components = rng.choice(K, size=N_ROWS, p=rng.dirichlet(np.full(K, 5.0)))
    X = rng.normal(size=(N_ROWS, d))
    for k in range(K):
        own = components == k
        X[own] = means[k] + X[own] @ roots[k].T
    return X


def unfitted(K, structure):
    return GaussianMixtureEM(K, covariance_type=structure, n_init=STARTS, random_state=0)


def streamed(X, K, structure):
    """Mixtures after one and three passes, seconds of the first, and the largest pickle."""
    mixture = unfitted(K, structure)
    after, seconds, size = [], 0.0, 0
    for number in range(3):
        start = time.perf_counter()
        for first in range(0, N_ROWS, BLOCK):
            mixture.partial_fit(X[first : first + BLOCK])
        seconds = seconds or time.perf_counter() - start
        size = max(size, len(pickle.dumps(mixture)))
        if number != 1:
            after.append(pickle.loads(pickle.dumps(mixture)))
    return after, seconds, size


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=HERE / "results" / "streaming.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print("  d  K apart structure   short of a fit by   seconds: pass, fit    kB")
    stored = []
    for seed in options.seeds:
        for d, K, apart, structure in PROBLEMS:
            X = rows(d, K, apart, seed)
            begun = time.perf_counter()
            full = unfitted(K, structure).fit(X)
            fit_seconds = time.perf_counter() - begun
            after, seconds, size = streamed(X, K, structure)
            short = [full.score(X) - mixture.score(X) for mixture in after]
            print(
                f"{d:3d} {K:2d} {apart:5.1f} {structure:9s} {short[0]:9.5f} {short[1]:9.5f}"
                f" {seconds:12.1f} {fit_seconds:7.1f} {size / 1000:7.1f}",
                flush=True,
            )
            case = {"d": d, "K": K, "apart": apart, "structure": structure, "seed": seed}
            stored.append(case | {"short": short, "seconds": [seconds, fit_seconds], "bytes": size})
    worst = [max(case["short"][number] for case in stored) for number in (0, 1)]
    print(f"worst {worst[0]:.5f} after one pass, {worst[1]:.5f} after three")
    options.out.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
