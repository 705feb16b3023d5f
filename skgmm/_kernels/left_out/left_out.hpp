// Samples under estimates without them: the formulas of skgmm/_starts/leave_one_out.py.
#pragma once
#include <cstdint>

#include "block/kernel.hpp"

namespace skgmm {

// A sample of less weight is no part of the component.
constexpr double least_part = 1e-12;

// Without a sample at least this fraction of the variance and mass of its component remains.
constexpr double least_left = 1e-9;

// Without its only sample a component does not exist.
inline bool exists_without(double own, double mass) { return mass - own > least_left * mass; }

// An E-step of n samples, and what it was done with.
struct EStep {
    std::int64_t n_samples, n_components, n_features;
    const double* weights;           // (n,)
    const double* responsibilities;  // (n, K)
    const double* log_joint;         // (n, K), of weight x density
    const double* log_peak;          // (K,), the same at the means
    const double* mass;              // (K,)
};

// The log joint (n, K) of samples that are left out, -inf where a component does not exist without
// the sample. It is `left_out_peak` (K,) at the mean. `shorter` (K,) are the factors that correct
// squared distances in matrices of components' own; null where all share one matrix.
void leave_out(const EStep& now, const double* left_out_peak, const double* shorter,
               double* left_out);

// The same where variances (K, d) are components' own; `factors` (K, d) are reciprocal standard
// deviations.
template <typename T>
void leave_out_of_diagonals(const Rows<T>& rows, const EStep& now, const double* means,
                            const double* factors, const double* left_out_peak,
                            const double* shorter, double* left_out);

// A log joint (n, K) becomes responsibilities, and their log-density (n,) is written; a row without
// a finite number stays as it is.
void normalise(std::int64_t n_samples, std::int64_t n_components, double* log_joint,
               double* log_density);

}  // namespace skgmm
