"""
From data to a conclusion: breast tumours
=========================================

A whole analysis: look at the data, choose a model, check the choice, interpret the components and
their uncertainty, compare them with what is known, and write it down.

The data are measurements of the cell nuclei of 569 breast tumours (Street, Wolberg & Mangasarian
1993). We take three of them: the mean texture, and the area and the smoothness of the most
irregular nuclei. The question: **do the measurements alone show kinds of tumours, how many, and
what have these to do with the diagnosis?** The diagnosis is known but is not used until the end.
(We chose these data and features as an example because their groups can be seen.)
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import adjusted_rand_score

from skgmm import GaussianMixtureSearch, bootstrap_lrt, parameter_uncertainty
from skgmm.display import CriterionDisplay, MixtureDisplay

# %%
# The data
# --------
#
# All three are positive and skewed to the right: areas range from 185 to 4254, with a mean far
# above the median. Components of a mixture are symmetric, and would be spent on the skewness. On
# the logarithmic scale it is mostly gone. (Without logarithms BIC chooses three components, which
# share the long tail of the areas.)

cancer = load_breast_cancer(as_frame=True)
raw = cancer.data[["mean texture", "worst area", "worst smoothness"]]
X = np.log(raw)
print(pd.DataFrame({"skewness": raw.skew(), "skewness of log": X.skew()}).round(2))

# %%
# How many components, and of which shape?
# ----------------------------------------
#
# The search fits one to six components with all fourteen covariance structures. BIC balances fit
# and number of parameters; lower is better. The table has a row for each structure.

search = GaussianMixtureSearch(range(1, 7), random_state=0).fit(X)
table = pd.DataFrame(search.results_)
print(table.pivot(index="covariance_type", columns="n_components", values="bic").round(1))

# %%
# The six best models, by their distance from the best:

best_six = table.nsmallest(6, "bic")[["n_components", "covariance_type", "n_parameters", "bic"]]
print(best_six.assign(difference=best_six.bic - best_six.bic.min()).round(1).to_string(index=False))
CriterionDisplay.from_estimator(search)

# %%
# All six have two components. They differ in the structure: VEI, which is best, has axes parallel
# to the features, equal shape and different volume. A difference of 4 to the next is positive but
# not strong evidence (Kass & Raftery 1995), so BIC is clear about the number of components, and
# not about their exact shape. ICL, which has a penalty for uncertain assignments, chooses the same
# model:

by_icl = GaussianMixtureSearch(range(1, 7), criterion="icl", random_state=0).fit(X)
print(by_icl.best_n_components_, by_icl.best_covariance_type_)

# %%
# BIC is an approximation. The bootstrap of the likelihood ratio tests one component against two,
# two against three, ..., by fitting both to samples drawn from the smaller model.

test = bootstrap_lrt(X, covariance_type="VEI", max_components=2, n_bootstrap=99, random_state=0)
print(test)

# %%
# One component is rejected, with the smallest p-value that 99 replications allow. The test of two
# against three is not settled: the p-value is 0.07 here, and it was between 0.02 and 0.05 in six
# runs with other seeds or more replications, up to 999. BIC and ICL prefer two components, and we
# go on with two.

# %%
# The components
# --------------
#
# About a quarter of the tumours belong to a component of large nuclei.

mixture = search.best_estimator_
print(mixture.summary())
MixtureDisplay.from_estimator(mixture, X, features=list(X.columns))

# %%
# How certain are these numbers? Each bootstrap replication fits the mixture again, with random
# weights of the samples. The means are given in the original units: exp of the mean of a logarithm
# is a geometric mean.

large = int(mixture.means_[:, 1].argmax())
intervals = parameter_uncertainty(mixture, X, method="bootstrap", n_bootstrap=299, random_state=0)
part = intervals.weights
print(f"weight {part.estimate[large]:.2f} ({part.lower[large]:.2f} to {part.upper[large]:.2f})")
means = intervals.means
for name, k in (("large nuclei", large), ("others", 1 - large)):
    print(name)
    for j, column in enumerate(X.columns):
        values = np.exp([means.estimate[k, j], means.lower[k, j], means.upper[k, j]])
        print("   {:16} {:8.3g} ({:.3g} to {:.3g})".format(column, *values))

# %%
# Which tumours are in which?
# ---------------------------
#
# ``predict`` gives the more probable component, and one minus its probability is the uncertainty
# of the assignment. Most assignments are certain; one in six is not.

assigned_large = mixture.predict(X) == large
uncertainty = 1 - mixture.predict_proba(X).max(axis=1)
print(f"{assigned_large.sum()} of {len(X)} tumours in the component of large nuclei")
print(f"uncertainty: median {np.median(uncertainty):.3f}, "
      f"above 0.1 for {(uncertainty > 0.1).sum()} tumours")  # fmt: skip

# %%
# Comparison with the diagnosis
# -----------------------------
#
# Only now the labels. Every tumour in the component of large nuclei is malignant. But nearly a
# third of the malignant ones are in the other component.

malignant = cancer.target == 0
print(pd.crosstab(malignant.map({True: "malignant", False: "benign"}),
                  np.where(assigned_large, "large nuclei", "others"),
                  rownames=["diagnosis"], colnames=["component"]), "\n")  # fmt: skip
print(f"adjusted Rand index {adjusted_rand_score(malignant, assigned_large):.2f}")

# %%
# Does the uncertainty tell where the two differ? It does: among the certain half of the tumours
# they hardly ever differ, and among the most uncertain tenth often.

differs = malignant != assigned_large
names = ["most certain half", "next quarter", "next 15 %", "last tenth"]
groups = pd.qcut(uncertainty, [0, 0.5, 0.75, 0.9, 1], labels=names)
by_group = differs.groupby(groups, observed=True).agg(["size", "sum"])
by_group.columns = ["tumours", "differ"]
by_group["part"] = (by_group.differ / by_group.tumours).round(2)
print(by_group)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, chosen, colour, marker in (
    ("benign", ~malignant, "#0072B2", "o"),
    ("malignant", malignant, "#D55E00", "^"),
):
    left.scatter(
        X[chosen]["worst area"],
        X[chosen]["mean texture"],
        s=8 + 80 * uncertainty[chosen],
        color=colour,
        marker=marker,
        alpha=0.5,
        label=name,
    )
left.set_xlabel("log of worst area")
left.set_ylabel("log of mean texture")
left.set_title("diagnosis; large markers are uncertain", fontsize=10)
left.legend(loc="lower right")
right.bar(by_group.index, by_group.part, color="0.6")
right.set_ylabel("part that differs from the diagnosis")
right.set_title("uncertainty of the assignment", fontsize=10)
right.tick_params(axis="x", labelsize=8, rotation=15)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)

# %%
# What one would report
# ---------------------
#
# *Gaussian mixtures with one to six components and fourteen covariance structures were fitted to
# the logarithms of three measurements of 569 tumours (skgmm 0.1). BIC and ICL chose two components
# of equal shape with axes parallel to the features (VEI); all of the six best models by BIC had two
# components. A parametric bootstrap of the likelihood ratio rejected one component (p = 0.01, 99
# replications), and did not settle whether there is a third (p between 0.02 and 0.07 in seven runs
# with up to 999 replications). A component of 25 %
# (95 % interval 20 to 31 %) has nuclei about 2.7 times as large in area as the other. All 146
# tumours assigned to it were malignant, as were 66 of the 423 others; disagreement was concentrated
# in uncertain assignments.*
#
# What one would not report: that the mixture *diagnoses*. It was not fitted for that; the
# components are kinds of nuclei, and one kind contains benign and malignant tumours. To predict
# the diagnosis, fit with it: :doc:`plot_i_classifier`. And the structure was chosen on the same
# data as the intervals, which ignore that choice.

plt.show()
