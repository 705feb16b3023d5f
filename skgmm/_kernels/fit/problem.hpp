// Samples and a structure, and a mixture on its way to a maximum.
#pragma once
#include <algorithm>
#include <limits>
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

template <typename T>
struct Problem {
    const Rows<T>& rows;
    const Family& family;
    const double* floor;  // (d,) variances added
    int64_t n_threads;

    // Whether variances are added to every feature, and precisions are finite with them.
    bool has_floor() const {
        const double least = 4.0 * std::numeric_limits<double>::min();
        return std::all_of(floor, floor + rows.n_features, [=](double v) { return v > least; });
    }

    int64_t n_factors(const State& state) const {
        return family.one ? 1 : int64_t(state.log_weights.size());
    }

    // Finds the moments of a mixture. -1, or why they are none, as of moments_of.
    int64_t evaluate(State& state) const {
        const Parameters parameters{
            int64_t(state.log_weights.size()),
            rows.n_features,
            family.factor,
            n_factors(state),
            state.log_weights.data(),
            state.means.data(),
            state.factors.data(),
        };
        return moments_of(rows, parameters, floor, family.form, state.moments.data(), n_threads);
    }
};

}  // namespace skgmm
