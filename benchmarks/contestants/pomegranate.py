"""pomegranate (PyTorch)."""

import importlib.metadata

import torch
from pomegranate.distributions import Normal
from pomegranate.gmm import GeneralMixtureModel

STRUCTURES = {"full"}


def versions():
    return f"pomegranate {importlib.metadata.version('pomegranate')} (torch {torch.__version__})"


def iterate(X, weights, means, covariances, structure, iterations):
    torch.set_default_dtype(torch.float64)
    normals = [
        Normal(torch.tensor(m), torch.tensor(c)) for m, c in zip(means, covariances, strict=True)
    ]
    mixture = GeneralMixtureModel(
        normals, priors=torch.tensor(weights), max_iter=iterations, tol=-1e300
    )
    mixture.fit(torch.as_tensor(X))
    return (
        mixture.priors.numpy(),
        torch.stack([n.means for n in mixture.distributions]).numpy(),
        torch.stack([n.covs for n in mixture.distributions]).numpy(),
    )
