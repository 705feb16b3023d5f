"""Components that are misplaced among many, and where they are moved before the iterations."""

import matplotlib.pyplot as plt
import numpy as np
from example import ellipse

from skgmm import GaussianMixtureEM

SIDE, N_EACH = 9, 350
K = SIDE**2
BLUE, ORANGE = "#0072B2", "#D55E00"  # of Okabe and Ito's palette

rng = np.random.default_rng(1)
grid = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), axis=-1).reshape(K, 2)
centres = 6.0 * grid + rng.uniform(-1.5, 1.5, size=(K, 2))
X = np.concatenate([rng.normal(centre, 1.0, size=(N_EACH, 2)) for centre in centres])
fits = {
    "escape=False": GaussianMixtureEM(K, random_state=2, escape=False).fit(X),
    "default": GaussianMixtureEM(K, random_state=2).fit(X),
}

figure, axs = plt.subplots(1, 2, figsize=(9.6, 5.2), sharex=True, sharey=True, layout="constrained")
for ax, (title, mixture) in zip(axs, fits.items(), strict=True):
    ax.plot(*X[::5].T, ".", color="0.75", ms=1.5, zorder=0)
    distances = np.linalg.norm(mixture.means_[:, None] - centres, axis=2)
    owner, alone = distances.argmin(axis=1), distances.min(axis=1) < 1.0
    right = alone & (np.bincount(owner, minlength=K)[owner] == 1)
    for k in range(K):
        outline = ellipse(mixture.means_[k], mixture.covariances_[k], 2.0)
        colour, width = (BLUE, 1.0) if right[k] else (ORANGE, 2.0)
        ax.plot(*outline, color=colour, lw=width)
    n_wrong = np.count_nonzero(~right)
    ax.set_title(
        f"{title}: {n_wrong or 'no'} components misplaced\n"
        f"{mixture.score(X):.3f} nats per sample, {mixture.n_iter_} iterations",
        fontsize=10,
    )
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
