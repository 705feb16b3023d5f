"""Measurement errors of any size beside collapsed and empty components: no warning of overflow."""

import numpy as np
import pytest

from skgmm import GaussianMixtureEM
from skgmm.covariance import STRUCTURES

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:sample_weight sums to:UserWarning"),
]

UNITS = [-150, -100, -20, 0, 0, 0, 20, 100, 140]
SIZES = [1e-30, 1e-12, 1e-6, 1e-2, 1, 100]


def extreme_measurements(seed):
    """Samples, errors, weights and parameters of a fit, all at random."""
    rng = np.random.default_rng(seed)
    n, d, K = (int(rng.integers(*ends)) for ends in ((6, 60), (1, 5), (1, 6)))
    unit = 10.0 ** rng.choice(UNITS, size=d if rng.random() < 0.3 else 1)
    X = rng.normal(size=(n, d))
    X[: n // 2] += rng.choice([0, 3, 10, 1000])
    if rng.random() < 0.5:
        X[: n // 3] = X[0]
    if rng.random() < 0.3:
        X = np.round(X)
    errors = rng.exponential(size=(n, d)) ** 2 * rng.choice(SIZES)
    if rng.random() < 0.3:
        errors[rng.random(n) < 0.5] = 0
    errors, X = errors * unit**2, X * unit
    if rng.random() < 0.3:
        roots = rng.normal(size=(n, d, d)) * np.sqrt(errors)[:, :, None]
        errors = roots @ roots.swapaxes(1, 2)
    if rng.random() < 0.2:
        X[rng.random(X.shape) < 0.2] = np.nan
    weights = None
    if rng.random() >= 0.6:
        weights = 10.0 ** (rng.choice([1, 10, 100]) * rng.uniform(-1, 1, size=n))
    options = {"n_components": K, "covariance_type": rng.choice(list(STRUCTURES))}
    for name, values, chance in (
        ("noise", ["auto"], 0.2),
        ("prior", ["auto"], 0.2),
        ("reg_covar", [0.0], 0.4),
        ("init_params", ["random", "random_from_data", "kmeans"], 0.3),
        ("acceleration", ["lbfgs"], 0.3),
        ("escape", [False], 0.3),
    ):
        if rng.random() < chance:
            options[name] = rng.choice(values) if len(values) > 1 else values[0]
    return X, errors, weights, options


# Each warned of an overflow, of 0 / 0, or had values that were no numbers.
@pytest.mark.parametrize("seed", [443, 544, 667, 1225, 4785, 5100])
def test_no_warning_of_arithmetic(seed):
    X, errors, weights, options = extreme_measurements(seed)
    mixture = GaussianMixtureEM(random_state=0, **options)
    mixture.fit(X, sample_weight=weights, error_covariance=errors)
    assert np.isfinite(mixture.means_).all()
    assert np.isfinite(mixture.score_samples(X, error_covariance=errors)).all()
    assert np.isfinite(mixture.predict_proba(X, error_covariance=errors)).all()
    assert np.isfinite(mixture.denoise(X, error_covariance=errors)).all()
