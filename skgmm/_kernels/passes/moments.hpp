// From parameters to log joint densities at the means, and from sums about centres to moments.
#pragma once
#include "block/kernel.hpp"

namespace skgmm {

// log(weight x density) at the means (K,), less half the trace of precision x floor. Factors:
// n_factors (1 or K) upper triangles (d, d) or diagonals (d,).
void log_peak(std::int64_t K, std::int64_t d, bool triangular, std::int64_t n_factors,
              const double* factors, const double* log_weights, const double* floor,
              double* log_peaks);

// Sums about centres become moments about their means, which take the place of `first`, and lower
// triangles whole matrices. False if second moments suffer cancellation: the centres were far off.
bool centre(const Sums& sums, std::int64_t K, std::int64_t d);

// The scatter of samples becomes that of clouds with these variances (d,) about each sample.
void add_variances(Form form, std::int64_t K, std::int64_t d, const double* mass,
                   const double* variances, double* scatter);

}  // namespace skgmm
