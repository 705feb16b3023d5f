"""(b) How well does a default fit describe observations that it has not seen?

Mean log-likelihood of the 30 % of the observations that were held out, in nats per sample, of this
library and of scikit-learn, each with its defaults, and of scikit-learn's best of ten starts: it
shows how often a fit that describes the training data better describes the others worse. A table
is clearly below if the difference to scikit-learn's default is more than two standard errors of
the mean over the held-out samples.

A density of a discrete column says little: on the values themselves it is as high as `reg_covar` is
small. The same goes for a pile of samples at one value. So three kinds of tables are judged apart.
"continuous": no such column; plain scores. "mixed": both fit all columns, and the density of the
continuous ones is compared, the mixture's marginal. "discrete": no column is continuous; both fit
and score the discrete columns with the same uniform noise of one step added, and the density of
these bounds the probability of the recorded values.
"""

from collections import defaultdict

import numpy as np

from answer_parts import Figure, labels, tables
from answer_parts.judging import full_covariances, log_densities

METHODS = labels.METHODS
TRAINED = 0.7
SAME, NEAR = 1e-3, 0.05  # nats per sample


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
    X, step = data.X, tables.steps(data.X)
    smooth = (step == 0) & ~tables.piled(X)
    kind = "continuous" if smooth.all() else "mixed"
    if not smooth.any():
        X, kind = tables.dequantised(X, step, seed)[:, step > 0], "discrete"
        smooth = np.ones(X.shape[1], dtype=bool)
    continuous = np.flatnonzero(smooth)
    order = np.random.default_rng([seed, 3]).permutation(len(X))
    train, test = np.split(order, [int(TRAINED * len(X))])
    record, densities = {"kind": kind}, {}
    for name, estimator in METHODS.items():
        mixture = estimator(data.n_components, covariance_type=structure, random_state=seed)
        try:
            mixture.fit(X[train])
        except ValueError as error:
            record[name] = {"score": None, "status": f"failed: {error}"}
            continue
        densities[name] = marginal_log_densities(mixture, X[test], continuous)
        record[name] = {
            "score": float(densities[name].mean()),
            "status": str(getattr(mixture, "status_", "")),
        }
    if "skgmm" in densities and "sklearn" in densities:
        differences = densities["skgmm"] - densities["sklearn"]
        record["standard_error"] = float(differences.std(ddof=1) / np.sqrt(len(differences)))
    return record


def marginal_log_densities(fit, X, features):
    """Log-density of the given features under the mixture, (n,)."""
    covariances = full_covariances(fit)[:, features[:, None], features]
    return log_densities(X[:, features], fit.weights_, fit.means_[:, features], covariances)


def means(records):
    """(table, structure) -> mean scores over the seeds; a failed fit makes it minus infinity."""
    cases = defaultdict(list)
    for record in records:
        if "skgmm" in record:
            cases[record["table"], record["structure"]].append(record)
    found = {}
    for case, some in cases.items():
        scores = {
            name: [-np.inf if r[name]["score"] is None else r[name]["score"] for r in some]
            for name in METHODS
        }
        found[case] = {name: float(np.mean(values)) for name, values in scores.items()}
        found[case]["kind"] = some[0]["kind"]
        # Splits of one table share samples, so more seeds do not make the error smaller.
        errors = [r.get("standard_error", 0.0) for r in some]
        found[case]["standard_error"] = float(np.sqrt(np.mean(np.square(errors))))
    return found


def figures(records):
    cases = means(records)
    lines = []
    for kind in ("all", "continuous", "mixed", "discrete"):
        some = [case for case in cases.values() if kind in ("all", case["kind"])]
        if not some:
            continue
        good, near, ten = (
            np.mean([case[name] >= case["sklearn"] - nats for case in some])
            for name, nats in (("skgmm", SAME), ("skgmm", NEAR), ("sklearn best of 10", SAME))
        )
        clear = sum(
            case["skgmm"] < case["sklearn"] - max(SAME, 2 * case["standard_error"]) for case in some
        )
        lines.append(
            Figure(
                "heldout",
                f"held-out log-likelihood not below scikit-learn's default on 95 % ({kind})",
                f"{good:.0%} of {len(some)}, within {NEAR} nats {near:.0%}, clearly below "
                f"on {clear}; its best of ten: {ten:.0%}",
                good >= 0.95,
            )
        )
    return lines
