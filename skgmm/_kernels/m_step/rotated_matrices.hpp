// Symmetric matrices seen along axes that turn.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace skgmm {

using std::int64_t;

// Positive semi-definite matrices and the power mean of the products of their diagonals b (K, d),
//     (1 / e) log(sum_k w_k (prod_j b_kj)^e / sum_k w_k),
// which for e = 0 is the mean of the logarithms. By axes it is least where the matrices are as near
// to diagonal as they can be together.
class Turned {
public:
    Turned(int64_t n_matrices, int64_t n_axes, const double* matrices, const double* weights,
           double exponent);

    // To axes (d, d) in rows.
    void turn_to(const double* new_axes);

    // Turns the axes i and j in their plane.
    void rotate(int64_t i, int64_t j, double cosine, double sine);

    // Brings `shares` up to date after rotations.
    void weigh();

    // But for a constant.
    double value() const;

    // Difference in value, to more digits than a difference of values has.
    double change_since(const Turned& before) const;

    // The size of roundings in the value.
    double rounding() const;

    double* matrix(int64_t k) { return seen.data() + k * d * d; }
    const double* matrix(int64_t k) const { return seen.data() + k * d * d; }
    const double* given_matrix(int64_t k) const { return given.data() + k * d * d; }

    // A diagonal entry. What vanishes is held at a value whose logarithm exists.
    double length(int64_t k, int64_t j) const { return std::max(matrix(k)[j * (d + 1)], shortest); }

    static constexpr double shortest = 1e-18;  // of the trace

    int64_t K, d;
    double exponent;
    std::vector<double> axes;    // (d, d), in rows
    std::vector<double> shares;  // (K,), derivatives of the value by the logarithm of each product

private:
    double log_product(int64_t k) const;

    std::vector<double> given, seen;  // (K, d, d), of trace 1
    std::vector<double> log_weights;  // (K,), with what that took away
};

// out = left right, all (d, d).
void multiply(int64_t d, const double* left, const double* right, double* out);

// Turns two of the axes (d, d), in rows, in their plane.
void rotate_rows(int64_t d, double* axes, int64_t i, int64_t j, double cosine, double sine);

}  // namespace skgmm
