// Quasi-Newton steps (L-BFGS) from one anchor.
#pragma once
#include <functional>
#include <vector>

#include "fit/coordinates.hpp"

namespace skgmm {

// Value at a vector, and the gradient there; infinite where there is none.
using Evaluate = std::function<double(const double* vector, double* gradient)>;

// Minimises from the vector 0, where value and gradient are given, until a few iterations gain less
// than `tol`. Whether more is to be expected of another anchor.
bool minimise(std::vector<double> gradient, double value, double tol, const Evaluate& evaluate);

// How quasi-Newton steps ended: `more` is to be expected of another anchor, or evaluations are
// exhausted.
enum class Ended { done, more, exhausted };

// Called before and after each evaluation, the latter with its gain over the best before; both may
// be empty, and may throw.
struct Listener {
    std::function<void()> begin;
    std::function<void(double gain)> end;
};

// The objective per sample over the mixtures around `best`, which becomes the best of all
// evaluated; that of the best after each evaluation is appended to `objectives`, of which there are
// at most `max_iter`.
template <typename T>
Ended quasi_newton(const Rows<T>& rows, Coordinates& coordinates, Form form, Factor factor,
                   int64_t n_factors, const double* floor, double tol, int64_t max_iter,
                   int64_t n_threads, const Listener& listener, State& best,
                   std::vector<double>& objectives);

}  // namespace skgmm
