"""A user-defined covariance structure: one correlation matrix for all, separate variances."""

import numpy as np

from skgmm.covariance import Ellipsoidal, EllipsoidalStructure, MStepStatistics, register


class SharedCorrelation(EllipsoidalStructure):
    """Sigma_k = S_k C S_k with S_k diagonal: C is shared, up to the scale of its axes."""

    name = "shared-correlation"
    in_words = "ellipsoidal, equal correlations, varying variances"
    equivariant = "axes"

    def _maximise(self, statistics: MStepStatistics, previous: Ellipsoidal | None) -> Ellipsoidal:
        own = statistics.own_scatter / statistics.own_mass[:, None, None]
        Ellipsoidal.from_dense(own)  # raises an error that names components that are singular
        start = own if previous is None else previous.dense()
        scales = np.sqrt(np.diagonal(start, axis1=1, axis2=2))  # (K, d)
        weights = statistics.mass / statistics.total
        for _ in range(2000):
            # Each half of an iteration maximises over C, or over the scales, given the other.
            standard = own / (scales[:, :, None] * scales[:, None, :])
            common = np.einsum("k,kij->ij", weights, standard)
            before, scales = scales, best_scales(own, np.linalg.inv(common), scales)
            if np.abs(scales / before - 1).max() < 1e-13:
                break
        return Ellipsoidal.from_dense(common * scales[:, :, None] * scales[:, None, :])

    def n_parameters(self, n_components: int, n_features: int) -> int:
        return n_components * n_features + n_features * (n_features - 1) // 2


def best_scales(own, inverse, scales):
    """S_k that minimises 2 log|S| + tr(C^-1 S^-1 W S^-1), convex in q = 1 / s, by Newton steps."""
    q = 1.0 / scales
    for _ in range(3):
        quadratic = inverse * own  # (K, d, d)
        gradient = np.einsum("kij,kj->ki", quadratic, q) - 1.0 / q
        curvature = quadratic + np.eye(q.shape[1]) / q[:, None, :] ** 2
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        longest = np.abs(step / q).max(axis=1, keepdims=True)
        q = q - step / np.maximum(1.0, 2.0 * longest)  # q stays positive
    return 1.0 / q


register(SharedCorrelation())

if __name__ == "__main__":
    from sklearn.datasets import load_iris

    from skgmm import GaussianMixtureEM

    X = load_iris().data
    for name in ("tied", "shared-correlation", "full"):
        mixture = GaussianMixtureEM(3, covariance_type=name, random_state=0).fit(X)
        print(f"{name:20} BIC {mixture.bic(X):.1f}, {mixture.n_parameters_} free parameters")
