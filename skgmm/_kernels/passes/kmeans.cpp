#include "passes/kmeans.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "passes/panels.hpp"
#include "passes/passes.hpp"
#include "passes/stop.hpp"

namespace skgmm {

using std::int64_t;

namespace {

// Rows after which the next function looks at them, while they are in a cache.
constexpr int64_t piece = 128;

// Masses (K,) and sums (K, d) of groups of rows, about the first row, so that sums keep their
// digits far from 0.
struct Groups {
    Groups(int64_t n_groups, int64_t n_features)
        : d(n_features), mass(n_groups), sums(n_groups * n_features) {}

    void add(const Rows<double>& rows, const int64_t* labels, int64_t begin, int64_t end) {
        active->add_groups(rows, labels, rows.data, begin, end, mass.data(), sums.data());
    }

    void operator+=(const Groups& other) {
        for (size_t k = 0; k < mass.size(); ++k) mass[k] += other.mass[k];
        for (size_t i = 0; i < sums.size(); ++i) sums[i] += other.sums[i];
    }

    // Moves centres to the means; see `move_centres`.
    double move(const double* origin, double* centres) const {
        if (!(*std::min_element(mass.begin(), mass.end()) > 0.0)) return -1.0;
        double movement = 0.0;
        for (size_t k = 0; k < mass.size(); ++k)
            for (int64_t j = 0; j < d; ++j) {
                double& centre = centres[k * d + j];
                const double mean = origin[j] + sums[k * d + j] / mass[k];
                movement += (mean - centre) * (mean - centre);
                centre = mean;
            }
        return movement;
    }

    int64_t d;
    std::vector<double> mass, sums;
};

// Labels of the nearest centres; then(chunk, begin, end) sees the rows while they are in a cache. The
// first row that is lost, or -1.
template <typename Then>
int64_t label_chunks(const Rows<double>& rows, const Panels& panels, const double* centres,
                     int64_t K, int64_t n_chunks, int64_t n_threads, int64_t* labels, Then then) {
    const StopFlag* const stop = stop_flag();
    std::vector<int64_t> lost(n_chunks, -1);
    for_chunks(rows.n_samples, n_chunks, n_threads, [&](int64_t chunk, int64_t first, int64_t last) {
        for (int64_t begin = first; begin < last && lost[chunk] < 0; begin += piece) {
            end_if(stop);
            const int64_t end = std::min(begin + piece, last);
            const int64_t first_lost = active->nearest(panels.from(begin), end - begin,
                                                       rows.n_features, centres, K, labels + begin);
            if (first_lost >= 0)
                lost[chunk] = begin + first_lost;
            else
                then(chunk, begin, end);
        }
    });
    return earliest(lost);
}

// Labels of the nearest centres, and the groups that they make.
Groups label_groups(const Rows<double>& rows, const Panels& panels, const double* centres,
                    int64_t K, int64_t n_threads, int64_t* labels) {
    const int64_t d = rows.n_features, n_chunks = chunks_for(rows.n_samples, K * (d + 1));
    std::vector<Groups> groups(n_chunks, Groups(K, d));
    const int64_t lost = label_chunks(rows, panels, centres, K, n_chunks, n_threads, labels,
                                      [&](int64_t chunk, int64_t begin, int64_t end) {
                                          groups[chunk].add(rows, labels, begin, end);
                                      });
    if (lost >= 0) throw std::overflow_error("k-means: a squared distance is not a float64 number");
    for (int64_t chunk = 1; chunk < n_chunks; ++chunk) groups[0] += groups[chunk];
    return groups[0];
}

// Labels of the nearest centres; the first row that is lost, or -1.
int64_t label(const Rows<double>& rows, const Panels& panels, const double* centres, int64_t K,
              int64_t n_threads, int64_t* labels) {
    return label_chunks(rows, panels, centres, K, chunks_for(rows.n_samples, 1), n_threads, labels,
                        [](int64_t, int64_t, int64_t) {});
}

}  // namespace

int64_t label_nearest(const Rows<double>& rows, const double* centres, int64_t n_centres,
                      int64_t n_threads, int64_t* labels) {
    return label(rows, Panels(rows, n_threads), centres, n_centres, n_threads, labels);
}

double move_centres(const Rows<double>& rows, const int64_t* labels, int64_t n_centres,
                    double* centres) {
    Groups groups(n_centres, rows.n_features);
    groups.add(rows, labels, 0, rows.n_samples);
    return groups.move(rows.data, centres);
}

namespace {

// Squared movement of all centres, in units of the mean variance of a feature, that ends Lloyd's
// algorithm.
constexpr double tolerance = 1e-4;

double mean_variance(const Rows<double>& rows) {
    const int64_t n = rows.n_samples, d = rows.n_features;
    std::vector<double> shift(d), squares(d);  // from the first row
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < d; ++j) {
            const double apart = rows.data[i * d + j] - rows.data[j];
            shift[j] += apart;
            squares[j] += apart * apart;
        }
    double sum = 0.0;
    for (int64_t j = 0; j < d; ++j) {
        const double mean = shift[j] / double(n);
        sum += std::max(0.0, squares[j] / double(n) - mean * mean);
    }
    return sum / double(d);
}

// Gives each empty group the row that is farthest from its centre, of those that are not alone.
void fill_empty(const Rows<double>& rows, int64_t K, const double* centres, int64_t* labels) {
    const int64_t n = rows.n_samples, d = rows.n_features;
    std::vector<int64_t> count(K);
    for (int64_t i = 0; i < n; ++i) ++count[labels[i]];
    const std::vector<int64_t> before = count;
    for (int64_t group = 0; group < K; ++group) {
        if (before[group]) continue;
        int64_t farthest = 0;
        double most = -INFINITY;
        for (int64_t i = 0; i < n; ++i) {
            double square = count[labels[i]] == 1 ? -1.0 : 0.0;
            for (int64_t j = 0; j < d && square >= 0.0; ++j) {
                const double apart = rows.data[i * d + j] - centres[labels[i] * d + j];
                square += apart * apart;
            }
            if (square > most) {
                most = square;
                farthest = i;
            }
        }
        --count[labels[farthest]];
        ++count[labels[farthest] = group];
    }
}

}  // namespace

bool lloyd(const Rows<double>& rows, int64_t K, int64_t n_iterations, bool last, int64_t n_threads,
           double* centres, int64_t* labels) {
    const double small = tolerance * mean_variance(rows);
    const Panels panels(rows, n_threads);
    std::vector<int64_t> before(rows.n_samples);
    for (int64_t iteration = 0; iteration < n_iterations; ++iteration) {
        std::copy(labels, labels + rows.n_samples, before.begin());
        const Groups groups = label_groups(rows, panels, centres, K, n_threads, labels);
        if (std::equal(before.begin(), before.end(), labels)) return true;
        double movement = groups.move(rows.data, centres);
        if (movement < 0.0) {
            fill_empty(rows, K, centres, labels);
            movement = move_centres(rows, labels, K, centres);
        }
        if (!(movement <= small)) continue;
        last = true;
        break;
    }
    if (!last) return false;
    label(rows, panels, centres, K, n_threads, labels);
    fill_empty(rows, K, centres, labels);
    return true;
}

namespace {

// Squared distances of all rows to the closest of some points.
class Closest {
public:
    explicit Closest(const Rows<double>& all)
        : rows(all), panels(all), weights(panels.stride), squares(panels.stride, INFINITY) {
        std::copy_n(rows.weight, rows.n_samples, weights.begin());
    }

    void add(const double* point) {
        double sum;
        active->closer(by_sample(), point, 1, squares.data(), &sum);
    }

    // Adds that one of the rows which lowers their weighted sum most; which.
    int64_t add_best(const std::vector<int64_t>& numbers) {
        const int64_t m = int64_t(numbers.size()), d = rows.n_features;
        points.resize(m * d);
        with_each.resize(m * panels.stride);
        sums.resize(m);
        for (int64_t i = 0; i < m; ++i)
            std::copy_n(rows.data + numbers[i] * d, d, points.begin() + i * d);
        active->closer(by_sample(), points.data(), m, with_each.data(), sums.data());
        const int64_t best = std::min_element(sums.begin(), sums.end()) - sums.begin();
        std::copy_n(with_each.begin() + best * panels.stride, panels.stride, squares.begin());
        return numbers[best];
    }

    void clear() { std::fill(squares.begin(), squares.end(), INFINITY); }

    double of(int64_t row) const { return squares[row]; }

    // The row nearest to a point so far, and the one farthest from all.
    int64_t nearest() const { return std::min_element(squares.begin(), end()) - squares.begin(); }
    int64_t farthest() const { return std::max_element(squares.begin(), end()) - squares.begin(); }

private:
    BySample by_sample() {
        return {rows.n_samples, rows.n_features, panels.stride,
                panels.from(0), weights.data(),  squares.data()};
    }
    std::vector<double>::const_iterator end() const { return squares.begin() + rows.n_samples; }

    const Rows<double>& rows;
    const Panels panels;
    std::vector<double> weights, squares, points, with_each, sums;
};

}  // namespace

void draw_seeds(const Rows<double>& rows, int64_t n_seeds, int64_t n_draws, const double* uniforms,
                int64_t* seeds) {
    const int64_t n = rows.n_samples;
    std::vector<double> cumulative(n);
    std::vector<int64_t> draws(n_draws);
    // The first beyond a mark: never a row of no weight or at distance 0, unless all are.
    const auto drawn = [&] {
        const double mark = cumulative.back() * *uniforms++;
        return std::min(n - 1, int64_t(std::upper_bound(cumulative.begin(), cumulative.end(), mark) -
                                       cumulative.begin()));
    };
    std::partial_sum(rows.weight, rows.weight + n, cumulative.begin());
    seeds[0] = drawn();
    Closest closest(rows);
    closest.add(rows.data + seeds[0] * rows.n_features);
    for (int64_t s = 1; s < n_seeds; ++s) {
        end_if(stop_flag());
        double total = 0.0;
        for (int64_t i = 0; i < n; ++i) cumulative[i] = total += rows.weight[i] * closest.of(i);
        std::generate(draws.begin(), draws.end(), drawn);
        seeds[s] = closest.add_best(draws);
    }
}

void farthest_first(const Rows<double>& rows, const double* point, int64_t n_seeds,
                    int64_t* seeds) {
    Closest closest(rows);
    closest.add(point);
    seeds[0] = closest.nearest();
    closest.clear();  // the point itself is no seed
    for (int64_t s = 1; s < n_seeds; ++s) {
        end_if(stop_flag());
        closest.add(rows.data + seeds[s - 1] * rows.n_features);
        seeds[s] = closest.farthest();
    }
}

}  // namespace skgmm
