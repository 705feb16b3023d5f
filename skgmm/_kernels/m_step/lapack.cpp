#include "m_step/lapack.hpp"

#include "m_step/rotated_matrices.hpp"

namespace skgmm {

using std::int64_t;

void multiply_matrices(int64_t d, const double* left, const double* right, double* out) {
    if (!use_lapack(d)) return multiply(d, left, right, out);
    char as_is = 'N';  // column by column these are the transposes, in the reverse order
    int n = int(d);
    double one = 1.0, zero = 0.0;
    lapack.dgemm(&as_is, &as_is, &n, &n, &n, &one, const_cast<double*>(right), &n,
                 const_cast<double*>(left), &n, &zero, out, &n);
}

std::vector<double> transpose(int64_t d, const double* matrix) {
    std::vector<double> out(d * d);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < d; ++j) out[j * d + i] = matrix[i * d + j];
    return out;
}

}  // namespace skgmm
