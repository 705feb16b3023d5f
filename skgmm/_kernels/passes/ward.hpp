// Ward's hierarchical clustering, for starts.
#pragma once
#include <cstdint>

#include "block/kernel.hpp"

namespace skgmm {

// Groups of rows (n, d), with positive weights and finite squared distances, by Ward's method: it
// merges the two groups whose merging increases the weighted sum of squares within groups least
// (Ward 1963). For each of `n_cuts` numbers of rows: where after the most merges `n_groups` groups
// have at least so many rows, the labels (n,) of the largest groups, in the order of their first
// rows, and -1 in the others; all -1 if that is never so. Memory of n x n, time of n x n x d.
void ward(const Rows<double>& rows, std::int64_t n_groups, std::int64_t n_cuts,
          const std::int64_t* fewest_rows, std::int64_t* labels);

}  // namespace skgmm
