"""R's mclust through Rscript: VVV, EEE, VVI, VII. Time is taken in R, around the call."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

if shutil.which("Rscript") is None:
    raise ImportError("Rscript is not installed")

CODES = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}
STRUCTURES = set(CODES)

SCRIPT = """
suppressMessages(library(mclust))
folder <- commandArgs(TRUE)[1]
read <- function(name, n) readBin(file.path(folder, name), "double", n)
size <- scan(file.path(folder, "size"), quiet = TRUE)
n <- size[1]; d <- size[2]; K <- size[3]; code <- scan(file.path(folder, "code"), "", quiet = TRUE)
X <- matrix(read("X", n * d), n, d)
z <- matrix(read("z", n * K), n, K)
control <- emControl(tol = c(0, 0), itmax = c(size[4], size[4]))
seconds <- system.time(fit <- suppressWarnings(
  me(X, modelName = code, z = z, control = control, prior = NULL)))[["elapsed"]]
p <- fit$parameters
cat(jsonlite <- paste0('{"seconds": ', seconds, ', "weights": [', paste(p$pro, collapse = ","),
  '], "means": [', paste(t(p$mean), collapse = ","), '], "covariances": [',
  paste(aperm(p$variance$sigma, c(3, 1, 2)), collapse = ","), "]}"))
"""


def versions():
    command = ["Rscript", "-e", "cat(as.character(packageVersion('mclust')))"]
    return "mclust " + subprocess.run(command, capture_output=True, text=True, check=True).stdout


def timed(X, weights, means, covariances, structure, iterations, responsibilities):
    """Seconds inside R, and the parameters; mclust starts from responsibilities."""
    n, d = X.shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        X.astype(np.float64).ravel(order="F").tofile(path / "X")
        responsibilities.ravel(order="F").tofile(path / "z")
        (path / "size").write_text(f"{n} {d} {len(weights)} {iterations}")
        (path / "code").write_text(CODES[structure] if d > 1 else "V")
        (path / "script.R").write_text(SCRIPT)
        command = ["Rscript", str(path / "script.R"), folder]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result = json.loads(printed)
    K = len(weights)
    means = np.reshape(result["means"], (d, K)).T
    return result["seconds"], (np.array(result["weights"]), means, None)
