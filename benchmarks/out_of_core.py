"""EM on a file: time of an iteration and memory, in memory, on a memmap and on RowBlocks.

python benchmarks/out_of_core.py [--rows 50000000] [--features 10] [--components 10]

Makes a file of the rows in a temporary folder. Each way of reading it runs in a fresh process, once
with the file in the page cache and once without it; the last is what the disk allows. An iteration
is the difference between a fit of three and one of one, from the same start. Memory is anonymous
memory: what a process holds beyond the page cache, which the system takes back when it needs it.
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
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(path, way, cached):
    """Seconds of a fit of one and of three iterations, and peak bytes."""
    from skgmm import GaussianMixtureEM, RowBlocks

    warnings.simplefilter("ignore")
    X = {
        "memory": lambda: np.load(path),
        "memmap": lambda: np.load(path, mmap_mode="r"),
        "blocks": lambda: RowBlocks.from_npy(path),
    }[way]()
    means = np.load(path.with_suffix(".means.npy"))
    n_components, n_features = means.shape
    start = {
        "weights_init": np.full(n_components, 1 / n_components),
        "means_init": means + 0.3,
        "precisions_init": np.repeat(np.eye(n_features)[None], n_components, axis=0),
        "tol": 0,
        "escape": False,
        "acceleration": None,
    }
    rng = np.random.default_rng(0)
    GaussianMixtureEM(n_components, **{**start, "max_iter": 1}).fit(
        rng.normal(size=(100_000, n_features))  # imports and threads
    )
    seconds = []
    with Peak() as peak:
        for n_iter in (1, 3):
            if not cached:
                uncache(path)
            began = time.perf_counter()
            mixture = GaussianMixtureEM(n_components, max_iter=n_iter, **start).fit(X)
            seconds.append(time.perf_counter() - began)
            assert mixture.n_iter_ == n_iter
    return seconds, peak.most


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--folder", type=Path, help="where the file is made, or is")
    parser.add_argument("--call", nargs=2, metavar=("WAY", "CACHED"), help="one, in this process")
    return parser.parse_args()


def main():
    options = parsed()
    if options.call:
        way, cached = options.call
        print(json.dumps(measure(options.folder / "rows.npy", way, cached == "cached")))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "rows.npy"
        sizes = options.rows, options.features, options.components
        np.save(path.with_suffix(".means.npy"), write(path, *sizes))
        print(f"{sizes[0]:,} x {sizes[1]}, K = {sizes[2]}: {path.stat().st_size / 1e9:.1f} GB")
        command = [sys.executable, "-P", str(Path(__file__)), "--folder", folder, "--call"]
        reference = None
        for cached in ("cached", "uncached"):
            for way in options.ways if cached == "cached" else options.ways[1:]:
                done = subprocess.run([*command, way, cached], capture_output=True, check=True)
                (one, three), peak = json.loads(done.stdout)
                iteration = (three - one) / 2
                reference = reference or iteration
                print(
                    f"{way:7} {cached:9} {iteration:6.2f} s an iteration "
                    f"({100 * reference / iteration:4.0f} % of the speed in memory), "
                    f"{one:6.2f} s a fit of one, {peak / 1e6:4.0f} MB",
                    flush=True,
                )


if __name__ == "__main__":
    main()
