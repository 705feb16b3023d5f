#include "m_step/factors.hpp"

#include <algorithm>
#include <cmath>

#include "block/kernel.hpp"

namespace skgmm {

using std::int64_t;

std::vector<char> factors_of_scatters(int64_t m, int64_t d, const double* scatters,
                                      const double* masses, double* factors) {
    std::vector<char> singular(m);
    active->factors(m, d, scatters, masses, factors, singular.data());
    return singular;
}

std::vector<int64_t> numbers_of(const std::vector<char>& flags) {
    std::vector<int64_t> numbers;
    for (size_t k = 0; k < flags.size(); ++k)
        if (flags[k]) numbers.push_back(int64_t(k));
    return numbers;
}

bool vary_in_all(int64_t K, int64_t d, int64_t n_matrices, const double* mass, const double* means,
                 const double* scatter, double total_weight, const double* added, double part) {
    std::vector<double> mean(d), apart(d), covariance(d * d), factor(d * d);
    double total = 0.0;
    for (int64_t k = 0; k < K; ++k) total += mass[k];
    for (int64_t k = 0; k < K; ++k)
        for (int64_t j = 0; j < d; ++j) mean[j] += mass[k] / total * means[k * d + j];
    for (int64_t i = 0; i < n_matrices * d * d; ++i)
        covariance[i % (d * d)] += scatter[i] / total_weight;
    for (int64_t k = 0; k < K; ++k) {
        for (int64_t j = 0; j < d; ++j) apart[j] = means[k * d + j] - mean[j];
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j)
                covariance[i * d + j] += mass[k] / total_weight * apart[i] * apart[j];
    }
    for (int64_t j = 0; j < d; ++j) {
        double& variance = covariance[j * (d + 1)];
        const double rounding_of_mean = rounding(1) * mean[j];
        if (!(variance > rounding_of_mean * rounding_of_mean)) return false;
        variance -= std::max(added[j], part * variance);
    }
    return factor_of_matrix(d, covariance.data(), factor.data());
}

bool factor_of_matrix(int64_t d, const double* matrix, double* factor) {
    const double one = 1.0;
    return !factors_of_scatters(1, d, matrix, &one, factor)[0];
}

// Axes over standard deviations are a root of the precision. Reflections from the right, from the
// last row up, make it triangular, without forming the matrix, which would square its condition.
void factor_of_axes(int64_t d, const double* axes, const double* variances, double* factor) {
    std::vector<double> normal(d);
    for (int64_t j = 0; j < d; ++j) {
        const double length = 1.0 / std::sqrt(variances[j]);
        for (int64_t i = 0; i < d; ++i) factor[i * d + j] = axes[i * d + j] * length;
    }
    for (int64_t row = d - 1; row >= 0; --row) {
        double* last = factor + row * d;
        double beside = 0.0;  // squares, scaled: lengths of axes may differ by any factor
        double largest = 0.0;
        for (int64_t j = 0; j <= row; ++j) largest = std::max(largest, std::abs(last[j]));
        for (int64_t j = 0; j < row; ++j) beside += (last[j] / largest) * (last[j] / largest);
        if (beside > 0.0) {
            const double corner = last[row] / largest, length = std::sqrt(beside + corner * corner);
            for (int64_t j = 0; j < row; ++j) normal[j] = last[j] / largest;
            normal[row] = corner + std::copysign(length, corner);
            const double square = beside + normal[row] * normal[row];
            for (int64_t i = 0; i < row; ++i) {
                double* other = factor + i * d;
                double along = 0.0;
                for (int64_t j = 0; j <= row; ++j) along += other[j] * normal[j];
                along *= 2.0 / square;
                for (int64_t j = 0; j <= row; ++j) other[j] -= along * normal[j];
            }
            last[row] = -std::copysign(length, corner) * largest;
            std::fill(last, last + row, 0.0);
        }
        if (last[row] < 0.0)
            for (int64_t i = 0; i <= row; ++i) factor[i * d + row] = -factor[i * d + row];
    }
}

}  // namespace skgmm
