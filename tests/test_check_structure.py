"""skgmm.testing.check_structure passes what keeps the contract, and names what is broken."""

import numpy as np
import pytest

from skgmm.covariance import Ellipsoidal, EllipsoidalStructure, find_structure
from skgmm.testing import check_structure


class Plain(EllipsoidalStructure):
    """As 'full', in Python."""

    name, in_words, equivariant = "plain", "any covariances", "affine"

    def _maximise(self, statistics, previous):
        return Ellipsoidal.from_dense(statistics.own_scatter / statistics.own_mass[:, None, None])

    def n_parameters(self, n_components, n_features):
        return n_components * n_features * (n_features + 1) // 2

    def fills_shape(self, n_components, n_features):
        return True


class MiscountedParameters(Plain):
    def n_parameters(self, n_components, n_features):
        return n_components * n_features**2


class TooWide(Plain):
    """No member has the variances that it finds."""

    def _maximise(self, statistics, previous):
        wide = super()._maximise(statistics, previous).dense()
        return Ellipsoidal.from_dense(1.01 * wide)


class Damped(Plain):
    """Regularised by a constant, which the units of the data change."""

    def _maximise(self, statistics, previous):
        dense = super()._maximise(statistics, previous).dense()
        return Ellipsoidal.from_dense(dense + 1e-3 * np.eye(dense.shape[1]))


class WithoutEmpty(Plain):
    """Divides by the mass of components that have none."""

    def _maximise(self, statistics, previous):
        with np.errstate(invalid="ignore", divide="ignore"):
            return Ellipsoidal.from_dense(statistics.scatter / statistics.mass[:, None, None])


class NeverSingular(Plain):
    def _maximise(self, statistics, previous):
        try:
            return super()._maximise(statistics, previous)
        except ValueError:
            d = statistics.scatter.shape[-1]
            return Ellipsoidal.from_dense(np.stack([np.eye(d)] * len(statistics.mass)))


def test_an_unregistered_structure_passes():
    check_structure(Plain())
    with pytest.raises(ValueError, match="covariance_type should be one of"):
        find_structure("plain")


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (MiscountedParameters, "n_parameters_is_the_dimension"),
        (TooWide, "estimate_is_a_member"),
        (Damped, "estimate_is_a_member"),
        (WithoutEmpty, "empty_component_is_no_influence"),
        (NeverSingular, "no_variance_is_an_error"),
    ],
)
def test_a_broken_structure_fails_and_the_note_says_where(broken, check):
    with pytest.raises((AssertionError, ValueError)) as caught:
        check_structure(broken())
    assert check in caught.value.__notes__[-1]
    assert "n_components=" in caught.value.__notes__[-1]
