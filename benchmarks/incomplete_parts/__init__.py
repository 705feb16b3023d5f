"""The parts of benchmarks/incomplete.py: modules with `run()`, which prints, and returns results."""
