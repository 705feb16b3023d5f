// What runs of EM from many starts share: mixtures one after the other, samples, and threads.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "bindings/bind.hpp"
#include "fit/em_run.hpp"
#include "m_step/m_steps.hpp"
#include "passes/passes.hpp"

namespace skgmm {

// Calls work(i) for each problem, on some threads. A problem is one thread's, so that results do
// not depend on their number.
template <typename Work>
void for_problems(int64_t n_problems, int64_t n_threads, Work work) {
    for_chunks(0, n_problems, n_threads, [&](int64_t i, int64_t, int64_t) { work(i); });
}

// A mixture and its moments, in arrays of Python's.
struct MixtureArrays {
    int64_t K, d, n_factors, n_moments;  // components and features, and numbers
    double *weights, *means, *factors, *axes, *moments;

    State state() const {
        State state{{weights, weights + K},
                    {means, means + K * d},
                    {factors, factors + n_factors},
                    {},
                    {moments, moments + n_moments}};
        if (axes) state.axes.assign(axes, axes + d * d);
        return state;
    }

    void become(const State& state) const {
        std::copy(state.log_weights.begin(), state.log_weights.end(), weights);
        std::copy(state.means.begin(), state.means.end(), means);
        std::copy(state.factors.begin(), state.factors.end(), factors);
        if (axes) std::copy(state.axes.begin(), state.axes.end(), axes);
        std::copy(state.moments.begin(), state.moments.end(), moments);
    }

    // The M-step from moments, without covariances to start from.
    bool maximise(const Family& family, const double* from) const {
        return skgmm::maximise(family, K, d, from, {}, weights, means, {factors, nullptr, false});
    }
};

inline const Family& family_of(const std::string& code) {
    const Family* family = find_family(code);
    require(family, "code: of a structure");
    return *family;
}

// Mixtures of N problems, the arrays of one after those of the other. Weights may be logarithms.
struct Mixtures {
    Mixtures(const std::string& code, int64_t n, int64_t d, const Out<double>& weights,
             const Out<double>& means, const Out<double>& factors, const Out<double>* moments)
        : family(family_of(code)) {
        const int64_t K = weights.ndim() == 2 ? weights.shape(1) : 0;
        const int64_t of_one = family.factor == Factor::triangular ? d * d : d;
        const int64_t n_factors = (family.one ? 1 : K) * of_one;
        const int64_t size = sums_size(family.form, K, d);
        require(!family.axes, "code: of components that do not share axes");
        require(K > 0 && int64_t(weights.size()) == n * K && int64_t(means.size()) == n * K * d,
                "weights and means: (n, K) and (n, K, d)");
        require(int64_t(factors.size()) == n * n_factors, "factors: of the structure");
        require(!moments || int64_t(moments->size()) == n * size, "moments: as sums");
        first = {K,
                 d,
                 n_factors,
                 size,
                 weights.data(),
                 means.data(),
                 factors.data(),
                 nullptr,
                 moments ? moments->data() : nullptr};
    }

    MixtureArrays of(int64_t i) const {
        MixtureArrays own = first;
        own.weights += i * own.K;
        own.means += i * own.K * own.d;
        own.factors += i * own.n_factors;
        if (own.moments) own.moments += i * own.n_moments;
        return own;
    }

    const Family& family;
    MixtureArrays first;
};

// The samples of problems that all have d features, in arrays of Python's.
template <typename T>
std::vector<Rows<T>> rows_of_all(const std::vector<Matrix<T>>& problems,
                                 const std::vector<std::optional<Vector>>& weights, int64_t d) {
    require(weights.empty() || weights.size() == problems.size(), "weights: for each problem");
    std::vector<Rows<T>> all;
    for (size_t i = 0; i < problems.size(); ++i) {
        require(int64_t(problems[i].shape(1)) == d, "problems: as many features as floors");
        all.push_back(rows_of<T>(problems[i], weights.empty() ? std::nullopt : weights[i]));
    }
    return all;
}

}  // namespace skgmm
