"""
A few biopsies: partly labelled data
====================================

Of 569 breast tumours the size and shape of cell nuclei were measured (Wolberg, Street &
Mangasarian). Suppose that a biopsy has told of only twenty of them whether they are malignant. A
classifier would learn from these twenty; a mixture without labels from all 569, but it does not
know what its components mean. With ``labels`` it does both.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from skgmm import GaussianMixtureEM

cancer = load_breast_cancer(as_frame=True)
columns = ["mean radius", "mean texture", "mean smoothness", "mean concavity"]
X, malignant = np.log(cancer.data[columns] + 0.01).to_numpy(), 1 - cancer.target.to_numpy()


def compared(n_known, seed):
    """Accuracy on tumours without a biopsy: a classifier, and the mixture."""
    rng = np.random.default_rng(seed)
    known = np.concatenate(
        [rng.choice(np.flatnonzero(malignant == c), n_known // 2, replace=False) for c in (0, 1)]
    )
    labels = np.full(len(X), -1)
    labels[known] = malignant[known]
    mixture = GaussianMixtureEM(2, random_state=0).fit(X, labels=labels)
    classifier = LinearDiscriminantAnalysis().fit(X[known], malignant[known])
    unknown = labels < 0
    return [np.mean(one.predict(X)[unknown] == malignant[unknown]) for one in (classifier, mixture)]


# %%
# Component 1 is the one of the tumours that are known to be malignant, whatever the start.

for n_known in (6, 10, 20, 60):
    accuracy = np.mean([compared(n_known, seed) for seed in range(4)], axis=0)
    print(
        f"{n_known:2} biopsies: linear discriminant analysis {accuracy[0]:.1%}, "
        f"mixture of all {accuracy[1]:.1%}"
    )

# %%
# With twenty biopsies: filled markers are known, hollow ones are assigned by the mixture.

rng = np.random.default_rng(1)
known = rng.choice(len(X), 20, replace=False)
labels = np.full(len(X), -1)
labels[known] = malignant[known]
assigned = GaussianMixtureEM(2, random_state=0).fit(X, labels=labels).predict(X)

figure, ax = plt.subplots(layout="constrained")
for k, name in enumerate(["benign", "malignant"]):
    own = assigned == k
    ax.scatter(
        *np.exp(X[own][:, [0, 3]]).T, s=14, facecolor="none", edgecolor=f"C{k}", linewidth=0.7
    )
    ax.scatter(*np.exp(X[labels == k][:, [0, 3]]).T, s=60, color=f"C{k}", label=f"known: {name}")
ax.set(xlabel=columns[0], ylabel=columns[3])
ax.legend()
plt.show()
