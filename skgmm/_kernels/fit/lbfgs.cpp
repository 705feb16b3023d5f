#include "fit/lbfgs.hpp"

#include <vector>

namespace skgmm {

using std::int64_t;

double dot(int64_t size, const double* a, const double* b) {
    double sum = 0.0;
    for (int64_t i = 0; i < size; ++i) sum += a[i] * b[i];
    return sum;
}

namespace {

void add(int64_t size, double factor, const double* a, double* to) {
    for (int64_t i = 0; i < size; ++i) to[i] += factor * a[i];
}

}  // namespace

void lbfgs_direction(int64_t n_pairs, int64_t size, const double* steps, const double* changes,
                  const double* gradient, double* direction) {
    for (int64_t i = 0; i < size; ++i) direction[i] = -gradient[i];
    if (n_pairs == 0) return;
    std::vector<double> products(n_pairs), taken(n_pairs);
    for (int64_t m = n_pairs - 1; m >= 0; --m) {
        const double *step = steps + m * size, *change = changes + m * size;
        products[m] = dot(size, step, change);
        taken[m] = dot(size, step, direction) / products[m];
        add(size, -taken[m], change, direction);
    }
    const double* last = changes + (n_pairs - 1) * size;
    const double scale = products[n_pairs - 1] / dot(size, last, last);
    for (int64_t i = 0; i < size; ++i) direction[i] *= scale;
    for (int64_t m = 0; m < n_pairs; ++m) {
        const double back = dot(size, changes + m * size, direction) / products[m];
        add(size, taken[m] - back, steps + m * size, direction);
    }
}

}  // namespace skgmm
