#include "m_step/m_steps.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "m_step/axes.hpp"
#include "m_step/factors.hpp"
#include "m_step/jacobi.hpp"
#include "m_step/lapack.hpp"
#include "m_step/volumes.hpp"

namespace skgmm {

namespace {

using Numbers = std::vector<double>;
using Flags = std::vector<bool>;  // of components

// Of a variance whose inverse is a number with all its digits.
constexpr double smallest = std::numeric_limits<double>::min();

// What a search for common axes may cost that starts at the previous ones: steps, and
// multiplications of all matrices, or as many as make so many multiplications of numbers. A few
// steps reach the minimum; to stop short of it would turn rounding into larger errors of the axes.
constexpr int most_steps = 50;
constexpr int64_t fewest_products = 6, multiplications = 10'000'000;

void raise_ill_defined(const Flags& components) {
    IllDefined error;
    for (size_t k = 0; k < components.size(); ++k)
        if (components[k]) error.components.push_back(int64_t(k));
    if (!error.components.empty()) throw error;
}

// Flags of `n` components by a function of their number.
template <typename Test>
Flags flags(int64_t n, Test test) {
    Flags found(n);
    for (int64_t k = 0; k < n; ++k) found[k] = test(k);
    return found;
}

// Of d variances, what is no more than rounding of the largest.
double rounding(int64_t d) { return 4.0 * double(d) * std::numeric_limits<double>::epsilon(); }

bool vanishing(int64_t d, const double* variances) {
    const double largest = *std::max_element(variances, variances + d);
    return !std::all_of(variances, variances + d,
                        [&](double each) { return each > rounding(d) * largest; });
}

// Diagonal factors from variances (m, d).
void factors_of_variances(int64_t d, const Numbers& variances, double* factors) {
    const double* all = variances.data();
    raise_ill_defined(flags(int64_t(variances.size()) / d, [&](int64_t k) {
        return !std::all_of(all + k * d, all + (k + 1) * d, [](double each) {
            return each >= smallest && each <= 1.0 / smallest;
        });
    }));
    for (size_t i = 0; i < variances.size(); ++i) factors[i] = 1.0 / std::sqrt(variances[i]);
}

// Factors from scatters (m, d, d) over masses.
template <typename Mass>
void factors_of_scatters(int64_t m, int64_t d, const double* scatters, Mass mass, double* factors) {
    Numbers matrix(d * d);
    raise_ill_defined(flags(m, [&](int64_t k) {
        for (int64_t i = 0; i < d * d; ++i) matrix[i] = scatters[k * d * d + i] / mass(k);
        return !factor_of_matrix(d, matrix.data(), factors + k * d * d);
    }));
}

// The covariances that factors (K, d, d) stand for times `scales` (K,).
void scale_covariances(int64_t size, const Numbers& scales, double* factors) {
    for (size_t k = 0; k < scales.size(); ++k)
        for (int64_t i = 0; i < size; ++i) factors[int64_t(k) * size + i] /= std::sqrt(scales[k]);
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

// Components with mass: their masses, and `size` numbers of each.
struct Filled {
    Filled(const MStepStatistics& s, const double* scatters, int64_t size) {
        for (int64_t k = 0; k < s.n_components; ++k) {
            if (!s.filled(k)) continue;
            mass.push_back(s.mass[k]);
            scatter.insert(scatter.end(), scatters + k * size, scatters + (k + 1) * size);
        }
    }

    int64_t count() const { return int64_t(mass.size()); }

    Numbers mass, scatter;
};

// Equal volumes: factors (K,) of own scatters with these log-sizes, per feature. With s_k =
// |W_k|^(1/d) the covariances are (sum of s over the components / n) W_k / s_k (Celeux & Govaert
// 1995).
Numbers equal_volumes(const MStepStatistics& s, const Numbers& log_sizes) {
    const double largest = *std::max_element(log_sizes.begin(), log_sizes.end());
    double sum = 0.0;
    for (int64_t k = 0; k < s.n_components; ++k)
        if (s.filled(k)) sum += std::exp(log_sizes[k] - largest);
    Numbers factors(log_sizes.size());
    for (size_t k = 0; k < factors.size(); ++k)
        factors[k] = sum / s.total / std::exp(log_sizes[k] - largest);
    return factors;
}

// Equal shapes: covariances that are volumes (K,) times a shape, (d, d) or (d,). A component whose
// scatter has rank r, with more than r / d of all mass, has no best volume: it shrinks without end.
struct EqualShapes {
    // `scatters`: own scatters, or what they are along the axes of the components.
    EqualShapes(const MStepStatistics& s, const double* scatters, bool diagonal,
                const Previous& previous)
        : size(diagonal ? s.n_features : s.n_features * s.n_features), shape(size) {
        start(s, scatters, diagonal, previous);
        const Filled filled(s, scatters, size);
        Numbers best;
        for (int64_t k = 0; k < s.n_components; ++k)
            if (s.filled(k)) best.push_back(volumes[k]);
        const Volumes end = log_volumes(diagonal, filled.scatter.data(), filled.mass.data(),
                                        filled.count(), s.n_features, best.data(), shape.data());
        if (end == Volumes::singular) raise_ill_defined(Flags(s.n_components, true));
        const double least = *std::min_element(best.begin(), best.end());
        size_t next = 0;
        for (int64_t k = 0; k < s.n_components; ++k)
            if (s.filled(k)) volumes[k] = best[next++];
        if (end == Volumes::unbounded)
            raise_ill_defined(flags(s.n_components, [&](int64_t k) {
                return s.filled(k) && volumes[k] == least;
            }));
        keep_empty(s, diagonal);
        for (double& each : volumes) each = std::exp(each);
    }

    Numbers variances() const {  // of a diagonal shape, (K, d)
        Numbers all;
        for (double volume : volumes)
            for (double each : shape) all.push_back(volume * each);
        return all;
    }

    int64_t size;
    Numbers volumes, shape;

private:
    // Logarithms of the volumes before, or those of the scatters' traces.
    void start(const MStepStatistics& s, const double* scatters, bool diagonal,
               const Previous& previous) {
        const int64_t K = s.n_components, d = s.n_features;
        Numbers traces(K);
        for (int64_t k = 0; k < K; ++k)
            for (int64_t j = 0; j < d; ++j)
                traces[k] += scatters[k * size + j * (diagonal ? 1 : d + 1)];
        raise_ill_defined(flags(K, [&](int64_t k) { return s.filled(k) && !(traces[k] > 0.0); }));
        const int64_t n = previous.form == Factor::diagonal ? d : d * d;
        for (int64_t k = 0; k < K; ++k)
            volumes.push_back(
                previous.factors
                    ? log_size(d, previous.form,
                               previous.factors + (previous.n_factors == 1 ? 0 : k * n))
                    : std::log(traces[k] / (double(d) * s.own_mass[k])));
    }

    // A component without mass keeps its volume whatever the size of the shape.
    void keep_empty(const MStepStatistics& s, bool diagonal) {
        const int64_t K = s.n_components, d = s.n_features;
        if (std::all_of(s.mass, s.mass + K, [](double mass) { return mass > 0.0; })) return;
        Numbers factor(size);
        if (!diagonal && !factor_of_matrix(d, shape.data(), factor.data())) return;
        const double log = diagonal ? mean_log(d, shape.data())
                                    : log_size(d, Factor::triangular, factor.data());
        for (int64_t k = 0; k < K; ++k)
            if (!s.filled(k)) volumes[k] -= log;
    }
};

// One variance for each component, or for all.

void m_step_EII(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t K = s.n_components, d = s.n_features;
    double sum = 0.0;
    for (int64_t i = 0; i < K * d; ++i) sum += s.scatter[i];
    factors_of_variances(d, Numbers(d, sum / (double(d) * s.total)), out.factors);
}

void m_step_VII(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t d = s.n_features;
    Numbers variances(s.n_components * d);
    for (int64_t k = 0; k < s.n_components; ++k) {
        double sum = 0.0;
        for (int64_t j = 0; j < d; ++j) sum += s.own_scatter[k * d + j];
        std::fill_n(variances.begin() + k * d, d, sum / double(d) / s.own_mass[k]);
    }
    factors_of_variances(d, variances, out.factors);
}

// Diagonal covariances.

void m_step_EEI(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t d = s.n_features;
    Numbers variances(d, 0.0);
    for (int64_t k = 0; k < s.n_components; ++k)
        for (int64_t j = 0; j < d; ++j) variances[j] += s.scatter[k * d + j];
    for (double& each : variances) each /= s.total;
    factors_of_variances(d, variances, out.factors);
}

void m_step_VEI(const MStepStatistics& s, const Previous& previous, const Estimated& out) {
    const EqualShapes equal(s, s.own_scatter, true, previous);
    factors_of_variances(s.n_features, equal.variances(), out.factors);
}

void m_step_EVI(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t K = s.n_components, d = s.n_features;
    Numbers sizes(K), variances(s.own_scatter, s.own_scatter + K * d);
    raise_ill_defined(flags(K, [&](int64_t k) {
        return !std::all_of(s.own_scatter + k * d, s.own_scatter + (k + 1) * d,
                            [](double each) { return each > 0.0; });
    }));
    for (int64_t k = 0; k < K; ++k) sizes[k] = mean_log(d, s.own_scatter + k * d);
    const Numbers scales = equal_volumes(s, sizes);
    for (int64_t i = 0; i < K * d; ++i) variances[i] *= scales[i / d];
    factors_of_variances(d, variances, out.factors);
}

void m_step_VVI(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t d = s.n_features;
    Numbers variances(s.own_scatter, s.own_scatter + s.n_components * d);
    for (size_t i = 0; i < variances.size(); ++i) variances[i] /= s.own_mass[i / d];
    factors_of_variances(d, variances, out.factors);
}

// Matrices.

void m_step_EEE(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const auto total = [&](int64_t) { return s.total; };
    factors_of_scatters(1, s.n_features, s.scatter, total, out.factors);
}

void m_step_VVV(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const auto mass = [&](int64_t k) { return s.own_mass[k]; };
    factors_of_scatters(s.n_components, s.n_features, s.own_scatter, mass, out.factors);
}

void m_step_VEE(const MStepStatistics& s, const Previous& previous, const Estimated& out) {
    const int64_t d = s.n_features, size = d * d;
    const EqualShapes equal(s, s.own_scatter, false, previous);
    Numbers factor(size);
    if (!factor_of_matrix(d, equal.shape.data(), factor.data()))
        raise_ill_defined(Flags(s.n_components, true));
    for (int64_t k = 0; k < s.n_components; ++k)
        std::copy(factor.begin(), factor.end(), out.factors + k * size);
    scale_covariances(size, equal.volumes, out.factors);
}

void m_step_EVV(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t K = s.n_components, d = s.n_features, size = d * d;
    const auto one = [](int64_t) { return 1.0; };
    factors_of_scatters(K, d, s.own_scatter, one, out.factors);
    Numbers sizes(K);
    for (int64_t k = 0; k < K; ++k)
        sizes[k] = log_size(d, Factor::triangular, out.factors + k * size);
    scale_covariances(size, equal_volumes(s, sizes), out.factors);
}

// Axes that all share. With B_k the scatters along the axes, best variances inserted, what is left
// to minimise over the axes (-ECLL) depends on the B only: n_k / 2 sum_j log B_kj summed over k for
// VVE (Flury 1984), and n d / 2 log sum_k |B_k|^(1/d) for EVE (Celeux & Govaert 1995; Browne &
// McNicholas 2014).

// The axes near those known along which the scatters are as near to diagonal as they can be.
void find_common_axes(const MStepStatistics& s, bool by_mass, double exponent,
                      const Estimated& out) {
    const int64_t d = s.n_features;
    Filled filled(s, s.scatter, d * d);
    const int64_t K = filled.count();
    if (K == 1) {
        Numbers lengths(d);
        principal_axes(d, filled.scatter.data(), lengths.data(), out.axes);
    } else if (d > 1 && out.improve_axes) {
        const Numbers weights = by_mass ? filled.mass : Numbers(K, 1.0);
        const int64_t products = std::max(fewest_products, multiplications / (K * d * d * d));
        AxesSearch search(K, d, filled.scatter.data(), weights.data(), exponent, products);
        double value;
        if (d == 2)  // one plane, and all turns in it are compared
            lowest_axes(search, d, out.axes, &value, 1, 1);
        else
            search.improve(out.axes, most_steps);
    }
}

// Own scatters along the common axes (K, d).
Numbers along_common_axes(const MStepStatistics& s, bool by_mass, double exponent,
                          const Estimated& out) {
    const int64_t K = s.n_components, d = s.n_features;
    raise_ill_defined(flags(K, [&](int64_t k) {
        double trace = 0.0;
        for (int64_t j = 0; j < d; ++j) trace += s.own_scatter[k * d * d + j * (d + 1)];
        return !(trace > 0.0);
    }));
    find_common_axes(s, by_mass, exponent, out);
    Numbers along(K * d), product(d * d);
    for (int64_t k = 0; k < K; ++k) {
        multiply_matrices(d, s.own_scatter + k * d * d, out.axes, product.data());
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j)
                along[k * d + j] += product[i * d + j] * out.axes[i * d + j];
    }
    raise_ill_defined(flags(
        K, [&](int64_t k) { return s.filled(k) && vanishing(d, along.data() + k * d); }));
    return along;
}

// Factors from axes, one (d, d) for all or one for each, and variances along them (K, d).
void factors_from_axes(int64_t K, int64_t d, const double* axes, bool shared,
                       const Numbers& variances, double* factors) {
    raise_ill_defined(flags(K, [&](int64_t k) {
        return !std::all_of(variances.data() + k * d, variances.data() + (k + 1) * d,
                            [](double each) { return each > 0.0 && each < INFINITY; });
    }));
    for (int64_t k = 0; k < K; ++k)
        factor_of_axes(d, axes + (shared ? 0 : k * d * d), variances.data() + k * d,
                       factors + k * d * d);
}

void m_step_VVE(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t d = s.n_features;
    Numbers variances = along_common_axes(s, true, 0.0, out);
    for (size_t i = 0; i < variances.size(); ++i) variances[i] /= s.own_mass[i / d];
    factors_from_axes(s.n_components, d, out.axes, true, variances, out.factors);
}

void m_step_EVE(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t d = s.n_features;
    Numbers variances = along_common_axes(s, false, 1.0 / double(d), out), sizes(s.n_components);
    for (int64_t k = 0; k < s.n_components; ++k) sizes[k] = mean_log(d, variances.data() + k * d);
    const Numbers scales = equal_volumes(s, sizes);
    for (size_t i = 0; i < variances.size(); ++i) variances[i] *= scales[i / d];
    factors_from_axes(s.n_components, d, out.axes, true, variances, out.factors);
}

// Axes of their own, and equal shapes. The best axes are the eigenvectors of each scatter, whatever
// the shape, as long as both are in the same order (Celeux & Govaert 1995).

// Principal axes (K, d, d) of own scatters, and lengths (K, d) along them. What is within rounding
// of 0 is 0: shared shapes can do without, volumes must know.
struct OwnAxes {
    explicit OwnAxes(const MStepStatistics& s)
        : lengths(s.n_components * s.n_features), axes(lengths.size() * s.n_features) {
        const int64_t K = s.n_components, d = s.n_features;
        Numbers scatter(s.own_scatter, s.own_scatter + K * d * d);
        for (int64_t k = 0; k < K; ++k) {
            double* own = lengths.data() + k * d;
            principal_axes(d, scatter.data() + k * d * d, own, axes.data() + k * d * d);
            for (int64_t j = 0; j < d; ++j)
                if (!(own[j] > rounding(d) * own[d - 1])) own[j] = 0.0;
        }
    }

    Numbers lengths, axes;
};

void m_step_EEV(const MStepStatistics& s, const Previous&, const Estimated& out) {
    const int64_t K = s.n_components, d = s.n_features;
    const OwnAxes own(s);
    Numbers shared(d), variances;
    for (int64_t k = 0; k < K; ++k)
        for (int64_t j = 0; j < d; ++j)
            if (s.filled(k)) shared[j] += own.lengths[k * d + j];
    for (double& each : shared) each /= s.total;
    if (vanishing(d, shared.data())) raise_ill_defined(Flags(K, true));
    for (int64_t k = 0; k < K; ++k) variances.insert(variances.end(), shared.begin(), shared.end());
    factors_from_axes(K, d, own.axes.data(), false, variances, out.factors);
}

void m_step_VEV(const MStepStatistics& s, const Previous& previous, const Estimated& out) {
    const OwnAxes own(s);
    const EqualShapes equal(s, own.lengths.data(), true, previous);
    factors_from_axes(s.n_components, s.n_features, own.axes.data(), false, equal.variances(),
                      out.factors);
}

const Family families[] = {
    {"EII", Form::diagonal, Factor::diagonal, true, false, m_step_EII},
    {"VII", Form::diagonal, Factor::diagonal, false, false, m_step_VII},
    {"EEI", Form::diagonal, Factor::diagonal, true, false, m_step_EEI},
    {"VEI", Form::diagonal, Factor::diagonal, false, false, m_step_VEI},
    {"EVI", Form::diagonal, Factor::diagonal, false, false, m_step_EVI},
    {"VVI", Form::diagonal, Factor::diagonal, false, false, m_step_VVI},
    {"EEE", Form::pooled, Factor::triangular, true, false, m_step_EEE},
    {"VEE", Form::full, Factor::triangular, false, false, m_step_VEE},
    {"EVE", Form::full, Factor::triangular, false, true, m_step_EVE},
    {"VVE", Form::full, Factor::triangular, false, true, m_step_VVE},
    {"EEV", Form::full, Factor::triangular, false, false, m_step_EEV},
    {"VEV", Form::full, Factor::triangular, false, false, m_step_VEV},
    {"EVV", Form::full, Factor::triangular, false, false, m_step_EVV},
    {"VVV", Form::full, Factor::triangular, false, false, m_step_VVV},
};

}  // namespace

const Family* find_family(const std::string& code) {
    for (const Family& family : families)
        if (code == family.code) return &family;
    return nullptr;
}

}  // namespace skgmm
