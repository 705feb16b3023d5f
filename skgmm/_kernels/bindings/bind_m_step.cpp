#include "bindings/bind_m_step.hpp"

#include "bindings/arrays.hpp"
#include "m_step/axes.hpp"
#include "bindings/gil.hpp"
#include "m_step/volumes.hpp"

using namespace skgmm;

namespace {

using Stack = nb::ndarray<const double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using OutVector = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutMatrix = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutStack = nb::ndarray<double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

AxesSearch search_of(const Stack& matrices, const Vector& weights, double exponent,
                     int64_t most_products) {
    const int64_t K = matrices.shape(0), d = matrices.shape(1);
    require(K > 0 && int64_t(matrices.shape(2)) == d, "matrices: (K, d, d)");
    require(int64_t(weights.shape(0)) == K, "weights: one for each matrix");
    return {K, d, matrices.data(), weights.data(), exponent, most_products};
}

void lowest(Stack matrices, Vector weights, double exponent, OutStack starts, OutVector values,
            int64_t most_finished, int64_t most_products) {
    const size_t d = matrices.shape(1);
    require(starts.shape(1) == d && starts.shape(2) == d, "starts: (n, d, d)");
    require(values.shape(0) == starts.shape(0), "values: one for each start");
    without_gil([&] {
        AxesSearch search = search_of(matrices, weights, exponent, most_products);
        lowest_axes(search, int64_t(d), starts.data(), values.data(), int64_t(starts.shape(0)),
                    most_finished);
    });
}

void improve(Stack matrices, Vector weights, double exponent, OutMatrix axes, int most_steps,
             int64_t most_products) {
    const size_t d = matrices.shape(1);
    require(axes.shape(0) == d && axes.shape(1) == d, "axes: (d, d)");
    without_gil([&] {
        search_of(matrices, weights, exponent, most_products).improve(axes.data(), most_steps);
    });
}

int volumes(Factors scatters, Vector mass, OutVector u, Out<double> common) {
    const bool diagonal = scatters.ndim() == 2;
    require(diagonal || (scatters.ndim() == 3 && scatters.shape(1) == scatters.shape(2)),
            "scatters: (K, d) or (K, d, d)");
    const size_t K = scatters.shape(0);
    require(mass.shape(0) == K && u.shape(0) == K, "mass, u: one for each component");
    require(K > 0 && common.size() * K == scatters.size(), "common: as one of the scatters");
    Volumes end = Volumes::found;
    without_gil([&] {
        end = log_volumes(diagonal, scatters.data(), mass.data(), int64_t(K),
                          int64_t(scatters.shape(1)), u.data(), common.data());
    });
    return int(end);
}

}  // namespace

void skgmm::bind_estimates(nb::module_& m) {
    m.def("lowest_axes", &lowest, nb::arg("matrices"), nb::arg("weights"), nb::arg("exponent"),
          nb::arg("starts").noconvert(), nb::arg("values").noconvert(), nb::arg("most_finished"),
          nb::arg("most_products"));
    m.def("improve_axes", &improve, nb::arg("matrices"), nb::arg("weights"), nb::arg("exponent"),
          nb::arg("axes").noconvert(), nb::arg("most_steps"),
          nb::arg("most_products"));
    m.def("log_volumes", &volumes, nb::arg("scatters"), nb::arg("mass"), nb::arg("u").noconvert(),
          nb::arg("common").noconvert());
}
