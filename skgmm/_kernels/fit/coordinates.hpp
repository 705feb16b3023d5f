// Unconstrained coordinates of the mixtures around one of them, for quasi-Newton steps.
#pragma once
#include <vector>

#include "fit/em_loop.hpp"

namespace skgmm {

// Which parts of covariances are shared: E equal, V varying, I none.
struct Tying {
    char volume, shape, rotation;

    // Volume and shape tied alike: log-scales are free in one piece.
    bool together() const { return volume == shape; }
};

// The general code's coordinates (`_coordinates.py`) for factors that are diagonals, times exp(t),
// or triangles, times exp(t)(I + r) with r strictly upper triangular. In units of the anchor's
// covariances, and of the root of complete-data information.
class Chart {
public:
    // The anchor's moments are in `form`, and it has one factor for each component unless none of
    // these parts varies.
    Chart(const State& anchor, Form form, Factor factor, int64_t n_factors, int64_t n_features,
          Tying ties);

    int64_t size() const { return int64_t(scale.size()); }

    // The mixture at a vector (size,). False where a number of it is not finite, or a weight other
    // than 0 is less than the smallest number.
    bool place(const double* vector, State& there);
    // Gradient (size,) of the objective, total, from the moments of what was placed last.
    void slope(const State& there, double* gradient);

private:
    // Coordinates of one part: `n` of each of `rows` components, or of all together.
    struct Part {
        int64_t start = 0, rows = 0, n = 0;
        const double* of(const std::vector<double>& values, int64_t k) const {
            return values.data() + start + (rows == 1 ? 0 : k) * n;
        }
        double* of(double* values, int64_t k) const {
            return values + start + (rows == 1 ? 0 : k) * n;
        }
    };

    Part add(char tie, int64_t n, double information, const std::vector<double>& shares);
    const double* anchor_factor(int64_t k) const;
    void set_scales();
    void set_root(int64_t k);
    void move_mean(int64_t k, double* mean) const;
    void slope_of_mean(int64_t k, double mass, const double* shift, double* gradient);
    void slopes_of_triangle(int64_t k, double mass, double* gradient);
    void slopes_of_scales(int64_t k, const double* slopes, double* gradient) const;

    const State& anchor;
    Form form;
    bool dense;
    int64_t K, d, m;
    Tying ties;
    Part weights, means, shape, volume, rotation;
    std::vector<double> scale, parts;          // (size,): units, and coordinates in them
    std::vector<double> scales, root;          // (K, d) exp(t); (m, d, d) exp(t)(I + r)
    std::vector<double> spread, product, row;  // (d, d) or (d,), (d, d), (d,)
};

}  // namespace skgmm
