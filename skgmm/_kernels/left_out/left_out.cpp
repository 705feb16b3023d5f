#include "left_out/left_out.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace skgmm {

using std::int64_t;

namespace {

// The logarithm of `least_part`. Lower responsibilities become 0, because sums pass over samples
// without any.
constexpr double log_least_part = -27.631021115928547;

// Changes of log-densities that are too small to matter, in nats.
constexpr double least_change = 1e-4;

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

Sample sample_of(const EStep& now, int64_t i) {
    const int64_t at = i * now.n_components;
    return {now, now.weights[i], now.responsibilities + at, now.log_joint + at};
}

// Under components with matrices of their own, downdated by the sample.
void of_own_matrices(const Sample& sample, const double* peak, const double* shorter, double* out) {
    const EStep& now = sample.now;
    for (int64_t k = 0; k < now.n_components; ++k)
        out[k] = peak[k] - 0.5 * shorter[k] * sample.squared_distance(k);
    for (int64_t k = 0; k < now.n_components; ++k) {
        const double own = sample.own(k);
        if (!(own > least_part)) continue;
        const double distance = sample.squared_distance(k), farther = sample.farther(k);
        const double lost = std::min(own * farther * distance / now.mass[k], 1.0 - least_left);
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
        return std::min(scatter / total, 1.0 - least_left);
    };
    double own = 0.0, log_det = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        own += sample.own(k);
        if (sample.own(k) > least_part) log_det += log_of_rest(lost(k));
    }
    const double kept = 1.0 - own / total;
    log_det -= now.n_features * std::log(kept);
    for (int64_t k = 0; k < K; ++k)
        out[k] = peak[k] - 0.5 * (log_det + kept * sample.squared_distance(k));
    for (int64_t k = 0; k < K; ++k) {
        if (!(sample.own(k) > least_part)) continue;
        const double farther = sample.farther(k);
        const double distance = kept * farther * farther * sample.squared_distance(k);
        out[k] = peak[k] - std::log(farther) - 0.5 * (log_det + distance / (1.0 - lost(k)));
    }
}

// A sample's squared distance under variances without it, and how their log-determinant changes.
struct WithoutSample {
    double distance = 0.0, log_det = 0.0;
};

// `lost` is the part of each squared distance that its variance loses.
template <typename T>
WithoutSample of_variances_without(const T* row, int64_t stride, int64_t d, const double* mean,
                                   const double* factor, double lost) {
    // One logarithm for so many factors, whose product does not underflow; a few sums side by side.
    constexpr int64_t at_once = 32, width = 4;
    static_assert(least_left >= 1e-9, "the product of 32 would underflow");
    WithoutSample found;
    for (int64_t begin = 0; begin < d; begin += at_once) {
        const int64_t end = std::min(d, begin + at_once);
        double distances[width] = {0.0, 0.0, 0.0, 0.0}, products[width] = {1.0, 1.0, 1.0, 1.0};
        const auto add = [&](int64_t j, int64_t lane) {
            const double whitened = (double(row[j * stride]) - mean[j]) * factor[j];
            const double square = whitened * whitened;
            const double left = std::max(1.0 - lost * square, least_left);
            distances[lane] += square / left;
            products[lane] *= left;
        };
        int64_t j = begin;
        for (; j + width <= end; j += width)
            for (int64_t lane = 0; lane < width; ++lane) add(j + lane, lane);
        for (; j < end; ++j) add(j, 0);
        for (int64_t lane = 0; lane < width; ++lane) found.distance += distances[lane];
        found.log_det += std::log(products[0] * products[1] * products[2] * products[3]);
    }
    return found;
}

// Under components with variances of their own, downdated by the sample.
template <typename T>
void of_own_variances(const Rows<T>& rows, int64_t i, const Sample& sample, const double* means,
                      const double* factors, const double* peak, const double* shorter,
                      double* out) {
    const EStep& now = sample.now;
    const int64_t d = now.n_features;
    const T* row = rows.data + i * rows.row_stride;
    for (int64_t k = 0; k < now.n_components; ++k) {
        out[k] = peak[k] - shorter[k] * (now.log_peak[k] - sample.log_joint[k]);
        // Without so little of it the log-density changes by less than this.
        const double most = sample.squared_distance(k) + d + 1.0;
        if (sample.own(k) * most * most <= least_change * now.mass[k]) continue;
        const double farther = sample.farther(k), lost = sample.own(k) * farther / now.mass[k];
        const WithoutSample without = of_variances_without(
            row, rows.column_stride, d, means + k * d, factors + k * d, lost);
        out[k] = peak[k] - (1.0 + 0.5 * d) * std::log(farther) -
                 0.5 * (without.log_det + farther * shorter[k] * without.distance);
    }
}

void keep_existing(const Sample& sample, double* log_joint) {
    const EStep& now = sample.now;
    for (int64_t k = 0; k < now.n_components; ++k)
        if (!exists_without(sample.own(k), now.mass[k]) || std::isnan(log_joint[k]))
            log_joint[k] = -infinity;
}

}  // namespace

void leave_out(const EStep& now, const double* left_out_peak, const double* shorter,
               double* left_out) {
    const int64_t K = now.n_components;
    const double total = std::accumulate(now.mass, now.mass + K, 0.0);
    for (int64_t i = 0; i < now.n_samples; ++i) {
        const Sample sample = sample_of(now, i);
        double* out = left_out + i * K;
        if (shorter)
            of_own_matrices(sample, left_out_peak, shorter, out);
        else
            of_shared_matrix(sample, total, left_out_peak, out);
        keep_existing(sample, out);
    }
}

template <typename T>
void leave_out_of_diagonals(const Rows<T>& rows, const EStep& now, const double* means,
                            const double* factors, const double* left_out_peak,
                            const double* shorter, double* left_out) {
    const int64_t K = now.n_components;
    for (int64_t i = 0; i < now.n_samples; ++i) {
        const Sample sample = sample_of(now, i);
        double* out = left_out + i * K;
        of_own_variances(rows, i, sample, means, factors, left_out_peak, shorter, out);
        keep_existing(sample, out);
    }
}

template void leave_out_of_diagonals(const Rows<float>&, const EStep&, const double*, const double*,
                                     const double*, const double*, double*);
template void leave_out_of_diagonals(const Rows<double>&, const EStep&, const double*,
                                     const double*, const double*, const double*, double*);

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
            *one = below > log_least_part ? std::exp(below) : 0.0;
            total += *one;
        }
        const double part = 1.0 / total;
        for (double* one = log_joint; one < end; ++one) *one *= part;
        log_density[i] += std::log(total);
    }
}

}  // namespace skgmm
