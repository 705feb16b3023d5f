// The inverse Hessian of L-BFGS.
#pragma once
#include <cstdint>

namespace skgmm {

double dot(std::int64_t size, const double* a, const double* b);

// Minus the inverse Hessian times the gradient (p,), as the last steps and changes of the gradient
// (m, p) tell it, the oldest first: two loops (Nocedal 1980), each pair with step' change > 0.
// The first guess of the Hessian is the identity in the units of the last pair.
void lbfgs_direction(std::int64_t n_pairs, std::int64_t size, const double* steps,
                     const double* changes, const double* gradient, double* direction);

}  // namespace skgmm
