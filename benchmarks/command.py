"""How long does the command take for a large CSV file, and how much memory?

Beside it: pandas reads the file, and the estimator fits it. Both print the summary. The command
also without pyarrow, for a file with empty cells, and for one with a word in the last line, which
it names in an error. One run each in turn; medians, and the ratio to pandas.

    python benchmarks/command.py
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

IN_PYTHON = """
import sys
import pandas as pd
from skgmm import GaussianMixtureEM
print(GaussianMixtureEM(2, random_state=0).fit(pd.read_csv(sys.argv[1])).summary())
"""

WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
from skgmm.__main__ import main
sys.exit(main())
"""


def measured(command, expected=0):
    """Seconds and largest memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == expected, command
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def _write(path, n_rows):
    """Two groups, in parts: a child's largest memory is at least that of its parent."""
    rng = np.random.default_rng(0)
    with path.open("w") as file:
        file.write("a,b,c,d,e,f,g,h\n")
        for start in range(0, n_rows, 20_000):
            n = min(20_000, n_rows - start)
            X = rng.normal(size=(n, 8)) + 4.0 * rng.integers(2, size=(n, 1))
            np.savetxt(file, X, delimiter=",", fmt="%.17g")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/command.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        holes, bad = Path(folder) / "holes.csv", Path(folder) / "bad.csv"
        _write(path, options.rows)
        for copy, line in ((holes, "NA,1,,3,4,5,6,7\n"), (bad, "1,2,3,4,5,6,7,eight\n")):
            shutil.copyfile(path, copy)
            with copy.open("a") as file:
                file.write(line)
        python = [sys.executable, "-P"]
        without = [*python, "-c", WITHOUT_PYARROW]
        commands = {
            "pandas and GaussianMixtureEM": [*python, "-c", IN_PYTHON, str(path)],
            "skgmm": [*python, "-m", "skgmm", str(path)],
            "skgmm without pyarrow": [*without, str(path)],
            "skgmm without pyarrow, empty cells": [*without, str(holes), "--drop-missing"],
            "skgmm, a word in the last line": [*python, "-m", "skgmm", str(bad)],
        }
        runs = {name: [] for name in commands}
        for _ in range(options.repeats):
            for name, command in commands.items():
                runs[name].append(measured(command, 2 if command[-1] == str(bad) else 0))
    found = {
        name: {"seconds": median(s for s, _ in each), "megabytes": median(m for _, m in each)}
        for name, each in runs.items()
    }
    theirs = next(iter(runs.values()))
    for name, each in runs.items():
        for i, unit in enumerate(("seconds", "megabytes")):
            ratio = median(a[i] / b[i] for a, b in zip(each, theirs, strict=True))
            found[name][f"ratio of {unit}"] = round(ratio, 2)
    result = {"rows": options.rows, "columns": 8, **found}
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
