#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "passes/kmeans.hpp"
#include "passes/ward.hpp"

using namespace skgmm;

namespace {

using OutTable = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutLabelTable = nb::ndarray<int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutLabels = nb::ndarray<int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

Rows<double> rows_of(const Table& rows, const double* weights) {
    const int64_t n = rows.shape(0), d = rows.shape(1);
    return {rows.data(), n, d, d, 1, weights};
}

Rows<double> weighted(const Table& rows, const Vector& weights) {
    require(weights.shape(0) == rows.shape(0), "weights: one for each row");
    return rows_of(rows, weights.data());
}

double moved(Table rows, Vector weights, Labels labels, OutTable centres) {
    const Rows<double> all = weighted(rows, weights);
    require(labels.shape(0) == rows.shape(0), "labels: one for each row");
    require(centres.shape(1) == rows.shape(1), "centres: as many features as the rows");
    const int64_t K = centres.shape(0);
    for (int64_t i = 0; i < all.n_samples; ++i)
        require(labels.data()[i] >= 0 && labels.data()[i] < K, "labels: of the centres");
    double movement = 0.0;
    without_gil([&] { movement = move_centres(all, labels.data(), K, centres.data()); });
    return movement;
}

void seeded(Table rows, Vector weights, Vector uniforms, int64_t n_draws, OutLabels seeds) {
    const Rows<double> all = weighted(rows, weights);
    const int64_t K = seeds.shape(0);
    require(all.n_samples > 0 && K > 0, "rows and seeds: at least one");
    require(int64_t(uniforms.shape(0)) == 1 + (K - 1) * n_draws, "uniforms: for each draw");
    without_gil([&] { draw_seeds(all, K, n_draws, uniforms.data(), seeds.data()); });
}

int64_t labelled(Table rows, Table centres, OutLabels labels, int64_t n_threads) {
    require(labels.shape(0) == rows.shape(0), "labels: one for each row");
    require(centres.shape(1) == rows.shape(1), "centres: as many features as the rows");
    const Rows<double> all = rows_of(rows, nullptr);
    const int64_t K = centres.shape(0);
    int64_t lost = -1;
    without_gil([&] { lost = label_nearest(all, centres.data(), K, n_threads, labels.data()); });
    return lost;
}

void traversed(Table rows, Vector weights, Vector point, OutLabels seeds) {
    const Rows<double> all = weighted(rows, weights);
    require(all.n_samples > 0 && seeds.shape(0) > 0, "rows and seeds: at least one");
    require(point.shape(0) == rows.shape(1), "point: as many features as the rows");
    without_gil([&] {
        farthest_first(all, point.data(), int64_t(seeds.shape(0)), seeds.data());
    });
}

bool iterated(Table rows, Vector weights, OutTable centres, OutLabels labels, int64_t n_iterations,
              bool last, int64_t n_threads) {
    const Rows<double> all = weighted(rows, weights);
    require(labels.shape(0) == rows.shape(0), "labels: one for each row");
    require(centres.shape(1) == rows.shape(1), "centres: as many features as the rows");
    require(centres.shape(0) <= rows.shape(0), "centres: no more than rows");
    bool ended = false;
    without_gil([&] {
        ended = lloyd(all, int64_t(centres.shape(0)), n_iterations, last, n_threads, centres.data(),
                      labels.data());
    });
    return ended;
}

void merged(Table rows, Vector weights, int64_t n_groups, Labels fewest_rows, OutLabelTable labels) {
    const Rows<double> all = weighted(rows, weights);
    require(n_groups > 0 && n_groups <= all.n_samples, "n_groups: no more than rows");
    require(labels.shape(0) == fewest_rows.shape(0), "labels: for each number of rows");
    require(labels.shape(1) == rows.shape(0), "labels: one for each row");
    const int64_t n_cuts = fewest_rows.shape(0);
    without_gil([&] { ward(all, n_groups, n_cuts, fewest_rows.data(), labels.data()); });
}

}  // namespace

void skgmm::bind_kmeans(nb::module_& m) {
    def(m, "label_nearest", &labelled);
    def(m, "move_centres", &moved);
    def(m, "farthest_first", &traversed);
    def(m, "draw_seeds", &seeded);
    def(m, "lloyd", &iterated);
    def(m, "ward", &merged);
}
