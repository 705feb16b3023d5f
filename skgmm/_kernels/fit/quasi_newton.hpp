// L-BFGS from one anchor.
#pragma once
#include <functional>
#include <vector>

#include "fit/coordinates.hpp"

namespace skgmm {

// Value at a vector, and the gradient there; infinite much too far out.
using Evaluate = std::function<double(const double* vector, double* gradient)>;

// Minimises from the vector 0, where value and gradient are given, until a few iterations gain less
// than `enough`. Whether more is to be expected of another anchor.
bool descend(std::vector<double> gradient, double value, double enough, const Evaluate& evaluate);

// What came of a climb.
enum class Climb { done, more, exhausted };

// The same for the log-likelihood by weight, over the mixtures of a family around `best`, which
// becomes the best of all evaluated; how high that is after each evaluation goes to `objectives`,
// of which there are at most `most`.
template <typename T>
Climb climb(const Rows<T>& rows, Form form, Factor factor, int64_t n_factors, Tying ties,
            const double* floor, double enough, int64_t most, int64_t n_threads, State& best,
            std::vector<double>& objectives);

}  // namespace skgmm
