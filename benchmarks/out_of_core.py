"""EM on a file: time of an iteration and memory, in memory, on a memmap and on RowBlocks.

python benchmarks/out_of_core.py [--rows 50000000] [--features 10] [--components 10]

Makes a file of the rows in a temporary folder. Passes, E-steps over all rows, are timed in turn in
one process, because machines are faster at one time than at another. Fits of three iterations run
in a fresh process each, with the file in the page cache and without it, which tells the peak of
anonymous memory: what a process holds beyond the page cache, which the system takes back when it
needs it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np

from skgmm import GaussianMixtureEM, RowBlocks
from skgmm._moments import Scatter
from skgmm._rows.intake import rows_to_fit

WAYS = ("memory", "memmap", "blocks")
WRITTEN = 500_000  # rows at a time


def anonymous():
    """Resident bytes that belong to no file; None where the system does not tell."""
    try:
        with open("/proc/self/status") as file:
            return 1024 * next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
    except OSError:
        return None


class Peak:
    """The largest of `anonymous()` while a block of code runs, beyond what was there."""

    def __enter__(self):
        self.before, self.most, self.ended = anonymous(), 0, threading.Event()
        self.watch = threading.Thread(target=self.look)
        self.watch.start()
        return self

    def look(self):
        while self.before is not None and not self.ended.wait(0.01):
            self.most = max(self.most, anonymous() - self.before)

    def __exit__(self, *_):
        self.ended.set()
        self.watch.join()


def write(path, n_samples, n_features, n_components):
    """Overlapping clusters in random order."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(n_components, n_features))
    shape = n_samples, n_features
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=shape)
    for start in range(0, n_samples, WRITTEN):
        rows = X[start : start + WRITTEN]
        rows[:] = rng.standard_normal(size=rows.shape)
        rows += centres[rng.integers(n_components, size=len(rows))]
    X.flush()
    return centres


def uncache(path):
    """Out of the page cache, if no process has it mapped."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def opened(path, way):
    return {
        "memory": lambda: np.load(path),
        "memmap": lambda: np.load(path, mmap_mode="r"),
        "blocks": lambda: RowBlocks.from_npy(path),
    }[way]()


def mixture(path, n_iter):
    """An estimator that begins beside the truth."""
    means = np.load(path.with_suffix(".means.npy"))
    n_components, n_features = means.shape
    return GaussianMixtureEM(
        n_components,
        weights_init=np.full(n_components, 1 / n_components),
        means_init=means + 0.3,
        precisions_init=np.repeat(np.eye(n_features)[None], n_components, axis=0),
        tol=0,
        escape=False,
        acceleration=None,
        max_iter=n_iter,
    )


def passes(path, repeats):
    """Seconds of one pass, for each way as often as asked, in turn."""
    start = mixture(path, 1)
    rows = next(iter(RowBlocks.from_npy(path)))
    parameters = start.fit(rows)._parameters()
    rng = np.random.RandomState(0)
    sources = {way: rows_to_fit(start, opened(path, way), None, rng) for way in WAYS}
    seconds = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way, source in sources.items():
            began = time.perf_counter()
            source.expectation(parameters, Scatter.FULL)
            seconds[way].append(time.perf_counter() - began)
    return seconds


def fit(path, way):
    """Seconds and peak bytes of a fit."""
    rng = np.random.default_rng(0)
    start = mixture(path, 3)
    mixture(path, 1).fit(rng.normal(size=(100_000, start.means_init.shape[1])))  # imports, threads
    X = opened(path, way)
    with Peak() as peak:
        began = time.perf_counter()
        start.fit(X)
        spent = time.perf_counter() - began
    return spent, peak.most


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="of a file that was made before")
    parser.add_argument("--fit", choices=WAYS, help="one, in this process")
    return parser.parse_args()


def report(path, repeats):
    seconds = passes(path, repeats)
    for way, own in seconds.items():
        share = np.median(np.divide(seconds["memory"], own))
        print(f"{way:7} {min(own):6.2f} s a pass, {100 * share:.0f} % of the speed in memory")
    command = [sys.executable, "-P", str(Path(__file__)), "--folder", str(path.parent), "--fit"]
    for way in WAYS:
        for cached in ("cached", "uncached"):
            if cached == "uncached":
                uncache(path)
            done = subprocess.run([*command, way], capture_output=True, check=True)
            spent, peak = json.loads(done.stdout)
            print(
                f"{way:7} {cached:8} {spent:6.1f} s a fit of three, {peak / 1e6:4.0f} MB beyond X"
            )


def main():
    warnings.simplefilter("ignore")
    options = parsed()
    if options.fit:
        print(json.dumps(fit(options.folder / "rows.npy", options.fit)))
        return
    if options.folder:
        report(options.folder / "rows.npy", options.repeats)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npy"
        sizes = options.rows, options.features, options.components
        np.save(path.with_suffix(".means.npy"), write(path, *sizes))
        print(f"{sizes[0]:,} x {sizes[1]}, K = {sizes[2]}: {path.stat().st_size / 1e9:.1f} GB")
        report(path, options.repeats)


if __name__ == "__main__":
    main()
