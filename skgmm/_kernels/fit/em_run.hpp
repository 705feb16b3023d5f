// A run of EM from end to end, with quasi-Newton steps where it is slow: what `_em/loop.py` does
// where the compiled loop serves and nobody watches.
#pragma once
#include <vector>

#include "fit/coordinates.hpp"

namespace skgmm {

// The numbers of `_em/convergence.py` and `_em/loop.py`.
struct RunOptions {
    double tol;
    int64_t max_iter;                    // evaluations
    bool accelerates, at_once;           // quasi-Newton steps where EM is slow, or as soon as can be
    int64_t stretch, first_steps;        // iterations between decisions; those before a rate is known
    double rate_tolerance, worthwhile;   // what `StopWhen` calls rate_tolerance and iterations_left
    int64_t n_anchors;
};

// What ended a run. Elsewhere: it needs the Python implementation, and is to begin again there.
enum class RunEnd { converged, out_of_iterations, elsewhere };

struct Run {
    RunEnd end;
    std::vector<double> objectives;  // of the best after each evaluation
    double remaining;                // estimate of the gain that is left
};

// From `here`, without moments, to the best found. Axes must not turn where it accelerates, and
// M-steps must have one optimum.
template <typename T>
Run run_em(const Rows<T>& rows, const Family& family, Ties ties, const double* floor,
           const RunOptions& options, State& here);

}  // namespace skgmm
