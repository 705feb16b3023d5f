"""How EM on Dask scales: messages of an iteration, counted on paper and on a real scheduler.

python benchmarks/dask_scale.py [--workers 4 16 64]

The paper part walks the same tree as the library: a task for each worker, sums of eight, the last
eight or fewer to the client. The other part runs EM on an in-process cluster of that many workers
with a few units of rows on each, so that the time of an iteration is that of its messages, and
counts tasks and transfers. Then the paper part is extended to 1e11 rows on 1,000 workers.
"""

import argparse
import time
import warnings

import cloudpickle
import numpy as np
from dask_cluster import mixture, rows
from distributed import Client, LocalCluster, wait
from distributed.diagnostics.plugin import SchedulerPlugin

from skgmm._kernels import Total, unit_rows

ITERATIONS = 5
FAN_IN = 8
NANOSECONDS = 160  # of one thread for a row, 10 features and 10 components (dask_cluster.py)
MILLISECONDS = 1.0  # of the scheduler for a task, says Dask's documentation
BANDWIDTH = 1e9  # bytes per second of a worker's network


def sizes(n_components, n_features):
    """Bytes of the sums of full covariances, and of the function that asks for them."""
    K, d = n_components, n_features
    total = Total(np.zeros((2, 2 + K * (1 + d + d * d))))
    return len(cloudpickle.dumps(total)), 8 * K * (1 + 2 * d + d * d)


def messages(n_workers):
    """Tasks of an iteration, what travels between workers and to the client, and levels of sums.

    A sum is made on one of the workers that hold what it adds.
    """
    places = list(range(n_workers))
    tasks, moved, levels = len(places), 0, 1
    if len(places) > FAN_IN:
        tasks, moved = tasks + 1, n_workers - 1  # the function, from worker to worker
    function = moved
    while len(places) > FAN_IN:
        shares = [places[i : i + FAN_IN] for i in range(0, len(places), FAN_IN)]
        places = [share[0] for share in shares]
        moved += sum(len(share) - 1 for share in shares)
        tasks, levels = tasks + len(shares), levels + 1
    return {
        "tasks": tasks,
        "functions": function,
        "sums": moved - function,
        "to_client": len(places),
        "levels": levels,
    }


class Tasks(SchedulerPlugin):
    def __init__(self):
        self.count = 0

    def transition(self, key, start, finish, *args, **kwargs):
        self.count += start == "processing" and finish == "memory"


def transfers(client):
    counts = client.run(lambda dask_worker: dask_worker.transfer_outgoing_count_total)
    return sum(counts.values())


def counted(n_workers, centres):
    """Tasks, transfers and seconds of an iteration on a scheduler with so many workers."""
    options = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(n_workers=n_workers, **options) as cluster, Client(cluster) as client:
        # Chunks of whole units, and of more rows than are brought to memory.
        X = rows(4 * unit_rows * n_workers, 2 * n_workers, centres).persist()
        wait(X)
        client.rebalance()
        measured = []
        for n_iter in (1, ITERATIONS + 1):
            tasks, before, began = Tasks(), transfers(client), time.perf_counter()
            cluster.scheduler.add_plugin(tasks, name="tasks")
            mixture(centres, n_iter).fit(X)
            cluster.scheduler.remove_plugin("tasks")
            spent = time.perf_counter() - began
            measured.append((tasks.count, transfers(client) - before, spent))
    return [(after - first) / ITERATIONS for first, after in zip(*measured, strict=True)]


def paper(n_samples, n_workers, n_threads, n_components, n_features):
    """A line of the estimate."""
    count = messages(n_workers)
    size, asked = sizes(n_components, n_features)
    work = n_components * n_features**2 / 1000  # in units of what was timed
    compute = n_samples / (n_workers * n_threads) * work * NANOSECONDS * 1e-9
    scheduler = 1e-3 * MILLISECONDS * count["tasks"]
    network = count["levels"] * FAN_IN * size / BANDWIDTH
    total = (count["sums"] + count["to_client"]) * size + count["functions"] * asked
    print(
        f"{n_samples:8.0e} {n_workers:7,} x {n_threads:2} {n_components:5} {n_features:4} "
        f"{count['tasks']:7,} {size / 1e6:8.3f} {total / 1e9:8.3f} "
        f"{compute:9.2f} {scheduler:9.2f} {network:8.2f}"
    )


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="*", default=[4, 16, 64])
    options = parser.parse_args()
    centres = np.random.default_rng(0).normal(size=(10, 10))
    for n_workers in options.workers:
        count = messages(n_workers)
        sent = count["functions"] + count["sums"] + count["to_client"]
        tasks, moved, seconds = counted(n_workers, centres)
        print(
            f"{n_workers:4} workers: {count['tasks']} tasks and {sent} transfers on paper, "
            f"{tasks:.1f} and {moved:.1f} counted; {1e3 * seconds:.0f} ms an iteration"
        )
    print(
        "    rows workers x threads  K    d   tasks    MB sums GB moved  compute s scheduler s "
        "network s"
    )
    for n_threads in (1, 8):
        for shape in ((10, 10), (100, 10), (100, 100)):
            paper(1e11, 1000, n_threads, *shape)
    paper(1e11, 10_000, 8, 10, 10)


if __name__ == "__main__":
    main()
