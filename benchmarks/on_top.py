"""Estimators on top of a mixture, beside libraries that do the same.

    python benchmarks/on_top.py [--part discriminant gmr] [--repeats 15]

`discriminant`: time of a fit of GaussianMixtureClassifier, against scikit-learn's linear and
quadratic discriminant analysis; the labels that both predict have to be the same. `gmr`: the mean
of one feature of a mixture given all others, for 10,000 samples, against the package gmr (`predict`
for all samples in one call; `condition` and its mean for one after the other, on 500 of them, the
time scaled). One thread each, the programs in turn; medians of the ratios. Prints tables, and
writes results/on_top.json.
"""

import argparse
import json
import os
import time
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
    """Of the processor, which do not depend on what else the machine does."""
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
    linear = GaussianMixtureClassifier(GaussianMixtureEM(covariance_type="tied"), ties="across")
    pairs = {
        "LDA": (linear, LinearDiscriminantAnalysis()),
        "LDA, solver='lsqr'": (linear, LinearDiscriminantAnalysis(solver="lsqr")),
        "QDA": (GaussianMixtureClassifier(), QuadraticDiscriminantAnalysis()),
    }
    found = []
    for n, d, n_classes in ((1_000, 5, 3), (10_000, 10, 3), (100_000, 20, 5)):
        X, y = classes(n, d, n_classes)
        for name, (ours, theirs) in pairs.items():
            measured = in_turn(lambda e=ours: e.fit(X, y), lambda e=theirs: e.fit(X, y), repeats)
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


def gmr(repeats):
    from gmr import GMM

    found = []
    for d, n_components in ((2, 5), (6, 10), (20, 10)):
        rng = np.random.default_rng(0)
        roots = rng.normal(size=(n_components, d, d)) + 2 * np.eye(d)
        covariances = roots @ np.swapaxes(roots, 1, 2) / d
        weights, means = np.full(n_components, 1 / n_components), rng.normal(size=(n_components, d))
        mixture = GaussianMixtureEM.from_parameters(weights, means, covariances)
        X = mixture.sample(N_SAMPLES, random_state=0)[0][:, :-1]
        ours = regressor_of(mixture)
        theirs = GMM(n_components, weights, means, covariances)
        given = np.arange(d - 1)
        apart = float(np.abs(ours.predict(X) - theirs.predict(given, X)[:, 0]).max())
        case = {"part": "gmr", "d": d, "K": n_components, "largest difference": apart}
        measured = in_turn(lambda: ours.predict(X), lambda: theirs.predict(given, X), repeats)
        found.append({**case, "against": "predict", **measured})

        def one_by_one(theirs=theirs, given=given, X=X):
            for x in X[:N_CONDITIONED]:
                conditioned = theirs.condition(given, x)
                conditioned.priors @ conditioned.means  # noqa: B018

        measured = in_turn(lambda: ours.predict(X), one_by_one, 3)
        scale = N_SAMPLES / N_CONDITIONED
        measured["theirs"] *= scale
        measured["theirs / ours"] *= scale
        found.append({**case, "against": "condition", **measured})
    return found


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
