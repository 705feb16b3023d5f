"""
A known background
==================

A counter measures the energy of particles. Without a source it has been running for months, so the
energies of the background are known: a Gaussian about 5 with standard deviation 2. Now there is a
source, and the question is how many particles it sends, and of which energy. The component of the
background is held fixed, and EM estimates the rest.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from skgmm import GaussianMixtureEM

rng = np.random.default_rng(5)
energy = np.concatenate([rng.normal(5, 2, size=850), rng.normal(6.2, 0.4, size=150)])[:, None]

# %%
# What is fixed is held at the initial values. A mask says in which components: mean and covariance
# of the first one. The initial values of the second component are only where EM starts.

known = np.array([True, False])
initial = {"means_init": [[5.0], [6.0]], "precisions_init": [[[1 / 4]], [[1.0]]]}
held = GaussianMixtureEM(2, fixed={"means": known, "covariances": known}, **initial).fit(energy)
free = GaussianMixtureEM(2, **initial).fit(energy)
for name, mixture in {"background fixed": held, "everything free": free}.items():
    (weight, mean), deviation = (
        (mixture.weights_[1], mixture.means_[1, 0]),
        np.sqrt(mixture.covariances_[1, 0, 0]),
    )
    print(f"{name:17} {1000 * weight:4.0f} particles, energy {mean:.2f}, deviation {deviation:.2f}")
print("the truth          150 particles, energy 6.20, deviation 0.40")

# %%
# The background comes back to the last bit, and is not counted among the free parameters.

print(held.means_[0], held.precisions_[0], held.n_parameters_, free.n_parameters_)

# %%
grid = np.linspace(-2, 12, 400)
figure, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.hist(energy[:, 0], bins=60, density=True, color="0.85")
for mixture, colour, name in ((held, "C0", "background fixed"), (free, "C1", "everything free")):
    ax.plot(grid, np.exp(mixture.score_samples(grid[:, None])), color=colour, label=name)
ax.plot(
    grid, held.weights_[0] * norm.pdf(grid, 5, 2), color="C0", linestyle="--", label="background"
)
ax.set(xlabel="energy", ylabel="density")
ax.legend()
plt.show()
