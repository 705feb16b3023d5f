"""A mixture as a distribution: marginal, conditional, distances, cdf; and functions on mixtures."""
