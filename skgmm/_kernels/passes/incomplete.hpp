// Samples that lack features, as one component with a covariance matrix completes them.
#pragma once
#include <cstdint>

namespace skgmm {

// Patterns of missing features of samples that follow one another: pattern p is that of the next
// counts[p] samples, and lacks the features missing[p * n_missing ...], in ascending order.
struct Patterns {
    std::int64_t n_features, n_patterns, n_missing;
    const std::int64_t* missing;  // (p, u)
    const std::int64_t* counts;   // (p,)
};

// What a component expects of each pattern. With P the precision, U the missing and O the observed
// features: the conditional covariance P_UU^-1 and its log-determinant, negative; the regression
// -(x_U - mu_U) = R (x_O - mu_O), R = P_UU^-1 P_UO; and half the trace of the precision of what is
// observed times `floor`.
struct Conditional {
    double* within;      // (p, u, u)
    double* regression;  // (p, u, d), 0 for missing features
    double* log_det;     // (p,)
    double* penalty;     // (p,)
};

// Writes samples X (b, d) about the mean, missing features at their conditional means, to
// `centred`.
void complete(const Patterns& patterns, const double* X, const double* mean,
              const double* precision, const double* floor, const Conditional& out,
              double* centred);

// Adds to `scatter` (d, d), by the mass of each pattern, conditional covariances, and what samples
// that are clouds of variance `floor` add beside the diagonal.
void add_uncertain(const Patterns& patterns, const double* mass, const double* within,
                   const double* regression, const double* floor, double* scatter);

}  // namespace skgmm
