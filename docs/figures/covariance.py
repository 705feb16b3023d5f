"""Three covariances: what the entries of the matrix do to the shape of a cluster."""

import numpy as np
from example import COLOURS, axes, ellipse

figure, axs = axes(3)
cases = {
    "no correlation, equal variances": [[2, 0], [0, 2]],
    "no correlation, variances 1 and 9": [[1, 0], [0, 9]],
    "variances 4 and 4, correlation 0.8": [[4, 3.2], [3.2, 4]],
}
rng = np.random.default_rng(0)
for ax, (title, covariance) in zip(axs, cases.items(), strict=True):
    X = rng.multivariate_normal([0.5, 0], covariance, size=250)
    ax.plot(*X.T, ".", color=COLOURS[0], ms=3, alpha=0.5)
    for radius in (1.177, 2.448):
        ax.plot(*ellipse([0.5, 0], np.array(covariance), radius), color="black", lw=1.3)
    ax.set_title(title, fontsize=10)
