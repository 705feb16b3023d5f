"""A child process that measures: arguments in, records out, as lines of JSON.

`Child` is the parent's side. A task that does not end in time costs the child, not the benchmark.
"""

import json
import os
import selectors
import subprocess
import sys
import time
import warnings
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS")
SLOW_NUMPY = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}  # they slow NumPy where they are set


class Child:
    """A worker that is started when it is first asked, and again after it had to be ended."""

    def __init__(self, threads):
        self.environment = {k: v for k, v in os.environ.items() if k not in SLOW_NUMPY}
        for variable in THREAD_VARIABLES:
            self.environment[f"{variable}_NUM_THREADS"] = str(threads)
        self.process = None

    def ask(self, part, task, seconds):
        """The record of a task; {"timed_out": seconds} or {"error": text} where there is none."""
        if self.process is None:
            self._start()
        self.process.stdin.write(json.dumps({"part": part, "task": task}) + "\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                self.close(kill=True)
                return {"timed_out": seconds}
        line = self.process.stdout.readline()
        if not line:
            self.close(kill=True)
            return {"error": "the process died"}
        return json.loads(line)

    def _start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def close(self, kill=False):
        if self.process is None:
            return
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.process = None


def serve():
    """Answer each line of standard input until it ends."""
    sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent / "tests")]
    from answer_parts import module_of

    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        began = time.process_time()
        try:
            record = module_of(request["part"]).measure(**request["task"])
        except Exception as error:  # any failure is a result, and the next task goes on
            record = {"error": f"{type(error).__name__}: {error}"}
        record["cpu_seconds"] = time.process_time() - began
        answers.write(json.dumps(record) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
