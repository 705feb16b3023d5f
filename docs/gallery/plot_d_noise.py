"""
Clusters in a cluttered field
=============================

A detector counts events in the plane. Two sources send most of them, and the rest is background
that arrives from everywhere: a fifth of all events, with no structure of its own. A Gaussian
mixture of two components has to explain these events by the two sources: one becomes wide. With
``noise`` there is a component of constant density beside the Gaussians.
"""

import matplotlib.pyplot as plt
import numpy as np

from skgmm import GaussianMixtureEM, UniformNoise

rng = np.random.default_rng(3)
first = rng.normal([2, 7], [0.6, 0.3], size=(260, 2))
second = rng.multivariate_normal([7, 3], [[1.0, 0.7], [0.7, 0.8]], size=220)
background = rng.uniform(0, 10, size=(120, 2))
X = np.vstack([first, second, background])
source = np.repeat([0, 1, -1], [260, 220, 120])

# %%
# The window of the detector is 10 by 10, so the volume is known. ``noise="auto"`` would take that
# of a box about the events. Events that are more probably background get the label -1.

plain = GaussianMixtureEM(2, random_state=0).fit(X)
mixture = GaussianMixtureEM(2, noise=UniformNoise(volume=100), random_state=0).fit(X)
print(f"weight of the noise: {mixture.noise_weight_:.2f} (0.20 of the events are background)")
labels = mixture.predict(X)
print(f"{np.mean((labels == -1) == (source == -1)):.0%} of the events are told apart correctly")

# %%
# The standard deviations of the second source are 1.0 and 0.9. Without noise its component takes
# most of the background, and is far too wide.

for name, fitted in {"without noise": plain, "with noise": mixture}.items():
    nearest = np.square(fitted.means_ - [7, 3]).sum(axis=1).argmin()
    print(f"{name:14} {np.sqrt(np.diag(fitted.covariances_[nearest])).round(2)}")

# %%
# Grey crosses are noise. Ellipses hold 90 % of a component.

figure, axs = plt.subplots(1, 2, figsize=(8.4, 4.2), layout="constrained", sharey=True)
angle = np.linspace(0, 2 * np.pi, 200)
circle = np.sqrt(-2 * np.log(0.1)) * np.array([np.cos(angle), np.sin(angle)])
for ax, (title, fitted) in zip(
    axs, {"without noise": plain, "with noise": mixture}.items(), strict=True
):
    found = fitted.predict(X)
    for k, colour in enumerate(["C0", "C1"]):
        ax.scatter(*X[found == k].T, s=8, color=colour, alpha=0.6)
        ellipse = np.linalg.cholesky(fitted.covariances_[k]) @ circle
        ax.plot(*(ellipse + fitted.means_[k][:, None]), color=colour)
    ax.scatter(*X[found == -1].T, s=12, marker="x", color="0.6", linewidth=0.8)
    ax.set(title=title, xlim=(-1, 11), ylim=(-1, 11), aspect="equal")
plt.show()
