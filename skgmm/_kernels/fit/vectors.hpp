// Products of small matrices and vectors, for the coordinates and their gradient.
#pragma once
#include <vector>

#include "m_step/factors.hpp"
#include "m_step/lapack.hpp"

namespace skgmm {

using Numbers = std::vector<double>;

// out = left' right, all (d, d).
inline void multiply_transposed(int64_t d, const double* left, const double* right, double* out) {
    multiply_matrices(d, transpose(d, left).data(), right, out);
}

// vector' matrix, and matrix vector.
inline Numbers along_rows(int64_t d, const double* vector, const double* matrix) {
    Numbers out(d);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < d; ++j) out[j] += vector[i] * matrix[i * d + j];
    return out;
}

inline Numbers along_columns(int64_t d, const double* matrix, const double* vector) {
    Numbers out(d);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < d; ++j) out[i] += matrix[i * d + j] * vector[j];
    return out;
}

}  // namespace skgmm
