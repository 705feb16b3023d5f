#include "passes/left_out.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace skgmm {

using std::int64_t;

namespace {

// Without a sample at least this fraction of the variance and mass of its component remains.
constexpr double least = 1e-9;

// A sample of less weight is no part of the component.
constexpr double trace = 1e-12;

// Its logarithm. Lower responsibilities become 0, because sums pass over samples without any.
constexpr double log_trace = -27.631021115928547;

constexpr double infinity = std::numeric_limits<double>::infinity();

// log(1 - x), by its series where x is small: samples are a small part of most components.
double log_of_rest(double x) {
    if (x > 1e-3) return std::log(1.0 - x);
    return -x * (1.0 + x * (1.0 / 2 + x * (1.0 / 3 + x * (1.0 / 4 + x * (1.0 / 5)))));
}

// One sample in an E-step.
struct Sample {
    const EStep& now;
    const double weight, *responsibilities, *log_joint;

    double own(int64_t k) const { return weight * responsibilities[k]; }
    double squared_distance(int64_t k) const {
        return std::max(2.0 * (now.log_peak[k] - log_joint[k]), 0.0);  // NaN stays
    }
    // How much farther the sample is from the mean without it.
    double farther(int64_t k) const { return now.mass[k] / (now.mass[k] - own(k)); }
};

// Under components with matrices of their own, downdated by the sample.
void of_own_matrices(const Sample& sample, const double* peak, const double* shorter, double* out) {
    const EStep& now = sample.now;
    for (int64_t k = 0; k < now.n_components; ++k)
        out[k] = peak[k] - 0.5 * shorter[k] * sample.squared_distance(k);
    for (int64_t k = 0; k < now.n_components; ++k) {
        const double own = sample.own(k);
        if (!(own > trace)) continue;
        const double distance = sample.squared_distance(k), farther = sample.farther(k);
        const double lost = std::min(own * farther * distance / now.mass[k], 1.0 - least);
        out[k] = peak[k] + (1.0 + 0.5 * now.n_features) * log_of_rest(own / now.mass[k]) -
                 0.5 * (log_of_rest(lost) + farther * shorter[k] * distance / (1.0 - lost));
    }
}

// Under components with the same matrix, downdated by the sample in each.
void of_shared_matrix(const Sample& sample, double total, const double* peak, double* out) {
    const EStep& now = sample.now;
    const int64_t K = now.n_components;
    const auto lost = [&](int64_t k) {
        const double scatter = sample.own(k) * sample.farther(k) * sample.squared_distance(k);
        return std::min(scatter / total, 1.0 - least);
    };
    double own = 0.0, log_det = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        own += sample.own(k);
        if (sample.own(k) > trace) log_det += log_of_rest(lost(k));
    }
    const double kept = 1.0 - own / total;
    log_det -= now.n_features * std::log(kept);
    for (int64_t k = 0; k < K; ++k)
        out[k] = peak[k] - 0.5 * (log_det + kept * sample.squared_distance(k));
    for (int64_t k = 0; k < K; ++k) {
        if (!(sample.own(k) > trace)) continue;
        const double farther = sample.farther(k);
        const double distance = kept * farther * farther * sample.squared_distance(k);
        out[k] = peak[k] - std::log(farther) - 0.5 * (log_det + distance / (1.0 - lost(k)));
    }
}

}  // namespace

void leave_out(const EStep& now, const double* left_out_peak, const double* shorter,
               double* left_out) {
    const int64_t K = now.n_components;
    const double total = std::accumulate(now.mass, now.mass + K, 0.0);
    for (int64_t i = 0; i < now.n_samples; ++i) {
        const Sample sample{now, now.weights[i], now.responsibilities + i * K,
                            now.log_joint + i * K};
        double* out = left_out + i * K;
        if (shorter)
            of_own_matrices(sample, left_out_peak, shorter, out);
        else
            of_shared_matrix(sample, total, left_out_peak, out);
        for (int64_t k = 0; k < K; ++k) {
            const bool exists = now.mass[k] - sample.own(k) > least * now.mass[k];
            out[k] = exists && out[k] == out[k] ? out[k] : -infinity;
        }
    }
}

void normalise(int64_t n_samples, int64_t n_components, double* log_joint, double* log_density) {
    for (int64_t i = 0; i < n_samples; ++i, log_joint += n_components) {
        double* const end = log_joint + n_components;
        double top = log_joint[0];
        for (const double* one = log_joint; one < end; ++one) top = std::max(top, *one);
        log_density[i] = top;
        if (!std::isfinite(top)) continue;
        double total = 0.0;
        for (double* one = log_joint; one < end; ++one) {
            const double below = *one - top;
            *one = below > log_trace ? std::exp(below) : 0.0;
            total += *one;
        }
        const double part = 1.0 / total;
        for (double* one = log_joint; one < end; ++one) *one *= part;
        log_density[i] += std::log(total);
    }
}

}  // namespace skgmm
