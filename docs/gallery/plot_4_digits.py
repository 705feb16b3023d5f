"""
Digits: new rows from a mixture
===============================

A mixture is a story of how rows come about, so it can tell new ones. Here it learns the 1,797
handwritten digits of scikit-learn, 8 x 8 pixels each, and writes digits that nobody wrote.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skgmm import GaussianMixtureEM

X = load_digits().data
pca = PCA(n_components=0.95, whiten=True, random_state=0).fit(X)
reduced = pca.transform(X)
print(f"{X.shape[1]} pixels are {reduced.shape[1]} principal components")

# %%
# A matrix of its own for each of 30 components would be too much for some 60 rows each, so they
# share one: a pencil stroke varies alike in all digits. ``escape=False`` saves the time to look
# for a better optimum, which nobody would see here.

mixture = GaussianMixtureEM(30, covariance_type="tied", random_state=0, escape=False).fit(reduced)
drawn, component = mixture.sample(48, random_state=0)

# %%
# Sorted by component: each is a way to write a digit, and its rows are variations.

images = pca.inverse_transform(drawn[np.argsort(component, kind="stable")])
figure, axs = plt.subplots(4, 12, figsize=(7.2, 2.6), layout="constrained")
for ax, image in zip(axs.flat, images, strict=True):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    ax.set_axis_off()
