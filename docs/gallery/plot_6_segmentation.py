"""
Colours of an image
===================

A pixel is a sample with three features, and the image has 270,000 of them. The means of a mixture
of a few Gaussians in colour space are a palette. Unlike k-means, a mixture models that the sky
varies along one direction of colour and the foliage along another, and it gives the uncertainty of
each pixel.
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
# Each pixel in the mean colour of its component, and the uncertainty of its assignment.

uncertainty = 1 - mixture.predict_proba(pixels).max(axis=1)
palette = np.clip(mixture.means_, 0, 1)
figure, axs = plt.subplots(1, 3, figsize=(9.6, 2.4), layout="constrained")
figure.set_facecolor("none")
axs[0].imshow(image)
axs[0].set_title("image", fontsize=10, color="0.5")
axs[1].imshow(palette[labels].reshape(image.shape))
axs[1].set_title("6 colours", fontsize=10, color="0.5")
axs[2].imshow(uncertainty.reshape(image.shape[:2]), cmap="gray_r")
axs[2].set_title("uncertainty", fontsize=10, color="0.5")
for ax in axs:
    ax.set_axis_off()

# %%
# ``reg_covar`` is a variance, the square of 0.01 of full brightness: colours that are closer are
# not separated. An image with areas of a single colour needs it, because a component would collapse
# onto them.

plt.show()
