#include "passes/feature_scale.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "passes/passes.hpp"
#include "passes/piles.hpp"

namespace skgmm {

using std::int64_t;

namespace {

// Quantiles whose distance measures the scale, and that distance for a standard normal: the first
// that is positive counts. A feature that is zero for nearly all samples has only the last.
struct Quantile {
    double tail, width;
};
constexpr Quantile quantiles[] = {{0.25, quartiles_apart}, {0.1, 2.56310}, {0.02, 4.10750}};

// A feature is coarse if it takes no more values than this, and each this often on average. Iris
// has 22 petal widths, a scale of pixels 17 values, a questionnaire 5 or 7. Equal samples count
// once, but not in a table of few answers: where there are this many of each on average, and each
// value is found in this many different ones.
constexpr int64_t most_values = 20;
constexpr double least_repeats = 3.0, least_equal = 5.0, least_different = 1.5;

// Values are rounded if they are no more than this, each taken as often as those of a coarse feature:
// of 80 samples, fewer than this part then have a value of their own.
constexpr int64_t most_rounded = 256;
constexpr double nearly_all = 0.95;

// At no more than this part of the samples the next value is closer than the step of a feature.
constexpr double least_part = 0.1;

// Rounded values are whole steps apart, up to this part of one.
constexpr double of_a_step = 0.02;

// Values that differ by less than this in standard deviations are the same but for rounding.
constexpr double same = 1e-9;

// That of a normal distribution with two quantiles so far apart.
double normal_variance(double apart, double width) { return (apart / width) * (apart / width); }

// The place of a quantile among sorted values, from the sums of weights up to each.
int64_t place_of(const std::vector<double>& ranks, double share) {
    const double least = share * ranks.back();
    return std::lower_bound(ranks.begin(), ranks.end() - 1, least) - ranks.begin();
}

// The variance, or that of the normal distribution with these quantiles if it is smaller.
double robust_variance(const double* values, const double* weights, int64_t n) {
    std::vector<double> ranks(n);
    std::partial_sum(weights, weights + n, ranks.begin());
    const double total = ranks.back(), origin = values[n / 2];
    double shift = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; ++i) shift += weights[i] * (values[i] - origin);
    const double mean = origin + shift / total;
    for (int64_t i = 0; i < n; ++i)
        squares += weights[i] * (values[i] - mean) * (values[i] - mean);
    for (const auto& [tail, width] : quantiles) {
        const double apart = values[place_of(ranks, 1.0 - tail)] - values[place_of(ranks, tail)];
        if (apart > 0.0) return std::min(squares / total, normal_variance(apart, width));
    }
    return squares / total;
}

// Whether weights may be numbers of equal samples.
bool are_integers(const double* weights, int64_t n) {
    return std::all_of(weights, weights + n, [](double w) { return w == std::floor(w); });
}

// How many values there are, and how far the next one is from the values that nine tenths of the
// samples take: ends of a scale that stand for all beyond may be closer. No step where values are
// more than rounded ones can be.
struct Spacing {
    int64_t n_values;
    double step;
};

Spacing spacing_of(const double* values, const double* weights, int64_t n, double deviation) {
    std::vector<double> gaps, totals(1, weights[0]);
    for (int64_t i = 1; i < n; ++i) {
        const double gap = values[i] - values[i - 1];
        if (gap > same * deviation) {
            gaps.push_back(gap);
            totals.push_back(0.0);
        }
        if (int64_t(totals.size()) > most_rounded) return {most_rounded + 1, 0.0};
        totals.back() += weights[i];
    }
    const int64_t n_values = int64_t(totals.size());
    if (gaps.empty()) return {n_values, 0.0};
    std::vector<std::pair<double, double>> nearest;  // how far the next value is, and the samples
    for (int64_t v = 0; v < n_values; ++v) {
        const double below = v > 0 ? gaps[v - 1] : INFINITY;
        const double above = v + 1 < n_values ? gaps[v] : INFINITY;
        nearest.emplace_back(std::min(below, above), totals[v]);
    }
    std::sort(nearest.begin(), nearest.end());
    const double total = std::accumulate(totals.begin(), totals.end(), 0.0);
    double sum = 0.0;
    for (const auto& [gap, samples] : nearest)
        if ((sum += samples) >= least_part * total) return {n_values, gap};
    return {n_values, nearest.back().first};
}

// Whether nine tenths of the samples are whole steps away from the median: a few values between
// others would otherwise pass for a step.
bool are_multiples(const double* values, const double* weights, int64_t n, double step) {
    double total = 0.0, off = 0.0;
    for (int64_t i = 0; i < n; ++i) {
        const double steps = (values[i] - values[n / 2]) / step;
        total += weights[i];
        off += std::abs(steps - std::round(steps)) > of_a_step ? weights[i] : 0.0;
    }
    return step > 0.0 && off <= least_part * total;
}

// Whether values are few and repeat, so that the feature is coarse.
bool are_coarse(int64_t n_values, const double* weights, int64_t n, double n_samples) {
    if (n_values > most_values) return false;
    const double total = std::accumulate(weights, weights + n, 0.0);
    const bool answers = total >= least_equal * double(n) && are_integers(weights, n) &&
                         double(n) >= least_different * double(n_values);
    return (answers ? total : n_samples) >= least_repeats * double(n_values);
}

bool is_constant(double lowest, double highest, double tolerance = 1.0) {
    const double rounding = tolerance * 4.0 * std::numeric_limits<double>::epsilon() *
                            std::max(std::abs(lowest), std::abs(highest));
    return !(highest - lowest > rounding);
}

// Sorted values, a few of all.
struct Few {
    Few(const double* all, int64_t n) : size(std::min<int64_t>(n, most)) {
        for (int64_t i = 0; i < size; ++i) values[i] = all[i * (n / size)];
        std::sort(values, values + size);
    }

    // Whether they may differ by rounding alone; if not, the feature is not constant.
    bool alike() const { return is_constant(values[0], values[size - 1], 2.0); }

    // Whether they are more than a coarse feature has. Two are different for certain if they are so
    // far apart that not even n values could bridge the gap by steps of rounding.
    bool certainly_fine(int64_t n, double deviation) const {
        int64_t n_values = 1;
        for (int64_t i = 1; i < size; ++i)
            n_values += values[i] - values[i - 1] > double(n) * same * deviation;
        return n_values > most_values;
    }

    // Whether hardly any two are equal: of no more than `most_rounded` values, some would be.
    bool different() const {
        int64_t n_values = 1;
        for (int64_t i = 1; i < size; ++i) n_values += values[i] != values[i - 1];
        return double(n_values) > nearly_all * double(size);
    }

    static constexpr int64_t most = 4 * most_values;
    int64_t size;
    double values[most];
};

// The value at a place among n sorted ones. It is looked for between two of the few that follow one
// another: how many are below one of them is quickly counted. `room` is for n + 1 values.
double value_at(int64_t place, const double* all, int64_t n, const Few& few, double* room) {
    const double* const end = few.values + few.size;
    const double* const above = std::partition_point(
        few.values, end, [&](double value) { return active->n_below(all, n, value) <= place; });
    const double low = above == few.values ? -INFINITY : above[-1];
    const double high = above == end ? INFINITY : *above;
    int64_t n_between = 0;
    for (int64_t i = 0; i < n; ++i) {  // without branches
        room[n_between] = all[i];
        n_between += (all[i] >= low) & (all[i] < high);
    }
    double* const own = room + (place - active->n_below(all, n, low));
    std::nth_element(room, own, room + n_between);
    return *own;
}

}  // namespace

EqualWeights::EqualWeights(int64_t n_values, double weight_of_each)
    : n(n_values), weight(weight_of_each) {
    std::vector<double> ranks(n, weight);
    std::partial_sum(ranks.begin(), ranks.end(), ranks.begin());
    low = place_of(ranks, quantiles[0].tail), high = place_of(ranks, 1.0 - quantiles[0].tail);
}

FeatureScale feature_scale(double* values, const EqualWeights& weights, double n_samples) {
    const int64_t n = weights.n;
    const Few few(values, n);
    if (few.alike()) {
        const auto [lowest, highest] = std::minmax_element(values, values + n);
        if (is_constant(*lowest, *highest)) return {0.0, 0.0};
    }
    const double origin = values[0];
    double shift = 0.0, squares = 0.0;
    for (int64_t i = 0; i < n; ++i) shift += values[i] - origin;
    const double mean = origin + shift / double(n);
    for (int64_t i = 0; i < n; ++i) squares += (values[i] - mean) * (values[i] - mean);
    std::vector<double> room(n + 1);
    const double apart = value_at(weights.high, values, n, few, room.data()) -
                         value_at(weights.low, values, n, few, room.data());
    const double variance =
        std::min(squares / double(n), normal_variance(apart, quantiles[0].width));
    if (apart > 0.0 && few.certainly_fine(n, std::sqrt(variance)) && few.different() &&
        !may_have_pile(values, n))
        return {variance, 0.0};
    std::sort(values, values + n);
    std::fill(room.begin(), room.end(), weights.weight);
    return feature_scale(values, room.data(), n, n_samples);
}

FeatureScale feature_scale(const double* values, const double* weights, int64_t n,
                           double n_samples) {
    if (is_constant(values[0], values[n - 1])) return {0.0, 0.0};
    double variance = robust_variance(values, weights, n);
    const bool counts = n_samples > double(n) && are_integers(weights, n);
    const Piles piles = piles_of(values, counts ? weights : nullptr, n);
    // A pile may be far from all others.
    if (piles.width > 0.0) variance = std::min(variance, piles.width * piles.width);
    const auto [n_values, spacing] = spacing_of(values, weights, n, std::sqrt(variance));
    const double step = are_coarse(n_values, weights, n, n_samples) ? spacing : 0.0;
    if (!(piles.gap > 0.0)) {
        const bool rounded = step == 0.0 && n_samples >= least_repeats * double(n_values) &&
                             are_multiples(values, weights, n, spacing);
        return {variance, step, Kind::other, rounded ? spacing : 0.0};
    }
    if (step > 0.0)
        return {variance, std::max(piles.width, step),
                piles.width > 0.0 ? Kind::other : Kind::binary};
    return {variance, piles.width > 0.0 ? piles.width : piles.gap, Kind::piled};
}

}  // namespace skgmm
