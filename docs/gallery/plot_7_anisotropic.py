"""
Elongated clusters: where k-means fails
=======================================

k-means divides the plane at equal distances from its centres, so it works for round clusters of
equal size. A mixture measures distances in standard deviations of each cluster.
"""

import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skgmm import GaussianMixtureEM
from skgmm.display import MixtureDisplay

X, truth = make_blobs(900, centers=3, random_state=170)
X = X @ [[0.6, -0.6], [-0.4, 0.8]]

kmeans = KMeans(3, n_init=10, random_state=0).fit(X)
mixture = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(X)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for k, (colour, marker) in enumerate((("#0072B2", "o"), ("#D55E00", "^"), ("#009E73", "s"))):
    left.plot(*X[kmeans.labels_ == k].T, marker, color=colour, ms=3, alpha=0.7)
left.spines[["top", "right"]].set_visible(False)
MixtureDisplay.from_estimator(mixture, X, ax=right, legend=False)
for ax, name, labels in ((left, "k-means", kmeans.labels_), (right, "mixture", mixture.predict(X))):
    ax.set_title(f"{name}: agreement {adjusted_rand_score(truth, labels):.2f}", fontsize=10)

# %%
# The three clusters have the same covariance, so ``covariance_type="tied"`` needs three parameters
# for it, and ``"full"`` would need nine. The data were not scaled or rotated before: the
# initialisation of skgmm does not depend on units or axes.

plt.show()
