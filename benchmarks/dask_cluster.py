"""EM on a Dask cluster: time of an iteration against threads, and the bytes that move.

python benchmarks/dask_cluster.py [--rows 2000000] [--features 10] [--components 10]

A LocalCluster of two processes of one thread, with the rows persisted on them, against two threads
in memory, as many rows on each (Dask itself may put them on its workers in unequal parts). An
iteration is the difference between a fit of a few iterations and one of one, from the
same start. Bytes are those that workers send to each other, and those of the results that tasks
give, counted by a scheduler plugin, for several numbers of rows.
"""

import argparse
import statistics
import time
import warnings

import dask.array
import numpy as np
from distributed import Client, LocalCluster, wait
from distributed.diagnostics.plugin import SchedulerPlugin

from skgmm import GaussianMixtureEM

ITERATIONS = 10
SIZES = (0.25, 0.5, 1.0)  # of the rows asked for


class Results(SchedulerPlugin):
    """Counts tasks that finish and the bytes of what they give."""

    def __init__(self):
        self.tasks, self.bytes = 0, 0

    def transition(self, key, start, finish, *args, **kwargs):
        if start == "processing" and finish == "memory":
            self.tasks += 1
            self.bytes += kwargs.get("nbytes") or 0


def made(block_id, n_samples, centres):
    """Overlapping clusters in random order."""
    rng = np.random.default_rng(block_id)
    labels = rng.integers(len(centres), size=n_samples)
    return rng.normal(size=(n_samples, centres.shape[1])) + centres[labels]


def rows(n_samples, n_chunks, centres):
    """The rows as a lazy Dask array."""
    n_features, length = centres.shape[1], n_samples // n_chunks
    chunks = ((length,) * n_chunks, (n_features,))
    return dask.array.map_blocks(
        lambda block_id: made(block_id[0], length, centres), chunks=chunks, dtype=float
    )


def persisted(client, X):
    """The rows on the workers, as many chunks on each."""
    workers = sorted(client.scheduler_info()["workers"])
    each = X.numblocks[0] // len(workers)
    parts = [
        client.persist(X.blocks[i * each : (i + 1) * each], workers=[worker])
        for i, worker in enumerate(workers)
    ]
    wait(parts)
    X = dask.array.concatenate(parts).persist()
    wait(X)
    return X


def mixture(centres, n_iter):
    n_components, n_features = centres.shape
    return GaussianMixtureEM(
        n_components,
        weights_init=np.full(n_components, 1 / n_components),
        means_init=centres + 0.3,
        precisions_init=np.repeat(np.eye(n_features)[None], n_components, axis=0),
        tol=0,
        escape=False,
        acceleration=None,
        max_iter=n_iter,
    )


def seconds(X, centres, n_iter):
    began = time.perf_counter()
    fitted = mixture(centres, n_iter).fit(X)
    assert fitted.n_iter_ == n_iter
    return time.perf_counter() - began


def iteration(X, centres):
    """Seconds of one iteration."""
    return (seconds(X, centres, ITERATIONS + 1) - seconds(X, centres, 1)) / ITERATIONS


def sent(client):
    """Bytes that the workers have sent so far."""
    return sum(client.run(lambda dask_worker: dask_worker.transfer_outgoing_bytes_total).values())


def moved(client, scheduler, X, centres):
    """Tasks, bytes of their results and bytes between workers, of one iteration."""
    counts = []
    for n_iter in (1, ITERATIONS + 1):
        results, before = Results(), sent(client)
        scheduler.add_plugin(results, name="results")
        mixture(centres, n_iter).fit(X)
        scheduler.remove_plugin("results")
        counts.append((results.tasks, results.bytes, sent(client) - before))
    return [(after - first) / ITERATIONS for first, after in zip(*counts, strict=True)]


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--chunks", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    return parser.parse_args()


def main():
    warnings.simplefilter("ignore")
    options = parsed()
    shape = options.components, options.features
    centres = np.random.default_rng(0).normal(size=shape)
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, Client(cluster) as client:
        lazy = rows(options.rows, options.chunks, centres)
        X, local = persisted(client, lazy), lazy.compute()
        ratios, times = [], []
        for _ in range(options.repeats):
            pair = iteration(local, centres), iteration(X, centres)
            times.append(pair)
            ratios.append(pair[1] / pair[0])
        threads, processes = (1e3 * min(each) for each in zip(*times, strict=True))
        print(f"{options.rows:,} x {shape[1]}, K = {shape[0]}, {options.chunks} chunks")
        print(f"two threads {threads:.1f} ms an iteration, two processes {processes:.1f} ms")
        print(f"ratio {statistics.median(ratios):.3f} (median of {options.repeats})")
        moments = 8 * shape[0] * (1 + shape[1] + shape[1] ** 2)
        print(f"one Moments: {moments:,} bytes of numbers")
        for share in SIZES:
            X = rows(int(share * options.rows), options.chunks, centres).persist()
            wait(X)
            tasks, given, between = moved(client, cluster.scheduler, X, centres)
            print(
                f"{len(X):>12,} rows: {tasks:.0f} tasks, results of {given:,.0f} bytes, "
                f"{between:,.0f} bytes between workers per iteration"
            )


if __name__ == "__main__":
    main()
