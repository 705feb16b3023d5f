// Principal axes of a symmetric matrix.
#pragma once
#include <cstdint>

namespace skgmm {

// Eigenvalues (d,) in ascending order, and the eigenvectors in the columns of axes (d, d). `matrix`
// (d, d) is destroyed. Jacobi's method finds small eigenvalues to as many digits as a scaled matrix
// has; large matrices are left to LAPACK. Not a number where LAPACK fails.
void principal_axes(std::int64_t d, double* matrix, double* lengths, double* axes);

}  // namespace skgmm
