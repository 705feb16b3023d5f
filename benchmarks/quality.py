"""How good are the answers? Default fits against ten restarts of scikit-learn.

python benchmarks/quality.py [--only TEXT] [--seeds 1]

Each case is a data set, a number of components and a structure. scikit-learn gets `n_init=10,
tol=1e-7, max_iter=2000`, this library its defaults; both get the same absolute `reg_covar`.
Compared are mean log-likelihoods, computed by scikit-learn, in nats per row, and the time.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from skgmm import GaussianMixtureEM

HERE = Path(__file__).parent
STRUCTURES = ("full", "tied", "diag", "spherical")


def overlapping(seed, n, d, K, apart):
    rng = np.random.default_rng(seed)
    roots = np.eye(d) + 0.3 * rng.normal(size=(K, d, d))
    labels = rng.integers(K, size=n)
    noise = rng.normal(size=(n, d))
    return apart * rng.normal(size=(K, d))[labels] + np.einsum("nij,nj->ni", roots[labels], noise)


def thin(seed, n, K):
    """Sheets side by side: long, and thin across."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(K, size=n)
    return np.column_stack([30.0 * rng.normal(size=n), 0.2 * rng.normal(size=n) + 2.0 * labels])


def unequal(seed, n, d, K):
    """Weights that halve from component to component."""
    rng = np.random.default_rng(seed)
    weights = 0.5 ** np.arange(K)
    labels = rng.choice(K, size=n, p=weights / weights.sum())
    sizes = rng.uniform(0.3, 2.0, size=K)
    return 4.0 * rng.normal(size=(K, d))[labels] + sizes[labels, None] * rng.normal(size=(n, d))


def outliers(seed, n, d, K):
    rng = np.random.default_rng(seed)
    X = overlapping(seed, n, d, K, 3.0)
    few = rng.choice(n, size=n // 50, replace=False)
    X[few] = rng.uniform(-25.0, 25.0, size=(len(few), d))
    return X


def data_sets():
    """Name -> rows, and the numbers of components to fit."""
    faithful = np.loadtxt(
        HERE.parent / "skgmm" / "data" / "faithful.csv", delimiter=",", skiprows=1
    )
    cancer = load_breast_cancer().data[:, [0, 1, 4, 5, 8, 9]]
    standard = StandardScaler().fit_transform
    return {
        "iris": (load_iris().data, (3, 4)),
        "wine": (standard(load_wine().data), (3,)),
        "breast cancer": (standard(cancer), (2, 5)),
        "digits, 8 components of PCA": (
            PCA(8, random_state=0).fit_transform(load_digits().data),
            (8,),
        ),
        "faithful": (faithful, (2, 3)),
        "overlapping 2000 x 2": (overlapping(0, 2000, 2, 4, 1.5), (4,)),
        "overlapping 3000 x 4": (overlapping(1, 3000, 4, 5, 1.2), (5,)),
        "overlapping 4000 x 8": (overlapping(2, 4000, 8, 6, 0.8), (6,)),
        "thin sheets 1000 x 2": (thin(3, 1000, 3), (2, 3)),
        "unequal sizes 3000 x 3": (unequal(4, 3000, 3, 6), (6,)),
        "scales 1 : 1e3, 2000 x 3": (overlapping(5, 2000, 3, 4, 2.0) * (1.0, 30.0, 1e3), (4,)),
        "outliers 2000 x 2": (outliers(6, 2000, 2, 5), (6,)),
    }


def compare(X, K, structure, seed):
    """Nats per row of both, and seconds."""
    reg_covar = 1e-6 * float(X.var(axis=0).min())
    start = time.perf_counter()
    theirs = GaussianMixture(
        K,
        covariance_type=structure,
        n_init=10,
        tol=1e-7,
        max_iter=2000,
        reg_covar=reg_covar,
        random_state=seed,
    ).fit(X)
    between = time.perf_counter()
    ours = GaussianMixtureEM(
        K, covariance_type=structure, reg_covar=reg_covar, random_state=seed
    ).fit(X)
    end = time.perf_counter()
    judge = GaussianMixture(K, covariance_type=structure)
    for name in ("weights_", "means_", "covariances_", "precisions_cholesky_"):
        setattr(judge, name, getattr(ours, name))
    return {
        "gain": float(judge.score(X) - theirs.score(X)),
        "seconds": end - between,
        "seconds_sklearn": between - start,
        "n_iter": ours.n_iter_,
        "status": ours.status_,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="data sets whose name contains this")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "quality.json")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    records = []
    for name, (X, numbers) in data_sets().items():
        for K in numbers if options.only in name else ():
            for structure in STRUCTURES:
                for seed in range(options.seeds):
                    record = {"data": name, "K": K, "structure": structure, "seed": seed}
                    record |= compare(X, K, structure, seed)
                    records.append(record)
                    print(
                        f"{name:28} K={K} {structure:10} {record['gain']:+.5f} nats per row, "
                        f"{record['seconds'] / record['seconds_sklearn']:.3f} of the time, "
                        f"{record['n_iter']:4d} evaluations, {record['status']}",
                        flush=True,
                    )
    gains = np.array([record["gain"] for record in records])
    ours, theirs = (sum(r[key] for r in records) for key in ("seconds", "seconds_sklearn"))
    print(
        f"{len(gains)} cases: as good or better (1e-3) in {np.mean(gains > -1e-3):.1%}, better by "
        f"1e-3 in {np.mean(gains > 1e-3):.1%}, worst {gains.min():+.4f}; {ours / theirs:.3f} of "
        f"the time ({ours:.1f} s against {theirs:.1f} s)"
    )
    options.out.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
