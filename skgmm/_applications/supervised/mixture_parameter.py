"""The parameter `mixture` of estimators that stand on a mixture, and may be None."""

from __future__ import annotations

from typing import Any, Self


class MixtureParameterMixin:
    """`set_params`, and with it grid searches, explains that None has no parameters."""

    mixture: Any
    _none_is: str  # what None stands for

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this estimator, and of its mixture as ``mixture__<name>``.

        Parameters
        ----------
        **params : dict
            Names and values. Parameters of the mixture can be set where `mixture` is not None.

        Returns
        -------
        self : estimator
        """
        nested = [name for name in params if name.startswith("mixture__")]
        if nested and params.get("mixture", self.mixture) is None:
            own = type(self).__name__
            raise ValueError(
                f"mixture is None, which has no parameter {nested[0].partition('__')[2]!r} to set. "
                f"Give the mixture whose parameters are to be set: "
                f"{own}(mixture={self._none_is})"
            )
        return super().set_params(**params)  # type: ignore[misc]
