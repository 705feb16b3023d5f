"""
Outliers: samples of low density
================================

A fitted mixture is a density, and an outlier is a sample at which the density is low:
``score_samples``. Here the mixture is fitted to benign breast tumours only (measurements of
Wolberg, Street & Mangasarian). Then it is applied to malignant tumours, which were not in the
training data.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skgmm import GaussianMixtureEM

cancer = load_breast_cancer(as_frame=True)
columns = ["mean radius", "mean texture", "mean smoothness", "mean concavity", "mean symmetry"]
X, benign = cancer.data[columns], cancer.target == 1
known, fresh = train_test_split(X[benign], random_state=0)

mixture = GaussianMixtureEM(2, random_state=0).fit(known)

# %%
# The threshold is a quantile of the densities of the training samples: 5 % of normal samples will
# be classified as outliers. This is a statement about *benign* tumours, so it is checked on
# held-out ones.

threshold = np.quantile(mixture.score_samples(known), 0.05)
scores = {"benign, held out": mixture.score_samples(fresh),
          "malignant": mixture.score_samples(X[~benign])}  # fmt: skip
for name, score in scores.items():
    print(f"{name:18} {np.mean(score < threshold):.0%} below the threshold")
both = np.concatenate(list(scores.values()))
is_benign = np.repeat([1, 0], [len(score) for score in scores.values()])
print(f"area under the ROC curve: {roc_auc_score(is_benign, both):.2f}")

# %%
figure, ax = plt.subplots(layout="constrained")
bins = np.linspace(-30, both.max(), 40)
looks = ({"color": "#0072B2", "alpha": 0.5}, {"color": "#D55E00", "histtype": "step", "lw": 2})
for (name, score), look in zip(scores.items(), looks, strict=True):
    ax.hist(np.maximum(score, -30), bins, density=True, label=name, **look)
ax.axvline(threshold, color="black", ls="--", label="threshold")
ax.set_xlabel("log-density, nats (-30 and less at the left)")
ax.set_yticks([])
ax.spines[["top", "right", "left"]].set_visible(False)
ax.legend()
plt.show()
