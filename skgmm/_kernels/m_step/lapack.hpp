// BLAS and LAPACK, from SciPy: no library of its own is linked.
#pragma once
#include <cstdint>
#include <vector>

namespace skgmm {

// Fortran's routines by address; null until Python has handed them over.
struct Lapack {
    void (*dgemm)(char* transa, char* transb, int* m, int* n, int* k, double* alpha, double* a,
                  int* lda, double* b, int* ldb, double* beta, double* c, int* ldc) = nullptr;
    void (*dgesv)(int* n, int* nrhs, double* a, int* lda, int* ipiv, double* b, int* ldb,
                  int* info) = nullptr;
    void (*dsyevd)(char* jobz, char* uplo, int* n, double* a, int* lda, double* w, double* work,
                   int* lwork, int* iwork, int* liwork, int* info) = nullptr;
};

inline Lapack lapack;

// Whether matrices (d, d) are so large that they take less time in LAPACK than in plain loops.
inline bool use_lapack(std::int64_t d) { return d > 16 && lapack.dsyevd; }

// out = left right, all (d, d).
void multiply_matrices(std::int64_t d, const double* left, const double* right, double* out);

std::vector<double> transpose(std::int64_t d, const double* matrix);

}  // namespace skgmm
