"""Values removed at random, and filled in again: error and time of several ways.

Of iris, wine, breast cancer and a synthetic mixture (features scaled to unit variance), 20 % of the
cells are removed, with three seeds. The error is the root mean square over the removed values, in
standard deviations; times are processor seconds of one thread, medians over the seeds. Ways:

skgmm            GaussianMixtureEM(K, covariance_type="full"), then `impute`
skgmm search     GaussianMixtureSearch(range(1, K + 1), ["tied", "full"]): the best by BIC
tgmm             GaussianMixture(K, missing="em"), then `impute`
loop             IterativeImputer; then in turn GaussianMixture, and an IterativeImputer for each
                 of its clusters, until no sample changes its cluster, at most ten times
IterativeImputer scikit-learn's default
means            of the observed values
"""

import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from skgmm import GaussianMixtureEM, GaussianMixtureSearch

SEEDS, SHARE = 3, 0.2


def synthetic():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(3, 6, 6)) / 2
    z = rng.integers(3, size=1000)
    return 1.5 * rng.normal(size=(3, 6))[z] + np.einsum(
        "nij,nj->ni", roots[z], rng.normal(size=(1000, 6))
    )


TABLES = {
    "iris": (lambda: load_iris().data, 3),
    "wine": (lambda: load_wine().data, 3),
    "breast cancer": (lambda: load_breast_cancer().data, 2),
    "synthetic": (synthetic, 3),
}


def by_skgmm(X, n_components, seed):
    return GaussianMixtureEM(n_components, random_state=seed, n_jobs=1).fit(X).impute(X)


def by_search(X, n_components, seed):
    sizes, types = range(1, n_components + 1), ["tied", "full"]
    return GaussianMixtureSearch(sizes, types, random_state=seed, n_jobs=1).fit(X).impute(X)


def by_tgmm(X, n_components, seed):
    import tgmm
    import torch

    torch.set_num_threads(1)
    data = torch.as_tensor(X, dtype=torch.float64)
    mixture = tgmm.GaussianMixture(n_components, missing="em", random_state=seed).fit(data)
    return np.asarray(mixture.impute(data))


def by_loop(X, n_components, seed):
    filled, labels = IterativeImputer(random_state=seed).fit_transform(X), None
    for _ in range(10):
        mixture = GaussianMixture(n_components, reg_covar=1e-3, random_state=seed)
        again = mixture.fit_predict(filled)
        if labels is not None and (again == labels).all():
            break
        labels = again
        for k in range(n_components):
            own = labels == k
            if (~np.isnan(X[own])).any(axis=0).all() and own.sum() > 1:
                filled[own] = IterativeImputer(random_state=seed).fit_transform(X[own])
    return filled


def by_imputer(X, n_components, seed):
    return IterativeImputer(random_state=seed).fit_transform(X)


def by_means(X, n_components, seed):
    return np.where(np.isnan(X), np.nanmean(X, axis=0), X)


WAYS = {
    "skgmm": by_skgmm,
    "skgmm search": by_search,
    "tgmm": by_tgmm,
    "loop": by_loop,
    "IterativeImputer": by_imputer,
    "means": by_means,
}


def measured(way, X, n_components):
    """Root mean square errors and seconds, by seed."""
    errors, seconds = [], []
    for seed in range(SEEDS):
        removed = np.random.default_rng(seed).random(X.shape) < SHARE
        removed[removed.all(axis=1), 0] = False
        holes = np.where(removed, np.nan, X)
        began = time.process_time()
        filled = way(holes, n_components, seed)
        seconds.append(time.process_time() - began)
        errors.append(float(np.sqrt(np.mean((filled - X)[removed] ** 2))))
    return errors, seconds


def run():
    found = []
    with threadpool_limits(1):
        for table, (load, n_components) in TABLES.items():
            X = load()
            X = (X - X.mean(axis=0)) / X.std(axis=0)
            for name, way in WAYS.items():
                try:
                    errors, seconds = measured(way, X, n_components)
                except ImportError:
                    print(f"{name} is not installed")
                    continue
                except Exception as problem:  # a fit of another library that failed
                    print(f"{table:14} {name:16} {type(problem).__name__}: {problem}")
                    found.append({"table": table, "way": name, "failed": str(problem)})
                    continue
                found.append({"table": table, "way": name, "rmse": errors, "seconds": seconds})
                print(
                    f"{table:14} {name:16} error {np.mean(errors):.3f}, {np.median(seconds):7.3f} s"
                )
    return found
