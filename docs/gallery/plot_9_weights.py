"""
Weights: counts instead of rows
===============================

A row of weight 3 is the row three times. So data that come as a table of counts, or were thinned
out and have to be counted back, are fitted as they are. Here the waiting times of Old Faithful
are known to the nearest five minutes only: 272 rows become eleven.
"""

from importlib.resources import files

import matplotlib.pyplot as plt
import pandas as pd

from skgmm import GaussianMixtureEM
from skgmm.display import MixtureDisplay

waiting = pd.read_csv(files("skgmm") / "data" / "faithful.csv")[["waiting"]]
counts = (waiting / 5).round().mul(5).value_counts().sort_index()
binned = counts.index.to_frame(index=False)
print(counts.to_string())

# %%
# The mixture of the eleven rows is nearly that of the 272, and its BIC counts all of them.

every = GaussianMixtureEM(2, covariance_type="tied", random_state=0).fit(waiting)
weighted = GaussianMixtureEM(2, covariance_type="tied", random_state=0)
weighted.fit(binned, sample_weight=counts.to_numpy())
print(f"BIC of 272 rows {every.bic(waiting):.0f}, ", end="")
print(f"of {len(binned)} rows with counts {weighted.bic(binned, counts.to_numpy()):.0f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
MixtureDisplay.from_estimator(every, waiting, ax=left)
MixtureDisplay.from_estimator(
    weighted, binned, sample_weight=counts.to_numpy(), ax=right, legend=False
)
left.set_title("272 rows", fontsize=10)
right.set_ylabel("")
right.set_title(f"{len(binned)} rows with counts", fontsize=10)
