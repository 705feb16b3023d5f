"""One small adapter per library.

Each module has

- `STRUCTURES`: the covariance structures it fits;
- `versions()`: a text for the report;
- `iterate(X, weights, means, covariances, structure, iterations)`: so many EM iterations from that
  start without regularisation; weights, means and covariances in the shapes of the start;
- optionally `spent()`: seconds of the last `iterate`, where a process of its own is started for it;
- optionally `assign(...)` and `density(...)`: functions that make, from the same arguments, a
  function of no arguments that computes predict_proba or score_samples of X under the start.

Importing a module raises ImportError where its library is absent.
"""

NAMES = ["skgmm", "sklearn", "onedal", "gmmx", "pomegranate", "mclust"]

SINGLE = {"gmmx"}
"""Contestants that compute in float32, of which less is asked."""
