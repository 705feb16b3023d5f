"""Time of an EM iteration of each library, with a lower bound, from the stored benchmark result."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

# Found from the working folder, because the plot directive runs this text without a file name.
folders = [Path.cwd(), *Path.cwd().parents, *Path(plt.__file__).parents]
source = next(
    folder / "benchmarks/results/latest.json"
    for folder in folders
    if (folder / "benchmarks/results/latest.json").exists()
)
result = json.loads(source.read_text())
records = result["records"]
styles = {
    "skgmm": ("#0072B2", "o", "skgmm"),
    "sklearn": ("#D55E00", "s", "scikit-learn"),
    "onedal": ("#009E73", "^", "oneDAL"),
    "gmmx": ("#CC79A7", "D", "gmmx"),
    "pomegranate": ("#E69F00", "v", "pomegranate"),
    "mclust": ("#56B4E9", "X", "mclust"),
}
figure, ax = plt.subplots(figsize=(7.5, 0.42 * len(records) + 1.2), layout="constrained")
rows = np.arange(len(records))[::-1]
ax.hlines(rows, 1e-3, 1e5, color="0.92", lw=1, zorder=0)
ax.plot([1e3 * r["floor"] for r in records], rows, "|", color="0.3", ms=12, mew=2, label="floor")
for name in result["versions"]:
    colour, marker, label = styles[name]
    found = [(1e3 * r["iteration"][name]["seconds"], y) for r, y in zip(records, rows, strict=True)
             if name in r["iteration"]]  # fmt: skip
    ax.plot(*zip(*found, strict=True), marker, color=colour, ms=7, label=label)
ax.set_xscale("log")
times = [f["seconds"] for r in records for f in r["iteration"].values()]
floors = [r["floor"] for r in records]
ax.set_xlim(0.5e3 * min(times + floors), 2e3 * max(times))
ax.set_yticks(rows, [r["problem"] for r in records])
ax.set_xlabel("milliseconds per EM iteration")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.tick_params(axis="y", length=0)
figure.legend(loc="outside upper center", ncols=5, frameon=False)
