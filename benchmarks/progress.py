"""What it costs that a fit can be followed.

python benchmarks/progress.py

A fit of 300 rows, over and over, in random order: with everything that follows a fit cut out; as it
is, with nobody who follows ("idle"); with one callback that does nothing; and with verbose=1 into a
handler that does nothing. Each against the first, as the median of the ratios of pairs.
"""

import argparse
import logging
import time
from contextlib import ExitStack, nullcontext
from unittest import mock

import numpy as np

from skgmm import GaussianMixtureEM, _fitting
from skgmm._progress import FitTasks


class Silent:
    """A callback that does nothing."""

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context): ...


def cut_out():
    """Fits that cannot be followed."""
    stack = ExitStack()
    unwatched = lambda run, *_: lambda start, stream: run(start, stream, None)  # noqa: E731
    stack.enter_context(mock.patch.object(_fitting, "followed", unwatched))
    nothing = classmethod(lambda *_: None)
    stack.enter_context(mock.patch.object(FitTasks, "of", nothing))
    return stack


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1500)
    options = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 3.0])
    plain = GaussianMixtureEM(2, random_state=0)
    fits = {
        "idle": plain,
        "a callback": GaussianMixtureEM(2, random_state=0).set_callbacks(Silent()),
        "verbose=1": GaussianMixtureEM(2, random_state=0, verbose=1),
    }

    def seconds(mixture):
        start = time.perf_counter()
        mixture.fit(X)
        return time.perf_counter() - start

    spent = {name: [] for name in ("cut out", *fits)}
    for _ in range(options.repeats):
        for name in rng.permutation(list(spent)):  # the order within a round matters
            with cut_out() if name == "cut out" else nullcontext():
                spent[name].append(seconds(fits.get(name, plain)))
    base = np.array(spent.pop("cut out"))
    print(f"300 x 2, K = 2: {1e3 * np.median(base):.2f} ms, {plain.n_iter_} evaluations")
    for name, values in spent.items():
        print(f"{name:12s} {100 * (np.median(np.array(values) / base) - 1):+.2f} %")


if __name__ == "__main__":
    main()
