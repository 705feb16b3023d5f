"""Questions to a fitted mixture: what can be asked once its parameters are known."""

from skgmm._inference.predict import MixtureInference, mixture_of

__all__ = ["MixtureInference", "mixture_of"]
