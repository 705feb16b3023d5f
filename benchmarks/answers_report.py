"""Tables of the documentation: python benchmarks/answers_report.py [RESULTS OF answers.py]

Writes docs/answers_table.inc: what is asked and what was measured, and the adjusted Rand index of
each labelled table.
"""

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from answer_parts import PARTS, labels, module_of

HERE = Path(__file__).resolve().parent

TARGET = HERE.parent / "docs" / "answers_table.inc"
MISSING = "No results are stored yet: ``python benchmarks/answers.py`` makes them.\n"


def list_table(header, rows, widths=None):
    """A reStructuredText table."""
    lines = [".. list-table::", "   :header-rows: 1"]
    if widths:
        lines.append(f"   :widths: {widths}")
    lines.append("")
    for row in (header, *rows):
        lines += [f"   {'  -' if i else '* -'} {cell}" for i, cell in enumerate(row)]
    return "\n".join([*lines, "", ""])


def figures_table(parts):
    rows = [
        (figure.part, figure.asked, figure.measured, answer(figure.reached))
        for part in PARTS
        if part in parts
        for figure in module_of(part).figures(parts[part])
    ]
    return list_table(("Part", "Asked", "Measured", "Reached"), rows, "12 44 32 12")


def answer(reached):
    return {True: "yes", False: "no", None: "not measured"}[reached]


def labels_table(records):
    """Mean index of each method, a row for each table and structure; the worst for us first."""
    cases = labels.means(records)
    ordered = sorted(cases.items(), key=lambda item: item[1]["skgmm"] - item[1]["sklearn"])
    rows = [
        (
            table.replace(": ", ", "),
            structure,
            mean["discrete"],
            *(f"{mean[method]:.2f}" for method in labels.METHODS),
        )
        for (table, structure), mean in ordered
    ]
    header = ("Table", "Structure", "Discrete columns", "skgmm", "scikit-learn", "its best of 10")
    return list_table(header, rows, "34 14 16 10 14 12")


def text_of(result):
    parts = result["parts"]
    text = f"{result['versions']}; {result['threads']} thread each.\n\n" + figures_table(parts)
    if "labels" in parts:
        text += (
            "Adjusted Rand index of default fits, mean of the seeds, least favourable to skgmm "
            "first. Discrete columns include those with a pile of samples at one value.\n\n"
        )
        text += labels_table(parts["labels"])
    return text


def main():
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results" / "answers.json"
    text = text_of(json.loads(source.read_text())) if source.exists() else MISSING
    TARGET.write_text(text)


if __name__ == "__main__":
    main()
