// Gradient of the objective in the coordinates, by Fisher's identity that of the ECLL.
#include <algorithm>
#include <cmath>

#include "fit/coordinates.hpp"
#include "fit/vectors.hpp"

namespace skgmm {

void Coordinates::gradient(const State& there, double* out) {
    const double *mass = there.moments.data() + 2, *mean = mass + K, *scatter = mean + K * d;
    second_sums.assign(scatter, there.moments.data() + there.moments.size());
    for (int64_t k = 0; k < K; ++k) {
        double* shift = first_sums.data() + k * d;
        double* second =
            second_sums.data() + (form == Form::pooled ? 0 : k * (form == Form::full ? d * d : d));
        for (int64_t j = 0; j < d; ++j) shift[j] = mean[k * d + j] - there.means[k * d + j];
        for (int64_t i = 0; i < d; ++i)
            if (form == Form::diagonal)
                second[i] += mass[k] * shift[i] * shift[i];
            else
                for (int64_t j = 0; j < d; ++j) second[i * d + j] += mass[k] * shift[i] * shift[j];
        for (int64_t j = 0; j < d; ++j) shift[j] *= mass[k];
    }
    gradient_of_sums(there, mass, first_sums.data(), second_sums.data(), there.moments[1], out);
}

void Coordinates::gradient_of_sums(const State& there, const double* mass, const double* first,
                                   const double* second, double total, double* out) {
    std::fill(out, out + size(), 0.0);
    std::fill(twists.begin(), twists.end(), 0.0);
    double all = 0.0;
    for (int64_t k = 0; k < K; ++k) {
        out[weights.start + k] = mass[k] - total * std::exp(there.log_weights[k]);
        all += mass[k];
        gradient_of_mean(k, first + k * d, out);
        if (!dense) {
            const double* factor = there.factors.data() + factor_start(k);
            for (int64_t j = 0; j < d; ++j)
                row[j] = mass[k] - factor[j] * factor[j] * second[k * d + j];
            gradient_of_scales(k, row.data(), out);
        } else if (form != Form::pooled) {
            gradient_of_matrix(k, mass[k], second + k * d * d, out);
        }
    }
    if (form == Form::pooled) gradient_of_matrix(0, all, second, out);
    if (ties.turn()) chain_turns(out);
    for (int64_t i = 0; i < size(); ++i) out[i] *= scale[i];
}

// root root' (whitening' first).
void Coordinates::gradient_of_mean(int64_t k, const double* first, double* out) {
    double* slopes = means.of(out, k);
    if (!dense) {
        const double *s = scales.data() + k * d, *white = whitening_of(k);
        for (int64_t j = 0; j < d; ++j) slopes[j] = s[j] * s[j] * white[j] * first[j];
        return;
    }
    const Numbers whitened = along_rows(d, first, whitening_of(k));
    const Numbers half = along_rows(d, whitened.data(), root_of(k));
    const Numbers whole = along_columns(d, root_of(k), half.data());
    std::copy(whole.begin(), whole.end(), slopes);
}

// With T the second moments in units of the anchor, the ECLL is mass log |root| - tr(root' T root)
// / 2.
void Coordinates::gradient_of_matrix(int64_t k, double mass, const double* second, double* out) {
    multiply_matrices(d, second, whitening_of(k), product.data());
    multiply_transposed(d, whitening_of(k), product.data(), other.data());
    multiply_matrices(d, other.data(), root_of(k), product.data());
    if (ties.turn())
        gradient_of_turn(k, mass);
    else
        gradient_of_triangle(k, mass, out);
    gradient_of_scales(k, row.data(), out);
}

void Coordinates::gradient_of_triangle(int64_t k, double mass, double* out) {
    const double *own = root_of(k), *s = scales.data() + k * d;
    double* turn = rotation.of(out, k);
    for (int64_t i = 0; i < d; ++i) {
        row[i] = mass - product[i * (d + 1)] * own[i * (d + 1)];
        for (int64_t j = i + 1; j < d; ++j) {
            *turn++ -= s[i] * product[i * d + j];
            row[i] -= product[i * d + j] * own[i * d + j];
        }
    }
}

void Coordinates::gradient_of_turn(int64_t k, double mass) {
    const double *s = scales.data() + k * d, *before = principal.scales.data() + k * d;
    double* twist = twists.data() + (n_axes == 1 ? 0 : k * d * d);
    // The second moments along the axes there, in units of the variances there.
    multiply_transposed(d, root_of(k), product.data(), other.data());
    for (int64_t i = 0; i < d; ++i) {
        row[i] = mass - other[i * (d + 1)];
        for (int64_t j = 0; j < d; ++j) {
            const double ratio = before[i] * s[i] / (before[j] * s[j]);
            twist[i * d + j] += (ratio - 1.0 / ratio) * other[i * d + j];
        }
    }
}

// A change dR of the skew matrix R turns the axes there by M' dR M, with M = (I - R / 2)^-1, which
// is half of I + C.
void Coordinates::chain_turns(double* out) {
    for (int64_t a = 0; a < n_axes; ++a) {
        Numbers chain(turns.begin() + a * d * d, turns.begin() + (a + 1) * d * d);
        for (int64_t i = 0; i < d; ++i) chain[i * (d + 1)] += 1.0;
        for (double& each : chain) each *= 0.5;
        multiply_matrices(d, chain.data(), twists.data() + a * d * d, product.data());
        multiply_matrices(d, product.data(), transpose(d, chain.data()).data(), other.data());
        double* slopes = rotation.of(out, a);
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = i + 1; j < d; ++j) *slopes++ += other[i * d + j];
    }
}

void Coordinates::gradient_of_scales(int64_t k, const double* slopes, double* out) const {
    double sum = 0.0;
    if (!ties.together()) {
        for (int64_t j = 0; j < d; ++j) sum += slopes[j];
        *volume.of(out, k) += sum;
    }
    if (!shape.rows) return;
    double* of_shape = shape.of(out, k);
    for (int64_t j = 0; j < d; ++j) of_shape[j] += slopes[j] - sum / double(d);
}

}  // namespace skgmm
