"""Progress of a fit: verbose lines and scikit-learn's callbacks."""
