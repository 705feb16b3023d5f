// The scale of a feature, and the step of one that takes few values (`_rows/feature_scale.py`).
#pragma once
#include <cstdint>

namespace skgmm {

// Variance, robust to far values: 0 for a constant feature; and step, 0 where there is none.
struct FeatureScale {
    double variance, step;
};

// Values (n,) are sorted, and have positive weights. `n_samples` counts for what is coarse.
FeatureScale feature_scale(const double* values, const double* weights, std::int64_t n,
                           double n_samples);

}  // namespace skgmm
