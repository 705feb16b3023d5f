// Passes over rows: chunks of them shared among threads, and what they add up to.
#pragma once
#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <vector>

#include "block/kernel.hpp"
#include "passes/packed.hpp"
#include "passes/pool.hpp"

namespace skgmm {

using std::int64_t;

// Passes end early, by throwing Stopped, where the stop flag of the calling thread is set.

// Runs work(chunk, first, last) over all chunks of rows on some threads. Chunks depend only on
// the samples, so results are bit-identical for any number of threads.
template <typename Work>
void for_chunks(int64_t n_samples, int64_t n_chunks, int64_t n_threads, Work work) {
    const int64_t n_units = (n_samples + unit_rows - 1) / unit_rows;
    const auto start = [&](int64_t chunk) {
        return std::min(n_samples, n_units * chunk / n_chunks * unit_rows);
    };
    std::atomic<int64_t> next{0};
    std::exception_ptr failure;
    std::mutex guard;
    auto loop = [&] {
        try {
            for (int64_t chunk; (chunk = next++) < n_chunks;)
                work(chunk, start(chunk), start(chunk + 1));
        } catch (...) {  // out of memory: an exception must not leave a thread
            const std::lock_guard<std::mutex> lock(guard);
            failure = std::current_exception();
        }
    };
    run_on_threads(int(std::min(n_threads, n_chunks)), loop);
    if (failure) std::rethrow_exception(failure);
}

// A power of two, which threads share evenly, of chunks of no fewer rows than a unit; `size`
// numbers of memory to each.
int64_t chunks_for(int64_t n_samples, int64_t size);

// The smallest row number that is not -1.
int64_t earliest(const std::vector<int64_t>& lost);

// Numbers in sums, and where their parts lie in one array: two totals, mass, first and second.
int64_t sums_size(Form form, int64_t K, int64_t d);
Sums sums_at(double* memory, Form form, const double* centres, int64_t K, int64_t d);

// Adds sums over all rows to a total of zeros, pairs for as many numbers as the sums have: first
// their high parts, then the low ones, which are not touched with no more rows than a unit. The
// first row that is lost, or -1.
template <typename T>
int64_t add_up(const Rows<T>& rows, const Mixture& mixture, const Given& given,
               const double* centres, Form form, double* total, int64_t n_threads);

// Writes values by row. The first row that is lost, or -1.
template <typename T>
int64_t write_rows(const Rows<T>& rows, const Mixture& mixture, const Values<T>& values,
                   int64_t n_threads);

// The same, with a mixture that is made linear about its means where that is as accurate.
template <typename T>
int64_t write_rows_fast(const Rows<T>& rows, PackedMixture& mixture, const double* means,
                        const Values<T>& values, int64_t n_threads);

// The sums of a total about the centres, lower triangles of matrices; `total` may be `out`, without
// low parts. False if they are those of a linear mixture, and suffer cancellation.
bool round_total(const PackedMixture& mixture, const double* centres, Form form,
                 const double* total, double* out);

// Parameters as they come: factors are n_factors upper triangles (d, d) or diagonals (d,).
struct Parameters {
    int64_t n_components, n_features;
    Factor factor;
    int64_t n_factors;
    const double* log_weights;  // (K,)
    const double* means;        // (K, d)
    const double* factors;
};

// Passes until centres are near the means: each gains the 16 digits of a float64 on the distance, and
// these span its range.
constexpr int64_t most_passes = 8;

// What `moments_of` returns when the moments have to be taken about the means found.
constexpr int64_t digits_lost = -2;

// The E-step: sums whose `first` are the means and whose `second` are about these; the densities
// lowered by half the trace of precision x floor (d,). The first row that is lost, digits_lost,
// or -1. Where the scatter of all rows is known, a pooled one takes no products of features.
template <typename T>
int64_t moments_of(const Rows<T>& rows, const Parameters& parameters, const double* floor,
                   Form form, double* out, int64_t n_threads, const WholeScatter* whole = nullptr);

// Moments as those of `moments_of`, of K groups that are given, the log-likelihood 0.
template <typename T>
void moments_of_groups(const Rows<T>& rows, const Given& groups, int64_t K, const double* floor,
                       Form form, double* out, int64_t n_threads);

}  // namespace skgmm
