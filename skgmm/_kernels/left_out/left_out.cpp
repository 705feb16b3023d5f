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
        if (!(sample.own(k) > least_part)) continue;  // without it nothing changes
        const double farther = sample.farther(k), lost = sample.own(k) * farther / now.mass[k];
        double distance = 0.0, log_det = d * std::log(farther);
        for (int64_t j = 0; j < d; ++j) {
            const double x = double(row[j * rows.column_stride]) - means[k * d + j];
            const double whitened = x * factors[k * d + j], square = whitened * whitened;
            const double left = std::max(1.0 - lost * square, least_left);
            distance += square / left;
            log_det += std::log(left);
        }
        out[k] = peak[k] - std::log(farther) - 0.5 * (log_det + farther * shorter[k] * distance);
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
