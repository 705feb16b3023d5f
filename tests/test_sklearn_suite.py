"""scikit-learn's own tests of GaussianMixture, run against GaussianMixtureEM.

The installed test modules are imported with `sklearn.mixture.GaussianMixture` replaced by a
subclass of ours of that name, and their test functions are collected here.
"""

import importlib
import sys
from unittest import mock

import numpy as np
import pytest
import sklearn.mixture
from conftest import SKLEARN

from skgmm import GaussianMixtureEM

pytestmark = [
    # Their tests run fits that do not converge on purpose, and fits on a handful of rows.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

PRIVATE = "tests private helpers of sklearn.mixture, not the public API"
EXCLUDED = {
    "test_check_weights": "expects the maximum and the minimum swapped in the message",
    "test_suffstat_sk_full": PRIVATE,
    "test_suffstat_sk_tied": PRIVATE,
    "test_suffstat_sk_diag": PRIVATE,
    "test_gaussian_suffstat_sk_spherical": PRIVATE,
    "test_compute_log_det_cholesky": PRIVATE,
    "test_gaussian_mixture_log_probabilities": PRIVATE,
    "test_gaussian_mixture_precisions_init": PRIVATE + " (_initialize, _set_parameters)",
    "test_gaussian_mixture_all_init_does_not_estimate_gaussian_parameters": PRIVATE,
    "test_gaussian_mixture_array_api_compliance": "results are NumPy arrays",
    "test_gaussian_mixture_raises_where_array_api_not_implemented": "ours converts",
}


class GaussianMixture(GaussianMixtureEM):
    def _n_parameters(self):
        return self.n_parameters_


def _load(name):
    """The named test module, imported afresh with the class replaced."""
    sys.modules.pop(name, None)
    with mock.patch.object(sklearn.mixture, "GaussianMixture", GaussianMixture):
        module = importlib.import_module(name)
    del sys.modules[name]
    return module


MODULES = [_load(f"sklearn.mixture.tests.test_{name}") for name in ("gaussian_mixture", "mixture")]

for module in MODULES:
    for name, function in vars(module).items():
        if name.startswith("test_") and name not in EXCLUDED:
            globals()[name] = function


@pytest.fixture(params=["float32", "float64"])
def global_dtype(request):
    return np.dtype(request.param)


@pytest.fixture(params=[0, 42])
def global_random_seed(request):
    return request.param


@pytest.mark.skipif(SKLEARN < (1, 9), reason="older suites have fewer tests to exclude")
def test_every_exclusion_still_exists():
    theirs = {name for module in MODULES for name in vars(module)}
    assert theirs >= EXCLUDED.keys()
