"""(c) How far is a default fit from EM started at the truth?

Mixtures of 30 to 200 overlapping components, and wide data: few samples per component and feature.
The gap is the mean log-likelihood of EM that starts at the parameters (or labels) from which the
data were drawn, less that of the fit, in nats per sample. With wide data a higher likelihood than
that can be due to a component of few samples, so it counts only where the clusters are the true
ones. Seconds are processor time.
"""

import statistics
import time
from collections import defaultdict
from functools import cache

import numpy as np
import synthetic_data as made
from sklearn.metrics import adjusted_rand_score

from answer_parts import Figure
from skgmm import GaussianMixtureEM

MANY = {
    "K=30, 20,000 x 8": (20_000, 8, 30),
    "K=40, 20,000 x 8": (20_000, 8, 40),
    "K=80, 20,000 x 8": (20_000, 8, 80),
    "K=100, 50,000 x 4": (50_000, 4, 100),
    "K=200, 50,000 x 8": (50_000, 8, 200),
}
# n, d, K: from 1.5 to 5 samples per component and feature.
WIDE = {
    f"wide, {n} x {d}, K={K}": (n, d, K)
    for n, d, K in ((600, 100, 3), (450, 50, 6), (400, 60, 4), (720, 60, 4), (1_000, 40, 5))
}
HOW = ("truth", "escape=False", "default")
LARGEST = "K=200, 50,000 x 8"
TIMED = "K=80, 20,000 x 8"


def tasks(seeds, quick):
    many = ["K=30, 20,000 x 8"] if quick else list(MANY)
    problems = many + list(WIDE)[: 2 if quick else None]
    return [
        {"problem": problem, "seed": seed, "how": how}
        for seed in range(seeds)
        for problem in problems
        for how in HOW
    ]


def limit(task, records):
    """A default fit gets 20 seconds, or eight times what it takes without escape."""
    if task["how"] == "default":
        plain = task | {"how": "escape=False"}
        for record in records:
            if plain.items() <= record.items() and "seconds" in record:
                return max(20, 8 * record["seconds"])
    return 600


@cache
def truth_and_data(problem, seed):
    """Data, and how EM is started at the truth."""
    if problem in WIDE:
        data = made.wide(seed, *WIDE[problem])
        K = data.n_components
        return data.X, K, {"responsibilities_init": np.eye(K)[data.labels]}
    truth = made.many_components(seed, *MANY[problem])
    start = {
        "weights_init": truth.weights,
        "means_init": truth.means,
        "precisions_init": np.linalg.inv(truth.covariances),
    }
    return truth.X, len(truth.weights), start


def measure(problem, seed, how):
    X, K, start = truth_and_data(problem, seed)
    settings = {"truth": start, "escape=False": {"escape": False}, "default": {}}[how]
    began = time.process_time()
    fit = GaussianMixtureEM(K, random_state=seed, **settings).fit(X)
    seconds = time.process_time() - began
    found = {
        "score": fit.score(X),
        "seconds": seconds,
        "n_iter": fit.n_iter_,
        "status": str(fit.status_),
    }
    if problem in WIDE:
        truth = start["responsibilities_init"].argmax(axis=1)
        found["ari"] = adjusted_rand_score(truth, fit.predict(X))
    return found


def by_problem(records):
    """problem -> list over seeds of {how: record}, of which EM from the truth ended."""
    cases = defaultdict(lambda: defaultdict(dict))
    for record in records:
        cases[record["problem"]][record["seed"]][record["how"]] = record
    return {
        problem: [case for case in seeds.values() if "score" in case.get("truth", {})]
        for problem, seeds in cases.items()
    }


def gap(case, how="default"):
    """Nats per sample below EM from the truth; infinite where the fit did not end."""
    if "score" not in case.get(how, {}):
        return float("inf")
    return case["truth"]["score"] - case[how]["score"]


def ari(case, how="default"):
    """Adjusted Rand index of a wide problem; 0 where the fit did not end."""
    return case.get(how, {}).get("ari", 0.0)


def is_within(case):
    """Whether a fit to wide data is as good as EM from the truth to 0.01 nats per sample."""
    return abs(gap(case)) <= 0.01 or (gap(case) < 0 and ari(case) >= 0.95)


def slowdown(case):
    """Processor time of the default fit in units of that without escape."""
    if "seconds" not in case.get("default", {}) or "seconds" not in case.get("escape=False", {}):
        return float("inf")
    return case["default"]["seconds"] / case["escape=False"]["seconds"]


def figures(records):
    cases = {problem: some for problem, some in by_problem(records).items() if some}
    lines = []
    for problem, some in cases.items():
        gaps = [gap(case) for case in some]
        if problem in WIDE:
            within = sum(is_within(case) for case in some)
            lines.append(
                Figure(
                    "components",
                    f"{problem}: within 0.01 nats of EM from the truth in 4 of 5 seeds",
                    f"{within} of {len(gaps)}; "
                    + " ".join(
                        f"{g:+.3f} (ARI {ari(case):.3f})"
                        for g, case in zip(gaps, some, strict=True)
                    ),
                    within >= 0.8 * len(gaps),
                )
            )
            continue
        median, worst = statistics.median(gaps), max(gaps)
        lines.append(
            Figure(
                "components",
                f"{problem}: median gap at most 0.002 nats per sample, worst 0.02",
                f"{median:.4f}, {worst:.4f}",
                median <= 0.002 and worst <= 0.02,
            )
        )
    for problem, most in ((TIMED, 3), (LARGEST, 2)):
        if problem in cases:
            worst = max(slowdown(case) for case in cases[problem])
            lines.append(
                Figure(
                    "components",
                    f"{problem}: a default fit in at most {most} times the time of escape=False",
                    "did not end in time" if np.isinf(worst) else f"{worst:.1f} times",
                    worst <= most,
                )
            )
    return lines
