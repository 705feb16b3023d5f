"""One contestant in a process of its own: commands in, measurements out, as lines of JSON.

Started by run.py with the contestant's name, maybe with an interpreter of its own.
"""

import importlib
import json
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))


def adapter(name):
    """The contestant's module; the folder's names hide nothing, as they are imported from it."""
    return importlib.import_module(f"contestants.{name}")


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


class Worker:
    def __init__(self, name):
        self.contestant = adapter(name)
        self.problem = None
        self.structure = None

    def load(self, path, structure):
        with np.load(path) as arrays:
            self.problem = [arrays[key] for key in ("X", "weights", "means", "covariances")]
        self.structure = structure
        return {"able": structure in self.contestant.STRUCTURES}

    def iterate(self, iterations, out=None):
        seconds, fitted = timed(self.contestant.iterate, *self.problem, self.structure, iterations)
        if out:
            np.savez(out, *fitted)
        if hasattr(self.contestant, "spent"):
            seconds = self.contestant.spent()
        return {"seconds": seconds}

    def method(self, name):
        if not hasattr(self.contestant, name):
            return {"seconds": None}
        call = getattr(self.contestant, name)(*self.problem, self.structure)
        call()
        return {"seconds": timed(call)[0]}

    def memory(self):
        """Peak MB of a fit beyond what is resident before it; meant for a fresh process."""
        X, *start = self.problem
        few = max(200, 4 * len(start[0]) * X.shape[1])
        self.contestant.iterate(X[:few], *start, self.structure, 1)
        status = Path("/proc/self/status").read_text().splitlines()
        before = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
        self.contestant.iterate(X, *start, self.structure, 2)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"megabytes": (peak - before) / 1024}

    def versions(self):
        return {"versions": self.contestant.versions()}


def main(name):
    warnings.simplefilter("ignore")
    try:
        worker = Worker(name)
    except ImportError as error:
        print(json.dumps({"absent": str(error)}), flush=True)
        return
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:  # a contestant's failure is a result, not ours
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
