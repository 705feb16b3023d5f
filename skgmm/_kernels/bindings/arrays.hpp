// Arrays from Python, as the kernel takes them.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <optional>
#include <stdexcept>

#include "block/kernel.hpp"

namespace skgmm {

namespace nb = nanobind;
using std::int64_t;

template <typename T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::device::cpu>;
using Vector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Factors = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Labels = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

inline void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
}

template <typename T>
Rows<T> rows_of(const Matrix<T>& X, const std::optional<Vector>& weight) {
    require(X.shape(1) > 0, "X: one feature or more");
    if (weight) require(weight->shape(0) == X.shape(0), "weights: one for each row");
    return {X.data(),    int64_t(X.shape(0)), int64_t(X.shape(1)),
            X.stride(0), X.stride(1),         weight ? weight->data() : nullptr};
}

// The numbers of an array of this size, or null where it is None.
template <typename Array>
auto data_of(const std::optional<Array>& array, int64_t size, const char* what) {
    require(!array || int64_t(array->size()) == size, what);
    return array ? array->data() : nullptr;
}

inline Given given_of(const std::optional<Labels>& labels,
                      const std::optional<Table>& responsibilities, int64_t n, int64_t K) {
    return {data_of(labels, n, "labels: one for each row"),
            data_of(responsibilities, n * K, "responsibilities: (n, K)")};
}

// The scatter of all rows: weight, mean (d,), scatter and root (d, d), one after the other.
inline std::optional<WholeScatter> whole_of(const std::optional<Vector>& numbers, int64_t d) {
    const double* at = data_of(numbers, 1 + d + 2 * d * d, "whole: as many numbers as X has");
    if (!at) return std::nullopt;
    return WholeScatter{at[0], at + 1, at + 1 + d, at + 1 + d + d * d};
}

// Whether they are triangles or diagonals: one, or one for each component.
template <typename Array>
Factor check_factors(int64_t K, int64_t d, const Array& factors) {
    const int64_t m = factors.shape(0);
    require(m == 1 || m == K, "factors: one, or one for each component");
    require(factors.ndim() == 2 || factors.ndim() == 3, "factors: matrices or diagonals");
    for (size_t axis = 1; axis < factors.ndim(); ++axis)
        require(int64_t(factors.shape(axis)) == d, "factors: as many features as the means");
    return factors.ndim() == 3 ? Factor::triangular : Factor::diagonal;
}

}  // namespace skgmm
