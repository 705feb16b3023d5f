"""(e) How many components does the search find in noise and in few samples, and how long does it
take?

`GaussianMixtureSearch(random_state=0).fit(X)`: fourteen structures, 1 to 9 components, BIC. The
answers of mclust on the same data are in results/mclust_search.json, with the R commands that gave
them; `python benchmarks/mclust_search.py` makes them anew. Seconds are processor time.
"""

import json
import time
from collections import defaultdict
from pathlib import Path

import synthetic_data as made

from answer_parts import Figure
from skgmm import GaussianMixtureSearch

MCLUST = Path(__file__).resolve().parent.parent / "results" / "mclust_search.json"
SEEDS = 12  # each size has at least so many, unless the run is a quick one
NOISE = ((20, 2), (30, 4), (40, 6), (60, 10), (100, 5), (100, 12), (150, 8), (200, 20))
# samples in each cluster, clusters, features
CLUSTERS = tuple((m, K, d) for K in (2, 3) for d in (2, 4) for m in (8, 10, 12, 15, 20, 30))
# The same with 2 to 5 samples for each feature.
WIDE_NOISE = ((12, 6), (20, 10), (30, 12), (50, 10), (50, 15), (80, 20))
WIDE_CLUSTERS = ((12, 3, 8), (12, 3, 10), (20, 3, 10), (20, 3, 12), (16, 3, 20), (15, 2, 10))
FEW = 15  # two clusters up to this size have a figure of their own
# n, d, limit in seconds
TIMED = ((16, 7, 1.0), (30, 8, 1.0), (20_000, 48, 50.5))
# Processor seconds of the search of 20,000 x 48 at the commit from which this work began were 101.


def tasks(seeds, quick):
    seeds = range(seeds if quick else max(seeds, SEEDS))
    noise = NOISE[:4] if quick else NOISE
    clusters = CLUSTERS[:2] if quick else CLUSTERS
    sizes_of = {"noise": noise, "clusters": clusters}
    if not quick:
        sizes_of |= {"wide noise": WIDE_NOISE, "wide clusters": WIDE_CLUSTERS}
    found = [
        {"kind": kind, "size": list(size), "seed": seed}
        for seed in seeds
        for kind, sizes in sizes_of.items()
        for size in sizes
    ]
    return found + [
        {"kind": "timed", "size": list(size[:2])} for size in TIMED[: 2 if quick else 3]
    ]


def limit(task, records):
    return 900


def data_of(kind, size, seed=0):
    """The data of a task."""
    if kind.endswith("clusters"):
        return made.few_samples(seed, *size).X
    if tuple(size) == (20_000, 48):
        return made.apart(seed, *size, 12).X
    return made.noise(seed, *size).X


def measure(kind, size, seed=0):
    X = data_of(kind, size, seed)
    began = time.process_time()
    search = GaussianMixtureSearch(random_state=0).fit(X)
    return {
        "seconds": time.process_time() - began,
        "n_components": int(search.best_n_components_),
        "structure": str(search.best_covariance_type_),
        "verbose": "verbose" in search.get_params(),
    }


def key(task):
    """Name of a task's data in the file of mclust's answers."""
    sizes = " x ".join(str(number) for number in task["size"])
    return f"{task['kind']} {sizes}, seed {task.get('seed', 0)}"


def mclust_answers():
    """key -> number of components that mclust finds; empty where nobody asked it."""
    if not MCLUST.exists():
        return {}
    return {name: answer["G"] for name, answer in json.loads(MCLUST.read_text())["answers"].items()}


def counts(records):
    """(kind, size) -> numbers of components found, over the seeds, ours and mclust's."""
    answers = mclust_answers()
    found = defaultdict(lambda: {"skgmm": [], "mclust": []})
    for record in records:
        if record["kind"] != "timed" and "n_components" in record:
            case = found[record["kind"], tuple(record["size"])]
            case["skgmm"].append(record["n_components"])
            if key(record) in answers:
                case["mclust"].append(answers[key(record)])
    return dict(found)


def figures(records):
    found = counts(records)
    lines = [
        share("noise: one component in 90 %", found, lambda size: True, "noise", (1,)),
        share(
            "two clear clusters of 8 to 15 samples: 2 or 3 components in 90 %",
            found,
            lambda size: size[1] == 2 and size[0] <= FEW,
            "clusters",
            (2, 3),
        ),
        share(
            "two or three clusters of 8 to 30 samples: as many or one more in 90 %",
            found,
            lambda size: True,
            "clusters",
            None,
        ),
        share(
            "noise of 2 to 5 samples for each feature: one component in 90 %",
            found,
            lambda size: True,
            "wide noise",
            (1,),
        ),
        share(
            "two or three clusters in 8 to 20 features: as many or one more in 90 %",
            found,
            lambda size: True,
            "wide clusters",
            None,
        ),
    ]
    limits = {size[:2]: size[2] for size in TIMED}
    for record in records:
        if record["kind"] != "timed":
            continue
        most = limits[tuple(record["size"])]
        seconds = record.get("seconds", float("inf"))
        asked = "{:,} x {} searched in at most {:g} s".format(*record["size"], most)
        lines.append(Figure("search", asked, f"{seconds:.1f} s", seconds <= most))
    if records and "verbose" in records[-1]:
        verbose = records[-1]["verbose"]
        told = "it has the option" if verbose else "it has no such option"
        lines.append(Figure("search", "the search shows progress with verbose=1", told, verbose))
    return [line for line in lines if line is not None]


def share(asked, found, chosen, kind, right):
    """A figure for the share of the seeds whose answer is right; None means K or K + 1 is."""
    good = {"skgmm": [], "mclust": []}
    for (this, size), numbers in found.items():
        if this == kind and chosen(size):
            allowed = (size[1], size[1] + 1) if right is None else right
            for who, some in numbers.items():
                good[who] += [number in allowed for number in some]
    if not good["skgmm"]:
        return None
    measured = {who: sum(some) / len(some) for who, some in good.items() if some}
    text = f"{measured['skgmm']:.0%}"
    if "mclust" in measured:
        text += f" (mclust {measured['mclust']:.0%})"
    return Figure("search", asked, text, measured["skgmm"] >= 0.9)
