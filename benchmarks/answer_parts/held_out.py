"""(b) How well does a default fit describe observations that it has not seen?

Mean log-likelihood of the 30 % of the observations that were held out, in nats per sample, of this
library and of scikit-learn, each with its defaults.

A density of a discrete column says little: on the values themselves it is as high as `reg_covar` is
small. So three kinds of tables are judged apart. "continuous": no column is discrete; plain scores.
"mixed": both fit all columns, and the density of the continuous ones is compared, the mixture's
marginal. "discrete": no column is continuous; both fit and score the data with the same uniform
noise of one step added, whose density bounds the probability of the recorded values.
"""

from collections import defaultdict

import numpy as np
from sklearn.mixture import GaussianMixture

from answer_parts import Figure, tables
from answer_parts.judging import full_covariances, log_densities
from skgmm import GaussianMixtureEM

METHODS = {"skgmm": GaussianMixtureEM, "sklearn": GaussianMixture}
TRAINED = 0.7
SAME, NEAR = 1e-3, 0.01  # nats per sample below scikit-learn


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
    continuous = np.flatnonzero(step == 0)
    kind = "mixed" if step.any() else "continuous"
    if not len(continuous):
        X, continuous, kind = tables.dequantised(X, step, seed), np.arange(X.shape[1]), "discrete"
    order = np.random.default_rng([seed, 3]).permutation(len(X))
    train, test = np.split(order, [int(TRAINED * len(X))])
    record = {"kind": kind}
    for name, estimator in METHODS.items():
        try:
            fit = estimator(data.n_components, covariance_type=structure, random_state=seed).fit(
                X[train]
            )
        except ValueError as error:
            record[name] = {"score": None, "status": f"failed: {error}"}
            continue
        record[name] = {
            "score": marginal_score(fit, X[test], continuous),
            "status": str(getattr(fit, "status_", "")),
        }
    return record


def marginal_score(fit, X, features):
    """Mean log-density of the given features under the mixture."""
    covariances = full_covariances(fit)[:, features[:, None], features]
    return float(
        log_densities(X[:, features], fit.weights_, fit.means_[:, features], covariances).mean()
    )


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
    return found


def figures(records):
    cases = means(records)
    if not cases:
        return []
    lines = []
    for kind in ("all", "continuous", "mixed", "discrete"):
        some = [case for case in cases.values() if kind in ("all", case["kind"])]
        behind = [case["sklearn"] - case["skgmm"] for case in some]
        good = sum(nats <= SAME for nats in behind)
        near = sum(nats <= NEAR for nats in behind)
        if some:
            lines.append(
                Figure(
                    "heldout",
                    f"held-out log-likelihood not below scikit-learn's default on 95 % ({kind})",
                    f"{good} of {len(some)} tables, {good / len(some):.0%} (within {NEAR} nats "
                    f"{near / len(some):.0%})",
                    good >= 0.95 * len(some),
                )
            )
    return lines
