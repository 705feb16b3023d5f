// Samples that were measured with known errors, and what one E-step makes of them.
#pragma once
#include <cstdint>

namespace skgmm {

// Samples x = true value + error, the covariance of which is known for each sample.
struct Measured {
    std::int64_t n_samples, n_features;
    const double* X;             // (n, d), any number where a value is missing
    const double* observed;      // (n, d) 1 where a value is observed, else 0; or null: all are
    const double* errors;        // (n, d) variances or (n, d, d); 0 where a value is missing
    bool matrices;               // whether errors are matrices
    const double* weights;       // (n,)
    const std::int64_t* labels;  // (n,) the component where it is known, else -1; or null
    const double* log_noise;     // (n,) log of weight x density of noise; or null: there is none
    const double* log_responsibilities;  // (n, K) given instead of by Bayes' rule; or null
};

// The mixture of the true values. With U the factor, covariance = (U U')^-1.
struct TrueMixture {
    std::int64_t n_components;
    const double* means;          // (K, d)
    const double* factors;        // (K, d, d) upper triangular
    bool diagonal;                // whether the factors are, and features are independent
    const double* log_peak;       // (K,) log weight - log det of the covariance / 2
    const double* log_variances;  // (K, d) logarithms of the diagonal of the covariance
    const double* floor;          // (d,) variance of each observed value about itself
    const double* centres;        // (K, d) what sums are about, whitened
    const double* roots;          // (K, d, d) inverses of the transposed factors
};

// What is asked for. A null pointer is not asked for.
struct Deconvolved {
    double* sums;                  // K masses, first moments (K, d), second (K, d (d + 1) / 2)
    double* log_density;           // (n,) -inf where it is no number
    double* log_responsibilities;  // (n, K), and noise last where there is noise
    double* true_values;           // (n, d) their means, by responsibilities x weight
};

}  // namespace skgmm
