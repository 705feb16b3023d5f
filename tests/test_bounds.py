"""The kernel reads nothing before or after an array: its pages are surrounded by forbidden ones."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, mmap
import numpy as np
from skgmm import GaussianMixtureEM

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)

def at_the_edge(X, end):
    '''A copy of X whose last (or first) byte is beside a page that may not be read.'''
    size = -(-X.nbytes // PAGE) * PAGE
    memory = mmap.mmap(-1, size + 2 * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (address, address + PAGE + size):
        assert libc.mprotect(ctypes.c_void_p(page), PAGE, 0) == 0
    first = PAGE + (size - X.nbytes if end else 0)
    copy = np.frombuffer(memory, X.dtype, X.size, first).reshape(X.shape)
    copy[:] = X
    return copy

rng = np.random.default_rng(0)
for d in (1, 2, 3, 5, 8, 13, 17):
    for n in (37, 1024, 1031):
        for dtype in (np.float64, np.float32):
            X = np.r_[rng.normal(size=(n - n // 3, d)), rng.normal(9, 1, (n // 3, d))].astype(dtype)
            for name in ("full", "tied", "diag"):
                for end in (True, False):
                    held = at_the_edge(X, end)
                    weight = at_the_edge(np.ones(n), end)
                    means = np.stack([X.min(axis=0), X.max(axis=0)])
                    mixture = GaussianMixtureEM(
                        2, covariance_type=name, means_init=means, max_iter=2, tol=0, escape=False
                    )
                    import warnings
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        mixture.fit(held, sample_weight=weight).predict_proba(held)
print("done")
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect of Linux")
def test_nothing_is_read_beyond_the_data():
    result = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "done"
