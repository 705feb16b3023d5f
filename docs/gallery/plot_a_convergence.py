"""
When EM is slow
===============

If clusters overlap, EM takes thousands of steps whose gains decrease by a factor close to 1. The
last gain then does not tell how much remains. skgmm estimates the factor and the remaining gain,
and if EM would take long, quasi-Newton steps take over.
"""

import matplotlib.pyplot as plt

from skgmm import GaussianMixtureEM
from skgmm.display import ConvergenceDisplay

source = GaussianMixtureEM.from_parameters(
    [0.25, 0.75], [[0, 0], [2, 0]], [[[1, 0.3], [0.3, 1]], [[1, 0], [0, 1]]]
)
X, _ = source.sample(3000, random_state=1)

plain = GaussianMixtureEM(2, acceleration=None, max_iter=20_000, random_state=0).fit(X)
fast = GaussianMixtureEM(2, random_state=0).fit(X)
for name, mixture in (("plain EM", plain), ("default", fast)):
    print(f"{name:8} {mixture.n_iter_:5} evaluations, {mixture.score(X):.8f} nats per sample")

# %%
# The plots show the gap to the final log-likelihood, on a logarithmic scale. Plain EM spends
# hundreds of evaluations on a plateau, and then converges linearly. Note the different ranges of
# the horizontal axes. Plain EM also ends a millionth of a nat per sample lower, which ``tol``
# allows.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
ConvergenceDisplay.from_estimator(plain, ax=left)
ConvergenceDisplay.from_estimator(fast, ax=right)
left.set_title("plain EM", fontsize=10)
right.set_ylabel("")
right.set_title("default", fontsize=10)
plt.show()
