"""
Digits: new samples from a mixture
==================================

A mixture is a generative model, so it can generate new samples. Here it is fitted to the 1,797
handwritten digits of scikit-learn, 8 x 8 pixels each, and generates new digits.
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
# Each of 30 components has about 60 samples, which are too few for a full matrix each, so the
# components share one: a pencil stroke varies in the same way in all digits. ``escape=False`` saves
# the time of the search for a better optimum, which would make no visible difference here.

mixture = GaussianMixtureEM(30, covariance_type="tied", random_state=0, escape=False).fit(reduced)
drawn, component = mixture.sample(48, random_state=0)

# %%
# The new digits are sorted by component: each component is a way to write a digit.

images = pca.inverse_transform(drawn[np.argsort(component, kind="stable")])
figure, axs = plt.subplots(4, 12, figsize=(7.2, 2.6), layout="constrained")
for ax, image in zip(axs.flat, images, strict=True):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    ax.set_axis_off()

plt.show()
