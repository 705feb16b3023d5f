#include "m_step/jacobi.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "m_step/lapack.hpp"

namespace skgmm {

using std::int64_t;

namespace {

constexpr int most_sweeps = 50;

// Turns two rows or columns, whose numbers lie `stride` apart.
void turn(int64_t d, double* first, double* second, int64_t stride, double cosine, double sine) {
    for (int64_t i = 0; i < d * stride; i += stride) {
        const double a = first[i], b = second[i];
        first[i] = cosine * a - sine * b;
        second[i] = sine * a + cosine * b;
    }
}

// Makes the entry (i, j) vanish; false if it is rounding already.
bool annihilate(int64_t d, double* matrix, double* axes, int64_t i, int64_t j) {
    const double beside = matrix[i * d + j];
    const double one = matrix[i * (d + 1)], other = matrix[j * (d + 1)];
    const double rounding = 0.5 * std::numeric_limits<double>::epsilon();
    if (std::abs(beside) <= rounding * std::sqrt(std::abs(one * other))) return false;
    if (std::abs(beside) < std::numeric_limits<double>::min()) return false;
    const double slope = (other - one) / (2.0 * beside);
    const double tangent = std::copysign(1.0, slope) / (std::abs(slope) + std::hypot(1.0, slope));
    const double cosine = 1.0 / std::sqrt(1.0 + tangent * tangent), sine = tangent * cosine;
    turn(d, matrix + i, matrix + j, d, cosine, sine);
    turn(d, matrix + i * d, matrix + j * d, 1, cosine, sine);
    turn(d, axes + i, axes + j, d, cosine, sine);
    // By the formulas that keep their digits.
    matrix[i * (d + 1)] = one - tangent * beside;
    matrix[j * (d + 1)] = other + tangent * beside;
    matrix[i * d + j] = matrix[j * d + i] = 0.0;
    return true;
}

// Jacobi's method, cyclic by rows; lengths in no order.
void axes_by_jacobi(int64_t d, double* matrix, double* lengths, double* axes) {
    std::fill(axes, axes + d * d, 0.0);
    for (int64_t i = 0; i < d; ++i) axes[i * (d + 1)] = 1.0;
    for (int sweep = 0; sweep < most_sweeps; ++sweep) {
        bool turned = false;
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = i + 1; j < d; ++j) turned |= annihilate(d, matrix, axes, i, j);
        if (!turned) break;
    }
    for (int64_t j = 0; j < d; ++j) lengths[j] = matrix[j * (d + 1)];
}

void axes_by_lapack(int64_t d, double* matrix, double* lengths, double* axes) {
    char vectors = 'V', uplo = 'U';
    int n = int(d), info = 0, n_integers = 3 + 5 * n, n_numbers = 1 + 6 * n + 2 * n * n;
    std::vector<int> integers(n_integers);
    std::vector<double> numbers(n_numbers);
    lapack.dsyevd(&vectors, &uplo, &n, matrix, &n, lengths, numbers.data(), &n_numbers,
                  integers.data(), &n_integers, &info);
    if (info != 0) std::fill(lengths, lengths + d, std::numeric_limits<double>::quiet_NaN());
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < d; ++j) axes[i * d + j] = matrix[j * d + i];
}

}  // namespace

void principal_axes(int64_t d, double* matrix, double* lengths, double* axes) {
    if (use_lapack(d)) return axes_by_lapack(d, matrix, lengths, axes);
    axes_by_jacobi(d, matrix, lengths, axes);
    for (int64_t j = 0; j < d; ++j) {
        const int64_t least = std::min_element(lengths + j, lengths + d) - lengths;
        if (least == j) continue;
        std::swap(lengths[j], lengths[least]);
        for (int64_t i = 0; i < d; ++i) std::swap(axes[i * d + j], axes[i * d + least]);
    }
}

}  // namespace skgmm
