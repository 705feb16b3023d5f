"""Time EM iterations against scikit-learn, from the same start, in turn.

    python benchmarks/compare.py [--repeats 5]

Both libraries run the same number of iterations from the same parameters with the same
`reg_covar`, and must reach the same log-likelihood. The time of an iteration is the difference
between a long and a short fit, so that validation and set-up cancel. Ratios are taken pair by pair
and their median is quoted, because machines are noisy.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_info

from skgmm import GaussianMixtureEM

PROBLEMS = {
    "full 150,000 x 3, K = 8": (150_000, 3, 8, "full"),
    "full 60,000 x 12, K = 12": (60_000, 12, 12, "full"),
    "full 40,000 x 32, K = 16": (40_000, 32, 16, "full"),
    "diag 100,000 x 16, K = 24": (100_000, 16, 24, "diag"),
    "tied 100,000 x 8, K = 10": (100_000, 8, 10, "tied"),
    "spherical 100,000 x 4, K = 12": (100_000, 4, 12, "spherical"),
}
SHORT, LONG = 1, 6


def problem(n_samples, n_features, n_components, covariance_type):
    """Rows from overlapping clusters, and constructor arguments with a common start."""
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(n_components, n_features))
    labels = rng.integers(n_components, size=n_samples)
    X = centres[labels] + rng.normal(size=(n_samples, n_features))
    start = GaussianMixtureEM(
        n_components,
        covariance_type=covariance_type,
        init_params="random_from_data",
        random_state=0,
        max_iter=0,
    ).fit(X)
    arguments = {
        "n_components": n_components,
        "covariance_type": covariance_type,
        "weights_init": start.weights_,
        "means_init": start.means_,
        "precisions_init": start.precisions_,
        "reg_covar": 1e-6,
        "tol": 0.0,
    }
    return X, arguments


def seconds_per_iteration(estimator, X, arguments):
    """Seconds of one EM iteration, and the score of the long fit."""
    times = []
    for iterations in (SHORT, LONG):
        mixture = estimator(**arguments, max_iter=iterations)
        start = time.perf_counter()
        mixture.fit(X)
        times.append(time.perf_counter() - start)
    return (times[1] - times[0]) / (LONG - SHORT), mixture.score(X)


def compare(repeats):
    """Print a line per problem."""
    print(f"threads: {sorted({(i['user_api'], i['num_threads']) for i in threadpool_info()})}")
    print(f"{'':32}{'skgmm':>10}{'sklearn':>10}{'ratio':>8}   log-likelihood per row")
    for name, sizes in PROBLEMS.items():
        X, arguments = problem(*sizes)
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(seconds_per_iteration(GaussianMixtureEM, X, arguments))
            theirs.append(seconds_per_iteration(GaussianMixture, X, arguments))
        ratio = statistics.median(b[0] / a[0] for a, b in zip(ours, theirs, strict=True))
        scores = ours[0][1], theirs[0][1]
        if abs(scores[0] - scores[1]) > 1e-8 * abs(scores[0]):
            sys.exit(f"{name}: the log-likelihoods differ: {scores}")
        a, b = (1e3 * statistics.median(t for t, _ in times) for times in (ours, theirs))
        print(f"{name:32}{a:7.0f} ms{b:7.0f} ms{ratio:7.1f}x   {scores[0]:.9f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    compare(options.repeats)


if __name__ == "__main__":
    main()
