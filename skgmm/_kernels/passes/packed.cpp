#include "passes/packed.hpp"

#include <algorithm>
#include <cmath>

#include "m_step/lapack.hpp"

namespace skgmm {

using std::int64_t;

namespace {

// Squared distance of a mean from the common point, in standard deviations of its component: what a
// linear density loses is this times a rounding.
constexpr double most_distant = 256.0;

// A second moment about the common point exceeds the one about the mean at most by this factor.
constexpr double most_lost = 256.0;

// Scales whose squares are far from the ends of the range of a double.
bool squarable(double scale) { return scale > 1e-70 && scale < 1e70; }

}  // namespace

PackedMixture::PackedMixture(int64_t n_components, int64_t n_features, Factor factor,
                             const double* means, const double* given_factors, int64_t n_factors,
                             const double* log_peak)
    : given(given_factors) {
    const int64_t d = n_features;
    mixture = {n_components, d, factor, means, given, 0, log_peak, nullptr};
    int64_t size = d;
    if (factor == Factor::triangular) {
        factors.resize(n_factors * d * (d + tile) / 2);
        double* end = factors.data();
        for (int64_t k = 0; k < n_factors; ++k) end = pack(given + k * d * d, end);
        mixture.packed = factors.data();
        size = (end - mixture.packed) / n_factors;
    }
    mixture.packed_size = n_factors == 1 ? 0 : size;
}

// Tile by tile of columns, each feature's entries side by side. The end of what was written.
double* PackedMixture::pack(const double* factor, double* out) const {
    const int64_t d = mixture.n_features;
    for (int64_t i = 0; i < d; i += tile) {
        const int64_t width = std::min(tile, d - i);
        for (int64_t j = 0; j < i + width; ++j, out += width)
            for (int64_t r = 0; r < width; ++r)
                out[r] = j <= i + r ? factor[j * d + i + r] : 0.0;
    }
    return out;
}

bool PackedMixture::linearise(const double* centres, const WholeScatter* whole_) {
    const int64_t K = mixture.n_components, d = mixture.n_features;
    if (K == 1) return false;  // nothing to share
    whole = nullptr;
    if (mixture.packed_size == 0) {
        if (mixture.factor == Factor::triangular) whole = whole_;
        linear.terms = whole ? Terms::shared : Terms::whitened;
    } else if (mixture.factor == Factor::diagonal) {
        if (!std::all_of(given, given + K * d, squarable)) return false;
        linear.terms = Terms::spherical;
        for (int64_t k = 0; k < K; ++k)
            for (int64_t j = 1; j < d; ++j)
                if (given[k * d + j] != given[k * d]) linear.terms = Terms::diagonal;
    } else {
        return false;
    }
    // From differences, so that it is exact for a feature that all means share.
    common.assign(mixture.means, mixture.means + d);
    for (int64_t j = 0; j < d; ++j) {
        double apart = 0.0;
        for (int64_t k = 1; k < K; ++k) apart += mixture.means[k * d + j] - mixture.means[j];
        common[j] += apart / double(K);
    }
    std::vector<double> whitened(d);
    for (int64_t k = 0; k < K; ++k)
        for (const double* point : {centres + k * d, mixture.means + k * d})
            if (!(distance(k, point, whitened) <= most_distant)) return false;  // or not a number
    fill_coefficients();
    mixture.linear = &linear;
    return true;
}

// Squared distance of a point from the common one, as component k sees it, and its coordinates.
double PackedMixture::distance(int64_t k, const double* point, std::vector<double>& out) const {
    const int64_t d = mixture.n_features;
    const bool shared = mixture.packed_size == 0;
    if (mixture.factor == Factor::diagonal)
        for (int64_t j = 0; j < d; ++j)
            out[j] = given[(shared ? 0 : k * d) + j] * (point[j] - common[j]);
    else
        whiten(point, out);
    double squares = 0.0;
    for (const double own : out) squares += own * own;
    return squares;
}

// By the one triangular factor of all.
void PackedMixture::whiten(const double* point, std::vector<double>& out) const {
    const int64_t d = mixture.n_features;
    std::fill(out.begin(), out.end(), 0.0);
    for (int64_t j = 0; j < d; ++j) {
        const double apart = point[j] - common[j], *row = given + j * d;
        for (int64_t column = j; column < d; ++column) out[column] += row[column] * apart;
    }
}

void PackedMixture::fill_coefficients() {
    const int64_t K = mixture.n_components, d = mixture.n_features;
    const Terms terms = linear.terms;
    const int64_t n_terms = terms == Terms::diagonal ? 2 * d : d;
    intercepts.resize(K);
    curvatures.resize(K);
    slopes.resize(K * n_terms);
    std::vector<double> whitened(d);
    for (int64_t k = 0; k < K; ++k) {
        const int64_t first = k / tile * tile, width = std::min(tile, K - first);
        double* slope = slopes.data() + first * n_terms + k - first;
        const double* scale = given + (terms == Terms::shared ? 0 : k * d);
        intercepts[k] = mixture.log_peak[k] - 0.5 * distance(k, mixture.means + k * d, whitened);
        curvatures[k] = terms == Terms::whitened    ? 1.0
                        : terms == Terms::spherical ? scale[0] * scale[0]
                                                    : 0.0;
        for (int64_t j = 0; j < d; ++j) {
            if (terms == Terms::shared) {
                double sum = 0.0;
                for (int64_t i = j; i < d; ++i) sum += given[j * d + i] * whitened[i];
                slope[j * width] = sum;
                continue;
            }
            slope[j * width] = whitened[j] * (terms == Terms::whitened ? 1.0 : scale[j]);
            if (terms == Terms::diagonal) slope[(d + j) * width] = -0.5 * scale[j] * scale[j];
        }
    }
    double lowest = INFINITY, highest = -INFINITY;
    for (const double own : intercepts) {
        if (std::isfinite(own)) lowest = std::min(lowest, own);
        highest = std::max(highest, own);
    }
    linear = {terms,         common.data(), intercepts.data(), curvatures.data(),
              slopes.data(), n_terms,       lowest,            highest};
}

double PackedMixture::add_whole(Sums& sums) const {
    const int64_t d = mixture.n_features;
    std::vector<double> apart(d), white(d), product(d * d);
    for (int64_t j = 0; j < d; ++j) apart[j] = whole->mean[j] - common[j];
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j <= i; ++j)
            sums.second[i * d + j] =
                whole->scatter[i * d + j] + whole->weight * apart[i] * apart[j];
    // The trace of precision x scatter is the sum of the squares of root x factor: products of
    // precisions would lose the digits of narrow directions.
    whiten(whole->mean, white);
    multiply_matrices(d, whole->root, given, product.data());
    double trace = 0.0;
    for (const double own : white) trace += whole->weight * own * own;
    for (const double own : product) trace += own * own;
    return 0.5 * trace;
}

bool PackedMixture::move_sums(Sums& sums) const {
    return sums.form == Form::diagonal ? move_diagonal(sums) : move_pooled(sums);
}

bool PackedMixture::move_diagonal(Sums& sums) const {
    const int64_t K = mixture.n_components, d = mixture.n_features;
    for (int64_t k = 0; k < K; ++k) {
        const double mass = sums.mass[k];
        for (int64_t i = k * d; i < (k + 1) * d; ++i) {
            double &first = sums.first[i], &second = sums.second[i];
            // The mean before the square, which could leave the range of a double.
            if (mass > 0.0 && second - first * (first / mass) < second / most_lost) return false;
            const double apart = sums.centres[i] - common[i - k * d];
            second -= apart * (2.0 * first - mass * apart);
            first -= mass * apart;
        }
    }
    return true;
}

bool PackedMixture::move_pooled(Sums& sums) const {
    const int64_t K = mixture.n_components, d = mixture.n_features;
    for (int64_t j = 0; j < d; ++j) {
        double between = 0.0;
        for (int64_t k = 0; k < K; ++k) {
            const double first = sums.first[k * d + j];
            if (sums.mass[k] > 0.0) between += first * (first / sums.mass[k]);
        }
        const double total = sums.second[j * d + j];
        if (total - between < total / most_lost) return false;
    }
    std::vector<double> apart(d);
    for (int64_t k = 0; k < K; ++k) {
        double* first = sums.first + k * d;
        for (int64_t i = 0; i < d; ++i) apart[i] = sums.centres[k * d + i] - common[i];
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j <= i; ++j)
                sums.second[i * d + j] -=
                    apart[i] * first[j] + first[i] * apart[j] - sums.mass[k] * apart[i] * apart[j];
        for (int64_t i = 0; i < d; ++i) first[i] -= sums.mass[k] * apart[i];
    }
    return true;
}

}  // namespace skgmm
