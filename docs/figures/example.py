"""The mixture of the user guide, and the style of its figures."""

import matplotlib.pyplot as plt
import numpy as np

from skgmm import GaussianMixtureEM

# Blue and orange of Okabe and Ito's palette: safe for colour-blind readers and in greyscale.
COLOURS = ("#0072B2", "#D55E00")


def mixture():
    """Weights 1/3 and 2/3; a tall cluster without correlation and a round one with."""
    return GaussianMixtureEM.from_parameters(
        [1 / 3, 2 / 3],
        [[-1, 0], [2, 2]],
        [[[1, 0], [0, 9]], [[1, 0.7], [0.7, 1]]],
    )


def rows(n_samples=600):
    return mixture().sample(n_samples, random_state=0)


def ellipse(mean, covariance, radius):
    """Outline of all points at Mahalanobis distance `radius`, (2, 200)."""
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray(mean)[:, None] + radius * np.linalg.cholesky(covariance) @ circle


def draw_components(ax, fitted, radii=(1.177, 2.448), **style):
    """Ellipses with 50 % and 95 % of each component (radii from the chi-square distribution)."""
    for mean, covariance, colour in zip(fitted.means_, fitted.covariances_, COLOURS, strict=False):
        for radius in radii:
            ax.plot(*ellipse(mean, covariance, radius), **{"color": colour, "lw": 1.5, **style})
        ax.plot(*mean, "+", color="black", ms=9, mew=1.5, zorder=4)


def axes(n_columns=1, height=3.8):
    """Square-scaled axes with the guide's labels."""
    figure, axs = plt.subplots(
        1, n_columns, figsize=(2.8 * n_columns, height), sharex=True, sharey=True, squeeze=False
    )
    for ax in axs[0]:
        ax.set_aspect("equal")
        ax.set_xlabel("first feature")
        ax.set_xlim(-5, 6)
        ax.set_ylim(-8, 8)
        ax.set_xticks([-4, -2, 0, 2, 4])
        ax.spines[["top", "right"]].set_visible(False)
    axs[0, 0].set_ylabel("second feature")
    figure.set_layout_engine("constrained")
    return figure, axs[0]
