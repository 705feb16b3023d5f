"""Initialisation: starts, their comparison, and split-and-merge moves."""
