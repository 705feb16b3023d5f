"""Peak memory beyond the rows, and beyond what is returned, of a fit and of what follows it.

python benchmarks/memory.py [--rows 3000000] [--features 8] [--components 32]

Each call runs in a fresh process, because a peak belongs to the whole life of a process.
"""

import argparse
import json
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np

CALLS = {
    "fit": lambda mixture, X: mixture.fit(X),
    "score": lambda mixture, X: mixture.score(X),
    "score_samples": lambda mixture, X: mixture.score_samples(X),
    "predict": lambda mixture, X: mixture.predict(X),
    "predict_proba": lambda mixture, X: mixture.predict_proba(X),
}


def resident():
    """Resident kB now; the peak so far where the system does not tell."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(call, n_samples, n_features, n_components):
    """Peak bytes of one call beyond what was there, and bytes of the array that it returns."""
    from skgmm import GaussianMixtureEM  # the parent must stay small: a child inherits its peak

    warnings.simplefilter("ignore")
    X = np.random.default_rng(0).normal(size=(n_samples, n_features))
    mixture = GaussianMixtureEM(n_components, max_iter=2, random_state=0)
    mixture.fit(X[:2000])  # imports and threads; more rows would leave memory to be used again
    before = resident()
    result = CALLS[call](mixture, X)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * (peak - before), result.nbytes if isinstance(result, np.ndarray) else 0


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--components", type=int, default=32)
    parser.add_argument("--call", choices=CALLS, help="measure one, in this process")
    return parser.parse_args()


def main():
    options = parsed()
    sizes = options.rows, options.features, options.components
    if options.call:
        print(json.dumps(measure(options.call, *sizes)))
        return
    print(f"{sizes[0]:,} x {sizes[1]}, K = {sizes[2]}: X takes {8e-6 * sizes[0] * sizes[1]:.0f} MB")
    command = [sys.executable, "-P", str(Path(__file__)), *sys.argv[1:], "--call"]
    for call in CALLS:
        done = subprocess.run([*command, call], capture_output=True, text=True, check=True)
        peak, returned = json.loads(done.stdout)
        print(f"{call:14} {(peak - returned) / 1e6:4.0f} MB beyond X", end="")
        print(f" and the {returned / 1e6:.0f} MB returned" if returned else "", flush=True)


if __name__ == "__main__":
    main()
