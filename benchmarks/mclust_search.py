"""Ask R's mclust for the number of components in the data of benchmarks/answers.py, part search.

python benchmarks/mclust_search.py

Needs Rscript and the package mclust (on Debian: apt-get install r-cran-mclust). The data are
written as CSV; stored in benchmarks/results/mclust_search.json are the numbers that mclust
gives and the R commands that gave them.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from answer_parts import searches

COMMANDS = """
suppressMessages(library(mclust))
x <- as.matrix(read.csv(file, header = FALSE))
fit <- Mclust(x, G = 1:9, verbose = FALSE)
seconds <- system.time(Mclust(x, G = 1:9, verbose = FALSE))["elapsed"]
cat(fit$G, fit$modelName, -fit$bic, seconds, "\\n")
"""
LOOP = """
for (file in readLines(file.path(commandArgs(TRUE)[1], "files"))) {{
  {commands}
}}
cat("version", as.character(packageVersion("mclust")), R.version.string, "\\n")
"""


def main():
    tasks = [
        task
        for task in searches.tasks(searches.SEEDS, quick=False)
        if tuple(task["size"]) != (20_000, 48)  # it would take minutes
    ]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.csv" for i in range(len(tasks))]
        for path, task in zip(paths, tasks, strict=True):
            np.savetxt(path, searches.data_of(**task), delimiter=",", fmt="%.17g")
        (Path(folder) / "files").write_text("\n".join(map(str, paths)) + "\n")
        script = Path(folder) / "script.R"
        script.write_text(LOOP.format(commands=COMMANDS))
        command = ["Rscript", str(script), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    *lines, version = done.stdout.strip().splitlines()
    answers = {}
    for task, line in zip(tasks, lines, strict=True):
        G, model, bic, seconds = line.split()
        answers[searches.key(task)] = {
            "G": int(G),
            "model": model,
            "bic": round(float(bic), 4),
            "seconds": round(float(seconds), 3),
        }
    result = {"how": COMMANDS.strip().splitlines(), "versions": version, "answers": answers}
    searches.MCLUST.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
