"""The scale of the features of samples, wherever these are."""

from __future__ import annotations

from skgmm._moments import Scatter
from skgmm._rows.base import InMemoryRows, Rows
from skgmm._rows.feature_scale import FeatureScale


def scale_of_rows(rows: Rows) -> FeatureScale:
    """Robust variances of the features, and the steps of coarse ones."""
    if isinstance(rows, InMemoryRows) and rows.scan is not None:
        return rows.scan.scale_of(0)
    sample = rows.scale_sample()
    scale = FeatureScale.of(sample.rows, sample.weights)
    if sample.complete or scale.variances.all():
        return scale
    overall = rows.overall_moments(Scatter.DIAGONAL)  # a sample may miss a rare value
    return scale.with_variances(*overall.feature_variances())
