#include <cmath>

#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "bindings/many_runs.hpp"

using namespace skgmm;

namespace {

using Numbers = Out<double>;

// What is known of a run: a mixture, moments whose M-step it begins with, a mixture with its
// moments, or that there is no such M-step; or the moments need the Python implementation.
enum class Known : uint8_t { mixture, start_moments, both, no_start, elsewhere };

void check_problems(const Labels& which, size_t n_problems) {
    for (size_t i = 0; i < which.size(); ++i)
        require(which.data()[i] >= 0 && which.data()[i] < int64_t(n_problems),
                "which: numbers of problems");
}

// Moments of N partitions into K groups, the labels of one after those of the other; `which` are
// the numbers of the problems (N,) that they are of.
template <typename T>
void partitions(const std::vector<Matrix<T>>& problems,
                const std::vector<std::optional<Vector>>& weights, Labels which, Labels labels,
                int64_t K, Vector floor, int form, Numbers moments, int64_t n_threads) {
    const int64_t n = int64_t(which.size()), d = floor.shape(0);
    const int64_t size = sums_size(Form(form), K, d);
    require(K > 0 && int64_t(moments.size()) == n * size, "moments: as sums");
    const std::vector<Rows<T>> all = rows_of_all(problems, weights, d);
    check_problems(which, all.size());
    std::vector<int64_t> first{0};
    for (int64_t i = 0; i < n; ++i) first.push_back(first.back() + all[which.data()[i]].n_samples);
    require(int64_t(labels.size()) == first.back(), "labels: one for each sample");
    for (size_t i = 0; i < labels.size(); ++i)
        require(labels.data()[i] >= 0 && labels.data()[i] < K, "labels: of the groups");
    without_gil([&] {
        for_problems(n, n_threads, [&](int64_t i) {
            moments_of_groups(all[which.data()[i]], Given{labels.data() + first[i], nullptr}, K,
                              floor.data(), Form(form), moments.data() + i * size, 1);
        });
    });
}

// The start of a run, with its moments.
template <typename T>
Known begun(const Problem<T>& problem, const MixtureArrays& own, Known known, State& state) {
    if (known == Known::start_moments) {
        double *w = own.weights, *f = own.factors;
        if (!own.maximise(problem.family, own.moments)) return Known::no_start;
        std::transform(w, w + own.K, w, [](double weight) { return std::log(weight); });
        if (!std::all_of(f, f + own.n_factors, [](double x) { return std::isfinite(x); }))
            return Known::no_start;
    }
    state = own.state();
    if (known == Known::both) return known;
    return problem.evaluate(state) == -1 ? Known::both : Known::elsewhere;
}

// Goes on with N runs of EM, on the samples of the problems whose numbers are `which`, as far as
// their decisions say. `known` are values of `Known`, before and after. Each mixture becomes the
// best found.
template <typename T>
void trials(const std::vector<Matrix<T>>& problems,
            const std::vector<std::optional<Vector>>& weights, Labels which,
            const std::string& code, const std::vector<Decisions*>& decisions, Vector floor,
            Out<uint8_t> known, Numbers log_weights, Numbers means, Numbers factors,
            Numbers moments, int64_t n_threads) {
    const int64_t n = int64_t(which.size()), d = floor.shape(0);
    const Mixtures mixtures(code, n, d, log_weights, means, factors, &moments);
    require(int64_t(known.size()) == n && int64_t(decisions.size()) == n,
            "known and decisions: one for each start");
    for (const Decisions* one : decisions) require(one, "decisions: of each start");
    const std::vector<Rows<T>> all = rows_of_all(problems, weights, d);
    check_problems(which, all.size());
    without_gil([&] {
        for_problems(n, n_threads, [&](int64_t i) {
            const Problem<T> problem{all[which.data()[i]], mixtures.family, floor.data(), 1};
            const MixtureArrays own = mixtures.of(i);
            State state;
            const Known found = begun(problem, own, Known(known.data()[i]), state);
            known.data()[i] = uint8_t(found);
            if (found != Known::both) return;
            run_em(problem, {}, true, {}, *decisions[i], state);
            own.become(state);
        });
    });
}

}  // namespace

void skgmm::bind_trials(nb::module_& m) {
    def(m, "partitions", &partitions<double>);
    def(m, "partitions", &partitions<float>);
    def(m, "trials", &trials<double>);
    def(m, "trials", &trials<float>);
}
