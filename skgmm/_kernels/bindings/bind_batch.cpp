#include <algorithm>
#include <cmath>
#include <string>

#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "bindings/many_runs.hpp"
#include "passes/feature_scale.hpp"
#include "passes/kmeans.hpp"
#include "passes/moments.hpp"
#include "passes/piles.hpp"

using namespace skgmm;

namespace {

using Numbers = Out<double>;

// Samples of each problem in lexicographic order, one problem after the other.
struct Sorted {
    Sorted(const Labels& offsets_, const Numbers& rows, int64_t n_features)
        : offsets(offsets_.data()), values(rows.data()), d(n_features) {
        n_problems = int64_t(offsets_.shape(0)) - 1;
        require(n_problems >= 0 && offsets[0] == 0, "offsets: from 0");
        for (int64_t i = 0; i < n_problems; ++i)
            require(offsets[i] < offsets[i + 1], "offsets: increasing");
        require(int64_t(rows.size()) == offsets[n_problems] * d, "rows: as offsets say");
    }

    int64_t size(int64_t i) const { return offsets[i + 1] - offsets[i]; }
    double* of(int64_t i) const { return values + offsets[i] * d; }

    const int64_t* offsets;
    double* values;
    int64_t d, n_problems;
};

template <typename T>
double largest_magnitude(const Rows<T>& rows) {
    double largest = 0.0;
    for (int64_t i = 0; i < rows.n_samples; ++i)
        for (int64_t j = 0; j < rows.n_features; ++j) {
            const double size =
                std::abs(double(rows.data[i * rows.row_stride + j * rows.column_stride]));
            if (!std::isfinite(size)) return size;
            largest = std::max(largest, size);
        }
    return largest;
}

// In lexicographic order.
template <typename T>
void sort_rows(const Rows<T>& rows, double* out) {
    const int64_t n = rows.n_samples, d = rows.n_features;
    const auto value = [&](int64_t i, int64_t j) {
        return rows.data[i * rows.row_stride + j * rows.column_stride];
    };
    std::vector<std::pair<T, int64_t>> order(n);
    for (int64_t i = 0; i < n; ++i) order[i] = {value(i, 0), i};
    std::sort(order.begin(), order.end(), [&](const auto& one, const auto& other) {
        if (one.first != other.first) return one.first < other.first;
        int64_t j = 1;
        while (j < d && value(one.second, j) == value(other.second, j)) ++j;
        return j < d && value(one.second, j) < value(other.second, j);
    });
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < d; ++j) out[i * d + j] = double(value(order[i].second, j));
}

bool all_distinct(const double* rows, int64_t n, int64_t d) {
    for (int64_t i = 1; i < n; ++i)
        if (std::equal(rows + i * d, rows + (i + 1) * d, rows + (i - 1) * d)) return false;
    return true;
}

// Features whose values are copied at once, as these lie side by side.
constexpr int64_t at_once = 8;

// The scales of the features of samples (n, d), all of one weight.
void write_scales(const double* rows, int64_t n, int64_t d, double* variances, double* steps,
                  uint8_t* kinds, double* rounding) {
    std::vector<double> columns(at_once * n);
    const EqualWeights ones(n, 1.0);
    for (int64_t first = 0; first < d; first += at_once) {
        const int64_t width = std::min(at_once, d - first);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < width; ++j) columns[j * n + i] = rows[i * d + first + j];
        for (int64_t j = 0; j < width; ++j) {
            const FeatureScale scale = feature_scale(columns.data() + j * n, ones, double(n));
            variances[first + j] = scale.variance;
            steps[first + j] = scale.step;
            kinds[first + j] = uint8_t(scale.kind);
            rounding[first + j] = scale.rounding;
        }
    }
}

// For each problem: the largest magnitude, by nan or inf what is not finite; if it is finite, the
// samples sorted, and whether they are distinct; and if they are, the scales of the features.
template <typename T>
void scan(const std::vector<Matrix<T>>& problems, Labels offsets, Numbers rows, Numbers magnitudes,
          Out<uint8_t> distinct, Numbers variances, Numbers steps, Out<uint8_t> kinds,
          Numbers rounding) {
    const int64_t n_problems = int64_t(problems.size());
    require(n_problems > 0, "problems: at least one");
    const int64_t d = problems[0].shape(1);
    const Sorted sorted(offsets, rows, d);
    require(sorted.n_problems == n_problems, "offsets: one for each problem, and one");
    require(int64_t(magnitudes.size()) == n_problems && int64_t(distinct.size()) == n_problems,
            "magnitudes and distinct: one for each problem");
    require(int64_t(variances.size()) == n_problems * d && variances.size() == steps.size() &&
                kinds.size() == steps.size() && rounding.size() == steps.size(),
            "variances, steps, kinds and rounding: (n, d)");
    for (int64_t i = 0; i < n_problems; ++i)
        require(
            int64_t(problems[i].shape(1)) == d && int64_t(problems[i].shape(0)) == sorted.size(i),
            "problems: as offsets say");
    std::vector<Rows<T>> all;
    for (const auto& X : problems) all.push_back(rows_of<T>(X, std::nullopt));
    without_gil([&] {
        for (int64_t i = 0; i < n_problems; ++i) {
            const int64_t n = all[i].n_samples;
            magnitudes.data()[i] = largest_magnitude(all[i]);
            distinct.data()[i] = 0;
            if (!std::isfinite(magnitudes.data()[i])) continue;
            sort_rows(all[i], sorted.of(i));
            distinct.data()[i] = all_distinct(sorted.of(i), n, d);
            if (distinct.data()[i])
                write_scales(sorted.of(i), n, d, variances.data() + i * d, steps.data() + i * d,
                             kinds.data() + i * d, rounding.data() + i * d);
        }
    });
}

// One start by k-means; false where its M-step fails.
bool start(const Rows<double>& rows, const Family& family, const MixtureArrays& mixture,
           const double* uniforms, int64_t n_draws, int64_t max_iter, const double* floor) {
    const int64_t n = rows.n_samples, K = mixture.K, d = mixture.d;
    std::vector<int64_t> seeds(K), labels(n, -1);
    std::vector<double> centres(K * d), moments(mixture.n_moments);
    draw_seeds(rows, K, n_draws, uniforms, seeds.data());
    for (int64_t k = 0; k < K; ++k)
        std::copy_n(rows.data + seeds[k] * d, d, centres.begin() + k * d);
    lloyd(rows, K, max_iter, true, 1, centres.data(), labels.data());
    moments_of_groups(rows, Given{labels.data(), nullptr}, K, floor, family.form, moments.data(), 1);
    return mixture.maximise(family, moments.data());
}

// The start of each problem by k-means, from uniform draws (N, m) or (1, m) for all. `found` says
// where that went well.
void starts(Labels offsets, Numbers rows, const std::string& code, Table uniforms, int64_t n_draws,
            int64_t max_iter, Table floors, Numbers weights, Numbers means, Numbers factors,
            Out<uint8_t> found) {
    const Sorted sorted(offsets, rows, int64_t(floors.shape(1)));
    const int64_t n = sorted.n_problems;
    const Mixtures mixtures(code, n, sorted.d, weights, means, factors, nullptr);
    const int64_t m = uniforms.shape(1), n_streams = uniforms.shape(0), K = mixtures.first.K;
    require(m == 1 + (K - 1) * n_draws, "uniforms: for each draw");
    require(n_streams == 1 || n_streams == n, "uniforms: one row, or one for each problem");
    require(int64_t(floors.shape(0)) == n && int64_t(found.size()) == n,
            "floors and found: one for each problem");
    for (int64_t i = 0; i < n; ++i) require(sorted.size(i) >= K, "rows: no fewer than components");
    without_gil([&] {
        for (int64_t i = 0; i < n; ++i) {
            const std::vector<double> ones(sorted.size(i), 1.0);
            const Rows<double> own{sorted.of(i), sorted.size(i), sorted.d, sorted.d, 1, ones.data()};
            found.data()[i] = start(own, mixtures.family, mixtures.of(i),
                                    uniforms.data() + (n_streams == 1 ? 0 : i * m), n_draws,
                                    max_iter, floors.data() + i * sorted.d);
        }
    });
}

// The log of the largest responsibility of each sample (n,), as `log_certainty` in
// `_rows/evidence.py` adds them up.
template <typename T>
void write_certainties(const Rows<T>& rows, const Family& family, const MixtureArrays& of,
                       double* out) {
    const int64_t d = of.d, K = of.K, m = family.one ? 1 : K;
    const std::vector<double> none(d, 0.0);
    std::vector<double> peaks(K);
    log_peak(K, d, family.factor == Factor::triangular, m, of.factors, of.weights, none.data(),
             peaks.data());
    PackedMixture mixture(K, d, family.factor, of.means, of.factors, m, peaks.data());
    Values<T> values{};
    values.log_certainty = out;
    write_rows_fast(rows, mixture, of.means, values, 1);
}

// How a run ended: where what is next needs the Python implementation, it is to begin again there.
enum class End : int64_t { converged, out_of_iterations, elsewhere };

End end_of(Next next) {
    if (next == Next::converged) return End::converged;
    return next == Next::out_of_iterations ? End::out_of_iterations : End::elsewhere;
}

// Runs EM for each problem from its mixture, which becomes the best found, with its moments; `rule`
// are the decisions of a run that has not begun. `ends` are those of `End`, `certainties` those of
// all samples, one problem after the other. The objectives after each evaluation.
template <typename T>
std::vector<std::vector<double>> runs(const std::vector<Matrix<T>>& problems,
                                      const std::string& code, const Decisions& rule, Table floors,
                                      Numbers log_weights, Numbers means, Numbers factors,
                                      Numbers moments, Out<int64_t> ends, Numbers remaining,
                                      Numbers certainties) {
    const int64_t n = int64_t(problems.size()), d = floors.shape(1);
    const Mixtures mixtures(code, n, d, log_weights, means, factors, &moments);
    const Family& family = mixtures.family;
    require(int64_t(floors.shape(0)) == n && int64_t(ends.size()) == n &&
                int64_t(remaining.size()) == n,
            "floors, ends and remaining: one for each problem");
    const std::vector<Rows<T>> all = rows_of_all(problems, {}, d);
    std::vector<int64_t> first{0};
    for (const Rows<T>& rows : all) first.push_back(first.back() + rows.n_samples);
    require(int64_t(certainties.size()) == first.back(), "certainties: one for each sample");
    std::vector<std::vector<double>> objectives(n);
    without_gil([&] {
        for (int64_t i = 0; i < n; ++i) {
            const MixtureArrays own = mixtures.of(i);
            State state = own.state();
            Decisions decisions = rule;
            run_em(Problem<T>{all[i], family, floors.data() + i * d, 1}, {}, false, {}, decisions,
                   state);
            own.become(state);
            const End end = end_of(decisions.next());
            ends.data()[i] = int64_t(end);
            remaining.data()[i] = decisions.remaining();
            objectives[i] = decisions.objectives();
            if (end != End::elsewhere)
                write_certainties(all[i], family, own, certainties.data() + first[i]);
        }
    });
    return objectives;
}

// Variances, steps, kinds and rounding of features from their values (d, n), sorted with their weights
// (d, n), or in any order, which may change, where each has the weight (1, 1).
void scales(Numbers values, Table weights, double n_samples, Numbers variances, Numbers steps,
            Out<uint8_t> kinds, Numbers rounding) {
    require(values.ndim() == 2 && values.shape(1) > 0, "values: (d, n)");
    const int64_t d = values.shape(0), n = values.shape(1);
    const bool equal = weights.size() == 1;
    require(equal || (int64_t(weights.shape(0)) == d && int64_t(weights.shape(1)) == n),
            "weights: as values, or one");
    require(
        int64_t(variances.size()) == d && int64_t(steps.size()) == d &&
            int64_t(kinds.size()) == d && int64_t(rounding.size()) == d,
        "variances, steps, kinds and rounding: one for each feature");
    const EqualWeights of_each(n, weights.data()[0]);
    for (int64_t j = 0; j < d; ++j) {
        double* own = values.data() + j * n;
        const FeatureScale scale = equal ? feature_scale(own, of_each, n_samples)
                                         : feature_scale(own, weights.data() + j * n, n, n_samples);
        variances.data()[j] = scale.variance;
        steps.data()[j] = scale.step;
        kinds.data()[j] = uint8_t(scale.kind);
        rounding.data()[j] = scale.rounding;
    }
}

// How many samples share the most frequent value between two bounds, the width of its cell and the gap
// to the nearest other value, from sorted values (n,) and their weights (n,).
nb::tuple value_shared(Vector values, Vector weights, double low, double high) {
    require(values.size() > 0 && weights.size() == values.size(), "values, weights: (n,)");
    const SharedValue found =
        shared_value(values.data(), weights.data(), int64_t(values.size()), low, high);
    return nb::make_tuple(found.count, found.width, found.gap);
}

}  // namespace

void skgmm::bind_batch(nb::module_& m) {
    def(m, "scan", &scan<double>);
    def(m, "scan", &scan<float>);
    def(m, "runs", &runs<double>);
    def(m, "runs", &runs<float>);
    def(m, "starts", &starts);
    def(m, "feature_scales", &scales);
    def(m, "shared_value", &value_shared);
}
