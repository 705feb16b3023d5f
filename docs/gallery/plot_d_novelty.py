"""
Novelties: a wine of an unknown cultivar
========================================

A laboratory knows wines of two Italian cultivars, Barolo and Grignolino, from seven measurements
each. A bottle arrives: is it one of these, or something the laboratory has never seen? Here the
third cultivar of the table, Barbera, plays the unknown wine.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import false_discovery_control
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from skgmm import GaussianMixtureEM

wine = load_wine(as_frame=True)
columns = ["alcohol", "alcalinity_of_ash", "total_phenols", "flavanoids", "color_intensity", "hue",
           "proline"]  # fmt: skip
familiar = wine.target < 2
known, fresh = train_test_split(wine.data.loc[familiar, columns], test_size=0.5, random_state=0)
calibration, fresh = train_test_split(fresh, test_size=0.5, random_state=0)
unknown = wine.data.loc[~familiar, columns]

mixture = GaussianMixtureEM(2, covariance_type="VEI", random_state=0).fit(known)

# %%
# A threshold for the density
# ---------------------------
#
# ``density_level`` gives the log-density above which a region holds a part of the probability.
# With a mass of 95 %, one in twenty familiar wines falls below and is a false alarm. That is a
# promise of the model, and an optimistic one: a fit to 65 wines describes these better than new
# ones. A level from wines that were held back makes fewer false alarms, and finds less.

levels = {
    "draws from the mixture": mixture.density_level(0.95, random_state=0),
    "wines held back": mixture.density_level(0.95, calibration),
}
for source, level in levels.items():
    print(f"level from {source}: {level:.1f}")
    for name, wines in {"known": known, "new": fresh, "Barbera": unknown}.items():
        print(f"   {name:8} {np.mean(mixture.score_samples(wines) < level):4.0%} below the level")

# %%
# Bottles that were not analysed completely
# -----------------------------------------
#
# Each analysis costs money. If a bottle has only some of the measurements, its density is that of
# fewer features, in other units: densities of different bottles cannot be compared, and
# ``density_level`` refuses them. ``outlier_p_values`` can be compared: the chi-squared tail of the
# Mahalanobis distance, with as many degrees of freedom as features were observed.

rng = np.random.default_rng(0)
fractions = [0.0, 0.25, 0.5, 0.75]
alarms = {"familiar": [], "Barbera": []}
for fraction in fractions:
    for name, wines in {"familiar": fresh, "Barbera": unknown}.items():
        incomplete = wines.mask(rng.random(wines.shape) < fraction)
        alarms[name].append(np.mean(mixture.outlier_p_values(incomplete) < 0.05))

figure, ax = plt.subplots(layout="constrained")
for (name, found), marker in zip(alarms.items(), "os", strict=True):
    ax.plot(fractions, found, marker=marker, label=name)
ax.axhline(0.05, color="0.5", ls=":")
ax.set_xlabel("part of the measurements that is missing")
ax.set_ylabel("part of the bottles with p < 0.05")
ax.set_ylim(0, 1.02)
ax.spines[["top", "right"]].set_visible(False)
ax.legend()

# %%
# The fewer measurements, the more Barbera goes unnoticed, but familiar wines do not raise more
# alarms for being incomplete.
#
# For a whole delivery, p-values can be adjusted so that of the bottles that are reported about a
# tenth are expected to be false alarms (Benjamini & Hochberg 1995). As above, a few more are.

delivery = np.concatenate([mixture.outlier_p_values(fresh), mixture.outlier_p_values(unknown)])
reported = false_discovery_control(delivery) < 0.1
is_familiar = np.repeat([True, False], [len(fresh), len(unknown)])
print(f"{reported.sum()} bottles reported, {reported[is_familiar].sum()} of them familiar wines; "
      f"{np.mean(reported[~is_familiar]):.0%} of the Barbera found")  # fmt: skip

plt.show()
