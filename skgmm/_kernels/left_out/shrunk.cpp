#include "left_out/shrunk.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "left_out/left_out.hpp"
#include "m_step/factors.hpp"
#include "m_step/lapack.hpp"
#include "passes/group_order.hpp"
#include "passes/passes.hpp"

namespace skgmm {

using std::int64_t;

namespace {

// A sample and a component without it.
struct LeftOut {
    double distance;  // squared
    double left;      // the factor of the determinant
};

// Two outer products of a sample are subtracted from the matrix of a component: that about its
// mean, and that about the mean of the sample's main component.
class Downdates {
public:
    Downdates(const Assigned& assigned, const Subtracted& subtracted, int64_t sample)
        : of(assigned), subtracted(subtracted), i(sample), main(of.main[i]) {
        of_main = own(main) * farther(main);
    }

    // `near` is the squared distance from the mean.
    LeftOut of_component(int64_t k, double near) const {
        double others = 0.0, both = near, far = near;  // the latter about its main mean
        if (k != main && subtracted.along) {
            others = of_main * subtracted.of_others[k];
            const double along = subtracted.along[i * of.n_components + k];
            both = near + (along - subtracted.between[k * of.n_components + main]);
            far = both + along;
        }
        if (own(k) == 0.0 && others == 0.0) return {near, 1.0};
        const double of_others = std::max(1.0 - others * far, least_left);
        if (own(k) == 0.0) return {near + others * both * both / of_others, of_others};
        const double longer = farther(k), outer = own(k) * longer * subtracted.of_own[k];
        const double of_own = std::max(1.0 - outer * near, least_left);
        const double left = std::max(of_own * of_others - outer * others * both * both, least_left);
        const double added =
            outer * near * near * of_others + others * both * both * (1.0 + outer * near);
        return {(near + added / left) * longer * longer, left};
    }

    double own(int64_t k) const { return of.own[i * of.n_components + k]; }

private:
    // How much farther the sample is from the mean without it.
    double farther(int64_t k) const {
        return of.mass[k] / std::max(of.mass[k] - own(k), least_left * of.mass[k]);
    }

    const Assigned& of;
    const Subtracted& subtracted;
    const int64_t i, main;
    double of_main;  // what its outer product about the mean of the main component counts
};

// out (m, n) = left (m, d) right' (n, d), where rows of `right` are so many numbers apart.
void multiply(int64_t m, int64_t n, int64_t d, const double* left, const double* right,
              int64_t apart, double* out) {
    if (!use_lapack(d)) {
        for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j)
                out[i * n + j] =
                    std::inner_product(left + i * d, left + (i + 1) * d, right + j * apart, 0.0);
        return;
    }
    char transposed = 'T', as_is = 'N';  // column by column, all are the transposes
    int rows = int(n), columns = int(m), inner = int(d), stride = int(apart);
    double one = 1.0, zero = 0.0;
    lapack.dgemm(&transposed, &as_is, &rows, &columns, &inner, &one, const_cast<double*>(right),
                 &stride, const_cast<double*>(left), &inner, &zero, out, &rows);
}

}  // namespace

std::vector<int64_t> shrunk_factors(int64_t K, int64_t d, const double* scatter,
                                    const double* target, const double* of_scatter,
                                    const double* of_target, double* factors) {
    for (int64_t k = 0; k < K; ++k) {
        const double *own = scatter + k * d * d, a = of_scatter[k], b = of_target[k];
        for (int64_t i = 0; i < d * d; ++i) factors[k * d * d + i] = a * own[i] + b * target[i];
    }
    const std::vector<double> ones(K, 1.0);
    return numbers_of(factors_of_scatters(K, d, factors, ones.data(), factors));
}

void find_members(int64_t n, int64_t K, const double* own, int64_t* main, int64_t* samples,
                  int64_t* ends) {
    std::fill(ends, ends + K, 0);
    for (int64_t i = 0; i < n; ++i) {
        const double* row = own + i * K;
        main[i] = std::max_element(row, row + K) - row;
        for (int64_t k = 0; k < K; ++k) ends[k] += row[k] > least_part;
    }
    std::vector<int64_t> next(K, 0);
    for (int64_t k = 1; k < K; ++k) {
        next[k] = ends[k - 1];
        ends[k] += ends[k - 1];
    }
    for (int64_t i = 0; i < n; ++i)
        for (int64_t k = 0; k < K; ++k)
            if (own[i * K + k] > least_part) samples[next[k]++] = i;
}

template <typename T>
void own_distances(const Rows<T>& rows, const int64_t* ends, int64_t K, const double* means,
                   const double* factors, int64_t n_threads, double* out) {
    const int64_t d = rows.n_features;
    const double no_peak = 0.0;
    for_chunks(0, K, n_threads, [&](int64_t k, int64_t, int64_t) {
        const int64_t first = k > 0 ? ends[k - 1] : 0, n = ends[k] - first;
        const Rows<T> own{rows.data + first * rows.row_stride,
                          n,
                          d,
                          rows.row_stride,
                          rows.column_stride,
                          nullptr};
        const PackedMixture mixture(1, d, Factor::triangular, means + k * d, factors + k * d * d, 1,
                                    &no_peak);
        Values<T> values{};
        values.log_density = out + first;
        const bool lost = write_rows(own, mixture.mixture, values, 1) >= 0;
        for (int64_t i = first; i < ends[k]; ++i)
            out[i] = lost ? std::numeric_limits<double>::infinity() : -2.0 * out[i];
    });
}

template <typename T>
void products_with_slopes(const Rows<T>& rows, const int64_t* main, int64_t K, const double* means,
                          const double* slopes, double* out) {
    const int64_t d = rows.n_features;
    const GroupOrder order(rows.n_samples, K, [&](int64_t i) { return main[i]; });
    std::vector<double> centred, products;
    for (int64_t k = 0, first = 0; k < K; first = order.ends[k++]) {
        const int64_t n_own = order.ends[k] - first;
        if (n_own == 0) continue;
        centred.resize(n_own * d);
        products.resize(n_own * K);
        for (int64_t i = 0; i < n_own; ++i) {
            const T* row = rows.data + order.samples[first + i] * rows.row_stride;
            for (int64_t j = 0; j < d; ++j)
                centred[i * d + j] = double(row[j * rows.column_stride]) - means[k * d + j];
        }
        multiply(n_own, K, d, centred.data(), slopes + k * d, K * d, products.data());
        for (int64_t i = 0; i < n_own; ++i)
            std::copy_n(products.data() + i * K, K, out + order.samples[first + i] * K);
    }
}

double sum_of_members(const Assigned& assigned, const Members& members,
                      const Subtracted& subtracted, const double* near, double* sums) {
    double log_left = 0.0;
    for (int64_t k = 0, m = 0; k < assigned.n_components; ++k) {
        sums[k] = 0.0;
        for (; m < members.ends[k]; ++m) {
            const Downdates sample(assigned, subtracted, members.samples[m]);
            const LeftOut without = sample.of_component(k, near[m]);
            sums[k] += sample.own(k) * without.distance;
            log_left += sample.own(k) * std::log(without.left);
        }
    }
    return log_left;
}

void leave_out_of_shrunk(const Assigned& assigned, const Subtracted& subtracted,
                         const double* common, const double* peak, const double* scale,
                         double* log_joint) {
    const int64_t K = assigned.n_components;
    std::vector<double> log_mass(K), part(K);  // of a squared distance
    for (int64_t k = 0; k < K; ++k) {
        log_mass[k] = std::log(assigned.mass[k]);
        part[k] = 1.0 / scale[k];
    }
    for (int64_t i = 0; i < assigned.n_samples; ++i) {
        const Downdates sample(assigned, subtracted, i);
        for (int64_t k = 0; k < K; ++k) {
            const double own = sample.own(k), mass = assigned.mass[k];
            double& out = log_joint[i * K + k];
            const LeftOut without = sample.of_component(k, -2.0 * (out + common[i]));
            const double log_weight = own == 0.0 ? log_mass[k] : std::log(mass - own);
            const double log_det = without.left == 1.0 ? 0.0 : std::log(without.left);
            out = log_weight + peak[k] - 0.5 * (log_det + without.distance * part[k]);
            if (!exists_without(own, mass) || std::isnan(out))
                out = -std::numeric_limits<double>::infinity();
        }
    }
}

#define SKGMM_SHRUNK_OF(T)                                                                        \
    template void own_distances(const Rows<T>&, const int64_t*, int64_t, const double*,           \
                                const double*, int64_t, double*);                                 \
    template void products_with_slopes(const Rows<T>&, const int64_t*, int64_t, const double*,    \
                                       const double*, double*);
SKGMM_SHRUNK_OF(float)
SKGMM_SHRUNK_OF(double)

}  // namespace skgmm
