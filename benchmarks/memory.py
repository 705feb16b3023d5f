"""Peak memory of a fit beyond its data.

python benchmarks/memory.py
"""

import resource
import warnings

import numpy as np

from skgmm import GaussianMixtureEM


def resident():
    """Resident kB now; the peak so far where the system does not tell."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(n_samples=2_000_000, n_features=8, n_components=32):
    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).normal(size=(n_samples, n_features))
    mixture = GaussianMixtureEM(n_components, max_iter=2, random_state=0)
    mixture.fit(X[:1000])  # imports and thread pools
    before = resident()
    mixture.fit(X)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{n_samples:,} x {n_features}, K = {n_components}: "
        f"{(peak - before) / 1024:.0f} MB beyond X ({X.nbytes / 2**20:.0f} MB)"
    )


if __name__ == "__main__":
    main()
