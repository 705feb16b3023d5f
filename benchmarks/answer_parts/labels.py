"""(a) Do the clusters of a default fit agree with the known groups?

Adjusted Rand index (1 is agreement, 0 is chance) of `GaussianMixtureEM(K)`, of scikit-learn's
`GaussianMixture(K)`, and of its best of ten starts by its own likelihood. A fit that fails counts
as 0. Beside them, for tables with discrete columns, what is within reach: this library on the data
with uniform noise of one step added by hand.

A table is lost by a discrete column if it would not be lost without its discrete columns: with
them left out this library is within 0.1 of scikit-learn's default. A table without any other column
counts as lost by them.
"""

from collections import defaultdict

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from answer_parts import Figure, tables
from skgmm import GaussianMixtureEM

METHODS = {
    "skgmm": GaussianMixtureEM,
    "sklearn": GaussianMixture,
    "sklearn best of 10": lambda *args, **kwargs: GaussianMixture(*args, n_init=10, **kwargs),
}
LOST = 0.1  # further below scikit-learn's default than this a table counts as lost
RIGHT = 0.95  # an index from which the clusters are right


def tasks(seeds, quick):
    return [
        {"table": name, "structure": structure, "seed": seed}
        for seed in range(seeds)
        for name in tables.names(quick)
        for structure in tables.structures_of(name)
    ]


def limit(task, records):
    return 600


def measure(table, structure, seed):
    data = tables.table(table, seed)
    step = tables.steps(data.X)
    record = {"discrete": int((step > 0).sum()), "piled": int(tables.piled(data.X).sum())}
    for method, estimator in METHODS.items():
        record[method] = index(data, data.X, estimator, structure, seed)
    smooth = (step == 0) & ~tables.piled(data.X)
    if smooth.any() and not smooth.all() and " + " not in table:
        record["without"] = {
            method: index(data, data.X[:, smooth], METHODS[method], structure, seed)
            for method in ("skgmm", "sklearn")
        }
    if step.any():
        noisy = tables.dequantised(data.X, step, seed)
        record["skgmm, noise added"] = index(data, noisy, GaussianMixtureEM, structure, seed)
    return record


def index(data, X, estimator, structure, seed):
    """The adjusted Rand index, and how the fit ended where that is said."""
    compared = slice(None) if data.compared is None else data.compared
    try:
        fit = estimator(data.n_components, covariance_type=structure, random_state=seed).fit(X)
    except ValueError as error:
        return {"ari": 0.0, "status": f"failed: {error}"}
    found = fit.predict(X)
    ari = adjusted_rand_score(data.labels[compared], found[compared])
    return {"ari": float(ari), "status": str(getattr(fit, "status_", ""))}


def means(records):
    """(table, structure) -> mean index of each method over the seeds, and the number of columns
    that are discrete or have one value in a tenth of the samples."""
    cases = defaultdict(list)
    for record in records:
        if "skgmm" in record:
            cases[record["table"], record["structure"]].append(record)
    return {
        case: {method: float(np.mean([r[method]["ari"] for r in some])) for method in METHODS}
        | {"discrete": some[0]["discrete"] + some[0]["piled"]}
        for case, some in cases.items()
    }


def lost(records):
    """The cases more than 0.1 below scikit-learn's default in the mean of the seeds."""
    return {
        case: mean
        for case, mean in means(records).items()
        if mean["skgmm"] < mean["sklearn"] - LOST
    }


def lost_by_columns(records):
    """The lost cases that would not be lost without their discrete columns."""
    return {
        case: mean
        for case, mean in lost(records).items()
        if mean["discrete"] and not _lost_without(case, records)
    }


def _lost_without(case, records):
    """Whether the case is lost without its discrete columns; not if there are no others.

    Tables to which columns were added are compared with the table itself.
    """
    name, _, added = case[0].partition(" + ")
    if added:
        return (name, case[1]) in lost(records)
    some = [
        r["without"] for r in records if (r["table"], r["structure"]) == case and "without" in r
    ]
    if not some:
        return False
    ours, theirs = (np.mean([r[method]["ari"] for r in some]) for method in ("skgmm", "sklearn"))
    return ours < theirs - LOST


def figures(records):
    cases = means(records)
    if not cases:
        return []
    overall = {m: float(np.mean([case[m] for case in cases.values()])) for m in METHODS}
    losses = lost(records)
    discrete = sum(case["discrete"] > 0 for case in losses.values())
    by_columns = lost_by_columns(records)
    demanded = [
        r
        for r in records
        if r["table"].partition(": ")[2] in tables.RIGHT and r["table"].startswith("generated")
    ]
    right = [r["table"] for r in demanded if r.get("skgmm", {"ari": 0.0})["ari"] >= RIGHT]
    return [
        Figure(
            "labels",
            "mean ARI over all tables at least that of scikit-learn's best of ten",
            f"{overall['skgmm']:.3f} against {overall['sklearn best of 10']:.3f} (its default "
            f"{overall['sklearn']:.3f})",
            overall["skgmm"] >= overall["sklearn best of 10"],
        ),
        Figure(
            "labels",
            "more than 0.1 below scikit-learn's default on at most one table in ten",
            f"{len(losses)} of {len(cases)}",
            len(losses) <= 0.1 * len(cases),
        ),
        Figure(
            "labels",
            "none of these by a discrete column",
            f"{len(by_columns)} are not lost without their discrete columns (or have no others); "
            f"{discrete} have a discrete column or one with a pile at one value",
            not by_columns,
        ),
        Figure(
            "labels",
            "dummy, one-hot, far minority, fill values, three rare groups right for every seed",
            f"{len(right)} of {len(demanded)}",
            len(right) == len(demanded) if demanded else None,
        ),
    ]
