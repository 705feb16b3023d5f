"""
A served model: ONNX in another runtime
=======================================

A mixture that is fitted in Python often has to answer somewhere else: in a web service, a browser
or a device. ONNX is the format for this. Here a mixture of the Old Faithful eruptions is exported,
and onnxruntime answers, without skgmm.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from timeit import timeit

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from skgmm import GaussianMixtureEM, load_faithful

try:
    import onnxruntime
except ImportError:
    onnxruntime = None
    print("This example needs onnx and onnxruntime: pip install onnx onnxruntime")

X = load_faithful(as_frame=True).data
mixture = GaussianMixtureEM(2, noise="auto", random_state=0).fit(X)

# %%
# The file is all that the other side needs. Names of the columns are in its metadata, so that the
# service can check the order in which it gets the values.

if onnxruntime is not None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "faithful.onnx"
        mixture.to_onnx(path)
        print(f"{path.stat().st_size:,} bytes")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    print("features:", session.get_modelmeta().custom_metadata_map["feature_names"])

# %%
# The model computes in single precision, and answers as the mixture does: the same labels, and
# probabilities that differ in the seventh digit.


def served(X):
    """Label, probabilities and log-density from the runtime."""
    return session.run(None, {"X": np.asarray(X, dtype=np.float32)})


if onnxruntime is not None:
    label, probabilities, log_density = served(X)
    print("labels that differ:", int((label != mixture.predict(X)).sum()))
    difference = np.abs(probabilities - mixture.predict_proba(X)).max()
    print(f"largest difference of probabilities: {difference:.0e}")
    one = X.to_numpy(dtype=np.float32)[:1]
    print(f"one sample: {timeit(lambda: served(one), number=500) / 500 * 1e6:.0f} microseconds")

# %%
# Everything in this figure was computed by the runtime: the regions of the labels, with that of
# noise (-1) in white, and the density as contours.

if onnxruntime is not None:
    low, high = X.min().to_numpy(), X.max().to_numpy()
    margin = 0.25 * (high - low)
    axes = [np.linspace(a, b, 200) for a, b in zip(low - margin, high + margin, strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1)
    regions, _, log_densities = (part.reshape(200, 200, -1) for part in served(grid.reshape(-1, 2)))

    figure, ax = plt.subplots(layout="constrained")
    colours = ListedColormap(["white", "#56B4E9", "#E69F00"])
    ax.pcolormesh(*axes, regions[..., 0], cmap=colours, alpha=0.35)
    ax.contour(*axes, np.exp(log_densities[..., 0]), levels=8, colors="grey", linewidths=0.6)
    for k, colour in zip((-1, 0, 1), ("black", "#0072B2", "#D55E00"), strict=True):
        chosen = X[label == k]
        name = "noise" if k == -1 else f"component {k}"
        ax.scatter(*chosen.to_numpy().T, s=14, color=colour, label=f"{name} ({len(chosen)})")
    ax.set_xlabel("eruption, minutes")
    ax.set_ylabel("waiting time, minutes")
    ax.legend(loc="upper left")

plt.show()
