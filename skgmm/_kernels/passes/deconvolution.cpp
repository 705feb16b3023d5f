#include "passes/deconvolution.hpp"

#include "passes/passes.hpp"
#include "passes/stop.hpp"

namespace skgmm {
namespace {

// Samples that are visited before the stop flag is looked at again.
constexpr int64_t piece_rows = 256;

// Whole matrices from lower triangles, row by row.
void fill_matrices(const double* triangles, int64_t K, int64_t d, double* out) {
    for (int64_t k = 0; k < K; ++k, out += d * d)
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j <= i; ++j) out[i * d + j] = out[j * d + i] = *triangles++;
}

}  // namespace

int64_t deconvolved_size(int64_t n_components, int64_t n_features) {
    return n_components * (1 + n_features + n_features * n_features);
}

void deconvolve_all(const Measured& in, const TrueMixture& mixture, const Deconvolved& out,
                    int64_t n_threads) {
    const int64_t K = mixture.n_components, d = in.n_features;
    const int64_t size = out.sums ? K * (1 + d + d * (d + 1) / 2) : 0;
    const int64_t n_chunks = chunks_for(in.n_samples, size + 1);
    const StopFlag* const stop = stop_flag();
    std::vector<std::vector<double>> parts(n_chunks);
    for_chunks(in.n_samples, n_chunks, n_threads, [&](int64_t chunk, int64_t first, int64_t last) {
        parts[chunk].assign(size, 0.0);
        double* sums = out.sums ? parts[chunk].data() : nullptr;
        for (int64_t begin = first; begin < last; begin += piece_rows) {
            end_if(stop);
            active->deconvolve(in, mixture, begin, std::min(last, begin + piece_rows), out, sums);
        }
    });
    if (!out.sums) return;
    std::vector<double> high(size, 0.0), low(size, 0.0);
    for (const std::vector<double>& part : parts)
        for (int64_t i = 0; i < size; ++i) add_exactly(part[i], high[i], low[i]);
    for (int64_t i = 0; i < size; ++i) high[i] += low[i];
    std::copy(high.begin(), high.begin() + K * (1 + d), out.sums);
    fill_matrices(high.data() + K * (1 + d), K, d, out.sums + K * (1 + d));
}

}  // namespace skgmm
