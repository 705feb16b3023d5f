"""
Colours of an image
===================

A pixel is a row of three numbers, and an image is 270,000 of them: a mixture of a few Gaussians
in colour space is its palette. Unlike k-means, it knows that sky varies along one line of colour
and foliage along another, and it says how sure it is of each pixel.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from skgmm import GaussianMixtureEM

image = load_sample_image("china.jpg")
pixels = image.reshape(-1, 3).astype(np.float32) / 255

mixture = GaussianMixtureEM(6, random_state=0, reg_covar=1e-4, tol=1e-4).fit(pixels)
labels = mixture.predict(pixels)
print(f"{len(pixels):,} pixels, {mixture.n_iter_} evaluations, {mixture.status_}")

# %%
# Each pixel in the mean colour of its component, and how doubtful it is.

doubt = 1 - mixture.predict_proba(pixels).max(axis=1)
palette = np.clip(mixture.means_, 0, 1)
figure, axs = plt.subplots(1, 3, figsize=(9.6, 2.4), layout="constrained")
figure.set_facecolor("none")
axs[0].imshow(image)
axs[0].set_title("image", fontsize=10, color="0.5")
axs[1].imshow(palette[labels].reshape(image.shape))
axs[1].set_title("6 colours", fontsize=10, color="0.5")
axs[2].imshow(doubt.reshape(image.shape[:2]), cmap="gray_r")
axs[2].set_title("doubt", fontsize=10, color="0.5")
for ax in axs:
    ax.set_axis_off()

# %%
# ``reg_covar`` is a variance, 0.01 of full brightness squared: closer colours count as one. An
# image with areas of a single colour needs it, because a component would shrink onto them.
