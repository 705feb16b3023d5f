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
    double gap() const {
        if (n_piles == 0) return 0.0;
        const Run& pile = largest[0];
        double least = INFINITY;
        if (pile.first > 0) least = values[pile.first] - values[pile.first - 1];
        if (pile.last < size()) least = std::min(least, values[pile.last] - values[pile.first]);
        return least;
    }

    // Of the narrower cell where there are two.
    double width() const {
        double narrowest = 0.0;
        for (int64_t i = 0; i < n_piles; ++i) {
            const double width = deviations * deviation_beside(largest[i]);
            if (width > 0.0 && (narrowest == 0.0 || width < narrowest)) narrowest = width;
        }
        return narrowest;
    }

private:
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

    // The smaller one of the samples below and above the pile, where there are enough of them: a
    // cluster on either side must not count as one wide one.
    double deviation_beside(const Run& pile) const {
        const double below = deviation_of_side(pile, pile.first - 1, -1);
        const double above = deviation_of_side(pile, pile.last, 1);
        return below > 0.0 && above > 0.0 ? std::min(below, above) : std::max(below, above);
    }

    // Of the samples on one side that are nearest to the pile and in none, by their quartiles: as
    // many as in the pile, or all; 0 if there are not half as many.
    double deviation_of_side(const Run& pile, int64_t next, int64_t step) const {
        const double wanted = std::min(pile.count, others);
        std::vector<int64_t> places;
        double taken = 0.0;
        for (; taken < wanted && next >= 0 && next < size(); next += step) {
            if (in_pile(next)) continue;
            taken += count(next);
            places.push_back(next);
        }
        if (places.empty() || taken < 0.5 * wanted) return 0.0;
        const double near = quantile(places, 0.25 * taken), far = quantile(places, 0.75 * taken);
        return std::abs(far - near) / quartiles_apart;
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

}  // namespace skgmm
