// The scale of a feature, and the step of one that takes few values (`_rows/feature_scale.py`).
#pragma once
#include <cstdint>

namespace skgmm {

// Binary: of few values, most samples at one or two. Piled: of many values, with a pile.
enum class Kind : std::uint8_t { other, binary, piled };

// Variance, robust to far values: 0 for a constant feature; step, 0 where there is none; and the step
// to which a feature of many values was rounded, 0 where it was not.
struct FeatureScale {
    double variance, step;
    Kind kind = Kind::other;
    double rounding = 0.0;
};

// Values (n,) are sorted, and have positive weights. `n_samples` counts for what is coarse.
FeatureScale feature_scale(const double* values, const double* weights, std::int64_t n,
                           double n_samples);

// Of n values that all have one weight: where their quartiles are when they are sorted.
struct EqualWeights {
    EqualWeights(std::int64_t n_values, double weight_of_each);

    std::int64_t n;
    double weight;
    std::int64_t low, high;
};

// The same of such values in any order, which may change. Most features need not be sorted.
FeatureScale feature_scale(double* values, const EqualWeights& weights, double n_samples);

}  // namespace skgmm
