"""
Model selection in a pipeline by cross-validation
=================================================

``GaussianMixtureEM`` is a scikit-learn estimator: it can be cloned, used in grid searches and
pipelines, and run in parallel like any other. Its ``score`` is the mean log-likelihood per sample,
so a grid search selects the mixture with the highest log-likelihood of held-out samples.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgmm import GaussianMixtureEM

X = load_wine().data
pipeline = make_pipeline(
    StandardScaler(),
    PCA(3),
    GaussianMixtureEM(random_state=0, escape=False),
)
K = [1, 2, 3, 4, 5]
structures = ["EEI", "VVI", "EEE", "VVV"]
search = GridSearchCV(
    pipeline,
    {"gaussianmixtureem__n_components": K, "gaussianmixtureem__covariance_type": structures},
    cv=KFold(5, shuffle=True, random_state=0),
)
search.fit(X)
print(search.best_params_)

# %%
# Held-out samples penalise superfluous parameters without a formula: the line of VVV, which has the
# most parameters, decreases when more components only fit the noise of the training samples.

scores = search.cv_results_["mean_test_score"].reshape(len(structures), len(K))
figure, ax = plt.subplots(layout="constrained")
colours, looks = ("#E69F00", "#56B4E9", "#0072B2", "#000000"), ("o-", "^--", "s-.", "D:")
for name, line, colour, look in zip(structures, scores, colours, looks, strict=True):
    ax.plot(K, line, look, color=colour, label=name)
best = np.unravel_index(scores.argmax(), scores.shape)
ax.plot(K[best[1]], scores[best], "o", ms=15, mfc="none", mec="#D55E00", mew=2)
ax.set_xticks(K)
ax.set_xlabel("number of components")
ax.set_ylabel("held-out log-likelihood (nats per sample)")
ax.spines[["top", "right"]].set_visible(False)
ax.legend()
plt.show()
