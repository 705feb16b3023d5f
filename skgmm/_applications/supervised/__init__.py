"""Estimators with a target, on top of mixtures."""
