"""A split-and-merge move: out of an optimum that EM alone cannot leave."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from example import ellipse

from skgmm import GaussianMixtureEM

CENTRES = np.array([[-4.0, 0.0], [2.5, 2.4], [2.5, -2.4]])
# Okabe and Ito's palette, with markers for greyscale prints.
LOOKS = (("#0072B2", "o"), ("#D55E00", "^"), ("#009E73", "s"))


def fitted(means, max_iter=1000):
    """EM from these means, without a search for a better optimum."""
    spread = np.repeat(np.eye(2)[None], 3, axis=0)
    mixture = GaussianMixtureEM(
        3, means_init=means, precisions_init=spread, escape=False, max_iter=max_iter
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the middle shows a start, which has not converged
        return mixture.fit(X)


rng = np.random.default_rng(3)
X = np.concatenate([rng.normal(centre, 1.0, size=(150, 2)) for centre in CENTRES])
poor = fitted([[-4.5, 1.0], [-3.5, -1.0], [2.5, 0.0]])
moved = fitted(CENTRES + [[0.0, 0.0], [0.0, -1.0], [0.0, 1.0]], max_iter=0)
better = fitted(CENTRES + [[0.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
panels = {"EM has converged": poor, "0 and 1 merged, 2 split": moved, "EM continues": better}

figure, axs = plt.subplots(1, 3, figsize=(9.6, 3.6), sharex=True, sharey=True, layout="constrained")
for ax, (title, mixture) in zip(axs, panels.items(), strict=True):
    labels = mixture.predict(X)
    for k, (colour, marker) in enumerate(LOOKS):
        ax.plot(*X[labels == k].T, marker, color=colour, ms=3, alpha=0.4, mew=0)
        for radius in (1.177, 2.448):
            outline = ellipse(mixture.means_[k], mixture.covariances_[k], radius)
            ax.plot(*outline, color=colour, lw=1.5)
        ax.annotate(str(k), mixture.means_[k], ha="center", va="center", weight="bold")
    ax.set_title(f"{title}\n{mixture.score(X):.3f} nats per sample", fontsize=10)
    ax.set_aspect("equal")
    ax.spines[["top", "right"]].set_visible(False)
