"""Following a fit: scikit-learn's callbacks, and the lines that verbose asks for."""

import importlib.util
import logging
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from unittest import mock

import numpy as np
import pytest
from conftest import SKLEARN
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skgmm import GaussianMixtureEM, GaussianMixtureSearch, _sklearn_compat
from skgmm._inference import representation as _representation
from skgmm._progress import Watchers
from skgmm.covariance import STRUCTURES

# Fits that are cut short on purpose; the sentences that matter are looked for with pytest.warns.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

needs_callbacks = pytest.mark.skipif(SKLEARN < (1, 9), reason="scikit-learn 1.9 has callbacks")


class Recorder:
    """A callback that notes what it is told, and stops where it is asked to.

    Parameters
    ----------
    stop : callable or None
        From the name of the task that ended and the number of tasks of that name that have ended
        to whether to stop there.
    """

    def __init__(self, stop=None):
        self.stop = stop
        self.events, self.mixtures, self.scores = [], [], []

    def names(self, event):
        return [name for kind, name in self.events if kind == event]

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, X=None, metadata=None, fitted_estimator=None):
        self.events.append(("end", context.task_name))
        if context.task_name == "iteration":
            self.scores.append(fitted_estimator.score(X, **(metadata or {})))
        name = context.task_name
        return self.stop is not None and self.stop(name, self.names("end").count(name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))


def slow(**parameters):
    """A fit of many iterations: plain EM on overlapping clusters."""
    options = {"tol": 0.0, "max_iter": 30, "acceleration": None, "random_state": 0}
    return GaussianMixtureEM(2, init_params="random", **(options | parameters))


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 2.0])


@needs_callbacks
def test_a_fit_is_a_tree_of_tasks(rows):
    recorder = Recorder()
    mixture = GaussianMixtureEM(2, random_state=0).set_callbacks(recorder).fit(rows)
    assert recorder.names("setup") == recorder.names("teardown") == ["fit"]
    for event in ("begin", "end"):
        names = recorder.names(event)
        assert names.count("fit") == names.count("start") == 1
        assert names.count("iteration") == mixture.n_iter_
    assert recorder.names("begin")[:3] == ["fit", "start", "iteration"]
    assert recorder.names("end")[-2:] == ["start", "fit"]


@needs_callbacks
def test_callbacks_do_not_change_the_result(rows):
    plain = GaussianMixtureEM(3, n_init=3, random_state=0).fit(rows)
    watched = clone(plain).set_callbacks(Recorder()).fit(rows)
    assert_bit_identical(watched, plain)


def assert_bit_identical(mixture, other):
    """All fitted attributes, and those that are kept for later calls."""
    attributes = {name for name in vars(mixture) | vars(other) if name.endswith("_")}
    assert {"means_", "lower_bounds_", "n_iter_", "converged_"} <= attributes
    for name in sorted(attributes):
        np.testing.assert_equal(getattr(mixture, name), getattr(other, name), err_msg=name)


def data_of(size):
    """Overlapping clusters: for the compiled loop, with more features, and for the general code."""
    n, d = size
    rng = np.random.default_rng(0)
    means = 1.5 * rng.normal(size=(3, d)) / np.sqrt(d)
    return means[rng.integers(3, size=n)] + rng.normal(size=(n, d)) * rng.uniform(0.5, 1.5, size=d)


@needs_callbacks
@pytest.mark.parametrize("size", [(200, 2), (400, 6), (1200, 18)], ids=str)
@pytest.mark.parametrize("name", STRUCTURES)
def test_a_fit_is_bit_identical_with_a_callback_and_with_verbose(name, size):
    X = data_of(size).astype(np.float32 if name == "diag" else np.float64)
    plain = GaussianMixtureEM(3, covariance_type=name, random_state=0, max_iter=60).fit(X)
    verbose = clone(plain).set_params(verbose=1).fit(X)
    assert_bit_identical(clone(plain).set_callbacks(Recorder()).fit(X), plain)
    verbose.set_params(verbose=0)
    assert_bit_identical(verbose, plain)


def test_quasi_newton_steps_are_bit_identical_with_verbose(rows):
    """Where there are many, and a start that must be left for a better one."""
    options = {"acceleration": "lbfgs", "tol": 1e-10, "random_state": 0}
    for name in ("full", "EVE", "VEV", "tied"):
        plain = GaussianMixtureEM(3, covariance_type=name, **options).fit(rows)
        verbose = GaussianMixtureEM(3, covariance_type=name, verbose=2, **options).fit(rows)
        assert plain.n_iter_ > 15
        assert_bit_identical(verbose, plain)


@needs_callbacks
def test_callbacks_see_the_mixture_so_far(rows):
    """The fitted estimator of each iteration has the log-likelihood that the fit says it has."""
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(rows))
    recorder = Recorder()
    mixture = slow().set_callbacks(recorder).fit(rows, sample_weight=weights)
    np.testing.assert_allclose(recorder.scores, mixture.lower_bounds_, rtol=1e-8)
    assert recorder.scores[-1] == pytest.approx(mixture.score(rows, sample_weight=weights))


@needs_callbacks
def test_a_callback_stops_a_fit(rows):
    recorder = Recorder(stop=lambda name, count: name == "iteration" and count == 3)
    mixture = slow().set_callbacks(recorder)
    with pytest.warns(UserWarning, match="A callback stopped the fit"):
        mixture.fit(rows)
    assert mixture.status_ == "stopped by callback"
    assert not mixture.converged_
    assert mixture.n_iter_ == 3
    assert mixture.lower_bound_ == pytest.approx(mixture.score(rows))
    assert recorder.names("teardown") == ["fit"]


@needs_callbacks
def test_stopped_fit_can_continue(rows):
    recorder = Recorder(stop=lambda name, count: name == "iteration" and count == 5)
    mixture = slow(warm_start=True, max_iter=8).set_callbacks(recorder)
    with pytest.warns(UserWarning, match="A callback stopped the fit"):
        mixture.fit(rows)
    halfway = mixture.lower_bound_
    mixture.set_callbacks()
    mixture.fit(rows)
    assert mixture.lower_bound_ > halfway


@needs_callbacks
def test_a_quasi_newton_search_can_be_stopped(rows):
    """L-BFGS is compiled; a callback reaches it there."""
    full = slow(acceleration="lbfgs", max_iter=1000, tol=1e-9).fit(rows)
    recorder = Recorder(stop=lambda name, count: name == "iteration" and count == 14)
    mixture = clone(full).set_callbacks(recorder)
    with pytest.warns(UserWarning, match="A callback stopped the fit"):
        mixture.fit(rows)
    assert mixture.n_iter_ == 14 < full.n_iter_


@needs_callbacks
def test_a_search_for_a_better_optimum_can_be_stopped(faithful):
    """After convergence too, and what was better so far is what is returned."""
    whole = GaussianMixtureEM(3, random_state=0).set_callbacks(Recorder()).fit(faithful)
    recorder = Recorder(stop=lambda name, count: name == "iteration" and count == whole.n_iter_)
    mixture = GaussianMixtureEM(3, random_state=0).set_callbacks(recorder)
    with pytest.warns(UserWarning, match="A callback stopped the fit"):
        mixture.fit(faithful)
    assert mixture.status_ == "stopped by callback"
    assert mixture.lower_bounds_ == whole.lower_bounds_
    assert mixture.lower_bound_ == pytest.approx(mixture.score(faithful))


@needs_callbacks
def test_a_callback_stops_the_starts(rows):
    recorder = Recorder(stop=lambda name, count: name == "start" and count == 2)
    mixture = GaussianMixtureEM(2, n_init=5, random_state=0, n_jobs=1).set_callbacks(recorder)
    mixture.fit(rows)
    assert recorder.names("begin").count("start") == 2
    assert mixture.status_ == "converged"
    chosen = dict(zip(mixture.starts_["start"], mixture.starts_["status"], strict=True))
    assert chosen[4] == "stopped by callback before it began"


@needs_callbacks
def test_parallel_starts_are_separate_tasks():
    X = np.random.default_rng(0).normal(size=(100_000, 4))
    recorder = Recorder()
    mixture = GaussianMixtureEM(
        2, n_init=3, init_params="random", max_iter=2, tol=0, random_state=0, n_jobs=2
    )
    mixture.set_callbacks(recorder).fit(X)
    assert recorder.names("begin").count("start") == recorder.names("end").count("start") == 3
    assert recorder.names("end").count("iteration") == 6


@needs_callbacks
def test_a_failed_fit_ends_its_callbacks_and_leaves_the_estimator_as_it_was(rows):
    recorder = Recorder()
    mixture = GaussianMixtureEM(2, random_state=0).fit(rows).set_callbacks(recorder)
    before = dict(vars(mixture))
    with pytest.raises(ValueError, match="contains NaN"):
        mixture.fit(np.full((5, 2), np.nan))
    assert recorder.names("setup") == recorder.names("teardown") == ["fit"]
    assert vars(mixture) == before


@needs_callbacks
def test_a_failing_callback_leaves_the_estimator_as_it_was(rows):
    def fail(name, count):
        raise RuntimeError("enough")

    mixture = GaussianMixtureEM(2, random_state=0).fit(rows).set_callbacks(Recorder(stop=fail))
    before = dict(vars(mixture))
    with pytest.raises(RuntimeError, match="enough"):
        mixture.fit(rows)
    assert vars(mixture) == before


@needs_callbacks
def test_a_failed_start_is_a_task_that_ends(rows):
    calls = []

    def first_fails(X, n_components, random_state, sample_weight):
        calls.append(1)
        labels = (X[:, 0] > 1.0).astype(int)
        return labels if len(calls) > 1 else np.r_[0, np.ones(len(X) - 1, dtype=int)]

    recorder = Recorder()
    mixture = GaussianMixtureEM(2, n_init=2, init_params=first_fails, reg_covar=0, n_jobs=1)
    mixture.set_callbacks(recorder).fit(rows)
    assert mixture.starts_["status"][0].startswith("failed")
    assert recorder.names("end").count("start") == 2


@needs_callbacks
def test_callbacks_of_a_fit_without_iterations(rows):
    recorder = Recorder()
    slow(max_iter=0).set_callbacks(recorder).fit(rows)
    assert recorder.names("end") == ["start", "fit"]


@needs_callbacks
def test_progress_bar_of_a_fit(rows, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    mixture = GaussianMixtureEM(2, n_init=2, random_state=0).set_callbacks(ProgressBar())
    mixture.fit(rows)
    printed = capsys.readouterr().out
    assert "GaussianMixtureEM - fit" in printed
    assert "start #1" in printed
    assert "100%" in printed
    assert pickle.loads(pickle.dumps(mixture)).score(rows) == mixture.score(rows)


@needs_callbacks
def test_progress_bar_of_a_grid_search(rows, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    search = GridSearchCV(GaussianMixtureEM(random_state=0), {"n_components": [1, 2]}, cv=2)
    search.set_callbacks(ProgressBar()).fit(rows)
    printed = capsys.readouterr().out
    assert "GridSearchCV - fit" in printed
    assert "GaussianMixtureEM - fit" in printed


@needs_callbacks
def test_scoring_monitor_scores_each_iteration(rows):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring={"density": lambda mixture, X, y: mixture.score(X)})
    mixture = slow(max_iter=4).set_callbacks(monitor).fit(rows, np.zeros(len(rows)))
    log = monitor.get_logs().data
    scores = [row["density"] for row in log if row["task_name"] == "iteration"]
    np.testing.assert_allclose(scores, mixture.lower_bounds_, rtol=1e-8)


@needs_callbacks
@pytest.mark.parametrize(("criterion", "n_fits"), [("bic", 6), ("log_likelihood", 18)])
def test_a_search_is_a_task_for_each_fit(rows, criterion, n_fits):
    recorder = Recorder()
    search = GaussianMixtureSearch(
        (1, 2, 3), ("full", "tied"), criterion, cv=2, random_state=0, n_jobs=2
    )
    plain = clone(search).fit(rows)
    search.set_callbacks(recorder).fit(rows)
    assert search.best_score_ == plain.best_score_
    for event in ("begin", "end"):
        assert recorder.names(event).count("fit") == 1
        assert len(recorder.names(event)) == n_fits + 1
    assert "full, 1 component" in recorder.names("begin")
    assert recorder.names("teardown") == ["fit"]


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_callback_stops_a_search(rows, n_jobs):
    """The models that are there are kept, as after an interrupt."""
    recorder = Recorder(stop=lambda name, count: name == "full, 2 components")
    search = GaussianMixtureSearch((1, 2, 3), ("full", "tied"), random_state=0, n_jobs=n_jobs)
    with pytest.warns(UserWarning, match="The search was interrupted"):
        search.set_callbacks(recorder).fit(rows)
    assert search.best_n_components_ in (1, 2)
    assert "full, 3 components" not in recorder.names("begin")


@needs_callbacks
def test_a_callback_stops_a_cross_validation(rows):
    def stopped_after(n_fits):
        recorder = Recorder(stop=lambda name, count: len(recorder.names("end")) == n_fits)
        search = GaussianMixtureSearch((1, 2), "full", "log_likelihood", cv=2, random_state=0)
        return search.set_callbacks(recorder).fit(rows)

    with pytest.warns(UserWarning, match="interrupted during its cross-validation"):
        assert np.isfinite(stopped_after(4).best_score_)
    with pytest.raises(Exception, match="before a model could be chosen"):
        stopped_after(1)


@needs_callbacks
def test_a_failed_search_ends_its_callbacks(rows):
    recorder = Recorder()
    search = GaussianMixtureSearch((1, 2)).set_callbacks(recorder)
    before = dict(vars(search))
    with pytest.raises(ValueError, match="NaN"):
        search.fit(np.full_like(rows, np.nan))
    assert recorder.names("setup") == recorder.names("teardown") == ["fit"]
    assert vars(search) == before


@needs_callbacks
def test_progress_bar_of_our_search(rows, capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    search = GaussianMixtureSearch((1, 2), "full", random_state=0).set_callbacks(ProgressBar())
    search.fit(rows)
    printed = capsys.readouterr().out
    assert "GaussianMixtureSearch - fit" in printed
    assert "100%" in printed


def test_old_scikit_learn_without_callbacks(rows, monkeypatch):
    """The module that hides the differences, as an older scikit-learn would have it."""
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("older", _sklearn_compat.__file__)
    older = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(older)
    bases = [
        older.CallbackSupportMixin if base is _sklearn_compat.CallbackSupportMixin else base
        for base in GaussianMixtureEM.__bases__
    ]
    body = {
        name: value
        for name, value in vars(GaussianMixtureEM).items()
        if name not in ("__dict__", "__weakref__")
    }
    body["__module__"] = "older"  # not one of the estimators that JSON can name
    mixture = type("GaussianMixtureEM", tuple(bases), body)(2, random_state=0).fit(rows)
    assert not hasattr(mixture, "set_callbacks")
    assert mixture.lower_bounds_ == GaussianMixtureEM(2, random_state=0).fit(rows).lower_bounds_


# Lines


def printed_by(fit, capsys):
    """Lines that a fit prints where logging is not configured, as in a notebook.

    (pytest configures it for each test.)
    """
    with mock.patch.object(logging.getLogger(), "handlers", []):
        fit()
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_verbose_prints_where_logging_is_not_configured(rows, capsys):
    mixture = GaussianMixtureEM(2, random_state=0, verbose=1, verbose_interval=1)
    lines = printed_by(lambda: mixture.fit(rows), capsys)
    assert lines[0] == "start 0"
    assert lines[1].startswith("start 0, evaluation 1: log-likelihood ")
    assert f"log-likelihood {mixture.lower_bounds_[2]:.6f} nats per sample" in lines[3]
    assert "remaining gain" in lines[3]
    assert lines[-1].startswith(f"start 0: converged after {mixture.n_iter_} evaluations")
    assert len(lines) == mixture.n_iter_ + 2


def test_verbose_2_adds_gain_and_time(rows, capsys):
    mixture = GaussianMixtureEM(2, random_state=0, verbose=2, verbose_interval=1)
    line = printed_by(lambda: mixture.fit(rows), capsys)[1]
    assert ", gain " in line
    assert line.endswith(" s")


def test_silent_by_default(rows, capsys):
    assert printed_by(lambda: GaussianMixtureEM(2, random_state=0).fit(rows), capsys) == []


@pytest.mark.parametrize("criterion", ["bic", "log_likelihood"])
def test_a_verbose_search_prints_a_line_for_each_model(criterion, rows, capsys):
    """Folds count too, so that the last line is that of n of n."""
    search = GaussianMixtureSearch(
        [1, 2], ["full", "diag"], criterion, cv=2, random_state=0, n_jobs=1, verbose=1
    )
    lines = printed_by(lambda: search.fit(rows), capsys)
    n_models = 4 if criterion == "bic" else 12
    numbers = [line.split(":")[0] for line in lines]
    assert numbers == [f"model {i + 1} of {n_models}" for i in range(n_models)]
    total = search.results_["log_likelihood"][0]
    assert f"diag, n_components=1: log-likelihood {total:.3f} nats, converged" in lines[0]


def test_verbose_interval(rows, capsys):
    lines = printed_by(lambda: slow(verbose=1, verbose_interval=7).fit(rows), capsys)
    told = [line for line in lines if "evaluation " in line]
    assert [line.split(":")[0].split()[-1] for line in told] == ["7", "14", "21", "28"]


def test_verbose_uses_configured_logging(rows, capsys, caplog):
    """One line in the user's log, and none on the screen beside it."""
    GaussianMixtureEM(2, random_state=0, verbose=1, verbose_interval=1).fit(rows)
    assert capsys.readouterr().out == ""
    assert {(record.name, record.levelname) for record in caplog.records} == {("skgmm", "INFO")}
    assert caplog.messages[0] == "start 0"


def test_logger_level_silences_verbose(rows, caplog):
    caplog.set_level(logging.WARNING, logger="skgmm")
    GaussianMixtureEM(2, random_state=0, verbose=1, verbose_interval=1).fit(rows)
    assert not caplog.messages


@pytest.mark.slow
def test_logging_configured_after_a_fit_prints_no_line_twice():
    code = """
import logging, sys
from skgmm import GaussianMixtureEM
X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
GaussianMixtureEM(random_state=0, verbose=1).fit(X)
logging.basicConfig(stream=sys.stdout)
GaussianMixtureEM(random_state=0, verbose=1).fit(X)
"""
    result = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    )
    lines = result.stdout.splitlines()
    assert lines[0] == "start 0"
    assert lines.count("start 0") == lines.count("INFO:skgmm:start 0") == 1
    assert result.stderr == ""


@pytest.mark.slow
def test_importing_sets_up_no_logging():
    code = """
import logging
import skgmm
logger = logging.getLogger("skgmm")
assert (logger.handlers, logger.level, logger.propagate) == ([], logging.NOTSET, True)
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_verbose_with_the_root_logger_at_its_default_level(rows, caplog):
    assert logging.getLogger().level == logging.WARNING
    GaussianMixtureEM(2, random_state=0, verbose=1).fit(rows)
    assert caplog.messages


def test_logging_that_is_disabled_silences_verbose(rows, caplog, capsys):
    logging.disable(logging.INFO)
    try:
        lines = printed_by(lambda: GaussianMixtureEM(2, verbose=1).fit(rows), capsys)
    finally:
        logging.disable(logging.NOTSET)
    assert lines == caplog.messages == []


def test_logging_handler_gets_the_lines_instead_of_the_screen(rows, capsys):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("skgmm")
    logger.addHandler(handler)
    try:
        lines = printed_by(lambda: GaussianMixtureEM(2, verbose=1).fit(rows), capsys)
    finally:
        logger.removeHandler(handler)
    assert lines == []
    assert records[0].getMessage() == "start 0"


def test_parallel_fits_print_only_their_own_lines(rows, capsys):
    def fit(verbose):
        return GaussianMixtureEM(2, random_state=0, verbose=verbose).fit(rows)

    alone = printed_by(lambda: fit(1), capsys)

    def together():
        with ThreadPoolExecutor(4) as users:
            list(users.map(fit, [0, 1] * 6))

    lines = printed_by(together, capsys)
    assert len(lines) == 6 * len(alone)
    assert lines.count("start 0") == 6


# Estimators in notebooks


def test_html_shows_parameters_and_links_to_the_documentation(rows, monkeypatch):
    monkeypatch.setattr(_representation, "documentation", lambda: "https://docs.invalid/skgmm")
    html = GaussianMixtureEM(2, random_state=0).fit(rows)._repr_html_()
    assert "n_components" in html
    assert "https://docs.invalid/skgmm/api.html" in html
    assert "scikit-learn.org/" not in html


@needs_callbacks
def test_html_shows_fitted_attributes(rows):
    html = GaussianMixtureEM(2, random_state=0).fit(rows)._repr_html_()
    for name in ("weights_", "means_", "status_", "lower_bound_"):
        assert name in html


def test_html_without_a_documentation_link(rows, monkeypatch):
    monkeypatch.setattr(_representation, "documentation", lambda: "")
    html = GaussianMixtureEM(2, random_state=0).fit(rows)._repr_html_()
    assert "n_components" in html
    assert "href=" not in html


def test_documentation_link_is_that_of_the_package(monkeypatch):
    class Package:
        def get_all(self, name):
            return ["Source, https://x.invalid/code", "Documentation, https://x.invalid/docs/"]

    monkeypatch.setattr(metadata, "metadata", lambda name: Package())
    assert _representation.documentation.__wrapped__() == "https://x.invalid/docs"


def test_all_listeners_get_the_last_iteration():
    """In any order: scikit-learn's callbacks and the lines of verbose watch the same start."""
    first, second = mock.Mock(), mock.Mock()
    first.end.return_value, second.end.return_value = True, False
    for watches in ([first, second], [second, first]):
        assert Watchers(watches).end("progress")
    assert first.end.call_count == second.end.call_count == 2
    first.end.return_value = False
    assert not Watchers([first, second]).end("progress")


@needs_callbacks
@pytest.mark.parametrize("parameters", [{"noise": "auto"}, {"prior": "auto"}, {"fixed": "weights"}])
def test_callbacks_see_the_noise_the_prior_and_what_is_fixed(rows, parameters):
    class Last(Recorder):
        def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
            if context.task_name == "start":
                self.mixtures.append(fitted_estimator)

    last = Last()
    rows = np.concatenate([rows, [[40.0, -30.0], [-25.0, 35.0]]])
    mixture = GaussianMixtureEM(2, random_state=0, **parameters).set_callbacks(last).fit(rows)
    (seen,) = last.mixtures
    assert seen.score(rows) == pytest.approx(mixture.score(rows))
    assert seen.bic(rows) == pytest.approx(mixture.bic(rows))
    for name in ("noise_weight_", "log_prior_", "n_parameters_"):
        assert getattr(seen, name, None) == pytest.approx(getattr(mixture, name, None))


@pytest.fixture
def many_clusters():
    rng = np.random.default_rng(0)
    centres = 6.0 * rng.normal(size=(70, 4))
    return centres[rng.integers(0, 70, size=4000)] + rng.normal(size=(4000, 4))


@needs_callbacks
@pytest.mark.parametrize("moves", [0, 1])
def test_a_callback_stops_rounds_of_moves(many_clusters, moves):
    """Moves before the iterations, and after them."""
    mixture = GaussianMixtureEM(70, covariance_type="diag", random_state=0)
    recorder = Recorder()
    clone(mixture).set_callbacks(recorder).fit(many_clusters)
    ends = recorder.names("end")
    before = [ends[:i].count("round") for i, name in enumerate(ends) if name == "moves"]
    number = 1 + (before[0] if moves else 0)
    stopping = Recorder(lambda name, count: name == "round" and count == number)
    found = mixture.set_callbacks(stopping).fit(many_clusters)
    assert found.status_ == "stopped by callback"
    ends = stopping.names("end")
    assert ends.count("round") == number
    after = ends[len(ends) - ends[::-1].index("round") :]
    # Parameters that are not of all samples yet are evaluated once.
    assert after in (["moves", "iteration", "start", "fit"], ["moves", "start", "fit"])


@needs_callbacks
def test_a_callback_stops_a_start_after_its_moves(many_clusters):
    stopping = Recorder(lambda name, count: name == "moves")
    mixture = GaussianMixtureEM(70, covariance_type="diag", random_state=0)
    assert mixture.set_callbacks(stopping).fit(many_clusters).status_ == "stopped by callback"
    assert stopping.names("end").count("iteration") == 1
