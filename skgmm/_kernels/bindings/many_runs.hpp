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

// Calls work(i) for each problem, on some threads. A problem is one thread's, so that results do not
// depend on their number.
template <typename Work>
void for_problems(int64_t n_problems, int64_t n_threads, Work work) {
    for_chunks(0, n_problems, n_threads, [&](int64_t i, int64_t, int64_t) { work(i); });
}

// Mixtures of N problems, the arrays of one after those of the other. Weights may be logarithms.
struct Mixtures {
    Mixtures(const Family& family_, int64_t n, int64_t K_, int64_t d_, const Out<double>& w,
             const Out<double>& m, const Out<double>& f)
        : family(family_), K(K_), d(d_), weights(w.data()), means(m.data()), factors(f.data()) {
        const int64_t of_one = family.factor == Factor::triangular ? d * d : d;
        n_factors = (family.one ? 1 : K) * of_one;
        require(!family.axes, "code: of components that do not share axes");
        require(int64_t(w.size()) == n * K && int64_t(m.size()) == n * K * d,
                "weights and means: (n, K) and (n, K, d)");
        require(int64_t(f.size()) == n * n_factors, "factors: of the structure");
    }

    const Family& family;
    int64_t K, d, n_factors;
    double *weights, *means, *factors;
};

inline const Family& family_of(const std::string& code) {
    const Family* family = find_family(code);
    require(family, "code: of a structure");
    return *family;
}

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

// A mixture and its moments as a state, and back.
inline State state_of(const Mixtures& mixtures, int64_t i, const double* moments, int64_t size) {
    const double *w = mixtures.weights + i * mixtures.K, *f = mixtures.factors + i * mixtures.n_factors,
                 *m = mixtures.means + i * mixtures.K * mixtures.d;
    return {{w, w + mixtures.K},
            {m, m + mixtures.K * mixtures.d},
            {f, f + mixtures.n_factors},
            {},
            {moments, moments + size}};
}

inline void copy_back(const State& state, const Mixtures& mixtures, int64_t i, double* moments) {
    std::copy(state.log_weights.begin(), state.log_weights.end(), mixtures.weights + i * mixtures.K);
    std::copy(state.means.begin(), state.means.end(),
              mixtures.means + i * mixtures.K * mixtures.d);
    std::copy(state.factors.begin(), state.factors.end(),
              mixtures.factors + i * mixtures.n_factors);
    std::copy(state.moments.begin(), state.moments.end(), moments);
}

}  // namespace skgmm
