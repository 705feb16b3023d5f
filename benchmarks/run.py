"""Time EM iterations, predict_proba and score_samples of several libraries, in turn.

python benchmarks/run.py [--quick] [--threads 2] [--repeats 5] [--environment onedal=PYTHON ...]

Every contestant runs in a process of its own (with its own interpreter where libraries clash), from
the same start, for the same number of iterations, and must reach the same log-likelihood; all take
turns, so that a drifting machine is fair to them. An iteration's time is the difference between a
long and a short fit, so that validation and set-up cancel. Quoted are medians, and medians of the
ratios pair by pair. Contestants that are not installed are left out; slow ones take fewer turns.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from contestants import NAMES, SINGLE
from problems import ALL, QUICK

HERE = Path(__file__).parent


class Contestant:
    """A worker process."""

    def __init__(self, name, interpreter, threads):
        # Numbers of threads are pinned; the two OPENBLAS variables slow NumPy where they are set.
        dropped = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
        environment = {k: v for k, v in os.environ.items() if k not in dropped}
        for variable in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "DAAL", "TBB"):
            environment[f"{variable}_NUM_THREADS"] = str(threads)
        self.name = name
        self.process = subprocess.Popen(
            [interpreter, "-P", str(HERE / "worker.py"), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        first = self.process.stdout.readline()
        self.present = bool(first) and "ready" in json.loads(first)

    def ask(self, do, **arguments):
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"failed": "the process died"}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def mean_log_likelihood(X, weights, means, covariances):
    """Of at most 20,000 rows, by a computation that belongs to no contestant."""
    X = X[:20_000].astype(np.float64)
    K, d = means.shape
    if covariances.ndim == 1:
        covariances = covariances[:, None, None] * np.eye(d)
    elif covariances.shape == (K, d) and not (d == K and np.any(np.triu(covariances, 1))):
        covariances = covariances[:, :, None] * np.eye(d)
    covariances = np.broadcast_to(covariances, (K, d, d))
    joint = np.empty((K, len(X)))
    for k in range(K):
        lower = np.linalg.cholesky(covariances[k])
        y = np.linalg.solve(lower, (X - means[k]).T)
        log_det = 2 * np.log(np.diag(lower)).sum()
        joint[k] = np.log(weights[k]) - 0.5 * (d * np.log(2 * np.pi) + log_det + (y**2).sum(0))
    return float(np.logaddexp.reduce(joint, axis=0).mean())


def machine_speed(threads):
    """Matmul peak in flops per second, and seconds of one exponential in NumPy, for the floor."""
    code = """
import time, json, numpy as np
A = np.random.default_rng(0).normal(size=(2000, 2000)); x = -np.abs(A[:500])
def clock(f):
    times = []
    for _ in range(7):
        t = time.perf_counter(); f(); times.append(time.perf_counter() - t)
    return min(times)
print(json.dumps([2 * 2000**3 / clock(lambda: A @ A), clock(lambda: np.exp(x)) / x.size]))
"""
    dropped = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}
    environment = {k: v for k, v in os.environ.items() if k not in dropped}
    environment |= {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    flops, exponential = json.loads(done.stdout)
    return flops, exponential / threads


def floor_seconds(problem, speed):
    """The larger of useful flops at the matmul peak and n x K exponentials."""
    n, d, K = problem.n_samples, problem.n_features, problem.n_components
    useful = {
        "full": n * K * (2 * d * (d + 1) + 4 * d),
        "tied": n * (2 * d * (d + 1)) + n * K * 5 * d,
        "diag": n * K * 7 * d,
        "spherical": n * K * 5 * d,
    }[problem.structure]
    return max(useful / speed[0], n * K * speed[1])


def measure(problem, contestants, repeats, patience, folder):
    """A record of one problem: medians and ratios for each contestant.

    Who has used up so many seconds of patience takes no further turn.
    """
    arrays = problem.make()
    path = str(folder / "problem.npz")
    np.savez(path, **arrays)
    able = [c for c in contestants if c.ask("load", path=path, structure=problem.structure)["able"]]
    long, times, scores, methods = 1 + problem.iterations, {}, {}, {}
    for contestant in list(able):  # warm up (some compile for each length), look at the answer
        out = str(folder / f"{contestant.name}.npz")
        contestant.ask("iterate", iterations=1)
        answer = contestant.ask("iterate", iterations=long, out=out)
        if "failed" in answer:
            print(f"  {contestant.name}: {answer['failed']}")
            able.remove(contestant)
            continue
        with np.load(out) as fitted:
            scores[contestant.name] = mean_log_likelihood(
                arrays["X"], *(fitted[f"arr_{i}"].astype(np.float64) for i in range(3))
            )
    used = dict.fromkeys(scores, 0.0)
    for _ in range(repeats):
        for contestant in able:
            if used[contestant.name] > patience:
                continue
            began = time.perf_counter()
            spent = [
                contestant.ask("iterate", iterations=iterations)["seconds"]
                for iterations in (1, long)
            ]
            times.setdefault(contestant.name, []).append((spent[1] - spent[0]) / (long - 1))
            for method in ("assign", "density"):
                seconds = contestant.ask("method", name=method)["seconds"]
                if seconds is not None:
                    methods.setdefault(method, {}).setdefault(contestant.name, []).append(seconds)
            used[contestant.name] += time.perf_counter() - began
    return {
        "problem": problem.name,
        "structure": problem.structure,
        "sizes": [problem.n_samples, problem.n_features, problem.n_components],
        "scores": scores,
        "iteration": summarise(times),
        "assign": summarise(methods.get("assign", {})),
        "density": summarise(methods.get("density", {})),
    }


def summarise(times):
    """Median seconds, and the median ratio to skgmm's of the same turn, by contestant."""
    ours = times.get("skgmm", [])
    return {
        name: {
            "seconds": statistics.median(own),
            "ratio": statistics.median(a / b for a, b in zip(own, ours, strict=False)),
        }
        for name, own in times.items()
    }


def check_scores(record):
    """Everybody reached the same log-likelihood, up to the precision of the rows."""
    scores = record["scores"]
    ours = scores.get("skgmm", next(iter(scores.values()), 0.0))
    single = SINGLE | (set(scores) if "float32" in record["problem"] else set())
    off = [n for n, score in scores.items() if abs(score - ours) > (1e-3 if n in single else 1e-6)]
    if off:
        sys.exit(f"{record['problem']}: the log-likelihoods differ: {scores}")


def peak_memory(names, interpreters, threads, folder, problem):
    """Peak MB beyond X of a fit, each in a fresh process."""
    np.savez(folder / "problem.npz", **problem.make())
    peaks = {}
    for name in names:
        contestant = Contestant(name, interpreters.get(name, sys.executable), threads)
        path = str(folder / "problem.npz")
        if contestant.ask("load", path=path, structure=problem.structure).get("able"):
            peaks[name] = contestant.ask("memory").get("megabytes")
        contestant.close()
    return peaks


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines() if os.name == "posix" else []:
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the main shapes, under two minutes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--only", help="problems whose name contains this")
    parser.add_argument("--contestants", nargs="*", default=NAMES, choices=NAMES)
    parser.add_argument("--environment", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--memory", action="store_true", help="also the peak memory of a fit")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "latest.json")
    return parser.parse_args()


def main():
    options = parsed()
    interpreters = dict(pair.split("=", 1) for pair in options.environment)
    repeats = options.repeats or (3 if options.quick else 5)
    patience = 3 if options.quick else 60  # seconds for each contestant and problem
    problems = [p for p in (QUICK if options.quick else ALL) if (options.only or "") in p.name]
    contestants = [
        Contestant(name, interpreters.get(name, sys.executable), options.threads)
        for name in options.contestants
    ]
    contestants = [c for c in contestants if c.present]
    if "skgmm" not in [c.name for c in contestants]:
        sys.exit(
            "skgmm, to which ratios refer, is not among the contestants: is it installed here?"
        )
    versions = {c.name: c.ask("versions")["versions"] for c in contestants}
    speed = machine_speed(options.threads)
    print(f"{processor()}, {options.threads} threads each, {speed[0] / 1e9:.0f} GFlop/s matmul")
    print(*versions.values(), sep="\n")
    began, records = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as folder:
        for problem in problems:
            record = measure(problem, contestants, repeats, patience, Path(folder))
            record["floor"] = floor_seconds(problem, speed)
            records.append(record)
            line = f"{record['problem']:36}"
            for name, figures in record["iteration"].items():
                line += f" {name} {1e3 * figures['seconds']:.3g} ms ({figures['ratio']:.1f}x)"
            print(f"{line}  floor {1e3 * record['floor']:.2g} ms", flush=True)
            check_scores(record)
        peaks = {}
        if options.memory:
            names = [c.name for c in contestants]
            largest = max(problems, key=lambda p: p.n_samples * p.n_features)
            peaks = peak_memory(names, interpreters, options.threads, Path(folder), largest)
            print(f"peak MB beyond X, {largest.name}: {peaks}")
    for contestant in contestants:
        contestant.close()
    # Once more, for the floor of a machine that others kept busy at first.
    again = machine_speed(options.threads)
    speed = max(speed[0], again[0]), min(speed[1], again[1])
    for problem, record in zip(problems, records, strict=True):
        record["floor"] = floor_seconds(problem, speed)
    result = {
        "machine": processor(),
        "threads": options.threads,
        "versions": versions,
        "matmul_flops": speed[0],
        "records": records,
        "peak_megabytes": peaks,
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{time.perf_counter() - began:.0f} s; written to {options.out}")


if __name__ == "__main__":
    main()
