"""The parts of benchmarks/answers.py.

Each part is a module with

- `tasks(seeds, quick)`: arguments of `measure`, one dict for each piece of work, in the order in
  which they run (seeds outermost, so that a time limit leaves out seeds rather than tables);
- `limit(task, records)`: processor seconds after which a task is ended, given the records so far;
- `measure(**task)`: what was found, a dict for the results file; runs in a child process;
- `figures(records)`: what the project asks of the part, and what was measured.
"""

import importlib
from dataclasses import dataclass

PARTS = {
    "labels": "labels",
    "heldout": "held_out",
    "components": "components",
    "time": "times",
    "search": "searches",
}
"""Name of a part on the command line -> its module."""


@dataclass(frozen=True)
class Figure:
    """One line of the summary; `reached` is None where nothing could be measured."""

    part: str
    asked: str
    measured: str
    reached: bool | None


def module_of(part):
    return importlib.import_module(f"answer_parts.{PARTS[part]}")
