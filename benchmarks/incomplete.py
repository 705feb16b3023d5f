"""What do missing values, noise, labels and measurement errors cost, and what do they give?

    env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \\
        python benchmarks/incomplete.py [iterations errors imputation acceleration]

iterations     an iteration with missing values, against one on the same samples complete
errors         an E-step with measurement errors, and fits beside astroML's XDGMM
imputation     error of values that were removed, and time, beside tgmm and scikit-learn
acceleration   evaluations of plain EM and of the accelerated, with all that is incomplete

Each part is described in its module in benchmarks/incomplete_parts. Results of the parts that ran
replace those in results/incomplete.json. astroML (with astropy) and tgmm (with torch) are left out
where they are not installed.
"""

import argparse
import importlib
import json
import warnings
from pathlib import Path

PARTS = ["iterations", "errors", "imputation", "acceleration"]
RESULTS = Path(__file__).parent / "results" / "incomplete.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=PARTS, choices=[*PARTS, []])
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    warnings.simplefilter("ignore")
    for name in parser.parse_args().parts:
        results[name] = importlib.import_module(f"incomplete_parts.{name}").run()
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
