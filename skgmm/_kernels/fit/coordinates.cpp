#include "fit/coordinates.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skgmm {

namespace {

// A component with less of the rows is moved as if it had this share.
constexpr double least_share = 1e-6;

bool finite(const std::vector<double>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); });
}

// Whether sums of squares of a few of them are finite.
bool finite_squares(const std::vector<double>& numbers) {
    return std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::abs(x) < 1e153; });
}

// Whether the weights are 0, or numbers that have all their digits.
bool representable(const std::vector<double>& log_weights) {
    const double smallest = std::log(std::numeric_limits<double>::min());
    return std::all_of(log_weights.begin(), log_weights.end(),
                       [=](double x) { return x >= smallest || x == -INFINITY; });
}

// out = left' right, all (d, d).
void multiply_transposed(int64_t d, const double* left, const double* right, double* out) {
    std::fill(out, out + d * d, 0.0);
    for (int64_t l = 0; l < d; ++l)
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j) out[i * d + j] += left[l * d + i] * right[l * d + j];
}

// out = left right, all (d, d), both upper triangles or only the right one.
void multiply_by_triangle(int64_t d, const double* left, const double* right, double* out) {
    std::fill(out, out + d * d, 0.0);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t l = 0; l < d; ++l)
            for (int64_t j = l; j < d; ++j) out[i * d + j] += left[i * d + l] * right[l * d + j];
}

}  // namespace

Chart::Chart(const State& anchor_, Form form_, Factor factor, int64_t n_factors, int64_t n_features,
             Tying ties_)
    : anchor(anchor_),
      form(form_),
      dense(factor == Factor::triangular),
      K(int64_t(anchor_.log_weights.size())),
      d(n_features),
      m(n_factors),
      ties(ties_) {
    const double total = anchor.moments[1], *mass = anchor.moments.data() + 2;
    std::vector<double> shares(K);
    for (int64_t k = 0; k < K; ++k) shares[k] = std::max(mass[k] / total, least_share);
    weights = add('V', 1, 1.0, shares);
    means = add('V', d, 1.0, shares);
    shape = add(ties.shape, d, 2.0, shares);
    if (!ties.together()) volume = add(ties.volume, 1, 2.0 * double(d), shares);
    if (dense) rotation = add(ties.rotation, d * (d - 1) / 2, 1.0, shares);
    parts.resize(scale.size());
    scales.resize(K * d);
    if (dense) root.resize(m * d * d);
    spread.resize(dense ? d * d : d);
    product.resize(dense ? d * d : d);
    row.resize(d);
}

Chart::Part Chart::add(char tie, int64_t n, double information, const std::vector<double>& shares) {
    if (tie == 'I') return {};
    const Part part{size(), tie == 'V' ? K : 1, n};
    double all = 0.0;
    for (const double share : shares) all += share;
    for (int64_t k = 0; k < part.rows; ++k)
        scale.insert(scale.end(), n,
                     1.0 / std::sqrt(information * (tie == 'V' ? shares[k] : all)));
    return part;
}

const double* Chart::anchor_factor(int64_t k) const {
    return anchor.factors.data() + (m == 1 ? 0 : k) * (dense ? d * d : d);
}

void Chart::set_scales() {
    for (int64_t k = 0; k < K; ++k) {
        double *own = scales.data() + k * d, mean = 0.0;
        const double common = ties.together() ? 0.0 : *volume.of(parts, k);
        const double* logs = shape.rows ? shape.of(parts, k) : nullptr;
        if (logs && !ties.together())
            for (int64_t j = 0; j < d; ++j) mean += logs[j] / double(d);
        for (int64_t j = 0; j < d; ++j) own[j] = std::exp(common + (logs ? logs[j] - mean : 0.0));
    }
}

void Chart::set_root(int64_t k) {
    double* own = root.data() + k * d * d;
    const double *s = scales.data() + k * d, *r = rotation.of(parts, k);
    std::fill(own, own + d * d, 0.0);
    for (int64_t i = 0; i < d; ++i) {
        own[i * (d + 1)] = s[i];
        for (int64_t j = i + 1; j < d; ++j) own[i * d + j] = s[i] * *r++;
    }
}

// Adds a vector in units of the anchor's covariance: its Cholesky factor is the inverse of the
// transposed factor of the precision.
void Chart::move_mean(int64_t k, double* mean) const {
    const double *factor = anchor_factor(k), *by = means.of(parts, k);
    std::vector<double> moved(by, by + d);
    for (int64_t i = 0; i < d; ++i) {
        if (dense) {
            for (int64_t j = 0; j < i; ++j) moved[i] -= factor[j * d + i] * moved[j];
            moved[i] /= factor[i * (d + 1)];
        } else {
            moved[i] /= factor[i];
        }
        mean[i] += moved[i];
    }
}

bool Chart::place(const double* vector, State& there) {
    for (size_t i = 0; i < parts.size(); ++i) parts[i] = vector[i] * scale[i];
    double highest = -INFINITY, sum = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        there.log_weights[k] = anchor.log_weights[k] + parts[weights.start + k];
        highest = std::max(there.log_weights[k], highest);
    }
    for (int64_t k = 0; k < K; ++k) sum += std::exp(there.log_weights[k] - highest);
    for (int64_t k = 0; k < K; ++k) there.log_weights[k] -= highest + std::log(sum);
    there.means = anchor.means;
    for (int64_t k = 0; k < K; ++k) move_mean(k, there.means.data() + k * d);
    set_scales();
    for (int64_t k = 0; k < m; ++k) {
        const double* before = anchor_factor(k);
        if (dense) {
            set_root(k);
            multiply_by_triangle(d, before, root.data() + k * d * d,
                                 there.factors.data() + k * d * d);
        } else {
            for (int64_t j = 0; j < d; ++j)
                there.factors[k * d + j] = before[j] * scales[k * d + j];
        }
    }
    // The logarithm of one weight may be infinite, that of a component without rows; not all, and
    // the sum is no number if one of them is none.
    return std::isfinite(sum) && representable(there.log_weights) && finite(there.means) &&
           finite_squares(there.factors);
}

void Chart::slope(const State& there, double* gradient) {
    const double total = there.moments[1], *mass = there.moments.data() + 2, *mean = mass + K;
    const double* scatter = mean + K * d;
    const int64_t n = dense ? d * d : d;
    std::fill(gradient, gradient + size(), 0.0);
    std::vector<double> shift(d);
    double all = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        gradient[weights.start + k] = mass[k] - total * std::exp(there.log_weights[k]);
        all += mass[k];
        const bool first = k == 0 || form != Form::pooled;
        if (first) std::copy(scatter + k * n, scatter + (k + 1) * n, spread.begin());
        for (int64_t i = 0; i < d; ++i) shift[i] = mean[k * d + i] - there.means[k * d + i];
        for (int64_t i = 0; i < d; ++i) {
            if (!dense) {
                spread[i] += mass[k] * shift[i] * shift[i];
                continue;
            }
            for (int64_t j = 0; j < d; ++j) spread[i * d + j] += mass[k] * shift[i] * shift[j];
        }
        slope_of_mean(k, mass[k], shift.data(), gradient);
        if (!dense) {
            const double* factor = there.factors.data() + (m == 1 ? 0 : k) * d;
            for (int64_t j = 0; j < d; ++j) row[j] = mass[k] - factor[j] * factor[j] * spread[j];
            slopes_of_scales(k, row.data(), gradient);
        } else if (form != Form::pooled) {
            slopes_of_triangle(k, mass[k], gradient);
        } else if (k == K - 1) {
            slopes_of_triangle(0, all, gradient);
        }
    }
    for (int64_t i = 0; i < size(); ++i) gradient[i] *= scale[i];
}

void Chart::slope_of_mean(int64_t k, double mass, const double* shift, double* gradient) {
    const double* factor = anchor_factor(k);
    double* out = means.of(gradient, k);
    if (!dense) {
        const double* s = scales.data() + k * d;
        for (int64_t j = 0; j < d; ++j) out[j] = mass * s[j] * s[j] * factor[j] * shift[j];
        return;
    }
    const double* own = root.data() + (m == 1 ? 0 : k) * d * d;
    // root root' (factor' shift), the factor being the anchor's.
    std::vector<double> white(d), turned(d);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = i; j < d; ++j) white[j] += factor[i * d + j] * shift[i];
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = i; j < d; ++j) turned[j] += own[i * d + j] * white[i];
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = i; j < d; ++j) out[i] += mass * own[i * d + j] * turned[j];
}

// With T the second moments in units of the anchor, the ECLL is mass log |root| - tr(root' T root) / 2.
void Chart::slopes_of_triangle(int64_t k, double mass, double* gradient) {
    const double *factor = anchor_factor(k), *own = root.data() + k * d * d;
    const double* s = scales.data() + k * d;
    multiply_by_triangle(d, spread.data(), factor, product.data());
    multiply_transposed(d, factor, product.data(), spread.data());
    multiply_by_triangle(d, spread.data(), own, product.data());
    double* turn = rotation.of(gradient, k);
    for (int64_t i = 0; i < d; ++i) {
        row[i] = mass - product[i * (d + 1)] * own[i * (d + 1)];
        for (int64_t j = i + 1; j < d; ++j) {
            *turn++ -= s[i] * product[i * d + j];
            row[i] -= product[i * d + j] * own[i * d + j];
        }
    }
    slopes_of_scales(k, row.data(), gradient);
}

void Chart::slopes_of_scales(int64_t k, const double* slopes, double* gradient) const {
    double sum = 0.0;
    if (!ties.together()) {
        for (int64_t j = 0; j < d; ++j) sum += slopes[j];
        *volume.of(gradient, k) += sum;
    }
    if (!shape.rows) return;
    double* out = shape.of(gradient, k);
    for (int64_t j = 0; j < d; ++j) out[j] += slopes[j] - sum / double(d);
}

}  // namespace skgmm
