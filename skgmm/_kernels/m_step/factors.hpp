// Upper triangular factors of precisions: Sigma^-1 = U U'.
#pragma once
#include <cstdint>

namespace skgmm {

// From a symmetric matrix (d, d). False where a pivot is within rounding of zero: the last column
// of the factor would be noise.
bool factor_of_matrix(std::int64_t d, const double* matrix, double* factor);

// From principal axes, in columns (d, d), and the variances along them (d,).
void factor_of_axes(std::int64_t d, const double* axes, const double* variances, double* factor);

}  // namespace skgmm
