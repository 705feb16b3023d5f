// What passes between the binding and the block kernel: arrays in, sums or values by row out.
#pragma once
#include <cstdint>

#include "block/measured.hpp"

namespace skgmm {

enum class Factor { triangular, diagonal };
enum class Form { full, diagonal, pooled };
enum class Terms { whitened, shared, spherical, diagonal };

// Rows where they lie; strides in elements.
template <typename T>
struct Rows {
    const T* data;
    std::int64_t n_samples, n_features, row_stride, column_stride;
    const double* weight;  // n_samples, or null
};

// A mixture whose log(weight x density) is linear in terms that all components share, so that E-
// and M-step are products of matrices: intercept + curvature x base + slopes . terms, with y = x -
// common and
//   whitened   terms y whitened by the one factor of all,  base -1/2 |terms|^2
//   shared     terms y,                                    base 0: without what all have in common,
//              the same base, of which the sum over the rows is known
//   spherical  terms y,                                    base -1/2 |y|^2
//   diagonal   terms y and y^2,                            base 0
struct Linear {
    Terms terms;
    const double* common;      // (d,)
    const double* intercepts;  // (K,)
    const double* curvatures;  // (K,)
    const double* slopes;      // (K, n_terms), in tiles of components, term by term
    std::int64_t n_terms;
    double lowest, highest;    // of the finite intercepts
};

// The scatter of all rows about their mean, which no mixture changes.
struct WholeScatter {
    double weight;
    const double *mean, *scatter, *root;  // (d,), (d, d), and its upper triangular root R' R
};

// Parameters, packed for the kernel.
struct Mixture {
    std::int64_t n_components, n_features;
    Factor factor;
    const double* means;       // (K, d)
    const double* packed;      // factors, tile by tile
    std::int64_t packed_size;  // numbers to a component; 0 when all share one
    const double* log_peak;    // (K,)
    const Linear* linear;      // where it is as accurate, or null
};

// Responsibilities from outside instead of by Bayes' rule: labels (n,), or responsibilities (n, K).
struct Given {
    const std::int64_t* labels;
    const double* responsibilities;
    bool any() const { return labels || responsibilities; }
};

// Sums over rows, about `centres`; `second` is (K, d, d), (K, d) or (d, d) by form, of which the
// kernel fills the lower triangles.
struct Sums {
    Form form;
    const double* centres;  // (K, d)
    double* mass;           // (K,)
    double* first;          // (K, d)
    double* second;
    double log_likelihood, weight;
};

// Rows are summed in units of so many, counted from the first of all, and units are added as pairs
// of doubles, to some 32 digits. So the rounded total depends neither on the order in which units
// are added nor on how samples are divided into parts, as long as no part ends within a unit.
constexpr std::int64_t unit_rows = 1024;

// Logarithms of densities below this have fewer than 12 digits after the point left. There the
// weights of components, and how their densities differ, would drown in the squared distance that
// they have in common.
constexpr double far_away = -4096.0;

// The sums of a unit side by side (log-likelihood, weight, mass, first, second), and those of the
// units before it.
struct Total {
    double* unit;
    double* high;
    double* low;
    std::int64_t size;
};

// Adds value to the number that is high + low (Knuth's sum without error, and Dekker's pairs).
inline void add_exactly(double value, double& high, double& low) {
    const double sum = high + value, added = sum - high;
    low += (high - (sum - added)) + (value - added);
    high = sum;
}

// Linear functions of a row x for each component: target q is there
// coefficients[k, q, 0] + coefficients[k, q, 1:] . (x - origin).
struct Lines {
    std::int64_t n_targets;
    const double* origin;        // (d,)
    const double* coefficients;  // (K, n_targets, 1 + d)
};

// Values by row; a null pointer is not asked for.
template <typename T>
struct Values {
    double* log_density;           // (n,)
    T* responsibilities;           // (n, K)
    double* log_responsibilities;  // (n, K), which a float need not hold
    double* log_certainty;         // (n,), the log of the largest responsibility
    std::int64_t* labels;          // (n,)
    double* averages;              // (n, n_targets), of the lines by responsibility
    Lines lines;
};

// One compilation of the kernel, over rows first .. last - 1. Each function returns the first row
// that is infinitely far from every component, or -1. The sums lie in the unit of the total.
template <typename T>
using SumsOf = std::int64_t (*)(const Rows<T>&, const Mixture&, const Given&, std::int64_t first,
                                std::int64_t last, Sums&, const Total&);
template <typename T>
using ValuesOf = std::int64_t (*)(const Rows<T>&, const Mixture&, std::int64_t first,
                                  std::int64_t last, const Values<T>&);

// Samples with errors first .. last - 1; their sums are added to `sums`, or it is null.
using DeconvolveOf = void (*)(const Measured&, const TrueMixture&, std::int64_t first,
                              std::int64_t last, const Deconvolved&, double* sums);

// How many of n numbers are less than a bound.
using BelowOf = std::int64_t (*)(const double* numbers, std::int64_t n, double bound);

// Samples transposed, a panel of as many as an instruction set takes together after the other, and
// numbers by sample: weights, and squared distances to the closest of some points. In arrays of a
// whole number of `most_lanes`, the panels at an address for the widest registers; beyond the last
// sample weights are 0.
struct BySample {
    std::int64_t n_samples, n_features, stride;
    const double *panels, *weights, *closest;
};
constexpr std::int64_t most_lanes = 32;

// What k-means computes; see nearest.hpp.
using NearestOf = std::int64_t (*)(const double* panels, std::int64_t count,
                                   std::int64_t n_features, const double* points,
                                   std::int64_t n_points, std::int64_t* labels);
using TransposeOf = void (*)(const Rows<double>&, std::int64_t first, std::int64_t last,
                             double* panels);
using CloserOf = void (*)(const BySample&, const double* points, std::int64_t n_points,
                          double* squares, double* sums);
using AddGroupsOf = void (*)(const Rows<double>&, const std::int64_t* labels, const double* origin,
                             std::int64_t first, std::int64_t last, double* mass, double* sums);

// Upper triangular factors (m, d, d) of precisions from scatters (m, d, d) over masses (m,); see
// factors.hpp.
using FactorsOf = void (*)(std::int64_t m, std::int64_t d, const double* scatters,
                           const double* masses, double* factors, char* singular);

struct Kernel {
    const char* name;
    int width;  // doubles to a register
    SumsOf<float> sums_float;
    SumsOf<double> sums_double;
    ValuesOf<float> values_float;
    ValuesOf<double> values_double;
    DeconvolveOf deconvolve;
    BelowOf n_below;
    NearestOf nearest;
    TransposeOf transpose;
    CloserOf closer;
    AddGroupsOf add_groups;
    FactorsOf factors;
};

// The compilation in use.
extern const Kernel* active;

// The first address for the widest registers, at most 7 numbers on.
inline double* aligned(double* memory) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    return memory + (64 - address % 64) % 64 / sizeof(double);
}

// Factors are packed in tiles of this many columns.
constexpr std::int64_t tile = 4;

}  // namespace skgmm
