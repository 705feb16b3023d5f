"""
Iris: which rows are in doubt?
==============================

Anderson's 150 irises, four lengths and widths each, are three species. Fitted without the labels,
a mixture of three components of equal shape (VEV) finds them, and it also knows where it may be
wrong: a soft assignment is a probability for each component.
"""

import pandas as pd
from sklearn.datasets import load_iris

from skgmm import GaussianMixtureEM
from skgmm.display import MixtureDisplay, UncertaintyDisplay

iris = load_iris(as_frame=True)
X, species = iris.data, iris.target_names[iris.target]
mixture = GaussianMixtureEM(3, covariance_type="VEV", random_state=0).fit(X)

# %%
# In every pair of features the outlines hold 50 % and 95 % of each component. Filled markers are
# sure, hollow ones in doubt.

MixtureDisplay.from_estimator(mixture, X, features=list(X.columns))

# %%
# Every row is a column here, shared out by its responsibilities. *Setosa* is beyond doubt, and a
# few of the others are not.

doubt = UncertaintyDisplay.from_estimator(mixture, X)

# %%
# ``order_`` has the numbers of the rows, the most doubtful first. Five of 150 irises end in another
# species' component, and two of these are among the six that the mixture was least sure of. It can
# also be sure and wrong: what it is sure of is the component, and it has never heard of species.

table = pd.crosstab(species, mixture.predict(X), rownames=["species"], colnames=["component"])
print(table, "\n")
worst = doubt.order_[:6]
print(pd.DataFrame({"species": species[worst], "uncertainty": doubt.uncertainty_[worst].round(3)},
                   index=worst))  # fmt: skip
