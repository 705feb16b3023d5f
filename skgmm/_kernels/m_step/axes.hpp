// The orthogonal axes along which matrices are as near to diagonal as they can be together.
#pragma once
#include "m_step/plane_rotation.hpp"
#include "m_step/rotated_matrices.hpp"

namespace skgmm {

// Finds minima of the value of Turned over the axes. Turns plane by plane, each to its best angle,
// come near one from anywhere; a trust-region Newton method converges. Nothing that raises
// the value by more than rounding is kept. When about `most_products` multiplications of all
// matrices with a (d, d) matrix are used up, it ends where it is.
class AxesSearch {
public:
    AxesSearch(int64_t n_matrices, int64_t n_axes, const double* matrices, const double* weights,
               double exponent, int64_t most_products);
    AxesSearch(const AxesSearch&) = delete;  // its parts refer to each other
    AxesSearch& operator=(const AxesSearch&) = delete;

    // Each takes axes (d, d) to lower values and returns the last: some sweeps over all planes; all
    // the way to a minimum; from a minimum to one that no turn in the plane of two axes improves;
    // some steps of Newton's method.
    double approach(double* axes, int n_sweeps);
    double descend(double* axes);
    double settle(double* axes);
    double improve(double* axes, int n_steps);
    bool exhausted() const { return products_left <= 0; }

private:
    // Antisymmetric matrices (d, d): how far to turn in each plane of two axes.
    using Direction = std::vector<double>;

    // A step to try, and what a quadratic model says of it.
    struct Proposal {
        double change;
        bool at_edge;
    };

    double sweep(Reach reach);
    void newton(int n_steps);
    bool step();
    void differentiate();
    void curve(const Direction& direction, Direction& out);
    double growths(const Direction& direction);
    double precondition(const Direction& of, Direction& out) const;
    double dot(const Direction& a, const Direction& b) const;
    Proposal propose();
    void try_proposed();
    double done(double* axes) const;

    int64_t products_left;
    Turned turned;
    bool flat;  // some matrix
    Turned tried;
    Plane plane;
    double radius;
    std::vector<double> inverse, growth;  // (K, d), of the lengths; (K,)
    std::vector<double> product, slopes;  // (d, d), (d,)
    Direction gradient,
        scale;  // of the value; the second derivative in each plane, mixed terms aside
    Direction proposed, residual, scaled, forward, curved;
};

// Takes the most promising of several starts (n, d, d) to their minima, and the lowest to one that
// no turn improves. Values are those of the starts that got there, and infinite for the others.
void lowest_axes(AxesSearch& search, int64_t d, double* starts, double* values, int64_t n_starts,
                 int64_t most_finished);

}  // namespace skgmm
