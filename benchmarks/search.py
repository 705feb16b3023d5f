"""A whole search: fourteen structures with 1 to 9 components, beside mclust and scikit-learn.

python benchmarks/search.py [--repeats 7]

mclust is asked through Rscript, if that and the package mclust are there: `Mclust(x, G = 1:9)`,
warm, timed within R, for the two small data sets. scikit-learn is its GridSearchCV over its four
structures, scored by BIC, against our search over the same: once with every row in the one training
and test set (36 fits and scores, and the best again), and once with 5 folds, as it is by default
(180 fits to four of five rows). One thread each. Times are medians, in seconds; BIC is ours, lower
is better. The table goes into the documentation.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sklearn.datasets import load_iris
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV

from skgmm import GaussianMixtureSearch

HERE = Path(__file__).parent
FAITHFUL = HERE.parent / "skgmm" / "data" / "faithful.csv"
CLASSIC = ["spherical", "diag", "tied", "full"]
SIZES = list(range(1, 10))

MCLUST = """
suppressMessages(library(mclust))
x <- as.matrix({rows})
model <- Mclust(x, G = 1:9, verbose = FALSE)
times <- sapply(1:{repeats}, function(i)
    system.time(Mclust(x, G = 1:9, verbose = FALSE))["elapsed"])
cat(median(times), -model$bic, model$modelName, model$G, sum(is.na(model$BIC)))
"""


def median_time(function, repeats):
    """Seconds of a call, and what the last one returned; the first call does not count."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def ask_mclust(rows, repeats):
    """Time, BIC and model of mclust; None without it."""
    if shutil.which("Rscript") is None:
        return None
    program = MCLUST.format(rows=rows, repeats=repeats)
    answer = subprocess.run(["Rscript", "-e", program], capture_output=True, text=True)
    if answer.returncode:
        return None
    seconds, bic, name, n_components, n_missing = answer.stdout.split()
    return {
        "seconds": float(seconds),
        "bic": float(bic),
        "model": f"{name} {n_components}",
        "not fitted": int(n_missing),
    }


def summary(seconds, search):
    return {
        "seconds": round(seconds, 4),
        "bic": round(search.best_score_, 3),
        "model": f"{search.best_covariance_type_} {search.best_n_components_}",
        "not fitted": int(np.isnan(search.results_["bic"]).sum()),
    }


def bic(estimator, X, y=None):
    return -estimator.bic(X)


def clusters(n_samples, n_features, n_components):
    """Overlapping clusters of different shapes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(n_components, size=n_samples)
    roots = np.eye(n_features) + 0.3 * rng.normal(size=(n_components, n_features, n_features))
    noise = rng.normal(size=(n_samples, n_features))
    centres = 1.5 * rng.normal(size=(n_components, n_features))
    return centres[labels] + np.einsum("nij,nj->ni", roots[labels], noise)


def compare(X, rows, repeats):
    """Everything about one data set, the whole table where mclust can read the rows."""
    result = {}
    if rows is not None:
        whole = GaussianMixtureSearch(SIZES, random_state=0)
        result["skgmm"] = summary(*median_time(lambda: whole.fit(X), repeats))
        result["mclust"] = ask_mclust(rows, repeats)
    part = GaussianMixtureSearch(SIZES, CLASSIC, random_state=0)
    result["skgmm, four structures"] = summary(*median_time(lambda: part.fit(X), repeats))
    every = np.arange(len(X))
    for name, cv in {"": [(every, every)], ", 5 folds": 5}.items():
        result["scikit-learn, GridSearchCV" + name] = search_grid(X, cv, max(repeats // 2, 1))
    return result


def search_grid(X, cv, repeats):
    """scikit-learn's search; the BIC is that of the best on all rows."""
    grid = GridSearchCV(
        GaussianMixture(random_state=0),
        {"n_components": SIZES, "covariance_type": CLASSIC},
        scoring=bic,
        cv=cv,
    )
    seconds, grid = median_time(lambda: grid.fit(X), repeats)
    best = grid.best_params_
    return {
        "seconds": round(seconds, 4),
        "bic": round(grid.best_estimator_.bic(X), 3),
        "model": f"{best['covariance_type']} {best['n_components']}",
        "not fitted": 0,
    }


def table(results):
    """The results as a table of the documentation."""
    lines = [".. list-table::", "   :header-rows: 1", ""]

    def row(*cells):
        lines.extend(f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(cells))

    row("data, search by", "seconds", "BIC of the best", "model", "not fitted")
    for name, contestants in results.items():
        for who, figures in contestants.items():
            if figures is not None:
                row(
                    f"{name}, {who}",
                    f"{figures['seconds']:.3f}",
                    f"{figures['bic']:.3f}",
                    figures["model"],
                    figures["not fitted"],
                )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    faithful = np.loadtxt(FAITHFUL, delimiter=",", skiprows=1)
    problems = {
        "faithful": (faithful, f'read.csv("{FAITHFUL}")'),
        "iris": (load_iris().data, "iris[, 1:4]"),
        "5,000 x 6": (clusters(5_000, 6, 5), None),
    }
    results = {}
    for name, (X, rows) in problems.items():
        results[name] = compare(X, rows, repeats if rows is not None else 1)
        for who, figures in results[name].items():
            if figures is not None:
                print(
                    f"{name:9} {who:36} {figures['seconds']:8.3f} s  BIC {figures['bic']:9.3f}  "
                    f"{figures['model']:12} {figures['not fitted']} not fitted"
                )
    (HERE / "results" / "search.json").write_text(json.dumps(results, indent=1) + "\n")
    (HERE.parent / "docs" / "search_table.inc").write_text(table(results))


if __name__ == "__main__":
    main()
