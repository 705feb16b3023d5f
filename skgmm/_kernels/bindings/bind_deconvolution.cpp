#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "passes/deconvolution.hpp"

using namespace skgmm;

namespace {

void deconvolved(Table X, std::optional<Table> observed, Factors errors, Vector weights,
                 std::optional<Labels> labels, std::optional<Vector> log_noise,
                 std::optional<Table> given, Table means, Factors factors, bool diagonal,
                 Vector log_peak, Table log_variances, Vector floor, Table centres, Factors roots,
                 std::optional<Out<double>> sums, std::optional<Out<double>> log_density,
                 std::optional<Out<double>> log_responsibilities,
                 std::optional<Out<double>> true_values, int64_t n_threads) {
    const int64_t n = X.shape(0), d = X.shape(1), K = means.shape(0);
    const bool matrices = errors.ndim() == 3;
    require(int64_t(errors.size()) == n * d * (matrices ? d : 1), "errors: (n, d) or (n, d, d)");
    require(int64_t(weights.shape(0)) == n, "weights: one for each sample");
    require(int64_t(means.shape(1)) == d && int64_t(floor.shape(0)) == d,
            "means and floor: as many features as X");
    require(int64_t(factors.size()) == K * d * d && int64_t(roots.size()) == K * d * d,
            "factors and roots: a matrix for each component");
    require(int64_t(log_peak.shape(0)) == K, "log_peak: one for each component");
    require(int64_t(log_variances.size()) == K * d && int64_t(centres.size()) == K * d,
            "log_variances and centres: (K, d)");
    const int64_t* known = data_of(labels, n, "labels: one for each sample");
    for (int64_t i = 0; known && i < n; ++i) require(known[i] < K, "labels: of the components");
    const Measured in{n,
                      d,
                      X.data(),
                      data_of(observed, n * d, "observed: of the shape of X"),
                      errors.data(),
                      matrices,
                      weights.data(),
                      known,
                      data_of(log_noise, n, "log_noise: one for each sample"),
                      data_of(given, n * K, "given: (n, K)")};
    const TrueMixture mixture{K,
                              means.data(),
                              factors.data(),
                              diagonal,
                              log_peak.data(),
                              log_variances.data(),
                              floor.data(),
                              centres.data(),
                              roots.data()};
    const int64_t n_columns = K + (log_noise ? 1 : 0);
    const Deconvolved out{
        data_of(sums, deconvolved_size(K, d), "sums: K masses, (K, d) and (K, d, d)"),
        data_of(log_density, n, "log_density: one for each sample"),
        data_of(log_responsibilities, n * n_columns, "log_responsibilities: (n, K), and noise"),
        data_of(true_values, n * d, "true_values: of the shape of X")};
    without_gil([&] { deconvolve_all(in, mixture, out, n_threads); });
}

}  // namespace

void skgmm::bind_deconvolution(nb::module_& m) { def(m, "deconvolve", &deconvolved); }
