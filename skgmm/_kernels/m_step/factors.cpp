#include "m_step/factors.hpp"

#include <algorithm>
#include <cmath>

#include "block/kernel.hpp"
#include "m_step/lapack.hpp"

namespace skgmm {

using std::int64_t;

namespace {

// Matrices that take less time together in registers than one by one in LAPACK.
constexpr int64_t most_together = 60;

// The factor by LAPACK, whose upper triangle, column by column, is our lower one.
bool factor_large(int64_t d, double* matrix, double* factor) {
    char uplo = 'U', diag = 'N';
    int n = int(d), info = 0;
    std::vector<double> least(d);
    for (int64_t j = 0; j < d; ++j) least[j] = rounding(d) * matrix[j * (d + 1)];
    lapack.dpotrf(&uplo, &n, matrix, &n, &info);
    if (info != 0) return false;
    for (int64_t j = 0; j < d; ++j) {
        const double root = matrix[j * (d + 1)];
        if (!(root * root > least[j])) return false;
    }
    lapack.dtrtri(&uplo, &diag, &n, matrix, &n, &info);
    std::fill(factor, factor + d * d, 0.0);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = i; j < d; ++j) factor[i * d + j] = matrix[j * d + i];
    return info == 0;
}

}  // namespace

std::vector<char> factors_of_scatters(int64_t m, int64_t d, const double* scatters,
                                      const double* masses, double* factors) {
    std::vector<char> singular(m);
    if (d <= most_together || !use_lapack(d)) {
        active->factors(m, d, scatters, masses, factors, singular.data());
        return singular;
    }
    std::vector<double> matrix(d * d);
    for (int64_t k = 0; k < m; ++k) {
        for (int64_t i = 0; i < d * d; ++i) matrix[i] = scatters[k * d * d + i] / masses[k];
        singular[k] = !factor_large(d, matrix.data(), factors + k * d * d);
    }
    return singular;
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
