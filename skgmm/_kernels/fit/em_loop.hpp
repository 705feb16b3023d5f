// Iterations of EM one after the other, for samples so few that everything between
// takes longer.
#pragma once
#include <vector>

#include "fit/stopping_rule.hpp"
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

// Iterates until there is something to decide; returns the number of iterations that went well.
// `evaluated`: whether `here` has its moments; else they are found first. `here` becomes the best so
// far. Gains of each iteration are appended to those before, and to `objectives` that of the best.
// Fewer iterations than could have been: the next one is made in Python, because a component
// is empty or ill-defined, a sample is infinitely far, or moments suffer cancellation.
template <typename T>
int64_t iterate(const Rows<T>& rows, const Family& family, const double* floor,
                const StopWhen& stop, int64_t n_threads, bool evaluated, State& here,
                std::vector<double>& gains, std::vector<double>& objectives);

}  // namespace skgmm
