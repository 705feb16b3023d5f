"""
Weights: a table of counts
==========================

A sample of weight 3 counts as three samples. So a table of counts, or data with sampling weights,
can be fitted directly. Here the waiting times of Old Faithful are rounded to five minutes: 272
samples become eleven values with counts.
"""

import matplotlib.pyplot as plt

from skgmm import GaussianMixtureEM, load_faithful
from skgmm.display import MixtureDisplay

waiting = load_faithful(as_frame=True).data[["waiting"]]
counts = (waiting / 5).round().mul(5).value_counts().sort_index()
binned = counts.index.to_frame(index=False)
print(counts.to_string())

# %%
# The mixture of the eleven values is almost the same as that of the 272 samples, and its BIC counts
# all samples.

every = GaussianMixtureEM(2, covariance_type="tied", random_state=0).fit(waiting)
weighted = GaussianMixtureEM(2, covariance_type="tied", random_state=0)
weighted.fit(binned, sample_weight=counts.to_numpy())
print(f"BIC of 272 samples {every.bic(waiting):.0f}, ", end="")
print(f"of {len(binned)} values with counts {weighted.bic(binned, counts.to_numpy()):.0f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
MixtureDisplay.from_estimator(every, waiting, ax=left)
MixtureDisplay.from_estimator(
    weighted, binned, sample_weight=counts.to_numpy(), ax=right, legend=False
)
left.set_title("272 samples", fontsize=10)
right.set_ylabel("")
right.set_title(f"{len(binned)} values with counts", fontsize=10)
plt.show()
