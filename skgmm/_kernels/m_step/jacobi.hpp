// Principal axes of a symmetric matrix.
#pragma once
#include <cstdint>

namespace skgmm {

// Jacobi's method, which finds small lengths to as many digits as a scaled matrix has: lengths (d,)
// in ascending order, and the axes in the columns of (d, d). `matrix` (d, d) is destroyed.
void principal_axes(std::int64_t d, double* matrix, double* lengths, double* axes);

}  // namespace skgmm
