#include "m_step/m_steps.hpp"

#include "m_step/shared_parts.hpp"

namespace skgmm {

// In turned_m_steps.cpp.
MStepOf m_step_EVE, m_step_VVE, m_step_EEV, m_step_VEV;

namespace {

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
    raise_ill_defined(factors_of_scatters(1, s.n_features, s.scatter, &s.total, out.factors));
}

void m_step_VVV(const MStepStatistics& s, const Previous&, const Estimated& out) {
    raise_ill_defined(factors_of_scatters(s.n_components, s.n_features, s.own_scatter, s.own_mass,
                                          out.factors));
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
    Numbers sizes(K, 1.0);
    raise_ill_defined(factors_of_scatters(K, d, s.own_scatter, sizes.data(), out.factors));
    for (int64_t k = 0; k < K; ++k)
        sizes[k] = log_size(d, Factor::triangular, out.factors + k * size);
    scale_covariances(size, equal_volumes(s, sizes), out.factors);
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

bool maximise(const Family& family, int64_t K, int64_t d, const double* moments,
              const Previous& previous, double* weights, double* means, const Estimated& out) {
    const double *mass = moments + 2, *mean = mass + K, *scatter = mean + K * d;
    double total = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        weights[k] = mass[k] / moments[1];
        // A smaller weight would lose digits, and counts as none.
        if (!(weights[k] >= smallest)) return false;
        total += mass[k];
    }
    std::copy_n(mean, K * d, means);
    try {
        family.m_step({K, d, mass, total, scatter, mass, scatter}, previous, out);
    } catch (const IllDefined&) {
        return false;
    }
    return true;
}

const Family* find_family(const std::string& code) {
    for (const Family& family : families)
        if (code == family.code) return &family;
    return nullptr;
}

}  // namespace skgmm
