// k-means for starts. Rows (n, d) lie side by side and have positive weights, where weights count.
#pragma once
#include <cstdint>

#include "block/kernel.hpp"

namespace skgmm {

// Labels of the nearest centres (K, d). The first row whose squared distances are not float64
// numbers, or -1.
std::int64_t label_nearest(const Rows<double>& rows, const double* centres, std::int64_t n_centres,
                           std::int64_t n_threads, std::int64_t* labels);

// Moves each centre (K, d) to the weighted mean of the rows that have its label, and returns the
// sum of the squared distances moved; -1, and nothing is moved, if a label is on no row.
double move_centres(const Rows<double>& rows, const std::int64_t* labels, std::int64_t n_centres,
                    double* centres);

// Lloyd's algorithm: at most `n_iterations` from centres (K, d) and the labels (n,) of the iteration
// before (-1 before the first). Whether it has ended; the labels are then those of a partition
// without empty groups. After the `last` call it always has.
bool lloyd(const Rows<double>& rows, std::int64_t n_centres, std::int64_t n_iterations, bool last,
           std::int64_t n_threads, double* centres, std::int64_t* labels);

// Numbers of K spread-out rows: k-means++ (Arthur & Vassilvitskii 2007), made greedy. The first is
// drawn in proportion to weight, each later one in proportion to weight x squared distance to the
// nearest so far; of `n_draws` such draws that one is kept which lowers the sum of those most.
// `uniforms` (1 + (K - 1) x n_draws) are in [0, 1).
void draw_seeds(const Rows<double>& rows, std::int64_t n_seeds, std::int64_t n_draws,
                const double* uniforms, std::int64_t* seeds);

// Numbers of K rows: the one nearest to a point, then the farthest from all before it (Gonzalez
// 1985).
void farthest_first(const Rows<double>& rows, const double* point, std::int64_t n_seeds,
                    std::int64_t* seeds);

}  // namespace skgmm
