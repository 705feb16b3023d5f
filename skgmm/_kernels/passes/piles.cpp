#include "passes/piles.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

namespace skgmm {

using std::int64_t;

namespace {

// A pile is this fraction of the samples, so many times as many as at any value that is none, and
// no fewer than this. There may be two: at both ends of a scale.
constexpr double least_fraction = 0.1, least_times = 3.0, fewest = 5.0;
constexpr int64_t most_piles = 2;

// A pile stands for values spread over so many standard deviations of the samples next to it. With
// fewer, piles decide the clusters; with more, groups at a value are lost.
constexpr double deviations = 2.5;

// Equal values, from the first to before the last.
struct Run {
    int64_t first, last;
    double count;
};

// Sorted values and the number of samples at each.
class Counted {
public:
    Counted(const double* sorted, const double* counts, int64_t n) : values(sorted), sums(n + 1) {
        for (int64_t i = 0; i < n; ++i) sums[i + 1] = sums[i] + (counts ? counts[i] : 1.0);
        int64_t first = 0;
        for (int64_t i = 1; i <= n; ++i) {
            if (i < n && values[i] == values[first]) continue;
            add({first, i, sums[i] - sums[first]});
            first = i;
        }
        while (n_piles > 0 && !is_pile(n_piles - 1)) --n_piles;
        others = sums.back();
        for (int64_t i = 0; i < n_piles; ++i) others -= largest[i].count;
    }

    // From the largest pile to the nearest other value; 0 without a pile.
    double gap() const { return n_piles == 0 ? 0.0 : gap_of(largest[0]); }

    // Of the narrower cell where there are two.
    double width() const {
        double narrowest = 0.0;
        for (int64_t i = 0; i < n_piles; ++i) {
            const auto [below, above] = sides_of(largest[i]);
            narrowest = smaller(narrowest, smaller(below.width, above.width));
        }
        return narrowest;
    }

    // The value between two bounds that most samples share. Where the samples beside it share a
    // value themselves, its cell reaches as far as that.
    SharedValue shared_between(double low, double high) const {
        Run most{0, 0, 0.0};
        const double* const end = values + size();
        int64_t i = std::lower_bound(values, end, low) - values;
        while (i < size() && values[i] <= high) {
            const int64_t last = std::upper_bound(values + i, end, values[i]) - values;
            const Run run{i, last, sums[last] - sums[i]};
            if (run.count > most.count) most = run;
            i = last;
        }
        if (most.count == 0.0) return {0.0, 0.0, 0.0};
        const auto [below, above] = sides_of(most);
        return {most.count, smaller(below.reach(), above.reach()), gap_of(most)};
    }

private:
    // The samples next to a run: the width of a cell by their deviation; and how far a value is that
    // half of them share, or 0.
    struct Side {
        double width = 0.0, apart = 0.0;
        double reach() const { return apart > 0.0 ? apart : width; }
    };

    // To the nearest other value.
    double gap_of(const Run& run) const {
        double least = INFINITY;
        if (run.first > 0) least = values[run.first] - values[run.first - 1];
        if (run.last < size()) least = std::min(least, values[run.last] - values[run.first]);
        return least;
    }

    // Of two numbers the smaller one that is positive.
    static double smaller(double a, double b) {
        return a > 0.0 && b > 0.0 ? std::min(a, b) : std::max(a, b);
    }

    // The run among the largest, in order.
    void add(Run run) {
        for (Run& one : largest)
            if (run.count > one.count) std::swap(run, one);
    }

    // Whether a run, and with it those of more samples, are piles.
    bool is_pile(int64_t i) const {
        const double least = std::max(fewest, least_fraction * sums.back());
        return largest[i].count >= std::max(least, least_times * largest[i + 1].count);
    }

    bool in_pile(int64_t i) const {
        return std::any_of(largest.begin(), largest.begin() + n_piles,
                           [i](const Run& pile) { return pile.first <= i && i < pile.last; });
    }

    // Below and above: a cluster on either side must not count as one wide one.
    std::array<Side, 2> sides_of(const Run& run) const {
        return {side_of(run, run.first - 1, -1), side_of(run, run.last, 1)};
    }

    // The samples on one side that are nearest to a run and in no pile, by their quartiles: as many
    // as in the run, or all; nothing if there are not half as many.
    Side side_of(const Run& run, int64_t next, int64_t step) const {
        const double wanted = std::min(run.count, others);
        std::vector<int64_t> places;
        double taken = 0.0;
        for (; taken < wanted && next >= 0 && next < size(); next += step) {
            if (in_pile(next)) continue;
            taken += count(next);
            places.push_back(next);
        }
        if (places.empty() || taken < 0.5 * wanted) return {};
        const double near = quantile(places, 0.25 * taken), far = quantile(places, 0.75 * taken);
        // A value that half of them share is at their median.
        const double median = quantile(places, 0.5 * taken);
        double shared = 0.0;
        for (const int64_t i : places) shared += values[i] == median ? count(i) : 0.0;
        return {deviations * std::abs(far - near) / quartiles_apart,
                shared >= 0.5 * taken ? std::abs(median - values[run.first]) : 0.0};
    }

    int64_t size() const { return int64_t(sums.size()) - 1; }

    double count(int64_t i) const { return sums[i + 1] - sums[i]; }

    // The value up to which there are so many samples, counted from the pile.
    double quantile(const std::vector<int64_t>& places, double samples) const {
        double sum = 0.0;
        for (const int64_t i : places)
            if ((sum += count(i)) >= samples) return values[i];
        return values[places.back()];
    }

    const double* values;
    std::vector<double> sums;
    std::array<Run, most_piles + 1> largest{};  // of the most samples first
    int64_t n_piles = most_piles;
    double others;  // samples in no pile
};

}  // namespace

bool may_have_pile(const double* values, int64_t n) {
    // Equal values have the same remainder of a hash; others hardly ever fill a tenth of these.
    std::array<int64_t, 256> counts{};
    for (int64_t i = 0; i < n; ++i) {
        const double value = values[i] + 0.0;  // not -0
        std::uint64_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        ++counts[(bits * 0x9E3779B97F4A7C15u) >> 56];
    }
    const int64_t most = *std::max_element(counts.begin(), counts.end());
    return double(most) >= std::max(fewest, least_fraction * double(n));
}

Piles piles_of(const double* values, const double* counts, int64_t n) {
    const Counted counted(values, counts, n);
    return {counted.width(), counted.gap()};
}

SharedValue shared_value(const double* values, const double* counts, int64_t n, double low,
                         double high) {
    return Counted(values, counts, n).shared_between(low, high);
}

}  // namespace skgmm
