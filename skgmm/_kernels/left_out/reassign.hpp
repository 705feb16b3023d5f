// Moments of a partition from those of another that differs in a few samples.
#pragma once
#include <cstdint>

#include "block/kernel.hpp"

namespace skgmm {

// Moves samples from their groups before to those after, in the mass (K,), means (K, d) and scatter
// (K, d, d) of the groups. Each sample is a cloud with the variances `floor` (d,).
template <typename T>
void reassign(const Rows<T>& rows, std::int64_t n_moved, const std::int64_t* moved,
              const std::int64_t* before, const std::int64_t* after, const double* floor,
              double* mass, double* means, double* scatter);

}  // namespace skgmm
