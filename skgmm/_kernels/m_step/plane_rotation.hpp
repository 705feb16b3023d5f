// The best angle in the plane of two axes.
#pragma once
#include "m_step/rotated_matrices.hpp"

namespace skgmm {

// Cosine and sine of twice the angle of a rotation, and what it changes in the value.
struct Turn {
    double cosine = 1.0, sine = 0.0, change = 0.0;
};

// Which turns are compared: steps from where the axes are, or also turns that suit one matrix, or
// also steps from those.
enum class Reach { near, far, farthest };

// Turned matrices in the plane of two of their axes. With p half the difference of the two diagonal
// entries, q the entry off the diagonal, and D the determinant, a turn by half the angle t takes
// their product to D + (q cos t - p sin t)^2: each matrix by itself has one minimum, all together
// may have several.
class Plane {
public:
    explicit Plane(Turned& turned);

    // Turns the axes i and j to the lowest value found.
    Turn turn(int64_t i, int64_t j, Reach reach);

private:
    struct Slopes {
        double first, second, pp, pq, qq;
    };
    void look(int64_t i, int64_t j);
    Turn best(Reach reach) const;
    void reweigh(const Turn& turn);
    double change(double cosine, double sine) const;
    Slopes slopes(const Turn& turn) const;
    Turn refined(Turn turn, int most_steps) const;
    Turn moved(const Turn& turn, double cosine, double sine) const;

    Turned& turned;
    std::vector<double> p, q, determinant, product;  // (K,)
};

}  // namespace skgmm
