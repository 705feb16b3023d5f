"""The fourteen structures, fitted to the same samples."""

import matplotlib.pyplot as plt
import numpy as np
from example import ellipse

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES

# Okabe and Ito's palette, with markers for greyscale prints.
LOOKS = (("#0072B2", "o"), ("#D55E00", "^"), ("#009E73", "s"))


def rows():
    """Three clusters that differ in volume, shape and orientation, (330, 2), and their labels."""
    rng = np.random.default_rng(4)
    sizes = (150, 120, 60)
    means = np.array([[-3.5, 0.0], [2.0, 2.8], [2.2, -3.0]])
    shapes = [(2.2, 0.7, 80), (1.9, 0.5, 20), (0.8, 0.5, -30)]
    X = []
    for n, mean, (long, short, degrees) in zip(sizes, means, shapes, strict=True):
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        X.append(mean + (rng.normal(size=(n, 2)) * (long, short)) @ turn.T)
    return np.concatenate(X), np.repeat(np.arange(3), sizes)


def matrices(mixture):
    """Covariances as matrices (K, d, d), whatever the structure."""
    covariances, K = mixture.covariances_, len(mixture.weights_)
    if mixture.covariance_type_ == "tied":
        return np.repeat(covariances[None], K, axis=0)
    if covariances.ndim == 1:
        return covariances[:, None, None] * np.eye(2)
    return covariances if covariances.ndim == 3 else covariances[:, :, None] * np.eye(2)


X, labels = rows()
figure, axs = plt.subplots(4, 4, figsize=(9.6, 9.8), sharex=True, sharey=True, layout="constrained")
for ax, structure in zip(axs.flat, STRUCTURES.values(), strict=False):
    mixture = GaussianMixtureEM(
        3, covariance_type=structure.name, responsibilities_init=np.eye(3)[labels]
    ).fit(X)
    hard = mixture.predict(X)
    for k, (colour, marker) in enumerate(LOOKS):
        ax.plot(*X[hard == k].T, marker, color=colour, ms=2.5, alpha=0.45, mew=0)
        for radius in (1.177, 2.448):
            outline = ellipse(mixture.means_[k], matrices(mixture)[k], radius)
            ax.plot(*outline, color="black", lw=1.1)
    alias = "" if structure.name == structure.code else f"  '{structure.name}'"
    ax.set_title(f"{structure.code}{alias}\nBIC {mixture.bic(X):.0f}", fontsize=9.5)
    ax.set_aspect("equal")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)
for ax in axs.flat[len(STRUCTURES) :]:
    ax.set_axis_off()
for ax in axs[2, 2:]:  # the lowest of their columns
    ax.tick_params(labelbottom=True)
