// Quasi-Newton steps (L-BFGS) from one anchor.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "fit/coordinates.hpp"
#include "fit/decisions.hpp"

namespace skgmm {

// Value at a vector, and the gradient there; infinite where there is none.
using Evaluate = std::function<double(const double* vector, double* gradient)>;

// Minimises from the vector 0, where value and gradient are given, until a few iterations gain less
// than `tol`. Whether more is to be expected of another anchor.
bool minimise(std::vector<double> gradient, double value, double tol, const Evaluate& evaluate);

// Called before and after each evaluation, the latter with its gain over the best before and, of
// iterations of EM, with an estimate of what is left; both may be empty, and may throw.
struct Listener {
    std::function<void()> begin;
    std::function<void(double gain, std::optional<double> remaining)> end;
};

// The objective per sample over the mixtures around `best`, which becomes the best of all
// evaluated; the decisions are told of them and of the end.
template <typename T>
void quasi_newton(const Problem<T>& problem, Coordinates& coordinates, const Listener& listener,
                  Decisions& decisions, State& best);

}  // namespace skgmm
