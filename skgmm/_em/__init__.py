"""The EM loop, convergence and quasi-Newton steps. Sees Moments, never data."""
