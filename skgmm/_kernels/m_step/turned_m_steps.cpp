// M-steps of structures that are turned: EVE and VVE, whose components share their axes, and EEV and
// VEV, with axes of their own.
#include "m_step/axes.hpp"
#include "m_step/jacobi.hpp"
#include "m_step/shared_parts.hpp"

namespace skgmm {

namespace {

// What a search for common axes may cost that starts at the previous ones: steps, and
// multiplications of all matrices, or as many as make so many multiplications of numbers. A few
// steps reach the minimum; to stop short of it would turn rounding into larger errors of the axes.
constexpr int most_steps = 50;
constexpr int64_t fewest_products = 6, multiplications = 10'000'000;

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

}  // namespace

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

namespace {

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

}  // namespace

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

}  // namespace skgmm
