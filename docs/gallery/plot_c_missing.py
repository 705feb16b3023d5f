"""
Missing values: drop, fill in, or model
=======================================

Of 178 Italian wines chemists measured thirteen properties. Here a fifth of the values of five of
them is lost, as if samples had been spilt in the laboratory. Three ways to cluster what is left:
drop wines that lack a value, fill in the means, or let EM work with what was measured.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.impute import SimpleImputer
from sklearn.metrics import adjusted_rand_score

from skgmm import GaussianMixtureEM

wine = load_wine(as_frame=True)
columns = ["alcohol", "flavanoids", "color_intensity", "hue", "proline"]
X, cultivar = wine.data[columns], wine.target

rng = np.random.default_rng(0)
holes = X.mask(rng.random(X.shape) < 0.2)
whole = holes.notna().all(axis=1)
print(f"{whole.sum()} of {len(X)} wines have all five values")

# %%
# The mixture needs no parameter for missing values, and assigns wines that lack some. How well the
# three components agree with the three cultivars, which none of the fits has seen, is the adjusted
# Rand index: 1 is perfect, 0 is chance.

start = {"n_components": 3, "random_state": 0}
modelled = GaussianMixtureEM(**start).fit(holes)
means = SimpleImputer().set_output(transform="pandas").fit_transform(holes)
labels = {
    "nothing missing": GaussianMixtureEM(**start).fit_predict(X),
    "modelled": modelled.predict(holes),
    "filled with means": GaussianMixtureEM(**start).fit_predict(means),
    "dropped": GaussianMixtureEM(**start).fit(holes[whole]).predict(holes),
}
for name, found in labels.items():
    print(f"{name:18} {adjusted_rand_score(cultivar, found):.2f}")

# %%
# What was lost can be guessed from what was measured: ``impute``. A guess has its uncertainty,
# which draws show: below, the hue of wines whose hue was lost, each with 100 draws and their range
# from 5 % to 95 %.

lost = holes["hue"].isna()
guess = modelled.impute(holes[lost])[:, 3]
draws = modelled.impute(holes[lost], n_draws=100, random_state=0)[:, :, 3]
truth = X.loc[lost, "hue"].to_numpy()
low, high = np.quantile(draws, [0.05, 0.95], axis=0)
print(f"{np.mean((truth >= low) & (truth <= high)):.0%} of the true values are in the range")
for name, value in {"mean of all": holes["hue"].mean(), "impute": guess}.items():
    print(f"{name:12} root mean squared error {np.sqrt(np.mean((value - truth) ** 2)):.3f}")

# %%
figure, ax = plt.subplots(layout="constrained")
order = np.argsort(guess)
ranks = np.arange(len(order))
ax.vlines(ranks, low[order], high[order], color="#0072B2", alpha=0.4, lw=4, label="90 % of draws")
ax.plot(ranks, guess[order], "_", color="#0072B2", ms=8, label="conditional mean")
ax.plot(ranks, truth[order], ".", color="#D55E00", label="true value")
ax.set_xlabel("wines without hue, in the order of the guess")
ax.set_ylabel("hue")
ax.spines[["top", "right"]].set_visible(False)
ax.legend()
plt.show()
