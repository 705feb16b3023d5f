// Rows transposed for `nearest` and `closer`: see BySample.
#pragma once
#include <cstdint>
#include <memory>

#include "passes/passes.hpp"

namespace skgmm {

class Panels {
public:
    explicit Panels(const Rows<double>& rows, int64_t n_threads = 1)
        : stride((rows.n_samples + most_lanes - 1) / most_lanes * most_lanes),
          n_features(rows.n_features),
          memory(new double[stride * n_features + 8]) {
        double* const panels = aligned(memory.get());
        for_chunks(rows.n_samples, chunks_for(rows.n_samples, 1), n_threads,
                   [&](int64_t, int64_t first, int64_t last) {
                       active->transpose(rows, first, last, panels);
                   });
    }

    // From a row on whose number is a multiple of `most_lanes`.
    const double* from(int64_t row) const { return aligned(memory.get()) + row * n_features; }

    const int64_t stride;  // rows, as many as whole registers hold

private:
    int64_t n_features;
    std::unique_ptr<double[]> memory;
};

}  // namespace skgmm
