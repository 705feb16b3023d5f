"""Named, seeded problems: rows, and a start from which every contestant takes the same steps."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Problem:
    """Sizes of a problem; `make` draws it."""

    structure: str
    n_samples: int
    n_features: int
    n_components: int
    dtype: str = "float64"
    iterations: int = 5

    @property
    def name(self) -> str:
        tail = "" if self.dtype == "float64" else f" {self.dtype}"
        sizes = f"{self.n_samples} x {self.n_features} K={self.n_components}"
        return f"{self.structure} {sizes}{tail}"

    def make(self) -> dict[str, np.ndarray]:
        """Rows X from overlapping clusters, and weights, means and covariances of the start.

        The start: rows drawn as means, equal weights, the covariance of all rows for all.
        """
        rng = np.random.default_rng(0)
        K, d = self.n_components, self.n_features
        centres = 3.0 / np.sqrt(d) * rng.normal(size=(K, d))
        labels = rng.integers(K, size=self.n_samples)
        X = centres[labels] + rng.normal(size=(self.n_samples, d))
        means = X[rng.choice(self.n_samples, size=K, replace=False)]
        covariance = np.cov(X.T, bias=True).reshape(d, d)
        variances = np.diag(covariance)
        covariances = {
            "full": np.repeat(covariance[None], K, axis=0),
            "tied": covariance,
            "diag": np.repeat(variances[None], K, axis=0),
            "spherical": np.full(K, variances.mean()),
        }[self.structure]
        return {
            "X": X.astype(self.dtype),
            "weights": np.full(K, 1.0 / K),
            "means": means,
            "covariances": covariances,
        }


QUICK = [
    Problem("full", 300, 2, 3, iterations=100),
    Problem("full", 150_000, 3, 8),
    Problem("full", 60_000, 12, 12),
    Problem("full", 40_000, 32, 16),
    Problem("full", 15_000, 80, 6),
    Problem("diag", 100_000, 16, 24),
    Problem("tied", 100_000, 8, 10),
    Problem("spherical", 100_000, 4, 12),
]

ALL = [
    *QUICK,
    Problem("full", 2_000, 4, 4, iterations=50),
    Problem("full", 200_000, 1, 4),
    Problem("full", 20_000, 128, 8),
    Problem("full", 50_000, 8, 128),
    Problem("full", 60_000, 12, 12, dtype="float32"),
    Problem("full", 1_000_000, 8, 16, iterations=2),
    Problem("diag", 1_000_000, 16, 16, iterations=2),
    Problem("diag", 20_000, 100, 10),
    Problem("tied", 50_000, 32, 16),
    Problem("spherical", 200_000, 32, 16),
]
