// When EM has converged, and when it is slow enough for quasi-Newton steps.
#pragma once
#include <cstdint>

namespace skgmm {

// Rounding of a difference of two objectives near this one.
double rounding_of(double objective);

// EM converges linearly: gains shrink by a factor r, so gain x r / (1 - r) is still to come (Aitken's
// rule; Boehning et al. 1994). Gains that do not shrink yet say nothing about the end. Nor does what
// is within rounding: so small a gain is none, and gains that differ by so little may shrink as
// slowly as that allows.
struct StopWhen {
    std::int64_t max_iter;   // iterations of one call
    double tol;              // the estimated gain that is left
    double rate_tolerance;   // difference of two rates, as a share of what they are short of 1, ...
    double iterations_left;  // ... and more iterations than so many to go at such a rate
    double first_rate;       // of a first gain; not a number where it is not known
    double least_rate;       // that an earlier stretch of iterations had

    // The last `n` gains, oldest first, at least one; and the objective reached, in the same unit.
    double remaining_gain(const double* gains, std::int64_t n, double objective) const;
    // Whether EM has found its final rate, and that rate is a slow one: until two rates in a row are
    // much the same it is on its way to some optimum, and a longer step may lead to another.
    bool slow(const double* gains, std::int64_t n) const;
    // Whether there is something to decide.
    bool reached(const double* gains, std::int64_t n, double objective) const;
};

}  // namespace skgmm
