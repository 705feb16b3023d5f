// Unconstrained coordinates of the mixtures of a structure around one of them, the anchor.
//
// Weights are log-ratios, also to the weight of noise where they leave some; means are in units of the covariances there, and covariances move by what
// the structure leaves free. Each coordinate is divided by the root of its complete-data
// information, so that the Hessian is near the identity where clusters do not overlap (cf.
// Jamshidian & Jennrich 1997; Salakhutdinov, Roweis & Ghahramani 2003). The gradient of the
// log-likelihood is that of the ECLL (Fisher's identity), so it comes from the moments of an
// ordinary E-step.
#pragma once
#include <vector>

#include "fit/problem.hpp"

namespace skgmm {

// Where weights leave no more than this, they sum to 1 but for rounding.
constexpr double least_noise = 1e-12;

// Which parts of covariances are shared: E equal, V varying, I none.
struct Ties {
    char volume, shape, rotation;

    static Ties of(const char* code) { return {code[0], code[1], code[2]}; }
    // Volume and shape tied alike: log-scales are free in one piece.
    bool together() const { return volume == shape; }
    // A shape is tied and axes are not, or axes and no shape.
    bool turn() const { return rotation != 'I' && shape != rotation; }
};

// Principal axes of the anchor, (K, d, d) or (1, d, d), and roots of its precisions along them
// (K, d): of structures whose axes turn.
struct Principal {
    std::vector<double> axes, scales;
};

// Roots of the precisions are, in units of the anchor where its components are unit spheres,
//     diagonals  exp(t),
//     triangles  exp(t)(I + r), r strictly upper triangular,
//     turns      C exp(t) in the anchor's axes, C the rotation (I - R / 2)^-1 (I + R / 2) (Cayley).
class Coordinates {
public:
    // The anchor's moments are in `form`, and it has one factor for each component unless none of
    // these parts varies.
    Coordinates(const State& anchor, Form form, Factor factor, int64_t n_factors,
                int64_t n_features, Ties ties, Principal principal);

    int64_t size() const { return int64_t(scale.size()); }

    // The mixture at a vector (size,). False where it is no mixture: a number is not
    // finite, or a weight other than 0 is less than the smallest number with all digits.
    bool at(const double* vector, State& there);

    // Gradient (size,) of the objective, total, at the mixture found last, from its moments ...
    void gradient(const State& there, double* out);
    // ... and from any sums about its means: mass (K,), first (K, d) and second moments in `form`.
    void gradient_of_sums(const State& there, const double* mass, const double* first,
                          const double* second, double total, double* out);

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

    template <typename Information>
    Part add(char tie, int64_t n, Information information);
    void set_units();
    void set_scales();
    bool set_turns();
    void set_covariance(int64_t k, State& there);
    double information_of_turn(int64_t k, int64_t plane) const;
    void gradient_of_mean(int64_t k, const double* first, double* out);
    void gradient_of_matrix(int64_t k, double mass, const double* second, double* out);
    void gradient_of_triangle(int64_t k, double mass, double* out);
    void gradient_of_turn(int64_t k, double mass);
    void gradient_of_scales(int64_t k, const double* slopes, double* out) const;
    void chain_turns(double* out);

    const double* whitening_of(int64_t k) const { return whitening.data() + factor_start(k); }
    const double* units_of(int64_t k) const { return units.data() + factor_start(k); }
    const double* root_of(int64_t k) const { return root.data() + factor_start(k); }
    int64_t factor_start(int64_t k) const { return m == 1 ? 0 : k * (dense ? d * d : d); }

    const State anchor;
    double log_noise = 0.0;  // what the anchor's weights leave
    Form form;
    bool dense;
    int64_t K, d, m, n_axes;
    Ties ties;
    Principal principal;
    std::vector<double> whitening, units;      // (m, d, d) or (m, d): whitening' units = I
    Part weights, means, shape, volume, rotation;
    std::vector<double> scale, parts;          // (size,): units, and coordinates in them
    std::vector<double> scales, root;          // (K, d) exp(t); as whitening
    std::vector<double> turns, axes, twists;   // (n_axes, d, d): C, axes there, gradient there
    std::vector<double> product, other, row;   // (d, d), (d, d), (d,)
    std::vector<double> first_sums, second_sums;
};

}  // namespace skgmm
