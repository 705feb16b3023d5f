#include "m_step/m_steps.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "m_step/axes.hpp"
#include "m_step/factors.hpp"
#include "m_step/jacobi.hpp"
#include "m_step/volumes.hpp"

namespace skgmm {

namespace {

using Numbers = std::vector<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();

// As in _axes.py: what a search may cost that starts at the previous axes.
constexpr int64_t steps_when_warm = 50, fewest_products = 6, multiplications = 10'000'000;

// Of d variances, what is no more than rounding of the largest.
double rounding(int64_t d) { return 4.0 * double(d) * std::numeric_limits<double>::epsilon(); }

// Diagonal factors from variances.
bool factors_of_variances(const Numbers& variances, double* factors) {
    for (size_t i = 0; i < variances.size(); ++i) {
        if (!(variances[i] > 0.0 && variances[i] < infinity)) return false;
        factors[i] = 1.0 / std::sqrt(variances[i]);
    }
    return true;
}

bool vanishing(int64_t d, const double* variances) {
    const double largest = *std::max_element(variances, variances + d);
    return !std::all_of(variances, variances + d,
                        [&](double each) { return each > rounding(d) * largest; });
}

// Factors (K,) of scatters with these log-sizes (per feature) that make their volumes equal.
Numbers equalised(const Spread& s, const Numbers& log_sizes) {
    const double largest = *std::max_element(log_sizes.begin(), log_sizes.end());
    double sum = 0.0;
    for (double each : log_sizes) sum += std::exp(each - largest);
    Numbers factors(log_sizes.size());
    for (size_t k = 0; k < factors.size(); ++k)
        factors[k] = sum / s.total / std::exp(log_sizes[k] - largest);
    return factors;
}

// Mean over features of the logarithms.
double mean_log(int64_t d, const double* numbers) {
    double sum = 0.0;
    for (int64_t j = 0; j < d; ++j) sum += std::log(numbers[j]);
    return sum / double(d);
}

// Mean over features of the log-variances that a factor stands for.
double log_size(int64_t d, Factor form, const double* factor) {
    const int64_t stride = form == Factor::diagonal ? 1 : d + 1;
    double sum = 0.0;
    for (int64_t j = 0; j < d; ++j) sum -= 2.0 * std::log(factor[j * stride]);
    return sum / double(d);
}

// Volumes (K,) and the shape that equal shapes have, from the volumes of the previous factors.
bool equal_shapes(const Spread& s, bool diagonal, const double* scatters, Factor form,
                  const double* factors, Numbers& volumes, Numbers& shape) {
    const int64_t K = s.n_components, d = s.n_features, size = form == Factor::diagonal ? d : d * d;
    volumes.resize(K);
    shape.resize(diagonal ? d : d * d);
    for (int64_t k = 0; k < K; ++k) volumes[k] = log_size(d, form, factors + k * size);
    const Volumes end =
        log_volumes(diagonal, scatters, s.mass, K, d, volumes.data(), shape.data());
    for (double& each : volumes) each = std::exp(each);
    return end == Volumes::found;
}

// One variance for each component, or for all.

bool equal_spheres(const Spread& s, const Estimated& out) {
    const int64_t size = s.n_components * s.n_features;
    double sum = 0.0;
    for (int64_t i = 0; i < size; ++i) sum += s.scatter[i];
    return factors_of_variances(Numbers(s.n_features, sum / (double(s.n_features) * s.total)),
                                out.factors);
}

bool spheres(const Spread& s, const Estimated& out) {
    const int64_t d = s.n_features;
    Numbers variances(s.n_components * d);
    for (int64_t k = 0; k < s.n_components; ++k) {
        double sum = 0.0;
        for (int64_t j = 0; j < d; ++j) sum += s.scatter[k * d + j];
        std::fill_n(variances.begin() + k * d, d, sum / double(d) / s.mass[k]);
    }
    return factors_of_variances(variances, out.factors);
}

// Diagonal covariances.

bool equal_diagonals(const Spread& s, const Estimated& out) {
    Numbers variances(s.n_features, 0.0);
    for (int64_t k = 0; k < s.n_components; ++k)
        for (int64_t j = 0; j < s.n_features; ++j)
            variances[j] += s.scatter[k * s.n_features + j];
    for (double& each : variances) each /= s.total;
    return factors_of_variances(variances, out.factors);
}

bool proportional_diagonals(const Spread& s, const Estimated& out) {
    Numbers volumes, variances, shape;
    if (!equal_shapes(s, true, s.scatter, Factor::diagonal, out.factors, volumes, shape))
        return false;
    for (double volume : volumes)
        for (double each : shape) variances.push_back(volume * each);
    return factors_of_variances(variances, out.factors);
}

bool diagonals_of_equal_volume(const Spread& s, const Estimated& out) {
    const int64_t K = s.n_components, d = s.n_features;
    Numbers sizes(K), variances(s.scatter, s.scatter + K * d);
    if (!std::all_of(variances.begin(), variances.end(), [](double each) { return each > 0.0; }))
        return false;
    for (int64_t k = 0; k < K; ++k) sizes[k] = mean_log(d, s.scatter + k * d);
    const Numbers scales = equalised(s, sizes);
    for (int64_t i = 0; i < K * d; ++i) variances[i] *= scales[i / d];
    return factors_of_variances(variances, out.factors);
}

bool diagonals(const Spread& s, const Estimated& out) {
    Numbers variances(s.scatter, s.scatter + s.n_components * s.n_features);
    for (size_t i = 0; i < variances.size(); ++i) variances[i] /= s.mass[i / s.n_features];
    return factors_of_variances(variances, out.factors);
}

// Matrices.

bool factor_of_scaled(int64_t d, const double* scatter, double mass, double* factor) {
    Numbers matrix(scatter, scatter + d * d);
    for (double& each : matrix) each /= mass;
    return factor_of_matrix(d, matrix.data(), factor);
}

bool equal_matrices(const Spread& s, const Estimated& out) {
    return factor_of_scaled(s.n_features, s.scatter, s.total, out.factors);
}

bool matrices(const Spread& s, const Estimated& out) {
    const int64_t size = s.n_features * s.n_features;
    for (int64_t k = 0; k < s.n_components; ++k)
        if (!factor_of_scaled(s.n_features, s.scatter + k * size, s.mass[k],
                              out.factors + k * size))
            return false;
    return true;
}

// The covariances that factors (K, d, d) stand for times `scales` (K,).
void scale_covariances(int64_t size, const Numbers& scales, double* factors) {
    for (size_t k = 0; k < scales.size(); ++k)
        for (int64_t i = 0; i < size; ++i) factors[int64_t(k) * size + i] /= std::sqrt(scales[k]);
}

bool proportional_matrices(const Spread& s, const Estimated& out) {
    const int64_t size = s.n_features * s.n_features;
    Numbers volumes, shape, factor(size);
    if (!equal_shapes(s, false, s.scatter, Factor::triangular, out.factors, volumes, shape) ||
        !factor_of_matrix(s.n_features, shape.data(), factor.data()))
        return false;
    for (int64_t k = 0; k < s.n_components; ++k)
        std::copy(factor.begin(), factor.end(), out.factors + k * size);
    scale_covariances(size, volumes, out.factors);
    return true;
}

bool matrices_of_equal_volume(const Spread& s, const Estimated& out) {
    const int64_t d = s.n_features, size = d * d;
    Numbers sizes(s.n_components);
    for (int64_t k = 0; k < s.n_components; ++k) {
        double* factor = out.factors + k * size;
        if (!factor_of_matrix(d, s.scatter + k * size, factor)) return false;
        sizes[k] = log_size(d, Factor::triangular, factor);
    }
    scale_covariances(size, equalised(s, sizes), out.factors);
    return true;
}

// Axes that all share.

// The axes near those known along which the scatters are as near to diagonal as they can be.
void improve_common_axes(const Spread& s, const double* weights, double exponent, double* axes) {
    const int64_t K = s.n_components, d = s.n_features;
    if (K == 1) {
        Numbers matrix(s.scatter, s.scatter + d * d), lengths(d);
        principal_axes(d, matrix.data(), lengths.data(), axes);
    } else if (d > 1) {
        const int64_t products = std::max(fewest_products, multiplications / (K * d * d * d));
        AxesSearch search(K, d, s.scatter, weights, exponent, products);
        double value;
        if (d == 2)  // one plane, and all turns in it are compared
            lowest_axes(search, d, axes, &value, 1, 1);
        else
            search.improve(axes, int(steps_when_warm));
    }
}

// Scatters along the axes (K, d); false if one vanishes.
bool along(const Spread& s, const double* axes, Numbers& out) {
    const int64_t d = s.n_features;
    out.assign(s.n_components * d, 0.0);
    for (int64_t k = 0; k < s.n_components; ++k) {
        const double* scatter = s.scatter + k * d * d;
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j) {
                double turned = 0.0;
                for (int64_t l = 0; l < d; ++l) turned += scatter[i * d + l] * axes[l * d + j];
                out[k * d + j] += turned * axes[i * d + j];
            }
        if (vanishing(d, out.data() + k * d)) return false;
    }
    return true;
}

bool factors_of_common_axes(const Spread& s, const Numbers& variances, const Estimated& out) {
    const int64_t d = s.n_features;
    for (double each : variances)
        if (!(each > 0.0 && each < infinity)) return false;
    for (int64_t k = 0; k < s.n_components; ++k)
        factor_of_axes(d, out.axes, variances.data() + k * d, out.factors + k * d * d);
    return true;
}

bool common_axes(const Spread& s, const Estimated& out) {
    Numbers variances;
    improve_common_axes(s, s.mass, 0.0, out.axes);
    if (!along(s, out.axes, variances)) return false;
    for (size_t i = 0; i < variances.size(); ++i) variances[i] /= s.mass[i / s.n_features];
    return factors_of_common_axes(s, variances, out);
}

bool common_axes_of_equal_volume(const Spread& s, const Estimated& out) {
    const int64_t d = s.n_features;
    const Numbers ones(s.n_components, 1.0);
    Numbers variances, sizes(s.n_components);
    improve_common_axes(s, ones.data(), 1.0 / double(d), out.axes);
    if (!along(s, out.axes, variances)) return false;
    for (int64_t k = 0; k < s.n_components; ++k) sizes[k] = mean_log(d, variances.data() + k * d);
    const Numbers scales = equalised(s, sizes);
    for (size_t i = 0; i < variances.size(); ++i) variances[i] *= scales[i / d];
    return factors_of_common_axes(s, variances, out);
}

// Axes of their own, and equal shapes.

// Principal axes of the scatters, and lengths (K, d) that are 0 where they are rounding.
void own_axes(const Spread& s, Numbers& lengths, Numbers& axes) {
    const int64_t K = s.n_components, d = s.n_features;
    Numbers scatter(s.scatter, s.scatter + K * d * d);
    lengths.resize(K * d);
    axes.resize(K * d * d);
    for (int64_t k = 0; k < K; ++k) {
        double* own = lengths.data() + k * d;
        principal_axes(d, scatter.data() + k * d * d, own, axes.data() + k * d * d);
        for (int64_t j = 0; j < d; ++j)
            if (!(own[j] > rounding(d) * own[d - 1])) own[j] = 0.0;
    }
}

void factors_of_own_axes(const Spread& s, const Numbers& axes, const Numbers& variances,
                         double* factors) {
    const int64_t d = s.n_features;
    for (int64_t k = 0; k < s.n_components; ++k)
        factor_of_axes(d, axes.data() + k * d * d, variances.data() + k * d, factors + k * d * d);
}

bool turned_matrices(const Spread& s, const Estimated& out) {
    const int64_t K = s.n_components, d = s.n_features;
    Numbers lengths, axes, variances(K * d);
    own_axes(s, lengths, axes);
    for (int64_t j = 0; j < d; ++j) {
        double sum = 0.0;
        for (int64_t k = 0; k < K; ++k) sum += lengths[k * d + j];
        for (int64_t k = 0; k < K; ++k) variances[k * d + j] = sum / s.total;
    }
    if (vanishing(d, variances.data())) return false;
    factors_of_own_axes(s, axes, variances, out.factors);
    return true;
}

bool turned_proportional_matrices(const Spread& s, const Estimated& out) {
    const int64_t K = s.n_components;
    Numbers lengths, axes, volumes, shape, variances;
    own_axes(s, lengths, axes);
    if (!equal_shapes(s, true, lengths.data(), Factor::triangular, out.factors, volumes, shape))
        return false;
    for (int64_t k = 0; k < K; ++k)
        for (double each : shape) variances.push_back(volumes[k] * each);
    for (double each : variances)
        if (!(each > 0.0 && each < infinity)) return false;
    factors_of_own_axes(s, axes, variances, out.factors);
    return true;
}

const Family families[] = {
    {"EII", Form::diagonal, Factor::diagonal, true, false, equal_spheres},
    {"VII", Form::diagonal, Factor::diagonal, false, false, spheres},
    {"EEI", Form::diagonal, Factor::diagonal, true, false, equal_diagonals},
    {"VEI", Form::diagonal, Factor::diagonal, false, false, proportional_diagonals},
    {"EVI", Form::diagonal, Factor::diagonal, false, false, diagonals_of_equal_volume},
    {"VVI", Form::diagonal, Factor::diagonal, false, false, diagonals},
    {"EEE", Form::pooled, Factor::triangular, true, false, equal_matrices},
    {"VEE", Form::full, Factor::triangular, false, false, proportional_matrices},
    {"EVE", Form::full, Factor::triangular, false, true, common_axes_of_equal_volume},
    {"VVE", Form::full, Factor::triangular, false, true, common_axes},
    {"EEV", Form::full, Factor::triangular, false, false, turned_matrices},
    {"VEV", Form::full, Factor::triangular, false, false, turned_proportional_matrices},
    {"EVV", Form::full, Factor::triangular, false, false, matrices_of_equal_volume},
    {"VVV", Form::full, Factor::triangular, false, false, matrices},
};

}  // namespace

const Family* find_family(const std::string& code) {
    for (const Family& family : families)
        if (code == family.code) return &family;
    return nullptr;
}

}  // namespace skgmm
