// Python's way into the kernel: arrays are checked and packed.

#include <string>
#include <vector>

#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "block/kernel.hpp"
#include "fit/coordinates.hpp"
#include "passes/moments.hpp"
#include "passes/packed.hpp"
#include "passes/passes.hpp"
#include "passes/processor.hpp"

using namespace skgmm;

namespace {

PackedMixture packed(const Table& means, const Factors& factors, const double* log_peak) {
    const int64_t K = means.shape(0), d = means.shape(1);
    const Factor form = check_factors(K, d, factors);
    return {K, d, form, means.data(), factors.data(), int64_t(factors.shape(0)), log_peak};
}

// Adds the sums of rows to a total, in terms of a linear mixture where that is asked for and as
// accurate; the first row that is lost, or -1.
template <typename T>
int64_t add_total(Matrix<T> X, std::optional<Vector> weight, Table means, Factors factors,
                  Vector log_peak, Table centres, std::optional<Labels> labels,
                  std::optional<Table> responsibilities, int form, bool linear, Out<double> total,
                  int64_t n_threads) {
    const Rows<T> rows = rows_of(X, weight);
    const int64_t K = means.shape(0), d = means.shape(1);
    require(int64_t(log_peak.shape(0)) == K, "log_peak: one for each component");
    PackedMixture mixture = packed(means, factors, log_peak.data());
    require(rows.n_features == d, "means: as many features as X");
    require(centres.shape(0) == means.shape(0) && int64_t(centres.shape(1)) == d,
            "centres: as means");
    require(int64_t(total.size()) == 2 * sums_size(Form(form), K, d),
            "total: a pair for each number of the sums");
    const Given given = given_of(labels, responsibilities, rows.n_samples, K);
    int64_t lost = -1;
    without_gil([&] {
        if (linear && Form(form) != Form::full) mixture.linearise(centres.data());
        lost = add_up(rows, mixture.mixture, given, centres.data(), Form(form), total.data(),
                      n_threads);
    });
    return lost;
}

// The sums of a total of `add_total`; false if they, being linear, suffer cancellation.
bool sums_of_total(Table means, Factors factors, Vector log_peak, Table centres, int form,
                   bool linear, Vector total, Out<double> out) {
    const int64_t size = sums_size(Form(form), means.shape(0), means.shape(1));
    require(int64_t(total.shape(0)) == 2 * size && int64_t(out.size()) == size,
            "total and out: pairs and numbers of the sums");
    PackedMixture mixture = packed(means, factors, log_peak.data());
    if (linear && Form(form) != Form::full) mixture.linearise(centres.data());
    return round_total(mixture, centres.data(), Form(form), total.data(), out.data());
}

// Sums about centres become moments; false if second moments suffer cancellation.
bool centre_sums(Table centres, int form, Out<double> out) {
    const int64_t K = centres.shape(0), d = centres.shape(1);
    require(int64_t(out.size()) == sums_size(Form(form), K, d), "out: as many numbers as the sums");
    return centre(sums_at(out.data(), Form(form), centres.data(), K, d), K, d);
}

void widen(Vector mass, Vector variances, int form, Out<double> scatter) {
    const int64_t K = mass.shape(0), d = variances.shape(0);
    const int64_t size = Form(form) == Form::diagonal ? d : d * d;
    const int64_t own = Form(form) == Form::pooled ? size : K * size;
    require(int64_t(scatter.size()) == own, "scatter: of as many components and features");
    add_variances(Form(form), K, d, mass.data(), variances.data(), scatter.data());
}

void fill_log_peak(Vector log_weights, Factors factors, Vector floor, Out<double> out) {
    const int64_t K = log_weights.shape(0), d = floor.shape(0), m = factors.shape(0);
    require((m == 1 || m == K) && int64_t(factors.shape(1)) == d && int64_t(out.size()) == K,
            "factors and out: as log_weights and floor");
    log_peak(K, d, factors.ndim() == 3, m, factors.data(), log_weights.data(), floor.data(),
             out.data());
}

template <typename T>
int64_t add_moments(Matrix<T> X, std::optional<Vector> weight, Vector log_weights, Table means,
                    Factors factors, Vector floor, int form, Out<double> out, int64_t n_threads,
                    std::optional<Vector> whole) {
    const Rows<T> rows = rows_of(X, weight);
    const int64_t K = means.shape(0), d = means.shape(1);
    require(int64_t(log_weights.shape(0)) == K, "log_weights: one for each component");
    require(rows.n_features == d, "means: as many features as X");
    require(int64_t(floor.shape(0)) == d, "floor: one for each feature");
    require(int64_t(out.size()) == sums_size(Form(form), K, d), "out: as many numbers as the sums");
    const Factor factor = check_factors(K, d, factors);
    const Parameters parameters{
        K, d, factor, int64_t(factors.shape(0)), log_weights.data(), means.data(), factors.data(),
    };
    const std::optional<WholeScatter> known = whole_of(whole, d);
    int64_t lost = -1;
    without_gil([&] {
        lost = moments_of(rows, parameters, floor.data(), Form(form), out.data(), n_threads,
                          known ? &*known : nullptr);
    });
    return lost;
}

template <typename T>
void add_group_moments(Matrix<T> X, std::optional<Vector> weight, std::optional<Labels> labels,
                       std::optional<Table> responsibilities, int64_t K, Vector floor, int form,
                       Out<double> out, int64_t n_threads) {
    const Rows<T> rows = rows_of(X, weight);
    const int64_t n = rows.n_samples, d = rows.n_features;
    require(n > 0 && int64_t(floor.shape(0)) == d, "floor: one number for each feature");
    require(int64_t(out.size()) == sums_size(Form(form), K, d), "out: as many numbers as the sums");
    const Given groups = given_of(labels, responsibilities, n, K);
    require(groups.any(), "labels or responsibilities");
    without_gil([&] {
        moments_of_groups(rows, groups, K, floor.data(), Form(form), out.data(), n_threads);
    });
}

Lines lines_of(const Factors& coefficients, const Vector& origin, int64_t K) {
    const int64_t d = origin.shape(0);
    require(coefficients.ndim() == 3 && int64_t(coefficients.shape(0)) == K &&
                int64_t(coefficients.shape(2)) == 1 + d,
            "lines: (K, targets, 1 + features)");
    return {int64_t(coefficients.shape(1)), origin.data(), coefficients.data()};
}

template <typename T>
int64_t write_values(Matrix<T> X, Table means, Factors factors, Vector log_peak,
                     std::optional<Out<double>> log_density, std::optional<Out<T>> responsibilities,
                     std::optional<Out<double>> log_responsibilities,
                     std::optional<Out<double>> log_certainty, std::optional<Out<int64_t>> labels,
                     std::optional<Vector> origin, std::optional<Factors> lines,
                     std::optional<Out<double>> averages, int64_t n_threads) {
    const Rows<T> rows = rows_of<T>(X, std::nullopt);
    require(log_peak.shape(0) == means.shape(0), "log_peak: one for each component");
    PackedMixture mixture = packed(means, factors, log_peak.data());
    const int64_t n = rows.n_samples, K = means.shape(0);
    require(rows.n_features == int64_t(means.shape(1)), "means: as many features as X");
    const Lines linear_functions = averages ? lines_of(*lines, *origin, K) : Lines{};
    require(!origin || int64_t(origin->shape(0)) == rows.n_features,
            "origin: as many features as X");
    const Values<T> values{
        data_of(log_density, n, "log_density: one for each row"),
        data_of(responsibilities, n * K, "responsibilities: (n, K)"),
        data_of(log_responsibilities, n * K, "log_responsibilities: (n, K)"),
        data_of(log_certainty, n, "log_certainty: one for each row"),
        data_of(labels, n, "labels: one for each row"),
        data_of(averages, n * linear_functions.n_targets, "averages: one for each row and target"),
        linear_functions};
    int64_t lost = -1;
    without_gil([&] { lost = write_rows_fast(rows, mixture, means.data(), values, n_threads); });
    return lost;
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
void bind_passes(nb::module_& m) {
    def(m, "add_total", &add_total<T>);
    def(m, "add_moments", &add_moments<T>);
    def(m, "add_group_moments", &add_group_moments<T>);
    def(m, "write_values", &write_values<T>);
}

}  // namespace

NB_MODULE(_native, m) {
    m.doc() = "The compiled block kernel.";
    // A daemon thread that Python leaves behind at its end keeps what it uses.
    nb::set_leak_warnings(false);
    bind_passes<double>(m);
    bind_passes<float>(m);
    m.attr("unit_rows") = unit_rows;
    m.attr("most_passes") = most_passes;
    m.attr("far_away") = far_away;
    m.attr("least_noise") = least_noise;
    def(m, "sums_of_total", &sums_of_total);
    def(m, "centre_sums", &centre_sums);
    def(m, "add_variances", &widen);
    def(m, "log_peak", &fill_log_peak);
    bind_batch(m);
    bind_deconvolution(m);
    bind_fit(m);
    bind_incomplete(m);
    bind_kmeans(m);
    bind_left_out(m);
    bind_m_step(m);
    bind_stop(m);
    bind_trials(m);
    m.def("available", &available, "Instruction sets that this processor can run, best first.");
    m.def(
        "active", [] { return std::string(active->name); }, "The instruction set in use.");
    m.def("use", &use, "Use another instruction set, for tests.");
}
