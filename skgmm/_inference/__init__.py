"""Methods of a mixture with known parameters: assignment, criteria, imputation, summary."""

from skgmm._inference.predict import MixtureInference, mixture_of

__all__ = ["MixtureInference", "mixture_of"]
