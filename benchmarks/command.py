"""How long does the command take for a large CSV file, and how much memory?

Beside it: pandas reads the file, and the estimator fits it. Both print the summary. One run each in
turn; medians.

    python benchmarks/command.py
"""

import argparse
import json
import os
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


def measured(command):
    """Seconds and largest memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/command.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        rng = np.random.default_rng(0)
        X = rng.normal(size=(options.rows, 8)) + 4.0 * rng.integers(2, size=(options.rows, 1))
        np.savetxt(path, X, delimiter=",", fmt="%.17g", header="a,b,c,d,e,f,g,h", comments="")
        python = [sys.executable, "-P"]
        commands = {
            "pandas and GaussianMixtureEM": [*python, "-c", IN_PYTHON, str(path)],
            "skgmm": [*python, "-m", "skgmm", str(path)],
        }
        runs = {name: [] for name in commands}
        for _ in range(options.repeats):
            for name, command in commands.items():
                runs[name].append(measured(command))
    found = {
        name: {"seconds": median(s for s, _ in each), "megabytes": median(m for _, m in each)}
        for name, each in runs.items()
    }
    pairs = list(zip(*runs.values(), strict=True))
    ratios = {
        unit: median(ours[i] / theirs[i] for theirs, ours in pairs)
        for i, unit in enumerate(("seconds", "megabytes"))
    }
    result = {"rows": options.rows, "columns": 8, **found, "ratio": ratios}
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
