#include "passes/moments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace skgmm {

using std::int64_t;

namespace {

// Centring on the mean of the last iteration loses this share of the digits of a second moment at
// most.
constexpr double most_lost = 1e-4;

constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Whether second moments along an axis are nearly all distance from the centre.
bool lost(double about_centre, double about_mean) { return about_mean < most_lost * about_centre; }

// Whether the mean is off its centre by more than rounding. A feature that is constant has nothing
// to lose.
bool moved(double mean, double at) { return std::abs(mean - at) > 64 * epsilon * std::abs(at); }

// Of d positive numbers, `stride` apart. A product takes less time than logarithms.
double sum_of_logs(int64_t d, const double* numbers, int64_t stride) {
    double sum = 0.0, product = 1.0;
    for (int64_t i = 0; i < d; ++i) {
        const double own = numbers[i * stride], next = product * own;
        const bool in_range = next > 1e-150 && next < 1e150;
        if (!in_range) sum += std::log(product);
        product = in_range ? next : own;
    }
    return sum + std::log(product);
}

// The upper triangle of a matrix (d, d) from its lower one.
void mirror(double* matrix, int64_t d) {
    constexpr int64_t side = 8;  // of squares whose rows are cache lines
    for (int64_t top = 0; top < d; top += side)
        for (int64_t left = 0; left <= top; left += side)
            for (int64_t i = top; i < std::min(top + side, d); ++i)
                for (int64_t j = left; j < std::min(left + side, i); ++j)
                    matrix[j * d + i] = matrix[i * d + j];
}

}  // namespace

void log_peak(int64_t K, int64_t d, bool triangular, int64_t n_factors, const double* factors,
              const double* log_weights, const double* floor, double* log_peaks) {
    constexpr double log_2_pi = 1.8378770664093454836;
    const int64_t size = triangular ? d * d : d;
    double log_density = 0.0;  // without the weight, which may be 0; one factor may be that of all
    for (int64_t k = 0; k < K; ++k) {
        if (k >= n_factors) {
            log_peaks[k] = log_weights[k] + log_density;
            continue;
        }
        const double* factor = factors + k * size;
        double penalty = 0.0;
        for (int64_t i = 0; i < d; ++i) {
            if (floor[i] == 0.0) continue;  // of a precision that may be infinite
            double precision = 0.0;
            const int64_t first = triangular ? i * (d + 1) : i;
            const int64_t last = triangular ? (i + 1) * d : i + 1;
            for (int64_t j = first; j < last; ++j) precision += factor[j] * factor[j];
            penalty += 0.5 * floor[i] * precision;
        }
        const double log_diagonal = sum_of_logs(d, factor, triangular ? d + 1 : 1);
        log_density = log_diagonal - 0.5 * d * log_2_pi - penalty;
        log_peaks[k] = log_weights[k] + log_density;
    }
}

bool centre(const Sums& sums, int64_t K, int64_t d) {
    bool kept = true;
    const bool diagonal = sums.form == Form::diagonal, pooled = sums.form == Form::pooled;
    std::vector<double> shift(d), before;
    std::vector<char> any_moved(pooled ? d : 0);  // that form has no component of its own
    for (int64_t j = 0; pooled && j < d; ++j) before.push_back(sums.second[j * (d + 1)]);
    for (int64_t k = 0; k < K; ++k) {
        const double mass = sums.mass[k], *at = sums.centres + k * d;
        double* mean = sums.first + k * d;
        double* second = sums.second + (pooled ? 0 : k * (diagonal ? d : d * d));
        for (int64_t j = 0; j < d; ++j) {
            shift[j] = mass > 0 ? mean[j] / mass : 0.0;
            mean[j] = at[j] + shift[j];
            if (pooled) any_moved[j] |= moved(mean[j], at[j]);
        }
        for (int64_t i = 0; i < d; ++i) {
            double* row = second + (diagonal ? 0 : i * d);
            const double about_centre = row[i];
            for (int64_t j = diagonal ? i : 0; j <= i; ++j) row[j] -= mass * shift[i] * shift[j];
            if (!pooled) kept &= !(lost(about_centre, row[i]) && moved(mean[i], at[i]));
        }
        if (sums.form == Form::full) mirror(second, d);
    }
    for (int64_t j = 0; pooled && j < d; ++j)
        kept &= !(lost(before[j], sums.second[j * (d + 1)]) && any_moved[j]);
    if (pooled) mirror(sums.second, d);
    return kept;
}

void add_variances(Form form, int64_t K, int64_t d, const double* mass, const double* variances,
                   double* scatter) {
    const bool diagonal = form == Form::diagonal, pooled = form == Form::pooled;
    const int64_t size = diagonal ? d : d * d, stride = diagonal ? 1 : d + 1;
    double total = 0.0;
    for (int64_t k = 0; k < K; ++k) total += mass[k];
    for (int64_t k = 0; k < (pooled ? 1 : K); ++k)
        for (int64_t j = 0; j < d; ++j)
            scatter[k * size + j * stride] += (pooled ? total : mass[k]) * variances[j];
}

}  // namespace skgmm
