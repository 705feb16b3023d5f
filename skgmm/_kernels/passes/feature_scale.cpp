#include "passes/feature_scale.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace skgmm {

using std::int64_t;

namespace {

// Quantiles whose distance measures the scale, and that distance for a standard normal: the first
// that is positive counts. A feature that is zero for nearly all samples has only the last.
struct Quantile {
    double tail, width;
};
constexpr Quantile quantiles[] = {{0.25, 1.34898}, {0.1, 2.56310}, {0.02, 4.10750}};

// A feature is coarse if it takes no more values than this, and each this often on average. Iris
// has 22 petal widths, a scale of pixels 17 values, a questionnaire 5 or 7.
constexpr int64_t most_values = 20;
constexpr double least_repeats = 3.0;

// Values that differ by less than this in standard deviations are the same but for rounding.
constexpr double same = 1e-9;

// The variance, or that of the normal distribution with these quantiles if it is smaller.
double robust_variance(const double* values, const double* weights, int64_t n) {
    std::vector<double> ranks(n);
    std::partial_sum(weights, weights + n, ranks.begin());
    const double total = ranks.back(), origin = values[n / 2];
    double shift = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; ++i) shift += weights[i] * (values[i] - origin);
    const double mean = origin + shift / total;
    for (int64_t i = 0; i < n; ++i)
        squares += weights[i] * (values[i] - mean) * (values[i] - mean);
    const auto quantile = [&](double share) {
        return values[std::lower_bound(ranks.begin(), ranks.end() - 1, share * total) -
                      ranks.begin()];
    };
    for (const auto& [tail, width] : quantiles) {
        const double apart = quantile(1.0 - tail) - quantile(tail);
        if (apart > 0.0) return std::min(squares / total, (apart / width) * (apart / width));
    }
    return squares / total;
}

// The smallest gap between values, if these are few; else 0.
double step_of(const double* values, int64_t n, double deviation, double n_samples) {
    int64_t n_values = 1;
    double smallest = INFINITY;
    for (int64_t i = 1; i < n; ++i) {
        const double gap = values[i] - values[i - 1];
        if (!(gap > same * deviation)) continue;
        if (++n_values > most_values) return 0.0;
        smallest = std::min(smallest, gap);
    }
    const bool coarse = n_samples >= least_repeats * double(n_values);
    return coarse && std::isfinite(smallest) ? smallest : 0.0;
}

}  // namespace

FeatureScale feature_scale(const double* values, const double* weights, int64_t n,
                           double n_samples) {
    const double lowest = values[0], highest = values[n - 1];
    const double rounding = 4.0 * std::numeric_limits<double>::epsilon() *
                            std::max(std::abs(lowest), std::abs(highest));
    if (!(highest - lowest > rounding)) return {0.0, 0.0};
    const double variance = robust_variance(values, weights, n);
    return {variance, step_of(values, n, std::sqrt(variance), n_samples)};
}

}  // namespace skgmm
