"""Estimators on top of a mixture, beside libraries that do the same.

    python benchmarks/on_top.py [--part {discriminant,gmr} ...] [--repeats 15]

`discriminant`: time of a fit of GaussianMixtureClassifier by maximum likelihood (`reg_covar=0`),
against scikit-learn's linear and quadratic discriminant analysis, and how often both predict the
same label. `gmr`: the mean of one feature of a mixture given all others, for 10,000 samples,
against the package gmr (`predict` for all samples in one call; `condition` and its mean for one
after the other, on 500 of them, the time scaled). Processor time in one thread, the programs in
turn; medians of the ratios. Prints a table, and writes results/on_top.json.
"""

import argparse
import json
import os
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)

from skgmm import GaussianMixtureClassifier, GaussianMixtureEM, GaussianMixtureRegressor

RESULTS = Path(__file__).parent / "results" / "on_top.json"
N_SAMPLES, N_CONDITIONED = 10_000, 500


def seconds(function):
    """Of the processor, whatever else the machine does."""
    began = time.process_time()
    function()
    return time.process_time() - began


def in_turn(ours, theirs, repeats):
    """Median seconds of both and the median of theirs / ours; the first calls do not count."""
    ours(), theirs()
    times = np.array([[seconds(ours), seconds(theirs)] for _ in range(repeats)])
    median = np.median(times, axis=0)
    return {
        "ours": float(median[0]),
        "theirs": float(median[1]),
        "theirs / ours": float(np.median(times[:, 1] / times[:, 0])),
    }


def classes(n, d, n_classes):
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n)
    return rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(n_classes, d))[y], y


def discriminant(repeats):
    tied = GaussianMixtureEM(covariance_type="tied", reg_covar=0)
    linear = GaussianMixtureClassifier(tied, ties="across")
    quadratic = GaussianMixtureClassifier(GaussianMixtureEM(reg_covar=0))
    pairs = {
        "LDA": (linear, LinearDiscriminantAnalysis()),
        "LDA, solver='lsqr'": (linear, LinearDiscriminantAnalysis(solver="lsqr")),
        "QDA": (quadratic, QuadraticDiscriminantAnalysis()),
    }
    found = []
    for n, d, n_classes in ((1_000, 5, 3), (10_000, 10, 3), (100_000, 20, 5)):
        X, y = classes(n, d, n_classes)
        for name, (ours, theirs) in pairs.items():
            measured = in_turn(partial(ours.fit, X, y), partial(theirs.fit, X, y), repeats)
            same = float(np.mean(ours.predict(X) == theirs.predict(X)))
            case = {"n": n, "d": d, "classes": n_classes, "against": name}
            found.append({"part": "discriminant", **case, **measured, "same labels": same})
    return found


def regressor_of(mixture):
    """A regressor with a given mixture, whose last feature is the target."""
    regressor = GaussianMixtureRegressor(mixture)
    regressor.mixture_, regressor.n_targets_ = mixture, 1
    regressor.n_features_in_ = mixture.means_.shape[1] - 1
    return regressor


def one_by_one(mixture, given, X):
    """Conditional means, by gmr's `condition` for each sample."""
    conditioned = [mixture.condition(given, x) for x in X]
    return np.array([one.priors @ one.means[:, 0] for one in conditioned])


def conditional_means(d, n_components, repeats):
    from gmr import GMM

    rng = np.random.default_rng(0)
    roots = rng.normal(size=(n_components, d, d)) + 2 * np.eye(d)
    covariances = roots @ np.swapaxes(roots, 1, 2) / d
    weights, means = np.full(n_components, 1 / n_components), rng.normal(size=(n_components, d))
    mixture = GaussianMixtureEM.from_parameters(weights, means, covariances)
    X = mixture.sample(N_SAMPLES, random_state=0)[0][:, :-1]
    theirs, given = GMM(n_components, weights, means, covariances), np.arange(d - 1)
    ours = partial(regressor_of(mixture).predict, X)
    some = X[:N_CONDITIONED]
    apart = max(
        np.abs(ours() - theirs.predict(given, X)[:, 0]).max(),
        np.abs(ours()[:N_CONDITIONED] - one_by_one(theirs, given, some)).max(),
    )
    case = {"part": "gmr", "d": d, "K": n_components, "largest difference": float(apart)}
    predicted = in_turn(ours, partial(theirs.predict, given, X), repeats)
    conditioned = in_turn(ours, partial(one_by_one, theirs, given, some), 3)
    for name in ("theirs", "theirs / ours"):
        conditioned[name] *= N_SAMPLES / N_CONDITIONED
    return [
        {**case, "against": "predict", **predicted},
        {**case, "against": "condition", **conditioned},
    ]


def gmr(repeats):
    cases = ((2, 5), (6, 10), (20, 10))
    return [row for d, K in cases for row in conditional_means(d, K, repeats)]


PARTS = {"discriminant": discriminant, "gmr": gmr}


def printed(row):
    case = ", ".join(f"{name} {row[name]}" for name in ("n", "d", "classes", "K") if name in row)
    checked = "same labels" if "same labels" in row else "largest difference"
    return (
        f"{row['part']:13} {case:32} {row['against']:19} ours {1e3 * row['ours']:8.2f} ms, theirs "
        f"{1e3 * row['theirs']:9.2f} ms, theirs / ours {row['theirs / ours']:7.2f}, "
        f"{checked} {row[checked]:.4g}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    kept = [row for row in kept if row["part"] not in options.part]
    for part in options.part:
        for row in PARTS[part](options.repeats):
            print(printed(row))
            kept.append(row)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
