"""Fixtures and hypothesis profile shared by all tests."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import sklearn
from hypothesis import HealthCheck, settings

from skgmm import _kernels
from skgmm._em import loop
from skgmm._rows import base

os.environ.setdefault("MPLBACKEND", "agg")
# Reports fit the width of the terminal: in tests that does not depend on where they run.
os.environ["COLUMNS"] = "80"

# No deadline: the first call of a test pays for imports. Derandomised: CI must not be a lottery.
settings.register_profile(
    "skgmm",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("seeded", settings.get_profile("skgmm"), derandomize=False)
settings.load_profile("skgmm")


def pytest_configure(config):
    """Look at other examples where --hypothesis-seed asks for them."""
    if config.getoption("--hypothesis-seed", None) is not None:
        settings.load_profile("seeded")


SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture
def passes(monkeypatch):
    """A list that grows by 1 with every pass over rows in memory, whoever makes it."""
    seen = []
    e_step, run = base.e_step.expectation_in_memory, loop.run

    def count_one(*arguments, **options):
        seen.append(1)
        return e_step(*arguments, **options)

    def count_all(objective, parameters, moments, decisions, *watched):
        before = len(decisions.objectives)
        best = run(objective, parameters, moments, decisions, *watched)
        seen.extend([1] * (len(decisions.objectives) - before))
        return best

    monkeypatch.setattr(base.e_step, "expectation_in_memory", count_one)
    monkeypatch.setattr(loop, "run", count_all)
    return seen


@pytest.fixture(scope="session")
def faithful():
    """Old Faithful: eruptions and waiting, (272, 2)."""
    return np.loadtxt(REFERENCE / "faithful.csv", delimiter=",", skiprows=1)


@pytest.fixture(scope="session")
def mclust():
    """Log-likelihoods, weights and parameters from R's mclust 6.0.0."""
    return json.loads((REFERENCE / "mclust.json").read_text())


@pytest.fixture(params=_kernels.available())
def instructions(request):
    """Every instruction set in turn."""
    best = _kernels.active()
    _kernels.use(request.param)
    yield request.param
    _kernels.use(best)
