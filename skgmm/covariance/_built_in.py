"""The M-step of built-in structures: one compiled function for all (`_kernels/m_step/`).

The same function is called by the compiled EM loop. The formulas in NumPy, which it is tested
against, are in `tests/oracle_m_steps.py`.
"""

from __future__ import annotations

import numpy as np

from skgmm._kernels import m_step
from skgmm._linalg import Array
from skgmm.covariance._base import Covariance, IllDefinedCovarianceError, covariance_of
from skgmm.covariance._structure import MStepStatistics, Structure, Ties


class BuiltIn(Structure):
    """A structure whose M-step is compiled.

    Attributes
    ----------
    m_step : str
        Its code, which tells its ties too, and is its name or an alias. Inherited, so that the
        `_maximise` of a subclass can call this one.
    """

    m_step: str

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls.compiled = vars(cls).get("m_step")
        if cls.compiled is not None:
            cls.ties, cls.name = Ties(*cls.compiled), vars(cls).get("name", cls.compiled)
            cls.aliases = () if cls.name == cls.compiled else (cls.compiled,)

    def n_parameters(self, n_components: int, n_features: int) -> int:
        # Free, or equal for all components, or those of a sphere or the features.
        free = {"V": n_components, "E": 1, "I": 0}
        volumes, shapes, rotations = map(free.__getitem__, self.m_step)
        angles = n_features * (n_features - 1) // 2
        return volumes + shapes * (n_features - 1) + rotations * angles

    def _maximise(self, statistics: MStepStatistics, previous: Covariance | None) -> Covariance:
        return covariance_of(self._factors(statistics, previous))

    def _factors(
        self,
        statistics: MStepStatistics,
        previous: Covariance | None,
        axes: Array | None = None,
        improve_axes: bool = False,
    ) -> Array:
        """Factors of the precisions, (m, d, d) or (m, d); `axes` (d, d) may be written to."""
        K, d = len(statistics.mass), statistics.scatter.shape[-1]
        m = K if "V" in self.m_step else 1
        factors = np.empty((m, d) if self.m_step.endswith("I") else (m, d, d))
        ill_defined = m_step(
            self.m_step,
            statistics.mass,
            statistics.scatter,
            statistics.own_mass,
            statistics.own_scatter,
            None if previous is None else previous.factor,
            axes,
            improve_axes,
            factors,
        )
        if ill_defined:
            raise IllDefinedCovarianceError(ill_defined)
        return factors
