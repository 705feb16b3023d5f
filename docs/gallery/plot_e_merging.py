"""
Clusters that are not Gaussian: merging components
==================================================

A mixture can follow a crescent, but it needs several components for it. BIC counts what the
density needs, and that is more than the number of clusters. ``merge_components`` combines
components that overlap until clusters remain.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

from skgmm import GaussianMixtureSearch, merge_components
from skgmm.display import EntropyDisplay

moons, crescent = make_moons(800, noise=0.08, random_state=0)
blob, _ = make_blobs(300, centers=[[3.2, 1.2]], cluster_std=0.3, random_state=0)
X = np.vstack([moons, blob])
truth = np.concatenate([crescent, np.full(300, 2)])

search = GaussianMixtureSearch(range(1, 16), covariance_types=["full", "VEV"], random_state=0)
mixture = search.fit(X).best_estimator_
print(f"BIC chooses {len(mixture.means_)} components")

# %%
# Those two clusters are merged first whose union makes the assignment most certain, that is,
# decreases its entropy most. As long as parts of one crescent are merged, the entropy falls
# steeply; after that, clusters are separated and there is hardly any uncertainty to remove. The
# bend is the number of clusters.

merged = merge_components(mixture, X)
EntropyDisplay.from_merging(merged)

# %%
# The density is unchanged; only its components have been given to clusters.

labels = {"components": mixture.predict(X), "clusters": merged.predict(X)}
for name, found in labels.items():
    print(f"{name:10} {len(set(found.tolist()))}, adjusted Rand index "
          f"{adjusted_rand_score(truth, found):.2f}")  # fmt: skip

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, (name, found) in zip(axes, labels.items(), strict=True):
    for k in np.unique(found):
        style = {"marker": "os^DvPX*"[k % 8], "ls": "", "ms": 3, "color": f"C{k % 10}"}
        ax.plot(*X[found == k].T, **style)
    ax.set_title(f"{len(np.unique(found))} {name}")
    ax.set_aspect("equal")
    ax.spines[["top", "right"]].set_visible(False)

plt.show()
