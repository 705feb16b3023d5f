"""How fast are a thousand small fits in `fit_many`, and in loops of our fits and scikit-learn's?

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE python benchmarks/fit_many.py [--fits 1000]

Each problem is 400 x 2 with K=2. scikit-learn, a loop of our fits, and `fit_many` with `n_jobs` 1
and 2 (threads where compiled code makes the fits, else processes) take turns, each with all
problems in one call, so that a busy machine slows all of them. The processes have been started
before, and scikit-learn is limited to one thread, with which such fits are fastest. The settings
whose fits are made one after another get a fifth of the problems. Prints milliseconds for each fit
(medians over the turns) and the median of the ratios, and writes results/fit_many.json.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from skgmm import GaussianMixtureEM, fit_many

RESULTS = Path(__file__).parent / "results" / "fit_many.json"

TURNS = 5

SETTINGS = {
    "default": {},
    "escape=False": {"escape": False},
    "escape=False, init_params='kmeans'": {"escape": False, "init_params": "kmeans"},
}


def problems(n, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        X = rng.normal(size=(400, 2)) @ rng.normal(size=(2, 2))
        X[rng.random(400) < rng.uniform(0.3, 0.7)] += rng.uniform(1.5, 5) * rng.normal(size=2)
        found.append(X)
    return found


def contestants(options):
    ours = GaussianMixtureEM(2, random_state=0, **options)
    theirs = GaussianMixture(2, random_state=0)

    def of_scikit_learn(data):
        with threadpool_limits(1):
            return [clone(theirs).fit(X) for X in data]

    return {
        "scikit-learn": of_scikit_learn,
        "loop": lambda data: [clone(ours).fit(X) for X in data],
        "fit_many, n_jobs=1": lambda data: fit_many(ours, data, n_jobs=1),
        "fit_many, n_jobs=2": lambda data: fit_many(ours, data, n_jobs=2),
    }


def measure(options, data):
    """Milliseconds for each fit (turns, contestants), and mean log-likelihoods of theirs, ours."""
    running = contestants(options)
    for run in running.values():
        run(data[:8])
    times, scores = [], []
    for _ in range(TURNS):
        row = []
        for run in running.values():
            fitted = None  # the results before are given back, which takes time too
            began = time.perf_counter()
            fitted = run(data)
            row.append(1e3 * (time.perf_counter() - began) / len(data))
            if len(row) in (1, len(running)):
                scores.append(np.mean([m.score(X) for m, X in zip(fitted, data, strict=True)]))
        times.append(row)
    return np.array(times), np.reshape(scores, (-1, 2)).mean(axis=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fits", type=int, default=1000)
    n_fits = parser.parse_args().fits
    warnings.simplefilter("ignore")
    results = {}
    for name, options in SETTINGS.items():
        n_own = n_fits if options.get("init_params") == "kmeans" else n_fits // 5
        times, scores = measure(options, problems(n_own))
        names = list(contestants(options))
        found = {
            own: {"ms": float(np.median(t)), "ratio": float(np.median(times[:, 0] / t))}
            for own, t in zip(names, times.T, strict=True)
        }
        results[name] = {**found, "fits": n_own, "log_likelihoods": scores.tolist()}
        print(f"{name} (mean log-likelihood {scores[1]:.4f}, scikit-learn {scores[0]:.4f})")
        for own, value in found.items():
            print(f"   {own:20} {value['ms']:8.2f} ms, {value['ratio']:6.1f} times faster")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
