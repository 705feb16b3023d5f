"""EM from a poor initialisation: the components after 0, 2, 6 and all iterations."""

import warnings

from example import axes, draw_components, rows

from skgmm import GaussianMixtureEM

X, _ = rows()
figure, axs = axes(4, height=4.2)
start = {
    "n_components": 2,
    "weights_init": [0.5, 0.5],
    "means_init": [[0, -3], [0, 4]],
    "precisions_init": [[[0.3, 0], [0, 0.3]]] * 2,
}
warnings.simplefilter("ignore")  # stopping early is the point
for ax, max_iter in zip(axs, (0, 2, 6, 1000), strict=True):
    fitted = GaussianMixtureEM(**start, max_iter=max_iter).fit(X)
    ax.plot(*X.T, ".", color="0.55", ms=3, alpha=0.6)
    draw_components(ax, fitted, lw=2)
    ax.set_title(
        f"{fitted.n_iter_} iterations\n{fitted.lower_bound_:.4f} nats per sample", fontsize=10
    )
