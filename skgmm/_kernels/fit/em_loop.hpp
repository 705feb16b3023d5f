// Iterations of EM one after the other, for rows so few that everything between takes longer.
#pragma once
#include <vector>

#include "m_step/m_steps.hpp"
#include "passes/passes.hpp"

namespace skgmm {

// A mixture, and the moments of it.
struct State {
    std::vector<double> log_weights, means, factors;  // as of Parameters
    std::vector<double> axes;                         // (d, d), of families that share them
    std::vector<double> moments;                      // as moments_of leaves them

    double objective() const { return moments[0] / moments[1]; }
};

// When to leave the decision to who asked.
struct Patience {
    int64_t most;  // iterations
    double enough;  // estimated gain that is left
    double steady;  // difference of two rates, as a share of what they are short of 1, ...
    double ahead;   // ... and more iterations than so many to go at such a rate
};

// Iterates until there is something to decide; returns the number of iterations that went well.
// `evaluated`: whether `here` has its moments; else they are found first. `here` becomes the best so
// far. The first two gains are of earlier iterations, or not a number; those of each iteration are
// written after these, and into `objectives` how high the best is then. Fewer iterations than could
// have been: the next one needs the general code, because a component is empty or ill-defined, or a
// row or digits are lost.
template <typename T>
int64_t iterate(const Rows<T>& rows, const Family& family, const double* floor,
                const Patience& patience, int64_t n_threads, bool evaluated, State& here,
                double* gains, double* objectives);

}  // namespace skgmm
