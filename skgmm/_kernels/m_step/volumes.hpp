// How large matrices of one shape are.
#pragma once
#include <cstdint>

namespace skgmm {

enum class Volumes { found, unbounded, singular };

// The u (K,) that minimise  d sum_k n_k u_k + n log |M|,  M = sum_k W_k exp(-u_k),  which is
// convex, and M / n there. `scatters` are the W: matrices (K, d, d), or diagonals (K, d), and M is
// as they are. `u` holds a start and is overwritten. Unbounded: the slopes that are left are not
// those of a minimum, for there is none. Singular: so is M.
Volumes log_volumes(bool diagonal, const double* scatters, const double* mass,
                    std::int64_t n_matrices, std::int64_t n_features, double* u, double* common);

}  // namespace skgmm
