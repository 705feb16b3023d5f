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

// Turns two rows.
void turn(int64_t d, double* first, double* second, double cosine, double sine) {
    for (int64_t i = 0; i < d; ++i) {
        const double a = first[i], b = second[i];
        first[i] = cosine * a - sine * b;
        second[i] = sine * a + cosine * b;
    }
}

// Makes the entry (i, j) vanish; false if it is rounding already. The axes are rows here.
bool annihilate(int64_t d, double* matrix, double* axes, int64_t i, int64_t j) {
    double *first = matrix + i * d, *second = matrix + j * d;
    const double beside = first[j], one = first[i], other = second[j];
    const double rounding = 0.5 * std::numeric_limits<double>::epsilon();
    if (std::abs(beside) <= rounding * std::sqrt(std::abs(one * other))) return false;
    if (std::abs(beside) < std::numeric_limits<double>::min()) return false;
    const double slope = (other - one) / (2.0 * beside);
    // std::hypot takes several times as long, and a square is beyond float64 only where entries of
    // the diagonal differ by more than 150 orders of magnitude; the tangent is 0 then.
    const double length = std::sqrt(1.0 + slope * slope);
    const double tangent = std::copysign(1.0, slope) / (std::abs(slope) + length);
    const double cosine = 1.0 / std::sqrt(1.0 + tangent * tangent), sine = tangent * cosine;
    turn(d, first, second, cosine, sine);
    turn(d, axes + i * d, axes + j * d, cosine, sine);
    // Where the two cross, by the formulas that keep their digits.
    first[i] = one - tangent * beside;
    second[j] = other + tangent * beside;
    first[j] = second[i] = 0.0;
    for (int64_t k = 0; k < d; ++k) {  // the columns are the same
        matrix[k * d + i] = first[k];
        matrix[k * d + j] = second[k];
    }
    return true;
}

// Jacobi's method, cyclic by rows; lengths in no order, and axes in rows.
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
        std::swap_ranges(axes + j * d, axes + (j + 1) * d, axes + least * d);
    }
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < i; ++j) std::swap(axes[i * d + j], axes[j * d + i]);
}

}  // namespace skgmm
