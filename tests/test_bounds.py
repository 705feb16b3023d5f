"""The kernel reads nothing before or after an array: a page that may not be read is beside it."""

import subprocess
import sys
import textwrap

import pytest

from skgmm import _kernels

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect of Linux")

PREAMBLE = textwrap.dedent("""
    import ctypes, itertools, mmap, sys, warnings
    import numpy as np
    from skgmm import GaussianMixtureEM, _kernels
    from skgmm._moments import Scatter
    from skgmm._parameters import MixtureParameters
    from skgmm._rows.base import InMemoryRows
    from skgmm.covariance._base import AxisAligned, Ellipsoidal

    warnings.simplefilter("ignore")
    PAGE = mmap.PAGESIZE
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def at_the_edge(array, end):
        '''A copy whose last (or first) byte is beside a page that may not be read.'''
        size = -(-array.nbytes // PAGE) * PAGE
        memory = mmap.mmap(-1, size + 2 * PAGE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for page in (address, address + PAGE + size):
            assert libc.mprotect(page, PAGE, 0) == 0, ctypes.get_errno()
        copy = np.frombuffer(memory, array.dtype, array.size, PAGE + (size - array.nbytes) * end)
        copy = copy.reshape(array.shape, order="F" if array.flags.f_contiguous else "C")
        copy[...] = array
        return copy
""")

READ_BEYOND = "x = at_the_edge(np.ones(3), {end}); ctypes.string_at(x.ctypes.data - {before}, 25)"

PASSES = textwrap.dedent("""
    rng = np.random.default_rng(0)

    def visit(X, weight, parameters, forms):
        for form, weights in itertools.product(forms, (None, weight)):
            InMemoryRows(X, weights).expectation(parameters, form)
        rows = InMemoryRows(X, weight)
        rows.log_responsibilities(parameters)
        rows.labels(parameters)
        rows.partition_moments(rows.responsibilities(parameters), 3, Scatter.FULL)

    sizes = itertools.product((2, 9, 15, 17, 33), (1, 2, 3, 5, 8, 13, 17))
    layouts = itertools.product("CF", (np.float64, np.float32), (True, False))
    for (n, d), (order, dtype, end) in itertools.product(sizes, layouts):
        X = at_the_edge(np.asarray(rng.normal(size=(n, d)), dtype=dtype, order=order), end)
        weight = at_the_edge(rng.uniform(0.5, 2.0, size=n), end)
        means = at_the_edge(rng.normal(size=(3, d)), end)
        for m in (1, 3):
            diagonal = AxisAligned(at_the_edge(np.full((m, d), 2.0), end))
            visit(X, weight, MixtureParameters(np.zeros(3), means, diagonal), [Scatter.DIAGONAL])
            dense = Ellipsoidal(at_the_edge(np.tile(np.eye(d), (m, 1, 1)), end))
            forms = [Scatter.FULL, Scatter.POOLED]
            visit(X, weight, MixtureParameters(np.zeros(3), means, dense), forms)
    print("done")
""")

FITS = textwrap.dedent("""
    rng = np.random.default_rng(0)
    for d, n, dtype in itertools.product((1, 3, 8, 17), (37, 1024, 1031), "fd"):
        X = np.r_[rng.normal(size=(n - n // 3, d)), rng.normal(9, 1, (n // 3, d))].astype(dtype)
        for name, end in itertools.product(("full", "tied", "diag"), (True, False)):
            held, weight = at_the_edge(X, end), at_the_edge(np.ones(n), end)
            mixture = GaussianMixtureEM(
                2, covariance_type=name, random_state=0, max_iter=2, tol=0, escape=False
            )
            mixture.fit(held, sample_weight=weight).predict_proba(held)
    print("done")
""")


def run(instructions, code):
    use = f"\n_kernels.use({instructions!r})\n"
    return subprocess.run(
        [sys.executable, "-P", "-c", PREAMBLE + use + code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(("end", "before"), [(True, 0), (False, 1)])
def test_a_read_beyond_an_array_ends_the_process(end, before):
    """So that the tests below prove something."""
    code = READ_BEYOND.format(end=end, before=before)
    assert run(_kernels.active(), code).returncode < 0


@pytest.mark.parametrize("code", [PASSES, FITS], ids=["passes", "fits"])
def test_nothing_is_read_beyond_the_arrays(instructions, code):
    ended = run(instructions, code)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout == "done\n"
