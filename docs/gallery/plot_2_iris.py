"""
Iris: which assignments are uncertain?
======================================

Anderson measured two lengths and two widths of 150 irises of three species. A mixture of three
components of equal shape (VEV), fitted without the labels, finds the species. It also shows where
it may be wrong: a soft assignment is a probability for each component.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_iris

from skgmm import GaussianMixtureEM
from skgmm.display import MixtureDisplay, UncertaintyDisplay

iris = load_iris(as_frame=True)
X, species = iris.data, iris.target_names[iris.target]
mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(X)

# %%
# In every pair of features the ellipses contain 50 % and 95 % of each component. Filled markers are
# certain assignments, hollow markers are uncertain ones.

MixtureDisplay.from_estimator(mixture, X, features=list(X.columns))

# %%
# Each sample is a column of this plot, divided according to its responsibilities. All assignments
# of *setosa* are certain, and a few of the others are not.

display = UncertaintyDisplay.from_estimator(mixture, X)

# %%
# ``order_`` holds the indices of the samples, the most uncertain first. Five of 150 irises are
# assigned to the component of another species, and two of these are among the six most uncertain
# samples. The mixture can also be certain and wrong: the certainty is about the component, and it
# never saw the species.

table = pd.crosstab(species, mixture.predict(X), rownames=["species"], colnames=["component"])
print(table, "\n")
worst = display.order_[:6]
print(pd.DataFrame({"species": species[worst], "uncertainty": display.uncertainty_[worst].round(3)},
                   index=worst))  # fmt: skip

plt.show()
