"""The parts of benchmarks/incomplete.py: modules whose `run()` prints and returns results."""
