// Parameters as the kernel wants them: factors in tiles, or a mixture that is linear in its terms.
#pragma once
#include <vector>

#include "block/kernel.hpp"

namespace skgmm {

// A mixture and the memory of what it points to. Not to be copied: it points into itself.
class PackedMixture {
public:
    // n_factors: 1, or n_components; upper triangles (d, d) or diagonals (d,).
    PackedMixture(std::int64_t n_components, std::int64_t n_features, Factor factor,
                  const double* means, const double* factors, std::int64_t n_factors,
                  const double* log_peak);
    PackedMixture(const PackedMixture&) = delete;
    PackedMixture& operator=(const PackedMixture&) = delete;

    // Makes the mixture linear, if its density and sums about `centres` (K, d) lose no more than
    // rounding by that. With the scatter of all rows, of one factor and pooled sums, what does not
    // differ between components is left out of them.
    bool linearise(const double* centres, const WholeScatter* whole = nullptr);

    // Adds to sums what was left out of them. What it is to be taken from the log-likelihood.
    double add_whole(Sums& sums) const;

    // Moves sums about the common point of a linear mixture to their centres. False if they
    // suffer cancellation: components far narrower than the factors predicted.
    bool move_sums(Sums& sums) const;

    Mixture mixture;

private:
    double* pack(const double* factor, double* out) const;
    double distance(std::int64_t k, const double* point, std::vector<double>& out) const;
    void whiten(const double* point, std::vector<double>& out) const;
    void fill_coefficients();
    bool move_diagonal(Sums& sums) const;
    bool move_pooled(Sums& sums) const;

    const double* given;  // factors as they came
    const WholeScatter* whole = nullptr;
    Linear linear{};
    std::vector<double> factors, common, intercepts, curvatures, slopes;
};

}  // namespace skgmm
