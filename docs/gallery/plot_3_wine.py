"""
Wine: many features, few samples
================================

The data are 13 chemical measurements of 178 wines from three growers in Piedmont. Three full
covariances in 13 features have 273 parameters, more than there are wines. A structure with fewer
parameters is better.

With so many features, any dozen wines lie in a hyperplane, and the likelihood of a component that
collapses onto it is unbounded. ``reg_covar`` is added to every variance: 0.05 here, where each
feature has variance 1.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from skgmm import GaussianMixtureEM
from skgmm.display import MixtureDisplay

wine = load_wine(as_frame=True)
X = StandardScaler().set_output(transform="pandas").fit_transform(wine.data)

fitted = {}
print("structure  parameters      BIC   agreement with the growers")
for name in ("EII", "EEI", "VVI", "EEE", "VVE", "VVV"):
    mixture = GaussianMixtureEM(3, covariance_type=name, reg_covar=0.05, random_state=0)
    mixture.fit(X)
    fitted[name] = mixture
    agreement = adjusted_rand_score(wine.target, mixture.predict(X))
    print(f"{name:9}  {mixture.n_parameters_:10}  {mixture.bic(X):7.0f}   {agreement:.2f}")

# %%
# The likelihood of VVV is the highest, but its 314 parameters cost too much. In VVE the components
# share the axes and have their own variances along them. Its components are the growers' wines,
# except for a few bottles.
#
# A scatter plot cannot show 13 features. The principal plane shows the two directions in which the
# mixture as a whole varies most; ellipses and grey levels are those of the exact marginal mixture,
# not of a mixture fitted in the plane.

best = min(fitted.values(), key=lambda mixture: mixture.bic(X))
print(best.covariance_type_)
MixtureDisplay.from_estimator(best, X, features="principal")
plt.show()
