// Upper triangular factors of precisions: Sigma^-1 = U U'.
#pragma once
#include <cstdint>
#include <limits>
#include <vector>

namespace skgmm {

// Of d variances, what is no more than rounding of the largest.
inline double rounding(std::int64_t d) {
    return 4.0 * double(d) * std::numeric_limits<double>::epsilon();
}

// From symmetric scatters (m, d, d) over masses (m,), whose place the factors may take. Which are
// singular: a pivot is within rounding of zero, and the last column of the factor would be noise.
std::vector<char> factors_of_scatters(std::int64_t m, std::int64_t d, const double* scatters,
                                      const double* masses, double* factors);

// The numbers of those that are set.
std::vector<std::int64_t> numbers_of(const std::vector<char>& flags);

// Whether the covariance of samples is certainly larger than a diagonal matrix: in each feature the
// variance added (d,), or a part of its own if that is more. From moments of components whose
// scatter is (K, d, d), or (d, d) where it is pooled.
bool vary_in_all(std::int64_t K, std::int64_t d, std::int64_t n_matrices, const double* mass,
                 const double* means, const double* scatter, double total_weight,
                 const double* added, double part);

// From a symmetric matrix (d, d). False where it is singular.
bool factor_of_matrix(std::int64_t d, const double* matrix, double* factor);

// From principal axes, in columns (d, d), and the variances along them (d,).
void factor_of_axes(std::int64_t d, const double* axes, const double* variances, double* factor);

}  // namespace skgmm
