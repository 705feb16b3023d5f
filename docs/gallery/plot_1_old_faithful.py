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

from skgmm import GaussianMixtureEM
from skgmm.display import MixtureDisplay

faithful = pd.read_csv(files("skgmm") / "data" / "faithful.csv")
for n_components in (1, 2, 3, 4):
    mixture = GaussianMixtureEM(n_components, covariance_type="tied", random_state=0).fit(faithful)
    print(f"{n_components} components: BIC {mixture.bic(faithful):.1f}")

# %%
# Three components win, narrowly. The summary has their weights, means, standard deviations and
# correlations, and how the fit ended.

best = GaussianMixtureEM(3, covariance_type="tied", random_state=0).fit(faithful)
print(best.summary())

# %%
# The picture says why it is narrow: two of the three overlap, and the hollow markers between them
# are rows that the mixture cannot tell apart. Short eruptions are one kind; long ones may be two,
# or one kind that is not quite Gaussian. BIC chooses a *density*; whether its components are
# *clusters* is for you to say, with the help of ``icl``, which puts a price on doubt.

MixtureDisplay.from_estimator(best, faithful)

# %%
for n_components in (2, 3):
    mixture = GaussianMixtureEM(n_components, covariance_type="tied", random_state=0)
    print(f"{n_components} components: ICL {mixture.fit(faithful).icl(faithful):.1f}")
