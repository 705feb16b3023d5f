"""
Data streams: following a drift
===============================

Blocks of a hundred samples arrive from two clusters that move, and are not stored. ``partial_fit``
updates the mixture with each block. ``step_exponent`` controls how past samples are discounted:
with 0 about the last ``warm_up`` samples are remembered, and the means follow the clusters; with 1
all samples are remembered, and the means end between the old and the new positions of the clusters.
"""

import matplotlib.pyplot as plt
import numpy as np

from skgmm import GaussianMixtureEM

rng = np.random.default_rng(0)
times = np.arange(300)
centres = np.column_stack([np.sin(times / 40), 6 + times / 50])  # of the clusters, over time
blocks = [rng.choice(centre, size=(100, 1)) + rng.normal(size=(100, 1)) for centre in centres]

# %%
# The same blocks with both values. The first ten are the warm-up; after that, component labels stay
# fixed, so the means can be plotted over time.


def paths(step_exponent):
    """Means after each block, and the final mixture."""
    mixture = GaussianMixtureEM(
        2, step_exponent=step_exponent, warm_up=1_000, covariance_type="spherical", random_state=0
    )
    means = np.array([mixture.partial_fit(block).means_[:, 0] for block in blocks])
    return means[:, means[-1].argsort()], mixture


figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for axis, step_exponent in zip(axes, (0.0, 1.0), strict=True):
    means, mixture = paths(step_exponent)
    axis.plot(np.repeat(times, 100), np.ravel(blocks), ",", color="0.75", rasterized=True)
    axis.plot(times, centres, "k--", linewidth=1, label=["centres", None])
    axis.plot(times[10:], means[10:], linewidth=2, label=["mean 1", "mean 2"])
    axis.set_title(f"step_exponent={step_exponent:g}", fontsize=10)
    axis.set_xlabel("block")
    end = mixture.score(blocks[-1])
    print(f"step_exponent={step_exponent:g}: {end:.2f} nats per sample in the last block")
axes[0].legend(fontsize=8)
plt.show()
