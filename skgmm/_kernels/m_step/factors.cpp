#include "m_step/factors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "m_step/lapack.hpp"

namespace skgmm {

using std::int64_t;

namespace {

// The factor by plain loops. `lower` is room for a matrix.
bool factor_small(int64_t d, const double* matrix, double rounding, double* lower, double* factor) {
    for (int64_t j = 0; j < d; ++j) {  // Cholesky's factor
        for (int64_t i = j; i < d; ++i) {
            double rest = matrix[i * d + j];
            for (int64_t l = 0; l < j; ++l) rest -= lower[i * d + l] * lower[j * d + l];
            if (i > j) {
                lower[i * d + j] = rest / lower[j * d + j];
            } else {
                if (!(rest > rounding * matrix[j * d + j])) return false;
                lower[j * d + j] = std::sqrt(rest);
            }
        }
    }
    // The inverse of the lower triangle, row by row, transposed on the way out.
    std::fill(factor, factor + d * d, 0.0);
    for (int64_t j = 0; j < d; ++j) {
        factor[j * (d + 1)] = 1.0 / lower[j * (d + 1)];
        for (int64_t i = j + 1; i < d; ++i) {
            double sum = 0.0;
            for (int64_t l = j; l < i; ++l) sum += lower[i * d + l] * factor[j * d + l];
            factor[j * d + i] = -sum / lower[i * (d + 1)];
        }
    }
    return true;
}

// The factor by LAPACK, whose upper triangle, column by column, is our lower one.
bool factor_large(int64_t d, const double* matrix, double rounding, double* upper, double* factor) {
    char uplo = 'U', diag = 'N';
    int n = int(d), info = 0;
    std::copy(matrix, matrix + d * d, upper);
    lapack.dpotrf(&uplo, &n, upper, &n, &info);
    if (info != 0) return false;
    for (int64_t j = 0; j < d; ++j) {
        const double root = upper[j * (d + 1)];
        if (!(root * root > rounding * matrix[j * (d + 1)])) return false;
    }
    lapack.dtrtri(&uplo, &diag, &n, upper, &n, &info);
    std::fill(factor, factor + d * d, 0.0);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = i; j < d; ++j) factor[i * d + j] = upper[j * d + i];
    return info == 0;
}

}  // namespace

bool factor_of_matrix(int64_t d, const double* matrix, double* factor) {
    const double rounding = 4 * d * std::numeric_limits<double>::epsilon();
    std::vector<double> room(d * d);
    return (use_lapack(d) ? factor_large : factor_small)(d, matrix, rounding, room.data(), factor);
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
