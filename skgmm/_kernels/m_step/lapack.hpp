// LAPACK, from SciPy: no library of its own is linked.
#pragma once

namespace skgmm {

// Fortran's routines by address; null until Python has handed them over.
struct Lapack {
    void (*dpotrf)(char* uplo, int* n, double* a, int* lda, int* info) = nullptr;
    void (*dtrtri)(char* uplo, char* diag, int* n, double* a, int* lda, int* info) = nullptr;
    void (*dsyevd)(char* jobz, char* uplo, int* n, double* a, int* lda, double* w, double* work,
                   int* lwork, int* iwork, int* liwork, int* info) = nullptr;
};

inline Lapack lapack;

// Smaller matrices take less time in plain loops than in a call of LAPACK.
constexpr int smallest_for_lapack = 17;

}  // namespace skgmm
