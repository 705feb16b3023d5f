"""
Old Faithful: how many kinds of eruption?
=========================================

The geyser Old Faithful in Yellowstone erupts for one and a half to five minutes, and then lets
people wait for 40 to 100. Härdle's 272 records come with skgmm. Are there two kinds of eruption,
as the eye says, or three? The criterion BIC weighs fit against the number of parameters; lower is
better.
"""

from importlib.resources import files

import pandas as pd

from skgmm import GaussianMixtureSearch
from skgmm.display import CriterionDisplay, MixtureDisplay

faithful = pd.read_csv(files("skgmm") / "data" / "faithful.csv")
search = GaussianMixtureSearch(n_components=range(1, 8), random_state=0).fit(faithful)
CriterionDisplay.from_estimator(search)

# %%
# That was all fourteen covariance structures. Three components that share one covariance win,
# narrowly: several models of two components are within ten of them. The summary has the weights,
# means, standard deviations and correlations, and how the fit ended.

best = search.best_estimator_
print(best.summary())

# %%
# The picture says why it is narrow: two of the three overlap, and the hollow markers between them
# are rows that the mixture cannot tell apart. Short eruptions are one kind; long ones may be two,
# or one kind that is not quite Gaussian. BIC chooses a *density*; whether its components are
# *clusters* is for you to say, with the help of ``icl``, which puts a price on doubt.

MixtureDisplay.from_estimator(best, faithful)

# %%
# ICL sees no reason for the third component:

by_icl = GaussianMixtureSearch(range(1, 8), criterion="icl", random_state=0).fit(faithful)
print(by_icl.best_n_components_, by_icl.best_covariance_type_)
