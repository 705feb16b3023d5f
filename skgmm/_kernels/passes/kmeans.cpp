#include "passes/kmeans.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

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
    distances.from(seeds[0], closest.data());
    for (int64_t s = 1; s < n_seeds; ++s) {
        end_if(stop_flag());
        double total = 0.0, least = INFINITY;
        for (int64_t i = 0; i < n; ++i) cumulative[i] = total += rows.weights[i] * closest[i];
        for (int64_t draw = 0; draw < n_draws; ++draw) {
            const double mark = total * *uniforms++;
            // The first beyond the mark: never a row at distance 0, unless all are.
            const int64_t beyond =
                std::upper_bound(cumulative.begin(), cumulative.end(), mark) - cumulative.begin();
            const int64_t row = std::min(n - 1, beyond);
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
