// Where coordinates are: the mixture at a vector. Its gradient is in coordinates_gradient.cpp.
#include "fit/coordinates.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "fit/vectors.hpp"
#include "m_step/factors.hpp"
#include "m_step/lapack.hpp"

namespace skgmm {

namespace {

// A component with less of the samples is moved as if it had this proportion.
constexpr double least_proportion = 1e-6;

// The least information about a turn, in units of that about a mean: axes of equal length tell
// nothing of it, and a step in units of nothing would be without bound.
constexpr double least_turn = 0.01;

bool finite(const Numbers& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); });
}

// Whether sums of squares of a few of them are finite.
bool finite_squares(const std::vector<double>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(),
                       [](double x) { return std::abs(x) < 1e153; });
}

// Whether the weights are 0, or numbers that have all their digits.
bool representable(const std::vector<double>& log_weights) {
    const double smallest = std::log(std::numeric_limits<double>::min());
    return std::all_of(log_weights.begin(), log_weights.end(),
                       [=](double x) { return x >= smallest || x == -INFINITY; });
}

// Solves matrix x = right, both (d, d); `matrix` is destroyed and `right` becomes x. The symmetric
// part of the matrix is the identity, so that elimination needs no pivots.
void solve(int64_t d, double* matrix, double* right) {
    for (int64_t l = 0; l < d; ++l) {
        const double pivot = 1.0 / matrix[l * (d + 1)];
        for (int64_t i = 0; i < d; ++i) {
            if (i == l) continue;
            const double factor = matrix[i * d + l] * pivot;
            for (int64_t j = l + 1; j < d; ++j) matrix[i * d + j] -= factor * matrix[l * d + j];
            for (int64_t j = 0; j < d; ++j) right[i * d + j] -= factor * right[l * d + j];
        }
    }
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < d; ++j) right[i * d + j] /= matrix[i * (d + 1)];
}

// The rotation (I - R / 2)^-1 (I + R / 2) of a skew matrix R, given by its upper triangle.
bool rotate(int64_t d, const double* upper, double* out) {
    Numbers minus(d * d);
    std::fill(out, out + d * d, 0.0);
    for (int64_t i = 0; i < d; ++i) {
        out[i * (d + 1)] = minus[i * (d + 1)] = 1.0;
        for (int64_t j = i + 1; j < d; ++j) {
            const double half = 0.5 * *upper++;
            out[i * d + j] = minus[j * d + i] = half;
            out[j * d + i] = minus[i * d + j] = -half;
        }
    }
    if (!use_lapack(d)) {
        solve(d, minus.data(), out);
        return true;
    }
    // Column by column `minus` is I + R / 2 and `out` I - R / 2: the rotation's transpose.
    int n = int(d), info = 0;
    std::vector<int> pivots(d);
    lapack.dgesv(&n, &n, minus.data(), &n, pivots.data(), out, &n, &info);
    return info == 0;
}

// Log of what weights leave to noise, -infinity where that is no more than rounding.
double log_left(const std::vector<double>& log_weights) {
    double left = 1.0;
    for (const double each : log_weights) left -= std::exp(each);
    return left < least_noise ? -INFINITY : std::log(left);
}

}  // namespace

Coordinates::Coordinates(const State& anchor_, Form form_, Factor factor, int64_t n_factors,
                         int64_t n_features, Ties ties_, Principal principal_)
    : anchor(anchor_),
      log_noise(log_left(anchor_.log_weights)),
      form(form_),
      dense(factor == Factor::triangular),
      K(int64_t(anchor_.log_weights.size())),
      d(n_features),
      m(n_factors),
      n_axes(int64_t(principal_.axes.size()) / (d * d)),
      ties(ties_),
      principal(std::move(principal_)),
      whitening(anchor_.factors),
      scales(K * d) {
    const double total = anchor.moments[1], *mass = anchor.moments.data() + 2;
    const auto proportion = [&](int64_t k) { return std::max(mass[k] / total, least_proportion); };
    const auto times = [&](double factor) {
        return [&, factor](int64_t k, int64_t) { return factor * proportion(k); };
    };
    weights = add('V', 1, times(1.0));
    means = add('V', d, times(1.0));
    shape = add(ties.shape, d, times(2.0));
    if (!ties.together()) volume = add(ties.volume, 1, times(2.0 * double(d)));
    if (dense && ties.turn())
        rotation = add(ties.rotation, d * (d - 1) / 2, [&](int64_t k, int64_t plane) {
            return proportion(k) * information_of_turn(k, plane);
        });
    else if (dense)
        rotation = add(ties.rotation, d * (d - 1) / 2, times(1.0));
    parts.resize(scale.size());
    set_units();
    root.resize(whitening.size());
    turns.resize(principal.axes.size());
    axes.resize(principal.axes.size());
    twists.resize(principal.axes.size());
    product.resize(d * d);
    other.resize(d * d);
    row.resize(d);
    first_sums.resize(K * d);
}

template <typename Information>
Coordinates::Part Coordinates::add(char tie, int64_t n, Information information) {
    if (tie == 'I') return {};
    const Part part{size(), tie == 'V' ? K : 1, n};
    for (int64_t row = 0; row < part.rows; ++row)
        for (int64_t i = 0; i < n; ++i) {
            double sum = 0.0;
            for (int64_t k = tie == 'V' ? row : 0; k < (tie == 'V' ? row + 1 : K); ++k)
                sum += information(k, i);
            scale.push_back(1.0 / std::sqrt(sum));
        }
    return part;
}

// Of the turn in the plane of two axes: the square of (a / b - b / a), a and b the axes' lengths.
double Coordinates::information_of_turn(int64_t k, int64_t plane) const {
    int64_t i = 0;
    while (plane >= d - 1 - i) plane -= d - 1 - i++;
    const double* lengths = principal.scales.data() + k * d;
    const double ratio = lengths[i] / lengths[i + 1 + plane], apart = ratio - 1.0 / ratio;
    return std::max(apart * apart, least_turn);
}

// What turns vectors in units of the anchor into differences of samples, and back.
void Coordinates::set_units() {
    if (!dense) {
        for (double each : whitening) units.push_back(1.0 / each);
        return;
    }
    units.assign(m * d * d, 0.0);
    for (int64_t k = 0; k < m; ++k) {
        double *white = whitening.data() + k * d * d, *unit = units.data() + k * d * d;
        if (ties.turn()) {
            const double* axes = principal.axes.data() + (n_axes == 1 ? 0 : k * d * d);
            for (int64_t i = 0; i < d; ++i)
                for (int64_t j = 0; j < d; ++j) {
                    white[i * d + j] = axes[i * d + j] * principal.scales[k * d + j];
                    unit[i * d + j] = axes[i * d + j] / principal.scales[k * d + j];
                }
            continue;
        }
        // The transposed inverse of an upper triangle, row by row.
        for (int64_t i = 0; i < d; ++i) {
            unit[i * (d + 1)] = 1.0;
            for (int64_t l = 0; l < i; ++l)
                for (int64_t j = 0; j <= l; ++j)
                    unit[i * d + j] -= white[l * d + i] * unit[l * d + j];
            for (int64_t j = 0; j <= i; ++j) unit[i * d + j] /= white[i * (d + 1)];
        }
    }
}

void Coordinates::set_scales() {
    for (int64_t k = 0; k < K; ++k) {
        double *own = scales.data() + k * d, mean = 0.0;
        const double common = ties.together() ? 0.0 : *volume.of(parts, k);
        const double* logs = shape.rows ? shape.of(parts, k) : nullptr;
        if (logs && !ties.together())
            for (int64_t j = 0; j < d; ++j) mean += logs[j] / double(d);
        for (int64_t j = 0; j < d; ++j) own[j] = std::exp(common + (logs ? logs[j] - mean : 0.0));
    }
}

// The rotations, and where they take the axes.
bool Coordinates::set_turns() {
    for (int64_t a = 0; a < n_axes; ++a) {
        double* turn = turns.data() + a * d * d;
        if (!rotate(d, rotation.of(parts, a), turn)) return false;
        multiply_matrices(d, principal.axes.data() + a * d * d, turn, axes.data() + a * d * d);
    }
    return true;
}

void Coordinates::set_covariance(int64_t k, State& there) {
    double *own = root.data() + factor_start(k), *factor = there.factors.data() + factor_start(k);
    const double* s = scales.data() + k * d;
    if (!dense) {
        for (int64_t j = 0; j < d; ++j) factor[j] = whitening_of(k)[j] * s[j];
    } else if (ties.turn()) {
        const int64_t start = n_axes == 1 ? 0 : k * d * d;
        const double* before = principal.scales.data() + k * d;
        for (int64_t j = 0; j < d; ++j) row[j] = std::pow(before[j] * s[j], -2.0);
        factor_of_axes(d, axes.data() + start, row.data(), factor);
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j)
                own[i * d + j] = turns[start + i * d + j] * before[j] * s[j] / before[i];
    } else {
        const double* r = rotation.of(parts, k);
        std::fill(own, own + d * d, 0.0);
        for (int64_t i = 0; i < d; ++i) {
            own[i * (d + 1)] = s[i];
            for (int64_t j = i + 1; j < d; ++j) own[i * d + j] = s[i] * *r++;
        }
        multiply_matrices(d, whitening_of(k), own, factor);
    }
}

bool Coordinates::at(const double* vector, State& there) {
    for (size_t i = 0; i < parts.size(); ++i) parts[i] = vector[i] * scale[i];
    double highest = log_noise, sum = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        there.log_weights[k] = anchor.log_weights[k] + parts[weights.start + k];
        highest = std::max(there.log_weights[k], highest);
    }
    for (int64_t k = 0; k < K; ++k) sum += std::exp(there.log_weights[k] - highest);
    sum += std::exp(log_noise - highest);
    for (int64_t k = 0; k < K; ++k) there.log_weights[k] -= highest + std::log(sum);
    there.means = anchor.means;
    for (int64_t k = 0; k < K; ++k) {
        const double* by = means.of(parts, k);
        const Numbers moved = dense ? along_columns(d, units_of(k), by) : Numbers(by, by + d);
        for (int64_t j = 0; j < d; ++j)
            there.means[k * d + j] += dense ? moved[j] : moved[j] * units_of(k)[j];
    }
    set_scales();
    if (ties.turn() && !set_turns()) return false;
    for (int64_t k = 0; k < m; ++k) set_covariance(k, there);
    if (ties.turn() && ties.rotation == 'E') there.axes = axes;
    // The logarithm of one weight may be infinite, that of a component without samples; not all,
    // and the sum is no number if one of them is none.
    return std::isfinite(sum) && representable(there.log_weights) && finite(there.means) &&
           finite_squares(there.factors);
}

}  // namespace skgmm
