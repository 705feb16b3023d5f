"""
Regression with several answers
===============================

A function is observed, and we ask for its inverse: which :math:`y` gave this :math:`x`? The classic
example of Bishop (1994) is :math:`x = y + 0.3 \\sin 2 \\pi y` and noise. For :math:`x` about 0.5
there are three answers. A Gaussian process predicts their mean, which is none of them. A Gaussian
mixture of :math:`x` and :math:`y` has a conditional density with as many modes as there are
answers.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from skgmm import GaussianMixtureEM, GaussianMixtureRegressor
from skgmm.display import ConditionalDisplay


def observed(n, seed):
    rng = np.random.default_rng(seed)
    y = rng.uniform(size=n)
    return (y + 0.3 * np.sin(2 * np.pi * y) + 0.05 * rng.normal(size=n))[:, None], y


X, y = observed(600, seed=0)
mixture = GaussianMixtureRegressor(GaussianMixtureEM(8, random_state=0)).fit(X, y)
kernel = 1.0 * RBF(0.2) + WhiteKernel(0.05)
process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0).fit(X, y)

# %%
# The density of :math:`y` given :math:`x` is that of both over that of :math:`x`. The log-density
# of both is ``score_samples`` of the joint mixture; with :math:`y` missing, it is that of
# :math:`x` alone. The mean of this over new samples says how good the predictive distributions are.


def log_density(regressor, X, y):
    joint = regressor.mixture_.score_samples(np.column_stack([X, y]))
    return joint - regressor.mixture_.score_samples(np.column_stack([X, np.full(len(X), np.nan)]))


def gaussian_log_density(mean, deviation, y):
    return -0.5 * ((y - mean) / deviation) ** 2 - np.log(deviation * np.sqrt(2 * np.pi))


new, new_y = observed(2000, seed=1)
process_density = gaussian_log_density(*process.predict(new, return_std=True), new_y)
for name, regressor, density in (
    ("Gaussian mixture", mixture, log_density(mixture, new, new_y)),
    ("Gaussian process", process, process_density),
):
    print(f"{name}: R2 {regressor.score(new, new_y):.2f}, log-density {density.mean():.2f}")

# %%
# The squared error of the means is the same: no mean can be better. The density of the mixture is
# higher by far. :class:`~skgmm.display.ConditionalDisplay` plots it: at each :math:`x` the bands
# hold 25, 50, 75 and 95 % of it. Draws from it, ``sample_y``, are answers; the mean is not.

places = np.linspace(0, 1, 200)[:, None]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
mean, std = process.predict(places, return_std=True)
axes[0].fill_between(places[:, 0], mean - 2 * std, mean + 2 * std, color="#0072B2", alpha=0.2)
axes[0].plot(places, mean, color="#0072B2", label="mean, and 2 standard deviations")
axes[0].plot(X, y, ".", color="black", ms=2, alpha=0.5)
axes[0].set_title("Gaussian process")
axes[0].set_xlabel("x")
axes[0].legend(loc="upper left")
ConditionalDisplay.from_estimator(mixture, X, y, ax=axes[1])
chosen = np.array([[0.2], [0.5], [0.8]])
draws = mixture.sample_y(chosen, 40)
axes[1].plot(np.repeat(chosen, 40), draws.ravel(), "_", color="#D55E00", zorder=4)
axes[1].set_title("Gaussian mixture, and draws given x")
axes[1].set_xlabel("x")
for ax in axes:
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.2, 1.2)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("y")
plt.show()
