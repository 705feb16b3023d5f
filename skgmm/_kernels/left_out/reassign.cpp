#include "left_out/reassign.hpp"

#include <vector>

namespace skgmm {

using std::int64_t;

namespace {

// Adds a weight, which is negative where a sample leaves, at a point that is `apart` (d,) from the
// mean (the update of Chan, Golub and LeVeque).
void add_sample(int64_t d, double weight, const double* apart, const double* floor, double& mass,
                double* mean, double* scatter) {
    const double before = mass, part = weight / (mass += weight);
    for (int64_t i = 0; i < d; ++i) {
        const double scaled = before * part * apart[i];
        for (int64_t j = 0; j < d; ++j) scatter[i * d + j] += scaled * apart[j];
        scatter[i * (d + 1)] += weight * floor[i];
        mean[i] += part * apart[i];
    }
}

}  // namespace

template <typename T>
void reassign(const Rows<T>& rows, int64_t n_moved, const int64_t* moved, const int64_t* before,
              const int64_t* after, const double* floor, double* mass, double* means,
              double* scatter) {
    const int64_t d = rows.n_features;
    std::vector<double> apart(d);
    const auto add = [&](int64_t i, int64_t k, double weight) {
        const T* row = rows.data + i * rows.row_stride;
        for (int64_t j = 0; j < d; ++j)
            apart[j] = double(row[j * rows.column_stride]) - means[k * d + j];
        add_sample(d, weight, apart.data(), floor, mass[k], means + k * d, scatter + k * d * d);
    };
    // All that enter come first: no component is ever without samples.
    for (const int64_t* labels : {after, before})
        for (int64_t m = 0; m < n_moved; ++m) {
            const int64_t i = moved[m];
            const double weight = rows.weight ? rows.weight[i] : 1.0;
            if (weight > 0.0) add(i, labels[i], labels == after ? weight : -weight);
        }
}

template void reassign(const Rows<float>&, int64_t, const int64_t*, const int64_t*, const int64_t*,
                       const double*, double*, double*, double*);
template void reassign(const Rows<double>&, int64_t, const int64_t*, const int64_t*,
                       const int64_t*, const double*, double*, double*, double*);

}  // namespace skgmm
