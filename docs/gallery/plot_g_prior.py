"""
Twelve measurements of each kind
================================

Two kinds of a plant differ in the lengths of their leaves. Only 24 leaves were measured, in four
ways, so a covariance matrix of one kind has ten numbers for about twelve leaves. Maximum likelihood
fits them closely: ellipses are thin, and new leaves lie outside of them. A prior is worth a few
leaves that were seen before.
"""

import matplotlib.pyplot as plt
import numpy as np

from skgmm import ConjugatePrior, GaussianMixtureEM

rng = np.random.default_rng(11)
spread = np.array(
    [[1.0, 0.6, 0.3, 0.2], [0.6, 1.0, 0.4, 0.3], [0.3, 0.4, 1.0, 0.5], [0.2, 0.3, 0.5, 1.0]]
)


def leaves(n):
    kind = np.arange(n) % 2
    means = np.array([[10.0, 4.0, 7.0, 3.0], [13.0, 5.0, 9.0, 2.0]])
    return means[kind] + rng.multivariate_normal(np.zeros(4), spread, size=n), kind


X, kind = leaves(24)
X_new, kind_new = leaves(2000)

# %%
# ``prior="auto"`` is worth 2 / 24 of a leaf in each covariance. It keeps components from
# collapsing, and otherwise lets the leaves speak. ``ConjugatePrior`` can be worth more: here each
# kind has seen 10 leaves, whose covariance is a guess, variance 1 of each length.

priors = {
    "maximum likelihood": None,
    "prior='auto'": "auto",
    "10 leaves seen before": ConjugatePrior(covariance=1.0, covariance_rows=10.0),
}
fits = {}
for name, prior in priors.items():
    fits[name] = mixture = GaussianMixtureEM(2, prior=prior, random_state=0).fit(X)
    print(f"{name:22} log-likelihood of new leaves: {mixture.score(X_new):7.3f}")

# %%
# The ellipses hold 90 % of a component, in the first two lengths. New leaves are drawn as dots.
# They show how much too thin the ellipses of maximum likelihood are.

figure, axs = plt.subplots(1, 3, figsize=(9.6, 3.6), layout="constrained", sharex=True, sharey=True)
angle = np.linspace(0, 2 * np.pi, 200)
circle = np.sqrt(-2 * np.log(0.1)) * np.array([np.cos(angle), np.sin(angle)])
for ax, (title, mixture) in zip(axs, fits.items(), strict=True):
    ax.scatter(*X_new[:300, :2].T, s=4, color="0.8")
    ax.scatter(*X[:, :2].T, s=14, color="k")
    for mean, covariance in zip(mixture.means_, mixture.covariances_, strict=True):
        ellipse = np.linalg.cholesky(covariance[:2, :2]) @ circle + mean[:2, None]
        ax.plot(*ellipse, color="C0")
    ax.set(title=title, xlabel="length 1")
axs[0].set_ylabel("length 2")
plt.show()
