#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "passes/incomplete.hpp"

using namespace skgmm;

namespace {

using Missing = nb::ndarray<const int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

Patterns patterns_of(const Missing& missing, const Labels& counts, const Vector& floor) {
    const int64_t d = floor.shape(0), n_patterns = missing.shape(0), u = missing.shape(1);
    require(int64_t(counts.shape(0)) == n_patterns, "counts: one for each pattern");
    for (int64_t i = 0; i < n_patterns * u; ++i)
        require(missing.data()[i] >= 0 && missing.data()[i] < d, "missing: of the features");
    return {d, n_patterns, u, missing.data(), counts.data()};
}

void completed(Missing missing, Labels counts, Table X, Vector mean, Table precision, Vector floor,
               Out<double> centred, Out<double> within, Out<double> regression, Out<double> log_det,
               Out<double> penalty) {
    const Patterns patterns = patterns_of(missing, counts, floor);
    const int64_t d = patterns.n_features, p = patterns.n_patterns, u = patterns.n_missing;
    int64_t n_samples = 0;
    for (int64_t i = 0; i < p; ++i) n_samples += counts.data()[i];
    require(int64_t(precision.shape(0)) == d && int64_t(precision.shape(1)) == d,
            "precision: (d, d)");
    require(int64_t(X.size()) == n_samples * d && int64_t(centred.size()) == n_samples * d,
            "X and centred: a row for each sample");
    require(int64_t(mean.shape(0)) == d, "mean: (d,)");
    require(int64_t(within.size()) == p * u * u, "within: (p, u, u)");
    require(int64_t(regression.size()) == p * u * d, "regression: (p, u, d)");
    require(int64_t(log_det.size()) == p && int64_t(penalty.size()) == p,
            "log_det and penalty: one for each pattern");
    const Conditional out{within.data(), regression.data(), log_det.data(), penalty.data()};
    without_gil([&] {
        complete(patterns, X.data(), mean.data(), precision.data(), floor.data(), out,
                 centred.data());
    });
}

void uncertain(Missing missing, Labels counts, Vector floor, Vector mass, Factors within,
               Factors regression, Out<double> scatter) {
    const Patterns patterns = patterns_of(missing, counts, floor);
    const int64_t d = patterns.n_features, p = patterns.n_patterns, u = patterns.n_missing;
    require(int64_t(mass.shape(0)) == p, "mass: one for each pattern");
    require(int64_t(within.size()) == p * u * u, "within: (p, u, u)");
    require(int64_t(regression.size()) == p * u * d, "regression: (p, u, d)");
    require(int64_t(scatter.size()) == d * d, "scatter: (d, d)");
    without_gil([&] {
        add_uncertain(patterns, mass.data(), within.data(), regression.data(), floor.data(),
                      scatter.data());
    });
}

}  // namespace

void skgmm::bind_incomplete(nb::module_& m) {
    def(m, "complete", &completed);
    def(m, "add_uncertain", &uncertain);
}
