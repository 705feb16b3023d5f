"""(d) What does a fit cost, beside scikit-learn's and without the escape?

Processor time, all with the same number of threads; the contestants of a task take turns
(A B C A B C ...) and medians are quoted. Three kinds of tasks:

- "default": default fits. Scores are those of the same objective, with `reg_covar` where one is
  given.
- "outside": a fit from a given start; what it spends outside of its iterations, in iterations. An
  iteration is the difference of a long and a short fit.
- "short": four iterations from a given start.
"""

import statistics
import time

import numpy as np
import synthetic_data as made
from sklearn.mixture import GaussianMixture

from answer_parts import Figure, tables
from answer_parts.judging import objective
from skgmm import GaussianMixtureEM

# Name: data, K, reg_covar (None: the defaults of both).
DEFAULT_FITS = {
    "a table of 215 x 5": (lambda: overlapping(0, 215, 5, 3), 3, None),
    "a table of 569 x 5": (lambda: overlapping(1, 569, 5, 4), 4, None),
    "wine": (lambda: tables.bundled("wine").X, 3, None),
    "breast cancer": (lambda: tables.bundled("breast cancer").X, 4, 1e-3),
    "digits in 20 PCs": (lambda: tables.bundled("digits, 20 PCs").X, 10, None),
    "digits and noise of sd 0.5": (lambda: noisy_digits(), 10, 1e-3),
    "2,000 x 50, apart": (lambda: made.apart(0, 2_000, 50, 6).X, 6, None),
    "600 x 100": (lambda: made.wide(0, 600, 100, 3).X, 3, 1e-3),
    "5,000 x 50, K=20": (lambda: made.apart(0, 5_000, 50, 12).X, 20, None),
    "2,000 x 300": (lambda: made.apart(0, 2_000, 300, 7).X, 7, 1e-3),
    "20,000 x 8, apart": (lambda: made.apart(0, 20_000, 8, 8).X, 8, None),
    "20,000 x 8, K=40": (lambda: made.many_components(0, 20_000, 8, 40).X, 40, None),
    "100,000 x 4": (lambda: overlapping(2, 100_000, 4, 5), 5, None),
}
# structure, n, d, K
OUTSIDE = (("full", 120_000, 4, 3), ("full", 12_000, 72, 5), ("diag", 80_000, 20, 5))
SHORT = (
    ("full", 300, 2, 3),
    ("full", 500, 30, 3),
    ("full", 2_000, 4, 4),
    ("full", 20_000, 8, 8),
    ("full", 60_000, 12, 12),
    ("full", 12_000, 72, 5),
    ("diag", 80_000, 20, 5),
    ("tied", 100_000, 8, 10),
    ("spherical", 100_000, 4, 12),
)
QUICK_FITS = ("a table of 215 x 5", "wine", "20,000 x 8, apart")
SHORTEST = 0.1  # seconds of a turn, because the clock of processor time may tick every 4 ms
ENOUGH_SECONDS = 4.0  # of turns; there are at least one and at most fifteen
FEW_ITERATIONS, MORE_ITERATIONS = 1, 9
SAME_SCORE = 1e-3  # nats per sample
CONSTANT = 0.01  # seconds


def overlapping(seed, n, d, K):
    return made.many_components(seed, n, d, K, distance=4.5).X


def noisy_digits():
    X = tables.bundled("digits").X
    return X + np.random.default_rng(0).normal(0, 0.5, X.shape)


def tasks(seeds, quick):
    fits = QUICK_FITS if quick else tuple(DEFAULT_FITS)
    found = [
        {"kind": "default", "problem": name, "seed": seed} for seed in range(seeds) for name in fits
    ]
    for kind, sizes in (("outside", OUTSIDE), ("short", SHORT)):
        found += [{"kind": kind, "problem": list(size)} for size in sizes[: 3 if quick else None]]
    return found


def limit(task, records):
    return 900


def measure(kind, problem, seed=0):
    if kind == "default":
        return default_fits(problem, seed)
    structure, n, d, K = problem
    X, start = given_start(structure, n, d, K)
    return outside(X, start) if kind == "outside" else four_iterations(X, start)


def take_turns(functions):
    """Name -> median processor time of its calls, and what the last one returned."""
    times, results = {name: [] for name in functions}, {}
    spent = 0.0
    while not spent or (spent < ENOUGH_SECONDS and len(min(times.values(), key=len)) < 15):
        for name, function in functions.items():
            seconds, n_calls, results[name] = turn(function)
            times[name].append(seconds / n_calls)
            spent += seconds
    return {name: statistics.median(some) for name, some in times.items()}, results


def turn(function):
    """Processor time of a number of calls, that number, and what the last returned."""
    began, n_calls, seconds = time.process_time(), 0, 0.0
    while seconds < SHORTEST:
        result = function()
        n_calls += 1
        seconds = time.process_time() - began
    return seconds, n_calls, result


def default_fits(problem, seed):
    make, K, reg_covar = DEFAULT_FITS[problem]
    X = make()
    given = {"random_state": seed} | ({} if reg_covar is None else {"reg_covar": reg_covar})
    seconds, fits = take_turns(
        {
            "skgmm": lambda: GaussianMixtureEM(K, **given).fit(X),
            "sklearn": lambda: GaussianMixture(K, **given).fit(X),
            "escape=False": lambda: GaussianMixtureEM(K, escape=False, **given).fit(X),
        }
    )
    scores = {name: objective(fit, X, reg_covar or 0.0) for name, fit in fits.items()}
    status = {"status": str(fits["skgmm"].status_)}
    return {"seconds": seconds, "scores": scores} | status


def given_start(structure, n, d, K):
    """Overlapping round clusters, and means, weights and precisions to start from."""
    rng = np.random.default_rng(0)
    X = (3.0 / np.sqrt(d) * rng.normal(size=(K, d)))[rng.integers(K, size=n)]
    X += rng.normal(size=(n, d))
    precision = np.linalg.inv(np.cov(X.T, bias=True))
    variance = X.var(axis=0)
    start = {
        "n_components": K,
        "covariance_type": structure,
        "weights_init": np.full(K, 1 / K),
        "means_init": X[rng.choice(n, K, replace=False)],
        "precisions_init": {
            "full": np.repeat(precision[None], K, axis=0),
            "tied": precision,
            "diag": np.repeat(1 / variance[None], K, axis=0),
            "spherical": np.full(K, 1 / variance.mean()),
        }[structure],
    }
    return X, start


def ours(X, start, iterations):
    """A fit of exactly so many EM iterations."""
    return GaussianMixtureEM(**start, max_iter=iterations, tol=0.0, acceleration=None).fit(X)


def outside(X, start):
    seconds, fits = take_turns(
        {
            "few": lambda: ours(X, start, FEW_ITERATIONS),
            "more": lambda: ours(X, start, MORE_ITERATIONS),
        }
    )
    made_iterations = [fits[name].n_iter_ for name in ("few", "more")]
    iteration = (seconds["more"] - seconds["few"]) / (made_iterations[1] - made_iterations[0])
    around = seconds["few"] - made_iterations[0] * iteration
    return {"iteration": iteration, "outside": around, "iterations_outside": around / iteration}


def four_iterations(X, start):
    """scikit-learn starts by one cheap pass over random samples: its k-means would be useless."""

    def theirs():
        mixture = GaussianMixture(
            **start, max_iter=4, tol=0.0, init_params="random_from_data", random_state=0
        )
        return mixture.fit(X)

    seconds, fits = take_turns({"skgmm": lambda: ours(X, start, 4), "sklearn": theirs})
    iterations = {name: fit.n_iter_ for name, fit in fits.items()}
    return {"seconds": seconds, "iterations": iterations}


def ratio(record):
    """Times faster than scikit-learn."""
    return record["seconds"]["sklearn"] / record["seconds"]["skgmm"]


def better(record):
    """How much higher the score is than scikit-learn's, per sample."""
    return record["scores"]["skgmm"] - record["scores"]["sklearn"]


def figures(records):
    ended = [r for r in records if "seconds" in r or "iteration" in r]
    done = {
        kind: [r for r in ended if r["kind"] == kind] for kind in ("default", "outside", "short")
    }
    lines = default_figures(done["default"]) if done["default"] else []
    for record in done["outside"]:
        lines.append(
            Figure(
                "time",
                "{} {:,} x {}, K={}: at most 5 iterations' time outside of iterations".format(
                    *record["problem"]
                ),
                f"{record['iterations_outside']:.1f}",
                record["iterations_outside"] <= 5,
            )
        )
    if done["short"]:
        ratios = [ratio(record) for record in done["short"]]
        mean = statistics.geometric_mean(ratios)
        lines.append(
            Figure(
                "time",
                "4 iterations at least 12 times faster than scikit-learn's (geometric mean), "
                "none below 2",
                f"{mean:.1f}, worst {min(ratios):.1f}",
                mean >= 12 and min(ratios) >= 2,
            )
        )
    return lines


def default_figures(records):
    ratios = [ratio(record) for record in records]
    mean = statistics.geometric_mean(ratios)
    same = [ratio(r) for r in records if abs(better(r)) <= SAME_SCORE]
    higher = [ratio(r) for r in records if better(r) > SAME_SCORE]
    lowest = min(better(r) for r in records)
    escape = max((r["seconds"]["skgmm"] - CONSTANT) / r["seconds"]["escape=False"] for r in records)

    def bound(asked, values, least):
        if not values:
            return Figure("time", asked, "no such case", None)
        return Figure("time", asked, f"worst {min(values):.2f}", min(values) >= least)

    return [
        Figure(
            "time",
            "default fits at least 2 times faster than scikit-learn's (geometric mean)",
            f"{mean:.2f}",
            mean >= 2,
        ),
        bound("none below 0.5 where the score is the same", same, 0.5),
        bound("none below 0.2 where ours is better", higher, 0.2),
        Figure("time", "no score more than 1e-3 below", f"{lowest:+.4f}", lowest >= -SAME_SCORE),
        Figure(
            "time",
            f"a default fit at most 3 times the time of escape=False, plus {CONSTANT} s",
            f"worst {escape:.1f}",
            escape <= 3,
        ),
    ]
