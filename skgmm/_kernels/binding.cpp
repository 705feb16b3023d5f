// Python's way into the kernel: arrays are checked and packed, chunks of rows shared among threads.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "estimates.hpp"
#include "factors.hpp"
#include "kernel.hpp"
#include "moments.hpp"
#include "packed.hpp"
#include "pool.hpp"
#include "processor.hpp"
#include "searching.hpp"

namespace nb = nanobind;
using std::int64_t;
using namespace skgmm;

namespace {

template <typename T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::device::cpu>;
using Vector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Labels = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Factors = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
template <typename T>
using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

const Kernel* active = best_kernel();

void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

template <typename T>
Rows<T> rows_of(const Matrix<T>& X, const std::optional<Vector>& weight) {
    if (weight) require(weight->shape(0) == X.shape(0), "weights: one for each row");
    return {X.data(),    int64_t(X.shape(0)), int64_t(X.shape(1)),
            X.stride(0), X.stride(1),         weight ? weight->data() : nullptr};
}

PackedMixture packed(const Table& means, const Factors& factors, const double* log_heights) {
    const int64_t K = means.shape(0), d = means.shape(1), m = factors.shape(0);
    require(m == 1 || m == K, "factors: one, or one for each component");
    require(factors.ndim() == 2 || factors.ndim() == 3, "factors: matrices or diagonals");
    for (size_t axis = 1; axis < factors.ndim(); ++axis)
        require(int64_t(factors.shape(axis)) == d, "factors: as many features as the means");
    const Factor form = factors.ndim() == 3 ? Factor::triangular : Factor::diagonal;
    return {K, d, form, means.data(), factors.data(), m, log_heights};
}

// Runs work(chunk, first, last) over all chunks of rows on some threads. The cut depends on the
// rows alone, so that neither does the answer depend on the number of threads.
template <typename Work>
void for_chunks(int64_t n_samples, int64_t n_chunks, int64_t n_threads, Work work) {
    constexpr int64_t whole = 256;  // rows of a block: no chunk but the last ends in part of one
    const int64_t n_blocks = (n_samples + whole - 1) / whole;
    const auto start = [&](int64_t chunk) {
        return std::min(n_samples, n_blocks * chunk / n_chunks * whole);
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

// The smallest row number that is not -1.
int64_t earliest(const std::vector<int64_t>& lost) {
    int64_t row = -1;
    for (int64_t candidate : lost)
        if (candidate >= 0 && (row < 0 || candidate < row)) row = candidate;
    return row;
}

// Numbers in one chunk's sums.
int64_t sums_size(Form form, int64_t K, int64_t d) {
    const int64_t second = form == Form::full ? K * d * d : form == Form::pooled ? d * d : K * d;
    return 2 + K + K * d + second;
}

// A power of two, which threads share evenly, of chunks of no fewer than `rows` rows.
int64_t chunks_for(int64_t n_samples, int64_t size) {
    constexpr int64_t rows = 1024, most = 64, memory = int64_t(1) << 21;  // doubles: 16 MB
    int64_t chunks = 1;
    while (2 * chunks <= std::min(most, n_samples / rows) && 2 * chunks * size <= memory)
        chunks *= 2;
    return chunks;
}

// Where the parts of the sums lie in one array.
Sums sums_at(double* memory, Form form, const double* centres, int64_t K, int64_t d) {
    double *mass = memory + 2, *first = mass + K, *second = first + K * d;
    return {form, centres, mass, first, second, memory[0], memory[1]};
}

// Work's sums over all chunks of rows, and the first row that is lost, or -1.
template <typename Work>
int64_t total_of_chunks(int64_t n_samples, int64_t size, int64_t n_threads, double* out,
                        Work work) {
    const int64_t n_chunks = chunks_for(n_samples, size);
    std::vector<std::vector<double>> parts(n_chunks);
    std::vector<int64_t> lost(n_chunks, -1);
    for_chunks(n_samples, n_chunks, n_threads, [&](int64_t chunk, int64_t first, int64_t last) {
        parts[chunk].assign(size, 0.0);
        lost[chunk] = work(parts[chunk].data(), first, last);
    });
    std::fill(out, out + size, 0.0);
    for (const std::vector<double>& part : parts)
        for (int64_t i = 0; i < size; ++i) out[i] += part[i];
    return earliest(lost);
}

template <typename T>
SumsOf<T> sums_function();
template <>
SumsOf<float> sums_function<float>() {
    return active->sums_float;
}
template <>
SumsOf<double> sums_function<double>() {
    return active->sums_double;
}
template <typename T>
ValuesOf<T> values_function();
template <>
ValuesOf<float> values_function<float>() {
    return active->values_float;
}
template <>
ValuesOf<double> values_function<double>() {
    return active->values_double;
}

// Sums over all rows, whole matrices and not only their lower triangles; the first row that is
// lost, or -1. `out` has as many numbers as the sums.
template <typename T>
int64_t sum_up(const Rows<T>& rows, PackedMixture& mixture, const Given& given,
               const double* centres, Form form, double* out, int64_t n_threads) {
    const int64_t K = mixture.mixture.n_components, d = rows.n_features;
    const int64_t size = sums_size(form, K, d);
    const auto function = sums_function<T>();
    const auto attempt = [&](const Mixture& by, const double* about) {
        return total_of_chunks(rows.n_samples, size, n_threads, out,
                               [&](double* own, int64_t first, int64_t last) {
                                   Sums sums = sums_at(own, form, about, K, d);
                                   const int64_t lost =
                                       function(rows, by, given, first, last, sums);
                                   own[0] = sums.log_likelihood;
                                   own[1] = sums.weight;
                                   return lost;
                               });
    };
    if (!given.any() && form != Form::full && mixture.linearise(centres)) {
        const int64_t lost = attempt(mixture.mixture, nullptr);
        Sums sums = sums_at(out, form, centres, K, d);
        if (lost < 0 && mixture.move_sums(sums)) return -1;
        mixture.mixture.linear = nullptr;  // it would lose digits
    }
    const int64_t lost = attempt(mixture.mixture, centres);
    if (form != Form::diagonal)
        for (double* matrix = out + 2 + K + K * d; matrix < out + size; matrix += d * d)
            mirror(matrix, d);
    return lost;
}

template <typename T>
int64_t add_sums(Matrix<T> X, std::optional<Vector> weight, Table means, Factors factors,
                 Vector log_heights, Table centres, std::optional<Labels> labels,
                 std::optional<Table> shares, int form, Out<double> out, int64_t n_threads) {
    const Rows<T> rows = rows_of(X, weight);
    const int64_t K = means.shape(0), d = means.shape(1);
    require(int64_t(log_heights.shape(0)) == K, "log_heights: one for each component");
    PackedMixture mixture = packed(means, factors, log_heights.data());
    require(rows.n_features == d, "means: as many features as X");
    require(centres.shape(0) == means.shape(0) && int64_t(centres.shape(1)) == d,
            "centres: as means");
    require(int64_t(out.size()) == sums_size(Form(form), K, d),
            "out: as many numbers as the sums");
    require(!labels || int64_t(labels->shape(0)) == rows.n_samples, "labels: one for each row");
    require(
        !shares || (int64_t(shares->shape(0)) == rows.n_samples && int64_t(shares->shape(1)) == K),
        "shares: (n, K)");
    const Given given{labels ? labels->data() : nullptr, shares ? shares->data() : nullptr};
    nb::gil_scoped_release release;
    return sum_up(rows, mixture, given, centres.data(), Form(form), out.data(), n_threads);
}

// What add_moments returns when the moments have to be taken about the means found.
constexpr int64_t digits_lost = -2;

template <typename T>
int64_t add_moments(Matrix<T> X, std::optional<Vector> weight, Vector log_weights, Table means,
                    Factors factors, Vector floor, int form, Out<double> out, int64_t n_threads) {
    const Rows<T> rows = rows_of(X, weight);
    const int64_t K = means.shape(0), d = means.shape(1);
    require(int64_t(log_weights.shape(0)) == K, "log_weights: one for each component");
    require(rows.n_features == d, "means: as many features as X");
    require(int64_t(floor.shape(0)) == d, "floor: one for each feature");
    require(int64_t(out.size()) == sums_size(Form(form), K, d),
            "out: as many numbers as the sums");
    std::vector<double> heights(K);
    PackedMixture mixture = packed(means, factors, heights.data());
    log_heights(K, d, factors.ndim() == 3, factors.shape(0), factors.data(), log_weights.data(),
                floor.data(), heights.data());
    nb::gil_scoped_release release;
    const int64_t lost =
        sum_up(rows, mixture, Given{}, means.data(), Form(form), out.data(), n_threads);
    if (lost >= 0) return lost;
    return centre(sums_at(out.data(), Form(form), means.data(), K, d), K, d) ? -1 : digits_lost;
}

template <typename T>
int64_t write_values(Matrix<T> X, Table means, Factors factors, Vector log_heights,
                     std::optional<Out<double>> log_density, std::optional<Out<T>> responsibilities,
                     std::optional<Out<T>> log_responsibilities, std::optional<Out<int64_t>> labels,
                     int64_t n_threads) {
    const Rows<T> rows = rows_of<T>(X, std::nullopt);
    require(log_heights.shape(0) == means.shape(0), "log_heights: one for each component");
    PackedMixture mixture = packed(means, factors, log_heights.data());
    const int64_t n = rows.n_samples, K = means.shape(0);
    require(rows.n_features == int64_t(means.shape(1)), "means: as many features as X");
    require(!log_density || int64_t(log_density->size()) == n, "log_density: one for each row");
    require(!labels || int64_t(labels->size()) == n, "labels: one for each row");
    for (const auto* table : {&responsibilities, &log_responsibilities})
        require(!*table || int64_t((*table)->size()) == n * K, "responsibilities: (n, K)");
    const Values<T> values{log_density ? log_density->data() : nullptr,
                           responsibilities ? responsibilities->data() : nullptr,
                           log_responsibilities ? log_responsibilities->data() : nullptr,
                           labels ? labels->data() : nullptr};
    nb::gil_scoped_release release;
    const int64_t n_chunks = chunks_for(n, 1);
    const auto function = values_function<T>();
    const auto attempt = [&] {
        std::vector<int64_t> lost(n_chunks, -1);
        for_chunks(n, n_chunks, n_threads, [&](int64_t chunk, int64_t first, int64_t last) {
            lost[chunk] = function(rows, mixture.mixture, first, last, values);
        });
        return earliest(lost);
    };
    if (mixture.linearise(means.data())) {
        if (attempt() < 0) return -1;
        mixture.mixture.linear = nullptr;  // squares that overflow before they are scaled
    }
    return attempt();
}

using Stack = nb::ndarray<const double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// The first of the matrices (m, d, d) that is singular, or -1.
int64_t factors_of_matrices(Stack matrices, Out<double> out) {
    const int64_t m = matrices.shape(0), d = matrices.shape(1);
    require(int64_t(matrices.shape(2)) == d, "matrices: square");
    require(int64_t(out.size()) == m * d * d, "out: as the matrices");
    for (int64_t k = 0; k < m; ++k)
        if (!factor_of_matrix(d, matrices.data() + k * d * d, out.data() + k * d * d)) return k;
    return -1;
}

void factors_of_axes(Stack axes, Table variances, Out<double> out) {
    const int64_t n_axes = axes.shape(0), m = variances.shape(0), d = variances.shape(1);
    require(n_axes == 1 || n_axes == m, "axes: one, or one for each row of variances");
    require(int64_t(axes.shape(1)) == d && int64_t(axes.shape(2)) == d, "axes: square");
    require(int64_t(out.size()) == m * d * d, "out: a matrix for each row of variances");
    for (int64_t k = 0; k < m; ++k)
        factor_of_axes(d, axes.data() + (n_axes == 1 ? 0 : k * d * d), variances.data() + k * d,
                       out.data() + k * d * d);
}

std::vector<std::string> available() {
    std::vector<std::string> names;
    for (const Kernel* kernel : runnable_kernels()) names.emplace_back(kernel->name);
    return names;
}

void use(const std::string& name) {
    for (const Kernel* kernel : runnable_kernels())
        if (name == kernel->name) {
            active = kernel;
            return;
        }
    throw std::invalid_argument("no such instruction set here: " + name);
}

template <typename T>
void bind(nb::module_& m) {
    m.def("add_sums", &add_sums<T>, nb::arg("X").noconvert(), nb::arg("weight").none(),
          nb::arg("means"), nb::arg("factors"), nb::arg("log_heights"), nb::arg("centres"),
          nb::arg("labels").none(), nb::arg("shares").none(), nb::arg("form"),
          nb::arg("out").noconvert(), nb::arg("n_threads"));
    m.def("add_moments", &add_moments<T>, nb::arg("X").noconvert(), nb::arg("weight").none(),
          nb::arg("log_weights"), nb::arg("means"), nb::arg("factors"), nb::arg("floor"),
          nb::arg("form"),
          nb::arg("out").noconvert(), nb::arg("n_threads"));
    m.def("write_values", &write_values<T>, nb::arg("X").noconvert(), nb::arg("means"),
          nb::arg("factors"), nb::arg("log_heights"), nb::arg("log_density").none(),
          nb::arg("responsibilities").none(), nb::arg("log_responsibilities").none(),
          nb::arg("labels").none(), nb::arg("n_threads"));
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "The compiled block kernel.";
    bind<double>(m);
    bind<float>(m);
    m.def("factors_of_matrices", &factors_of_matrices, nb::arg("matrices"),
          nb::arg("out").noconvert());
    m.def("factors_of_axes", &factors_of_axes, nb::arg("axes"), nb::arg("variances"),
          nb::arg("out").noconvert());
    bind_estimates(m);
    bind_searching(m);
    m.def("available", &available, "Instruction sets that this processor can run, best first.");
    m.def("active", [] { return std::string(active->name); }, "The instruction set in use.");
    m.def("use", &use, nb::arg("name"), "Use another instruction set, for tests.");
}
