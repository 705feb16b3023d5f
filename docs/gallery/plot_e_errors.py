"""
Colours of faint stars: measurement errors
==========================================

A sky survey lists two colours of each star, with the error of each. Bright stars are measured to
0.02 magnitudes, the faintest only to 0.4. There are two populations, of which one lies on a narrow
line in the plane of the colours; but errors smear it out. The widths that matter are those of the
*true* colours. The survey is synthetic, so that the truth is known.
"""

import matplotlib.pyplot as plt
import numpy as np

from skgmm import GaussianMixtureEM

rng = np.random.default_rng(0)
main_sequence = rng.multivariate_normal([0.8, 0.3], [[0.09, 0.044], [0.044, 0.022]], size=2400)
white_dwarfs = rng.multivariate_normal([0.1, -0.35], [[0.01, 0.0], [0.0, 0.006]], size=600)
truth = np.vstack([main_sequence, white_dwarfs])
magnitude = rng.uniform(15, 22, size=3000)
deviation = 0.02 + 0.38 * ((magnitude - 15) / 7) ** 3
errors = np.column_stack([deviation, 0.7 * deviation]) ** 2  # variances, by star and colour
colours = truth + np.sqrt(errors) * rng.normal(size=truth.shape)

# %%
# With ``error_covariance`` the mixture is that of the true colours (extreme deconvolution; Bovy,
# Hogg & Roweis 2011). It takes variances, not standard deviations. The width of the main sequence
# across its direction is the square root of the smallest eigenvalue of its covariance.

plain = GaussianMixtureEM(2, random_state=0).fit(colours)
mixture = GaussianMixtureEM(2, random_state=0).fit(colours, error_covariance=errors)


def main(fitted):
    """The component of the main sequence."""
    return fitted.weights_.argmax()


def width(covariance):
    return np.sqrt(np.linalg.eigvalsh(covariance)[0])


print(f"width of the main sequence   true      {width(np.cov(main_sequence.T)):.3f}")
print(f"                             measured  {width(plain.covariances_[main(plain)]):.3f}")
print(f"                             deconvolved {width(mixture.covariances_[main(mixture)]):.3f}")

# %%
# ``denoise`` gives the expected true colours. A star with a large error moves towards the
# population to which it probably belongs; one that was measured well stays where it is.

better = mixture.denoise(colours, errors)
faint = magnitude > 20
for name, found in {"measured": colours, "denoised": better}.items():
    distance = np.sqrt(np.mean((found - truth)[faint] ** 2))
    print(f"faint stars, {name}: {distance:.3f} magnitudes from the truth")

# %%
# Known errors also make assignments honest: of a faint star less is known.

uncertainty = 1 - mixture.predict_proba(colours, errors).max(axis=1)
bright, dim = uncertainty[~faint].mean(), uncertainty[faint].mean()
print(f"mean uncertainty: bright {bright:.3f}, faint {dim:.3f}")

figure, axs = plt.subplots(1, 3, figsize=(9.6, 3.4), layout="constrained", sharex=True, sharey=True)
angle = np.linspace(0, 2 * np.pi, 200)
circle = np.sqrt(-2 * np.log(0.1)) * np.array([np.cos(angle), np.sin(angle)])
for ax, (title, points, fitted) in zip(
    axs,
    [("measured", colours, plain), ("denoised", better, mixture), ("true", truth, mixture)],
    strict=True,
):
    ax.scatter(*points.T, s=2, color="0.5", alpha=0.5)
    for k in range(2):
        ellipse = np.linalg.cholesky(fitted.covariances_[k]) @ circle
        ax.plot(*(ellipse + fitted.means_[k][:, None]), color=f"C{int(k != main(fitted))}")
    ax.set(title=title, xlabel="first colour", xlim=(-0.8, 2.2), ylim=(-1.1, 1.3))
axs[0].set_ylabel("second colour")
plt.show()
