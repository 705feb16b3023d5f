#include "m_step/rotated_matrices.hpp"

#include <cmath>
#include <limits>

#include "m_step/lapack.hpp"

namespace skgmm {

void multiply(int64_t d, const double* left, const double* right, double* out) {
    std::fill(out, out + d * d, 0.0);
    for (int64_t i = 0; i < d; ++i, left += d, out += d) {
        int64_t l = 0;
        for (; l + 4 <= d; l += 4) {
            const double *r0 = right + l * d, *r1 = r0 + d, *r2 = r1 + d, *r3 = r2 + d;
            const double a = left[l], b = left[l + 1], c = left[l + 2], e = left[l + 3];
            for (int64_t j = 0; j < d; ++j) out[j] += a * r0[j] + b * r1[j] + c * r2[j] + e * r3[j];
        }
        for (; l < d; ++l)
            for (int64_t j = 0; j < d; ++j) out[j] += left[l] * right[l * d + j];
    }
}

void rotate_rows(int64_t d, double* axes, int64_t i, int64_t j, double cosine, double sine) {
    double *__restrict first = axes + i * d, *__restrict second = axes + j * d;
    for (int64_t l = 0; l < d; ++l) {
        const double x = first[l], y = second[l];
        first[l] = cosine * x + sine * y;
        second[l] = cosine * y - sine * x;
    }
}

Turned::Turned(int64_t n_matrices, int64_t n_axes, const double* matrices, const double* weights,
               double exponent_)
    : K(n_matrices),
      d(n_axes),
      exponent(exponent_),
      axes(d * d),
      shares(K),
      given(matrices, matrices + K * d * d),
      seen(K * d * d),
      log_weights(K) {
    for (int64_t k = 0; k < K; ++k) {
        double* matrix = given.data() + k * d * d;
        double trace = 0.0;
        for (int64_t j = 0; j < d; ++j) trace += matrix[j * (d + 1)];
        for (int64_t i = 0; i < d * d; ++i) matrix[i] /= trace;
        log_weights[k] = std::log(weights[k]) + exponent * double(d) * std::log(trace);
    }
    const double largest = *std::max_element(log_weights.begin(), log_weights.end());
    double total = 0.0;
    for (double weight : log_weights) total += std::exp(weight - largest);
    for (double& weight : log_weights) weight -= largest + std::log(total);
}

void Turned::turn_to(const double* new_axes) {
    axes.assign(new_axes, new_axes + d * d);
    const std::vector<double> columns = transpose(d, axes.data());
    std::vector<double> half(d * d);
    for (int64_t k = 0; k < K; ++k) {
        double* turned = matrix(k);
        multiply_matrices(d, given.data() + k * d * d, columns.data(), half.data());
        multiply_matrices(d, axes.data(), half.data(), turned);
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < i; ++j) turned[j * d + i] = turned[i * d + j];
    }
    weigh();
}

void Turned::rotate(int64_t i, int64_t j, double cosine, double sine) {
    for (int64_t k = 0; k < K; ++k) {
        double *all = matrix(k), *first = all + i * d, *second = all + j * d;
        const double a = first[i], b = second[j], c = first[j];
        rotate_rows(d, all, i, j, cosine, sine);
        for (int64_t l = 0; l < d; ++l) {
            all[l * d + i] = first[l];
            all[l * d + j] = second[l];
        }
        const double turn = sine * (2.0 * cosine * c - sine * (a - b));  // what i gains and j loses
        first[i] = a + turn;
        second[j] = b - turn;
        first[j] = second[i] = (cosine - sine) * (cosine + sine) * c - cosine * sine * (a - b);
    }
    rotate_rows(d, axes.data(), i, j, cosine, sine);
}

double Turned::log_product(int64_t k) const {
    double sum = 0.0;
    for (int64_t j = 0; j < d; ++j) sum += std::log(length(k, j));
    return sum;
}

void Turned::weigh() {
    for (int64_t k = 0; k < K; ++k)
        shares[k] = log_weights[k] + (exponent > 0.0 ? exponent * log_product(k) : 0.0);
    const double largest = *std::max_element(shares.begin(), shares.end());
    double total = 0.0;
    for (double& share : shares) total += share = std::exp(share - largest);
    for (double& share : shares) share /= total;
}

double Turned::value() const {
    double total = 0.0;
    if (exponent == 0.0) {
        for (int64_t k = 0; k < K; ++k) total += std::exp(log_weights[k]) * log_product(k);
        return total;
    }
    for (int64_t k = 0; k < K; ++k) total += std::exp(log_weights[k] + exponent * log_product(k));
    return std::log(total) / exponent;
}

double Turned::change_since(const Turned& before) const {
    double change = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        double sum = 0.0;
        for (int64_t j = 0; j < d; ++j) {
            const double earlier = before.length(k, j);
            sum += std::log1p((length(k, j) - earlier) / earlier);
        }
        change += before.shares[k] * (exponent > 0.0 ? std::expm1(exponent * sum) : sum);
    }
    return exponent > 0.0 ? std::log1p(change) / exponent : change;
}

double Turned::rounding() const {
    double sum = 0.0;
    for (int64_t k = 0; k < K; ++k)
        for (int64_t j = 0; j < d; ++j) sum += shares[k] / length(k, j);
    return std::numeric_limits<double>::epsilon() * sum;
}

}  // namespace skgmm
