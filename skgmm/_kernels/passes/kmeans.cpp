#include "passes/kmeans.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "passes/passes.hpp"
#include "passes/stop.hpp"

namespace skgmm {

using std::int64_t;

double move_centres(const WeightedRows& rows, const int64_t* labels, int64_t n_centres,
                    double* centres) {
    const int64_t n = rows.n_samples, d = rows.n_features;
    const double* origin = rows.values;  // the first row, so that sums keep their digits far from 0
    std::vector<double> mass(n_centres), sums(n_centres * d);
    for (int64_t i = 0; i < n; ++i) {
        const double *row = rows.values + i * d, weight = rows.weights[i];
        double* sum = sums.data() + labels[i] * d;
        mass[labels[i]] += weight;
        for (int64_t j = 0; j < d; ++j) sum[j] += weight * (row[j] - origin[j]);
    }
    if (!(*std::min_element(mass.begin(), mass.end()) > 0.0)) return -1.0;
    double movement = 0.0;
    for (int64_t k = 0; k < n_centres; ++k)
        for (int64_t j = 0; j < d; ++j) {
            double& centre = centres[k * d + j];
            const double mean = origin[j] + sums[k * d + j] / mass[k];
            movement += (mean - centre) * (mean - centre);
            centre = mean;
        }
    return movement;
}

namespace {

// Squared movement of all centres, in units of the mean variance of a feature, that ends Lloyd's
// algorithm.
constexpr double tolerance = 1e-4;

double mean_variance(const WeightedRows& rows) {
    const int64_t n = rows.n_samples, d = rows.n_features;
    std::vector<double> shift(d), squares(d);  // from the first row
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < d; ++j) {
            const double apart = rows.values[i * d + j] - rows.values[j];
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

// Labels of the nearest centres.
void assign(const WeightedRows& rows, int64_t K, const double* centres, int64_t n_threads,
            int64_t* labels) {
    const int64_t d = rows.n_features;
    const std::vector<double> unit(d, 1.0), log_peaks(K, 0.0);
    PackedMixture mixture(K, d, Factor::diagonal, centres, unit.data(), 1, log_peaks.data());
    Values<double> values{};
    values.labels = labels;
    const Rows<double> plain{rows.values, rows.n_samples, d, d, 1, nullptr};
    if (write_rows_fast(plain, mixture, centres, values, n_threads) >= 0)
        throw std::overflow_error("k-means: a squared distance is not a float64 number");
}

// Gives each empty group the row that is farthest from its centre, of those that are not alone.
void fill_empty(const WeightedRows& rows, int64_t K, const double* centres, int64_t* labels) {
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
                const double apart = rows.values[i * d + j] - centres[labels[i] * d + j];
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

bool lloyd(const WeightedRows& rows, int64_t K, int64_t n_iterations, bool last, int64_t n_threads,
           double* centres, int64_t* labels) {
    const double small = tolerance * mean_variance(rows);
    std::vector<int64_t> before(rows.n_samples);
    for (int64_t iteration = 0; iteration < n_iterations; ++iteration) {
        std::copy(labels, labels + rows.n_samples, before.begin());
        assign(rows, K, centres, n_threads, labels);
        if (std::equal(before.begin(), before.end(), labels)) return true;
        double movement = move_centres(rows, labels, K, centres);
        if (movement < 0.0) {
            fill_empty(rows, K, centres, labels);
            movement = move_centres(rows, labels, K, centres);
        }
        if (!(movement <= small)) continue;
        last = true;
        break;
    }
    if (!last) return false;
    assign(rows, K, centres, n_threads, labels);
    fill_empty(rows, K, centres, labels);
    return true;
}

namespace {

// Squared distances from one row to all, feature by feature over all rows, which compilers
// vectorise for any number of features.
class Distances {
public:
    explicit Distances(const WeightedRows& rows)
        : n(rows.n_samples), d(rows.n_features), columns(n * d) {
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < d; ++j) columns[j * n + i] = rows.values[i * d + j];
    }

    void from(int64_t row, double* squares) const {
        std::fill(squares, squares + n, 0.0);
        for (int64_t j = 0; j < d; ++j) {
            const double *column = columns.data() + j * n, there = column[row];
            for (int64_t i = 0; i < n; ++i) squares[i] += (column[i] - there) * (column[i] - there);
        }
    }

private:
    int64_t n, d;
    std::vector<double> columns;
};

}  // namespace

void draw_seeds(const WeightedRows& rows, int64_t n_seeds, int64_t n_draws, const double* uniforms,
                int64_t* seeds) {
    const int64_t n = rows.n_samples;
    const Distances distances(rows);
    std::vector<double> closest(n), candidate(n), best(n), cumulative(n);
    // The first beyond a mark: never a row of no weight or at distance 0, unless all are.
    const auto drawn = [&] {
        const double mark = cumulative.back() * *uniforms++;
        return std::min(n - 1, int64_t(std::upper_bound(cumulative.begin(), cumulative.end(), mark) -
                                       cumulative.begin()));
    };
    std::partial_sum(rows.weights, rows.weights + n, cumulative.begin());
    seeds[0] = drawn();
    distances.from(seeds[0], closest.data());
    for (int64_t s = 1; s < n_seeds; ++s) {
        end_if(stop_flag());
        double total = 0.0, least = INFINITY;
        for (int64_t i = 0; i < n; ++i) cumulative[i] = total += rows.weights[i] * closest[i];
        for (int64_t draw = 0; draw < n_draws; ++draw) {
            const int64_t row = drawn();
            distances.from(row, candidate.data());
            double sum = 0.0;
            for (int64_t i = 0; i < n; ++i) {
                candidate[i] = std::min(candidate[i], closest[i]);
                sum += rows.weights[i] * candidate[i];
            }
            if (draw == 0 || sum < least) {
                least = sum;
                seeds[s] = row;
                best.swap(candidate);
            }
        }
        closest.swap(best);
    }
}

}  // namespace skgmm
