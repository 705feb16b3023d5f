// Samples that are left out of components with shrunk covariance matrices: the formulas of
// skgmm/_starts/shrunk_covariances.py.
#pragma once
#include <cstdint>
#include <vector>

#include "block/kernel.hpp"

namespace skgmm {

// Samples and the components that they are in.
struct Assigned {
    std::int64_t n_samples, n_components;
    const double* own;         // (n, K), responsibilities times weights
    const std::int64_t* main;  // (n,), where `own` is largest
    const double* mass;        // (K,)
};

// The pairs of a component and a sample that has a part in it, component by component.
struct Members {
    const std::int64_t* samples;  // (m,)
    const std::int64_t* ends;     // (K,), where the pairs of each component end
};

// The component of which each sample has the largest part, (n,), and the members of components:
// `samples` has room for n x K.
void find_members(std::int64_t n, std::int64_t K, const double* own, std::int64_t* main,
                  std::int64_t* samples, std::int64_t* ends);

// What is subtracted from the matrices of components.
struct Subtracted {
    const double* of_own;     // (K,), what the outer product of a sample counts in its component
    const double* of_others;  // (K,), and that of a sample of another main component
    // (n, K), products (sample - main mean) x precision x (main mean - mean), and (K, K), squared
    // distances of means; null where no sample of another component is subtracted.
    const double *along, *between;
};

// Factors of the matrices scatter x of_scatter + target x of_target, (K, d, d). The components
// whose matrix is not positive definite.
std::vector<std::int64_t> shrunk_factors(std::int64_t K, std::int64_t d, const double* scatter,
                                         const double* target, const double* of_scatter,
                                         const double* of_target, double* factors);

// Squared Mahalanobis distances (m,) of rows from the components to which they belong, which end at
// `ends` (K,).
template <typename T>
void own_distances(const Rows<T>& rows, const std::int64_t* ends, std::int64_t K,
                   const double* means, const double* factors, std::int64_t n_threads, double* out);

// Products (n, K) of samples about the mean of their main component with its slopes, (K, K, d).
template <typename T>
void products_with_slopes(const Rows<T>& rows, const std::int64_t* main, std::int64_t K,
                          const double* means, const double* slopes, double* out);

// Sums of own x squared distance of left-out members, (K,); returns the sum of own x log of the
// factor of the determinant. `near` (m,) are squared distances from components with all samples.
double sum_of_members(const Assigned& assigned, const Members& members,
                      const Subtracted& subtracted, const double* near, double* sums);

// The log joint (n, K) of samples that are left out takes the place of log-densities under
// components of unit volume with all samples, (n, K), to which `common` (n,) is to be added. It is
// `peak` (K,) at the mean for weight 1, with matrices that are scaled; -inf where a component does
// not exist without the sample.
void leave_out_of_shrunk(const Assigned& assigned, const Subtracted& subtracted,
                         const double* common, const double* peak, const double* scale,
                         double* log_joint);

}  // namespace skgmm
