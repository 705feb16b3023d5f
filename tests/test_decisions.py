"""What a run of EM does next, from given gains."""

import pytest

from skgmm._kernels import Decisions, Next


def after(gains, *, level=-3.0, max_iter=1000, **options):
    """Decisions after iterations of EM with these gains, none of which ends the run."""
    decisions = Decisions(**{"tol": 1e-6, **options})
    decisions.until(max_iter)
    for gain in gains:
        assert decisions.next() is Next.ITERATE
        level += max(gain, 0.0)
        decisions.iterated(level, gain)
    return decisions


def geometric(first, rate, n):
    return [first * rate**i for i in range(n)]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9, 0.99])
def test_remaining_gain_is_that_of_a_geometric_series(rate):
    remaining = after(geometric(1.0, rate, 5)).remaining
    assert remaining == pytest.approx(sum(geometric(rate**5, rate, 5000)))


@pytest.mark.parametrize("gains", [[], [1.0], [0.5, 1.0], [0.0, 1.0]])
def test_nothing_is_known_of_what_remains_before_gains_shrink(gains):
    assert after(gains).remaining == float("inf")


def test_a_run_converges_where_little_remains():
    decisions = after(geometric(1.0, 0.1, 6))
    assert decisions.next() is Next.ITERATE
    decisions.iterated(-1.0, 1e-6)
    assert decisions.remaining == pytest.approx(1e-7, rel=0.2)
    assert decisions.next() is Next.CONVERGED
    assert decisions.next() is Next.CONVERGED


@pytest.mark.parametrize("nothing", [0.0, -1e-3, 1e-16])
def test_one_gain_of_nothing_convinces_a_resumed_run_only(nothing):
    assert after([nothing]).next() is Next.ITERATE
    assert after([nothing, nothing]).next() is Next.CONVERGED
    assert after([nothing], resumed=True).next() is Next.CONVERGED


def test_a_resumed_run_takes_its_first_gain_for_what_remains():
    assert after([1e-7], resumed=True).remaining == 1e-7
    assert after([1e-7], resumed=True).next() is Next.CONVERGED
    assert after([1e-5], resumed=True).next() is Next.ITERATE


def test_evaluations_are_counted():
    assert after([], max_iter=0).next() is Next.OUT_OF_ITERATIONS
    decisions = after([1.0, 0.9], max_iter=2)
    assert decisions.next() is Next.OUT_OF_ITERATIONS
    decisions.until(3)
    assert decisions.left == 1
    assert decisions.next() is Next.ITERATE


def test_a_run_pauses_where_less_than_asked_remains_and_goes_on_from_there():
    decisions = after(geometric(1.0, 0.5, 10))
    decisions.until(1000, pause=1e-4)
    assert not decisions.paused
    assert decisions.next() is Next.ITERATE
    decisions.until(1000, pause=1e-2)
    assert decisions.paused
    assert decisions.next() is Next.OUT_OF_ITERATIONS
    decisions.until(1000)
    assert decisions.next() is Next.ITERATE
    assert len(decisions.objectives) == 10


def test_an_m_step_from_scratch_follows_where_an_m_step_has_several_optima():
    for gain, then in [(1e-7, Next.CONVERGED), (1e-5, Next.ITERATE)]:
        decisions = after([0.0, 0.0], several_optima=True)
        assert decisions.next() is Next.FROM_SCRATCH
        decisions.evaluated(-3.0 + gain)
        assert decisions.next() is then


def test_slow_runs_are_accelerated():
    slow, fast = geometric(0.1, 0.95, 10), geometric(0.1, 0.6, 10)
    assert after(slow[:9], acceleration="auto").next() is Next.ITERATE
    assert after(slow, acceleration="auto").next() is Next.QUASI_NEWTON
    assert after(slow, acceleration=None).next() is Next.ITERATE
    assert after(fast, acceleration="auto").next() is Next.ITERATE
    assert after(fast, acceleration="lbfgs").next() is Next.QUASI_NEWTON


def test_a_run_that_ends_at_a_pause_is_accelerated_if_that_is_far():
    gains = geometric(1e-3, 0.9, 10)
    for pause, then in [(1e-3, Next.ITERATE), (1e-6, Next.QUASI_NEWTON)]:
        decisions = after(gains[:9], acceleration="auto", tol=1e-6)
        decisions.until(1000, pause, ends=True)
        decisions.iterated(-1.0, gains[9])
        assert decisions.next() is then


def test_steps_to_where_a_run_ends_need_not_be_exact():
    decisions = after(geometric(0.1, 0.95, 10), tol=1e-6)
    for ends, aim in [(False, 1e-6), (True, 1e-4)]:
        decisions.until(1000, 1e-4, ends)
        assert decisions.tol_of_steps == pytest.approx(0.1 * aim)


def test_rates_that_still_change_are_not_accelerated():
    gains = [*geometric(0.1, 0.95, 9), 0.1 * 0.95**8 * 0.9]
    assert after(gains, acceleration="auto").next() is Next.ITERATE


def test_a_slow_run_with_few_iterations_ahead_is_not_accelerated():
    gains = geometric(1e-5, 0.9, 10)  # 18 until 5e-6 is left, 34 until 1e-6
    assert after(gains, acceleration="auto", tol=5e-6).next() is Next.ITERATE
    assert after(gains, acceleration="auto", tol=1e-6).next() is Next.QUASI_NEWTON


def test_anchors_follow_each_other_while_more_is_expected():
    decisions = after(geometric(0.1, 0.95, 10), acceleration="auto")
    for _ in range(20):
        assert decisions.next() is Next.QUASI_NEWTON
        decisions.stepped(True)
    assert decisions.next() is Next.ITERATE
    decisions = after(geometric(0.1, 0.95, 10), acceleration="auto")
    assert decisions.next() is Next.QUASI_NEWTON
    decisions.stepped(False)
    assert decisions.next() is Next.ITERATE


def accelerated(gain, **options):
    """After one iteration of EM from where quasi-Newton steps led that gained so much."""
    decisions = after(geometric(0.1, 0.95, 10), acceleration="auto", **options)
    assert decisions.next() is Next.QUASI_NEWTON
    decisions.evaluated(-1.0)
    decisions.stepped(False)
    assert decisions.next() is Next.ITERATE
    decisions.iterated(-1.0 + gain, gain)
    return decisions


def test_quasi_newton_steps_are_tried_once_more_before_a_run_ends():
    decisions = accelerated(1e-12)
    assert decisions.next() is Next.QUASI_NEWTON
    decisions.stepped(False)
    assert decisions.next() is Next.CONVERGED


def test_a_run_ends_where_steps_gain_nothing_twice():
    decisions = accelerated(1e-3)
    assert decisions.next() is Next.QUASI_NEWTON
    decisions.stepped(False)
    assert decisions.next() is Next.CONVERGED


def test_steps_that_gain_less_than_em_would_are_not_made_again():
    """Where their gradient is not exact."""
    for exact in (True, False):
        decisions = after(
            geometric(0.1, 0.95, 10), level=-3.0, acceleration="auto", exact_gradient=exact
        )
        assert decisions.next() is Next.QUASI_NEWTON
        level = decisions.objectives[-1] + 1e-4
        for _ in range(10):
            decisions.evaluated(level)
        decisions.stepped(False)
        for gain in geometric(0.05, 0.95, 10):
            assert decisions.next() is Next.ITERATE
            level += gain
            decisions.iterated(level, gain)
            if exact:
                break
        assert decisions.next() is (Next.QUASI_NEWTON if exact else Next.ITERATE)
