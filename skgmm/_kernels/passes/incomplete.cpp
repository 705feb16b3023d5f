#include "passes/incomplete.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace skgmm {

using std::int64_t;

namespace {

// The inverse of a positive definite matrix (u, u) in its place, symmetric to the last bit, and its
// log-determinant, by sweeps (Beaton 1964). `column` is (u,).
double invert(int64_t u, double* matrix, double* column) {
    std::vector<double> least(u);
    for (int64_t j = 0; j < u; ++j)
        least[j] = std::numeric_limits<double>::epsilon() * matrix[j * (u + 1)];
    double log_det = 0.0;
    for (int64_t j = 0; j < u; ++j) {
        const double pivot = std::max(matrix[j * (u + 1)], least[j]), root = std::sqrt(pivot);
        log_det += std::log(pivot);
        for (int64_t i = 0; i < u; ++i) column[i] = i == j ? 0.0 : matrix[i * u + j];
        for (int64_t i = 0; i < u; ++i)
            for (int64_t l = 0; l < u; ++l)
                matrix[i * u + l] -= (column[i] / root) * (column[l] / root);
        for (int64_t i = 0; i < u; ++i) matrix[i * u + j] = matrix[j * u + i] = column[i] / pivot;
        matrix[j * (u + 1)] = -1.0 / pivot;
    }
    for (int64_t i = 0; i < u * u; ++i) matrix[i] = -matrix[i];
    return log_det;
}

// Inverse of the missing block, regression, and penalty of one pattern.
void condition(const int64_t* missing, int64_t u, int64_t d, const double* precision,
               const double* floor, double* within, double* regression, double& log_det,
               double& penalty, double* column) {
    for (int64_t a = 0; a < u; ++a)
        for (int64_t b = 0; b < u; ++b) within[a * u + b] = precision[missing[a] * d + missing[b]];
    log_det = invert(u, within, column);
    std::fill(regression, regression + u * d, 0.0);
    for (int64_t a = 0; a < u; ++a)
        for (int64_t b = 0; b < u; ++b) {
            const double factor = within[a * u + b], *row = precision + missing[b] * d;
            for (int64_t j = 0; j < d; ++j) regression[a * d + j] += factor * row[j];
        }
    for (int64_t a = 0; a < u; ++a)
        for (int64_t b = 0; b < u; ++b) regression[a * d + missing[b]] = 0.0;
    double paid = 0.0;
    for (int64_t j = 0; j < d; ++j) paid += floor[j] * precision[j * (d + 1)];
    for (int64_t a = 0; a < u; ++a) {
        const double *row = precision + missing[a] * d, *own = regression + a * d;
        paid -= floor[missing[a]] * row[missing[a]];
        for (int64_t j = 0; j < d; ++j) paid -= floor[j] * own[j] * row[j];
    }
    penalty = 0.5 * paid;
}

}  // namespace

void complete(const Patterns& patterns, const double* X, const double* mean,
              const double* precision, const double* floor, const Conditional& out,
              double* centred) {
    const int64_t d = patterns.n_features, u = patterns.n_missing;
    std::vector<double> column(u);
    for (int64_t p = 0; p < patterns.n_patterns; ++p) {
        const int64_t* missing = patterns.missing + p * u;
        double* regression = out.regression + p * u * d;
        condition(missing, u, d, precision, floor, out.within + p * u * u, regression,
                  out.log_det[p], out.penalty[p], column.data());
        for (int64_t i = 0; i < patterns.counts[p]; ++i, X += d, centred += d) {
            for (int64_t j = 0; j < d; ++j) centred[j] = X[j] - mean[j];
            for (int64_t a = 0; a < u; ++a) {
                double sum = 0.0;
                for (int64_t j = 0; j < d; ++j) sum += regression[a * d + j] * centred[j];
                column[a] = sum;
            }
            for (int64_t a = 0; a < u; ++a) centred[missing[a]] = -column[a];
        }
    }
}

void add_uncertain(const Patterns& patterns, const double* mass, const double* within,
                   const double* regression, const double* floor, double* scatter) {
    const int64_t d = patterns.n_features, u = patterns.n_missing;
    for (int64_t p = 0; p < patterns.n_patterns; ++p, within += u * u, regression += u * d) {
        const int64_t* missing = patterns.missing + p * u;
        for (int64_t a = 0; a < u; ++a) {
            const double* own = regression + a * d;
            double* row = scatter + missing[a] * d;
            for (int64_t j = 0; j < d; ++j) {  // a cloud's shift along with what is observed
                const double cross = mass[p] * floor[j] * own[j];
                row[j] -= cross;
                scatter[j * d + missing[a]] -= cross;
            }
            for (int64_t b = 0; b < u; ++b) {
                const double* other = regression + b * d;
                double cloud = 0.0;
                for (int64_t j = 0; j < d; ++j) cloud += floor[j] * own[j] * other[j];
                row[missing[b]] += mass[p] * (within[a * u + b] + cloud);
            }
        }
    }
}

}  // namespace skgmm
