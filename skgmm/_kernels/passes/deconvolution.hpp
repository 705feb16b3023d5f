// Passes over samples that were measured with errors.
#pragma once
#include "block/measured.hpp"

namespace skgmm {

// Numbers in the sums of `deconvolve_all`: K masses, first moments (K, d), second (K, d, d).
std::int64_t deconvolved_size(std::int64_t n_components, std::int64_t n_features);

// Writes what is asked for by sample, and to `out.sums` (or null) those over all samples: of the
// true values, whitened, about the centres.
void deconvolve_all(const Measured& in, const TrueMixture& mixture, const Deconvolved& out,
                    std::int64_t n_threads);

}  // namespace skgmm
