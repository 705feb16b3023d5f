"""
Streams: following what drifts
==============================

Rows arrive a hundred at a time, from two clusters that move, and nobody keeps them. ``partial_fit``
learns from each block. ``step_exponent`` says how it forgets: 0 remembers the last ``warm_up`` rows
or so, and follows; 1 remembers everything, and ends between where the clusters were and are.
"""

import matplotlib.pyplot as plt
import numpy as np

from skgmm import GaussianMixtureEM

rng = np.random.default_rng(0)
times = np.arange(300)
centres = np.column_stack([np.sin(times / 40), 6 + times / 50])  # of the clusters, over time
blocks = [rng.choice(centre, size=(100, 1)) + rng.normal(size=(100, 1)) for centre in centres]

# %%
# The same blocks, remembered in two ways. The first ten are the warm-up; after it components keep
# their number from block to block, so their means are paths.


def paths(step_exponent):
    """Means after each block, and the mixture in the end."""
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
    print(f"step_exponent={step_exponent:g}: {end:.2f} nats per row in the last block")
axes[0].legend(fontsize=8)
