"""A table and a picture from benchmarks/results: python benchmarks/report.py [RESULT.json]

Writes docs/speed_table.inc; docs/figures/speed.py draws the picture from the same file.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
LABELS = {
    "skgmm": "skgmm",
    "sklearn": "scikit-learn",
    "onedal": "oneDAL",
    "gmmx": "gmmx",
    "pomegranate": "pomegranate",
    "mclust": "mclust",
}


def milliseconds(figures):
    return f"{1e3 * figures['seconds']:.3g} ms ({figures['ratio']:.2g})"


def table(result):
    """reStructuredText: a row for each problem, a column for each contestant and the floor."""
    names = list(result["versions"])
    lines = [
        f"{result['machine']}, {result['threads']} threads each; "
        f"{', '.join(result['versions'].values())}. Milliseconds per EM iteration, and in brackets "
        "how many times ours.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - Problem",
        *(f"     - {LABELS[name]}" for name in names),
        "     - Floor",
    ]
    for record in result["records"]:
        lines.append(f"   * - {record['problem']}")
        for name in names:
            figures = record["iteration"].get(name)
            # A dash alone would be the bullet of an empty list.
            lines.append(f"     - {milliseconds(figures) if figures else 'n/a'}")
        lines.append(f"     - {1e3 * record['floor']:.3g} ms")
    return "\n".join(lines) + "\n"


def main():
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results" / "latest.json"
    result = json.loads(source.read_text())
    (HERE.parent / "docs" / "speed_table.inc").write_text(table(result))


if __name__ == "__main__":
    main()
