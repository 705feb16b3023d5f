#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "passes/left_out.hpp"

using namespace skgmm;

namespace {

void left_out(Vector weights, Table responsibilities, Table log_joint, Vector log_peak, Vector mass,
              int64_t n_features, Vector left_out_peak, std::optional<Vector> shorter,
              Out<double> out) {
    const int64_t n = log_joint.shape(0), K = log_joint.shape(1);
    require(int64_t(weights.shape(0)) == n, "weights: one for each sample");
    require(int64_t(responsibilities.size()) == n * K, "responsibilities: as log_joint");
    for (const Vector& one : {log_peak, mass, left_out_peak})
        require(int64_t(one.shape(0)) == K, "log_peak, mass: one for each component");
    require(int64_t(out.size()) == n * K, "out: as log_joint");
    const double* factors = data_of(shorter, K, "shorter: one for each component");
    const EStep now{n,
                    K,
                    n_features,
                    weights.data(),
                    responsibilities.data(),
                    log_joint.data(),
                    log_peak.data(),
                    mass.data()};
    without_gil([&] { leave_out(now, left_out_peak.data(), factors, out.data()); });
}

void normalised(nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu> log_joint,
                Out<double> log_density) {
    const int64_t n = log_joint.shape(0), K = log_joint.shape(1);
    require(K > 0 && int64_t(log_density.size()) == n, "log_density: one for each row");
    without_gil([&] { normalise(n, K, log_joint.data(), log_density.data()); });
}

}  // namespace

void skgmm::bind_left_out(nb::module_& m) {
    def(m, "leave_out", &left_out);
    def(m, "normalise", &normalised);
}
