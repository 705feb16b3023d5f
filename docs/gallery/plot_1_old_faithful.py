"""
Old Faithful: how many kinds of eruption?
=========================================

The geyser Old Faithful in Yellowstone erupts for one and a half to five minutes, and the next
eruption follows after 40 to 100 minutes. Härdle's 272 records are included in skgmm. Are there two
kinds of eruption, as a scatter plot suggests, or three? The criterion BIC balances the fit against
the number of parameters; lower is better.
"""

import matplotlib.pyplot as plt

from skgmm import GaussianMixtureSearch, load_faithful
from skgmm.display import CriterionDisplay, MixtureDisplay

faithful = load_faithful(as_frame=True).data
search = GaussianMixtureSearch(n_components=range(1, 8), random_state=0).fit(faithful)
CriterionDisplay.from_estimator(search)

# %%
# The search compared all fourteen covariance structures. Three components with one shared
# covariance are best, but only just: the BIC of several models with two components is higher by
# less than 10. The summary has the weights, means, standard deviations and correlations, and how
# the fit ended.

best = search.best_estimator_
print(best.summary())

# %%
# The plot shows why the difference is small: two of the three components overlap, and the
# assignment of the samples with hollow markers between them is uncertain. Short eruptions are one
# kind; long eruptions may be two kinds, or one kind that is not quite Gaussian. BIC chooses a
# *density*. Whether its components are *clusters* is for you to decide, with the help of ``icl``,
# which has a penalty for uncertain assignments.

MixtureDisplay.from_estimator(best, faithful)

# %%
# ICL chooses two components:

by_icl = GaussianMixtureSearch(range(1, 8), criterion="icl", random_state=0).fit(faithful)
print(by_icl.best_n_components_, by_icl.best_covariance_type_)
plt.show()
