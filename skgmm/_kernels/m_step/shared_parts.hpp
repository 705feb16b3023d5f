// What M-steps of several structures have in common: checks, factors, equal volumes and shapes.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "m_step/factors.hpp"
#include "m_step/lapack.hpp"
#include "m_step/m_steps.hpp"
#include "m_step/volumes.hpp"

namespace skgmm {

using Numbers = std::vector<double>;
using Flags = std::vector<bool>;  // of components

// Of a variance whose inverse is a number with all its digits.
inline constexpr double smallest = std::numeric_limits<double>::min();

template <typename Each>
void raise_ill_defined(const std::vector<Each>& components) {
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

inline bool vanishing(int64_t d, const double* variances) {
    const double largest = *std::max_element(variances, variances + d);
    return !std::all_of(variances, variances + d,
                        [&](double each) { return each > rounding(d) * largest; });
}

// Diagonal factors from variances (m, d).
inline void factors_of_variances(int64_t d, const Numbers& variances, double* factors) {
    const double* all = variances.data();
    raise_ill_defined(flags(int64_t(variances.size()) / d, [&](int64_t k) {
        return !std::all_of(all + k * d, all + (k + 1) * d, [](double each) {
            return each >= smallest && each <= 1.0 / smallest;
        });
    }));
    for (size_t i = 0; i < variances.size(); ++i) factors[i] = 1.0 / std::sqrt(variances[i]);
}

// The covariances that factors (K, d, d) stand for times `scales` (K,).
inline void scale_covariances(int64_t size, const Numbers& scales, double* factors) {
    for (size_t k = 0; k < scales.size(); ++k)
        for (int64_t i = 0; i < size; ++i) factors[int64_t(k) * size + i] /= std::sqrt(scales[k]);
}

// Mean over features of the logarithms.
inline double mean_log(int64_t d, const double* numbers) {
    double sum = 0.0;
    for (int64_t j = 0; j < d; ++j) sum += std::log(numbers[j]);
    return sum / double(d);
}

// Mean over features of the log-variances that a factor stands for.
inline double log_size(int64_t d, Factor form, const double* factor) {
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
inline Numbers equal_volumes(const MStepStatistics& s, const Numbers& log_sizes) {
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

}  // namespace skgmm
