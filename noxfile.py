"""Tasks for contributors, each in an environment of its own: `nox -l` lists them."""

import nox

nox.options.sessions = ["quick", "lint"]


@nox.session
def quick(session):
    """Tests that are not marked slow."""
    session.install(".[test]")
    session.run("pytest", "-m", "not slow", *session.posargs)


@nox.session
def tests(session):
    """All tests."""
    session.install(".[dev,test]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def oldest(session):
    """All tests with the oldest releases of all dependencies that are allowed."""
    session.install(".[test]", "-c", ".ci/oldest.txt")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session):
    """Style, types and the format of the C++ code."""
    session.install(".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    sources = session.run("git", "ls-files", "*.cpp", "*.hpp", external=True, silent=True)
    session.run("clang-format", "--dry-run", "--Werror", *sources.split())


@nox.session
def docs(session):
    """Build the documentation; warnings are errors."""
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "docs", "docs/_build")
    session.run("sphinx-build", "-W", "--keep-going", "-q", "-b", "doctest", "docs", "docs/_build")
    session.run("python", "docs/check_pages.py", "--static", "docs/_build")


@nox.session
def pages(session):
    """Open every page of docs/_build in Chromium: wide and narrow, light and dark."""
    session.install("playwright>=1.40", "beautifulsoup4")
    session.run("python", "docs/check_pages.py", "docs/_build", *session.posargs)


@nox.session
def sanitize(session):
    """The kernel's tests with the address and undefined-behaviour sanitizers."""
    session.run("bash", ".ci/sanitize", external=True)


@nox.session
def benchmark(session):
    """One EM iteration beside scikit-learn."""
    session.install(".")
    session.run("python", "benchmarks/run.py", "--quick", *session.posargs)
