#include "passes/ward.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "passes/panels.hpp"
#include "passes/stop.hpp"

namespace skgmm {

using std::int64_t;

namespace {

// Two rows whose groups are merged, and what this adds to the sum of squares.
struct Merge {
    double increase;
    int64_t one, other;
};

// Rows whose distances are computed before an interrupt is looked for.
constexpr int64_t piece = 32;

// Weights are in units of the largest, and no less than this: products of two are float64 numbers.
constexpr double least_mass = 1e-150;

// Rows a power of 2 apart would share few places of the caches.
constexpr int64_t unaligned = 8;

// Groups, and by how much merging any two of them increases the sum.
class Groups {
public:
    explicit Groups(const Rows<double>& rows)
        : left(rows.n_samples),
          stride((left + most_lanes - 1) / most_lanes * most_lanes + unaligned),
          mass(left),
          row(left),
          increase(left * stride) {
        const double largest = *std::max_element(rows.weight, rows.weight + left);
        for (int64_t i = 0; i < left; ++i) mass[i] = std::max(rows.weight[i] / largest, least_mass);
        std::iota(row.begin(), row.end(), int64_t(0));
        find_squares(rows);
        for (int64_t i = 0; i < left; ++i) {
            double* const own = of(i);
            for (int64_t k = 0; k < left; ++k) own[k] *= mass[i] * mass[k] / (mass[i] + mass[k]);
            own[i] = INFINITY;
        }
    }

    // The group with which merging one increases the sum least; of equals, the `preferred` one.
    int64_t nearest(int64_t i, int64_t preferred) const {
        constexpr int64_t together = 8;  // so that compilers make lanes of them
        const double* const own = of(i);
        double least[together];
        std::fill_n(least, together, INFINITY);
        int64_t k = 0;
        for (; k + together <= left; k += together)
            for (int64_t lane = 0; lane < together; ++lane)
                least[lane] = own[k + lane] < least[lane] ? own[k + lane] : least[lane];
        for (; k < left; ++k) least[0] = std::min(least[0], own[k]);
        const double smallest = *std::min_element(least, least + together);
        if (preferred >= 0 && own[preferred] == smallest) return preferred;
        return std::find(own, own + left, smallest) - own;
    }

    // Merges two groups (Lance and Williams 1967). The last group takes the place that becomes free.
    Merge merge(int64_t i, int64_t j) {
        if (j + 1 == left) std::swap(i, j);
        const Merge done{of(i)[j], row[i], row[j]};
        const double own = mass[i], other = mass[j];
        const double* const from = of(i);
        double* const into = of(j);
        for (int64_t k = 0; k < left; ++k) {
            const double merged = ((own + mass[k]) * from[k] + (other + mass[k]) * into[k] -
                                   mass[k] * done.increase) /
                                  (own + other + mass[k]);
            // Rounding must not bring it closer: chains of nearest groups rely on that.
            into[k] = std::max(std::min(from[k], into[k]), merged);
        }
        mass[j] = own + other;
        into[j] = INFINITY;
        --left;
        mass[i] = mass[left];
        row[i] = row[left];
        if (i == left) {
            for (int64_t k = 0; k < left; ++k) of(k)[j] = into[k];
            return done;
        }
        std::copy_n(of(left), left, of(i));
        into[i] = into[left];
        for (int64_t k = 0; k < left; ++k) {
            of(k)[j] = into[k];
            of(k)[i] = of(k)[left];
        }
        of(i)[i] = INFINITY;
        return done;
    }

    int64_t n_left() const { return left; }

private:
    // Squared distances of all rows.
    void find_squares(const Rows<double>& rows) {
        const Panels panels(rows);
        std::vector<double> weights(stride), sums(piece);
        const std::vector<double> none(stride, INFINITY);
        std::copy_n(rows.weight, left, weights.begin());
        const BySample by_sample{left,           rows.n_features, stride,
                                 panels.from(0), weights.data(),  none.data()};
        const StopFlag* const stop = stop_flag();
        for (int64_t i = 0; i < left; i += piece) {
            end_if(stop);
            active->closer(by_sample, rows.data + i * rows.n_features, std::min(piece, left - i),
                           of(i), sums.data());
        }
    }

    double* of(int64_t i) { return increase.data() + i * stride; }
    const double* of(int64_t i) const { return increase.data() + i * stride; }

    int64_t left, stride;
    std::vector<double> mass;
    std::vector<int64_t> row;  // one of each group
    std::vector<double> increase;
};

// All merges, those that increase the sum least first. Each pair of nearest neighbours is merged,
// in any order (Murtagh 1983).
std::vector<Merge> merges_of(const Rows<double>& rows) {
    const StopFlag* const stop = stop_flag();
    Groups groups(rows);
    std::vector<Merge> merges;
    std::vector<int64_t> chain;  // each the nearest of the one before it
    while (groups.n_left() > 1) {
        end_if(stop);
        if (chain.empty()) chain.push_back(0);
        const int64_t last = chain.back();
        const int64_t before = chain.size() > 1 ? chain[chain.size() - 2] : -1;
        const int64_t nearest = groups.nearest(last, before);
        if (nearest != before) {
            chain.push_back(nearest);
            continue;
        }
        chain.resize(chain.size() - 2);
        merges.push_back(groups.merge(last, before));
        std::replace(chain.begin(), chain.end(), groups.n_left(), last);
    }
    std::stable_sort(merges.begin(), merges.end(),
                     [](const Merge& a, const Merge& b) { return a.increase < b.increase; });
    return merges;
}

// Groups of rows while merges are made.
class Partition {
public:
    explicit Partition(int64_t n) : size(n, 1), parent(n) {
        std::iota(parent.begin(), parent.end(), int64_t(0));
    }

    int64_t group(int64_t i) {
        while (parent[i] != i) i = parent[i] = parent[parent[i]];
        return i;
    }

    // How many more groups have at least so many rows.
    int64_t merge(const Merge& merge, int64_t fewest) {
        const int64_t one = group(merge.one), other = group(merge.other);
        const int64_t before = (size[one] >= fewest) + (size[other] >= fewest);
        parent[one] = other;
        size[other] += size[one];
        return (size[other] >= fewest) - before;
    }

    std::vector<int64_t> size;

private:
    std::vector<int64_t> parent;
};

// The most merges after which so many groups have at least `fewest` rows; -1 if they never have.
int64_t find_cut(const std::vector<Merge>& merges, int64_t n, int64_t n_groups, int64_t fewest) {
    Partition partition(n);
    int64_t n_large = fewest <= 1 ? n : 0, found = n_large >= n_groups ? 0 : -1;
    for (size_t made = 0; made < merges.size(); ++made) {
        n_large += partition.merge(merges[made], fewest);
        if (n_large >= n_groups) found = int64_t(made) + 1;
    }
    return found;
}

// Labels of the largest groups, in the order of their first rows.
void label_largest(const std::vector<Merge>& merges, int64_t n, int64_t n_groups, int64_t n_merges,
                   int64_t* labels) {
    Partition partition(n);
    for (int64_t made = 0; made < n_merges; ++made) partition.merge(merges[made], 0);
    std::vector<int64_t> groups;
    for (int64_t i = 0; i < n; ++i)
        if (partition.group(i) == i) groups.push_back(i);
    std::stable_sort(groups.begin(), groups.end(), [&](int64_t a, int64_t b) {
        return partition.size[a] > partition.size[b];
    });
    constexpr int64_t left_out = -1, no_name = -2;
    std::vector<int64_t> name(n, left_out);
    for (int64_t k = 0; k < n_groups; ++k) name[groups[k]] = no_name;
    for (int64_t i = 0, k = 0; i < n; ++i) {
        int64_t& own = name[partition.group(i)];
        if (own == no_name) own = k++;
        labels[i] = own;
    }
}

}  // namespace

void ward(const Rows<double>& rows, int64_t n_groups, int64_t n_cuts, const int64_t* fewest_rows,
          int64_t* labels) {
    const int64_t n = rows.n_samples;
    const std::vector<Merge> merges = merges_of(rows);
    std::fill(labels, labels + n_cuts * n, -1);
    for (int64_t cut = 0; cut < n_cuts; ++cut) {
        const int64_t n_merges = find_cut(merges, n, n_groups, fewest_rows[cut]);
        if (n_merges >= 0) label_largest(merges, n, n_groups, n_merges, labels + cut * n);
    }
}

}  // namespace skgmm
