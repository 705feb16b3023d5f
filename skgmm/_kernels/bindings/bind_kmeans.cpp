#include "bindings/bind_kmeans.hpp"

#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "passes/kmeans.hpp"

using namespace skgmm;

namespace {

using OutTable = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutLabels = nb::ndarray<int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

WeightedRows weighted(const Table& rows, const Vector& weights) {
    require(weights.shape(0) == rows.shape(0), "weights: one for each row");
    return {int64_t(rows.shape(0)), int64_t(rows.shape(1)), rows.data(), weights.data()};
}

double moved(Table rows, Vector weights, Labels labels, OutTable centres) {
    const WeightedRows all = weighted(rows, weights);
    require(labels.shape(0) == rows.shape(0), "labels: one for each row");
    require(centres.shape(1) == rows.shape(1), "centres: as many features as the rows");
    const int64_t K = centres.shape(0);
    for (int64_t i = 0; i < all.n_samples; ++i)
        require(labels.data()[i] >= 0 && labels.data()[i] < K, "labels: of the centres");
    double movement = 0.0;
    without_gil([&] { movement = move_centres(all, labels.data(), K, centres.data()); });
    return movement;
}

void seeded(Table rows, Vector weights, Table uniforms, OutLabels seeds) {
    const WeightedRows all = weighted(rows, weights);
    require(seeds.shape(0) == uniforms.shape(0) + 1, "uniforms: for each seed but the first");
    require(seeds.data()[0] >= 0 && seeds.data()[0] < all.n_samples, "seeds: rows");
    without_gil([&] {
        draw_seeds(all, int64_t(seeds.shape(0)), int64_t(uniforms.shape(1)), uniforms.data(),
                   seeds.data());
    });
}

}  // namespace

void skgmm::bind_searching(nb::module_& m) {
    m.def("move_centres", &moved, nb::arg("rows"), nb::arg("weights"), nb::arg("labels"),
          nb::arg("centres").noconvert());
    m.def("draw_seeds", &seeded, nb::arg("rows"), nb::arg("weights"), nb::arg("uniforms"),
          nb::arg("seeds").noconvert());
}
