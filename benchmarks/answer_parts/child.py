"""A child process that measures: arguments in, records out, as lines of JSON.

`Child` is the parent's side. A task that does not end in time costs the child, not the benchmark.
Limits are of processor time, so that other work on the machine changes nothing.
"""

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent
THREAD_VARIABLES = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "BLIS")
WALL_CLOCK = 20  # how many times its processor time a task may take, should it hang
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
        request = {"part": part, "task": task, "seconds": seconds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            answered = selector.select(WALL_CLOCK * seconds)
        line = self.process.stdout.readline() if answered else ""
        if line:
            return json.loads(line)
        code = self.close(kill=not answered)
        if not answered or code == -signal.SIGXCPU:
            return {"timed_out": seconds}
        return {"error": f"the process ended with code {code}"}

    def _start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def close(self, kill=False):
        """End the child; its exit code, negative for a signal."""
        if self.process is None:
            return None
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.stdout.close()
        code = self.process.wait()
        self.process = None
        return code


def limit_processor_time(seconds):
    """Let the system end this process when it has used so many seconds since its start."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, hard))


def serve():
    """Answer each line of standard input until it ends."""
    sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent / "tests")]
    from answer_parts import module_of

    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr  # what libraries print is no answer
    for line in sys.stdin:
        request = json.loads(line)
        began = time.process_time()
        limit_processor_time(began + request["seconds"])
        try:
            record = module_of(request["part"]).measure(**request["task"])
        except Exception as error:  # any failure is a result, and the next task goes on
            record = {"error": f"{type(error).__name__}: {error}"}
        record["cpu_seconds"] = time.process_time() - began
        answers.write(json.dumps(record) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
