"""Time a default fit of Old Faithful with two components against scikit-learn's, pair by pair.

python benchmarks/small.py [--pairs 150]

Fits of a few hundred rows are overhead more than arithmetic, and a search over models makes
hundreds of them. Both libraries fit with what their constructors say, in turn and with the same
seeds; quoted are medians, and the median of the ratios.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from sklearn.mixture import GaussianMixture

import skgmm

PATH = Path(skgmm.__file__).parent / "data" / "faithful.csv"


def seconds(estimator, rows, seed):
    start = time.perf_counter()
    estimator(2, random_state=seed).fit(rows)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=150)
    options = parser.parse_args()
    rows = np.loadtxt(PATH, delimiter=",", skiprows=1)
    pairs = [
        [seconds(estimator, rows, seed) for estimator in (skgmm.GaussianMixtureEM, GaussianMixture)]
        for seed in range(options.pairs)
    ][5:]  # the first ones import and look for libraries
    ours, theirs = (1e3 * statistics.median(own) for own in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(
        f"Old Faithful, K=2: skgmm {ours:.2f} ms, scikit-learn {theirs:.2f} ms, ratio {ratio:.2f}"
    )


if __name__ == "__main__":
    main()
