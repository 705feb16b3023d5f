"""R's mclust through Rscript, by the clock of R: its start-up takes longer than many a fit."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

if shutil.which("Rscript") is None:
    raise ImportError("Rscript is not installed")

CODES = {"full": "VVV", "tied": "EEE", "diag": "VVI", "spherical": "VII"}
STRUCTURES = set(CODES)
_spent = 0.0

SCRIPT = """
suppressMessages(library(mclust))
folder <- commandArgs(TRUE)[1]
size <- scan(file.path(folder, "size"), quiet = TRUE)
read <- function(name, columns)
  matrix(readBin(file.path(folder, name), "double", size[1] * columns), size[1], columns)
X <- read("X", size[2])
z <- read("z", size[3])
code <- scan(file.path(folder, "code"), "", quiet = TRUE)
control <- emControl(tol = c(0, 0), itmax = c(size[4], size[4]))
began <- Sys.time()
fit <- suppressWarnings(me(X, modelName = code, z = z, control = control))
spent <- as.double(Sys.time() - began, units = "secs")
p <- fit$parameters
writeBin(c(spent, p$pro, p$mean, p$variance$sigma), file.path(folder, "out"))
"""


def versions():
    command = ["Rscript", "-e", "cat(as.character(packageVersion('mclust')))"]
    return "mclust " + subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _responsibilities(X, weights, means, covariances):
    """mclust starts from responsibilities: those of the start's parameters, (n, K)."""
    K, d = means.shape
    if covariances.ndim == 1:
        covariances = covariances[:, None, None] * np.eye(d)
    elif covariances.shape == (K, d):
        covariances = covariances[:, :, None] * np.eye(d)
    covariances = np.broadcast_to(covariances, (K, d, d))
    joint = np.empty((len(X), K))
    for k in range(K):
        lower = np.linalg.cholesky(covariances[k])
        y = np.linalg.solve(lower, (X - means[k]).T)
        joint[:, k] = np.log(weights[k]) - np.log(np.diag(lower)).sum() - 0.5 * (y**2).sum(0)
    joint = np.exp(joint - joint.max(axis=1, keepdims=True))
    return joint / joint.sum(axis=1, keepdims=True)


def spent():
    """Seconds of the last `iterate`, without what is around it."""
    return _spent


def iterate(X, weights, means, covariances, structure, iterations):
    global _spent
    X = X.astype(np.float64)
    K, d = means.shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        X.ravel(order="F").tofile(path / "X")
        z = _responsibilities(X, weights, means, covariances)
        z.ravel(order="F").tofile(path / "z")
        (path / "size").write_text(f"{len(X)} {d} {K} {iterations}")
        (path / "code").write_text(CODES[structure])
        (path / "script.R").write_text(SCRIPT)
        command = ["Rscript", str(path / "script.R"), folder]
        subprocess.run(command, capture_output=True, check=True)
        _spent, *fitted = np.fromfile(path / "out")
    out = np.array(fitted)
    fitted_means = out[K : K + K * d].reshape(K, d)
    sigma = out[K + K * d :].reshape(K, d, d)
    return out[:K], fitted_means, sigma
