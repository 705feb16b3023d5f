"""How the time of one EM pass grows with rows, components, features and threads.

python benchmarks/growth.py [--repeats 5] [--out benchmarks/results/growth.json]

A pass is the E-step over all rows and the M-step, as every iteration of a fit takes it, from the
start of the problem. A slope is that of log(time) against log(size), by least squares, where all
sizes are timed in turn and the fastest turn of each counts. What does not grow, as reading a row
does not with the components, makes a slope less than 1 however straight the line is: so the line
a + b x size is fitted too (least squares of relative errors), and told are a in units of b, and the
largest relative error. Slopes are of one thread and of processor time, which other processes
disturb least. What the second thread adds is the median ratio of turns with one and two, by the
clock: turns during which other processes worked are taken again, up to a point, and how many were
quiet is told.
"""

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from problems import QUICK, Problem
from run import processor

from skgmm import _kernels
from skgmm._objective import Objective
from skgmm._parameters import MixtureParameters
from skgmm._rows.base import InMemoryRows
from skgmm._threads import single_threaded_blas
from skgmm.covariance import STRUCTURES

HERE = Path(__file__).parent
FEWEST = 100_000  # rows for which a second thread is measured
SHORTEST = 0.1  # seconds that are timed at least, for a few ticks of the system's clock
DISTURBED = 0.1  # processors that others may take meanwhile
PATIENCE = 8  # turns for each that is wanted, where others take more

FIELDS = {"n": "n_samples", "d": "n_features", "K": "n_components"}

ROWS = [50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000]
FEW_COMPONENTS = [4, 8, 16, 32, 64]  # where a and b of the line are both seen
COMPONENTS = [128, 256, 512, 1024]  # where the work that they share is small beside their own
FEATURES = [2, 4, 8, 16, 32, 64]

# What grows, through which sizes, and the shape that it grows from.
SWEEPS = [
    *(("n", ROWS, Problem(name, 0, 8, 8)) for name in ("full", "diag", "tied")),
    *(
        ("K", sizes, Problem(name, n_samples, 8, 0))
        for n_samples, sizes in ((50_000, FEW_COMPONENTS), (20_000, COMPONENTS))
        for name in ("full", "diag", "spherical", "tied")
    ),
    ("K", FEW_COMPONENTS, Problem("full", 20_000, 64, 0)),
    ("K", FEW_COMPONENTS, Problem("tied", 50_000, 16, 0)),
    ("d", FEATURES, Problem("full", 40_000, 0, 8)),
    ("d", FEATURES, Problem("diag", 40_000, 0, 32)),
    ("d", FEATURES, Problem("tied", 40_000, 0, 32)),
]


def passes(problem):
    """A function of a number of threads that takes one EM pass over the problem."""
    made = problem.make()
    structure = STRUCTURES[problem.structure]
    covariances = made["covariances"]
    covariance = structure.from_covariances(covariances, problem.n_features)
    start = MixtureParameters.from_weights(made["weights"], made["means"], covariance)
    floor = np.zeros(problem.n_features)

    def run(n_threads):
        threaded = Objective(InMemoryRows(made["X"], None, n_threads), structure, floor)
        threaded.maximise(threaded.evaluate(start), start)

    return run


def seconds(run, n_threads, clock=time.perf_counter):
    """Time of one pass, from as many as take long enough to be timed."""
    count, spent = 0, 0.0
    began = clock()
    while spent < SHORTEST:
        run(n_threads)
        count, spent = count + 1, clock() - began
    return spent / count


def busy():
    """Seconds for which processors have worked, or None where the system does not tell."""
    try:
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except OSError:
        return None
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # less idle and waiting


def undisturbed(turn, repeats):
    """Results of `repeats` turns while other processes rested; of all turns if they never did."""
    results, quiet = [], []
    while len(quiet) < repeats and len(results) < PATIENCE * repeats:
        before, own, began = busy(), time.process_time(), time.perf_counter()
        results.append(turn())
        own, wall = time.process_time() - own, time.perf_counter() - began
        if before is None or busy() - before - own < DISTURBED * wall:
            quiet.append(results[-1])
        else:
            time.sleep(0.5)
    return (quiet or results), len(quiet)


def slope(sizes, times):
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def line(sizes, times):
    """a / b of the line a + b x size, and its largest relative error."""
    scaled = np.stack([np.ones(len(sizes)), sizes], axis=1) / np.array(times)[:, None]
    (constant, rate), *_ = np.linalg.lstsq(scaled, np.ones(len(sizes)), rcond=None)
    return float(constant / rate), float(np.abs(scaled @ [constant, rate] - 1).max())


def growth(name, sizes, shape, repeats):
    """Seconds at each size, the slope, and the line."""
    runs = [passes(replace(shape, **{FIELDS[name]: size})) for size in sizes]
    for run in runs:
        run(1)
    times = [[seconds(run, 1, time.process_time) for run in runs] for _ in range(repeats)]
    fastest = [min(own) for own in zip(*times, strict=True)]
    constant, error = line(sizes, fastest)
    held = " ".join(f"{n}={getattr(shape, f)}" for n, f in FIELDS.items() if n != name)
    return {
        "grows": name,
        "shape": f"{shape.structure} {held}",
        "sizes": sizes,
        "seconds": fastest,
        "slope": slope(sizes, fastest),
        "constant": constant,
        "line_error": error,
    }


def second_thread(problem, repeats):
    """Median of the ratios of passes with one and with two threads, measured in turn."""
    run = passes(problem)
    run(2)
    ratios, quiet = undisturbed(lambda: seconds(run, 1) / seconds(run, 2), repeats)
    return {"shape": problem.name, "times": statistics.median(ratios), "quiet_turns": quiet}


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "growth.json")
    return parser.parse_args()


def growth_line(record):
    sizes, times = record["sizes"], (f"{1e3 * own:.3g}" for own in record["seconds"])
    grown = f"{record['grows']} from {sizes[0]} to {sizes[-1]}"
    told = f"slope {record['slope']:.3f}, {record['constant']:.1f} + {record['grows']}"
    told += f" within {100 * record['line_error']:.1f} %"
    return f"{grown:24} {record['shape']:20} {told}  ms {' '.join(times)}"


def thread_line(record):
    line = f"second thread: {record['shape']:30} {record['times']:.2f} times"
    return f"{line}  ({record['quiet_turns']} quiet turns)"


def told(record, line):
    print(line, flush=True)
    return record


def main():
    options = parsed()
    slopes, speed_ups = [], []
    with single_threaded_blas():
        for sweep in SWEEPS:
            record = growth(*sweep, options.repeats)
            slopes.append(told(record, growth_line(record)))
        for problem in QUICK[1:]:  # the first is for one thread
            larger = replace(problem, n_samples=max(problem.n_samples, FEWEST))
            record = second_thread(larger, 2 * options.repeats)
            speed_ups.append(told(record, thread_line(record)))
    result = {
        "machine": processor(),
        "instructions": _kernels.active(),
        "growth": slopes,
        "second_thread": speed_ups,
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
