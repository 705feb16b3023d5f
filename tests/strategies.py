"""Mixtures and data for property-based tests."""

import numpy as np
from hypothesis import strategies as st

from skgmm import GaussianMixtureEM
from skgmm._moments import Moments
from skgmm._parameters import MixtureParameters
from skgmm.covariance import STRUCTURES

structures = st.sampled_from(sorted(STRUCTURES))
seeds = st.integers(0, 2**32 - 1)


def random_mixture(seed, n_components, n_features, name, spread=3.0):
    """A valid mixture with random parameters, as MixtureParameters of the structure."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n_components, n_features, n_features)) + 2 * np.eye(n_features)
    dense = root @ np.swapaxes(root, -1, -2) / n_features + 0.3 * np.eye(n_features)
    weights = rng.dirichlet(np.full(n_components, 5.0))
    means = spread * rng.normal(size=(n_components, n_features))
    covariance = nearest_member(STRUCTURES[name], weights, dense)
    return MixtureParameters.from_weights(weights, means, covariance)


def nearest_member(structure, mass, dense):
    """The covariance of the structure that an M-step finds for these of the components."""
    scatter = structure.scatter.from_dense(mass[:, None, None] * dense)
    means = np.zeros(dense.shape[:2])
    moments = Moments(structure.scatter, mass, means, scatter, 0.0, mass.sum())
    return structure.estimate(moments)


@st.composite
def mixtures(draw, max_components=4, max_features=4):
    """A structure's name and a mixture in it."""
    name = draw(structures)
    n_components = draw(st.integers(1, max_components))
    n_features = draw(st.integers(1, max_features))
    return name, random_mixture(draw(seeds), n_components, n_features, name)


@st.composite
def problems(draw, max_components=3, max_features=3, min_rows=60, max_rows=200):
    """A structure's name, rows from a mixture (n, d), and responsibilities to start from (n, K)."""
    name = draw(structures)
    n_components = draw(st.integers(1, max_components))
    n_features = draw(st.integers(1, max_features))
    seed = draw(seeds)
    spread = draw(st.sampled_from([1, 3]))
    n_samples = draw(st.integers(min_rows, max_rows))
    return problem_of(name, n_components, n_features, seed, spread, n_samples)


def problem_of(name, n_components, n_features, seed, spread, n_samples):
    """One of the `problems`."""
    source = random_mixture(seed, n_components, n_features, "full", spread)
    X, _ = source.draw(n_samples, np.random.RandomState(seed))
    rng = np.random.default_rng(seed)
    return name, X, rng.dirichlet(np.ones(n_components), size=n_samples)


def as_estimator(parameters, name):
    """An estimator with these parameters."""
    covariances, _, _ = STRUCTURES[name].public(parameters.covariance, parameters.n_components)
    return GaussianMixtureEM.from_parameters(
        parameters.weights, parameters.means, covariances, covariance_type=name
    )


def start_of(mixture):
    """Constructor arguments that start a fit where `mixture` is."""
    return {
        "n_components": len(mixture.weights_),
        "covariance_type": mixture.covariance_type_,
        "weights_init": mixture.weights_,
        "means_init": mixture.means_,
        "precisions_init": mixture.precisions_,
    }
