#include "m_step/volumes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "m_step/factors.hpp"
#include "m_step/lapack.hpp"

namespace skgmm {

using std::int64_t;

namespace {

constexpr int most_steps = 50;
constexpr double longest_step = 4.0;
// Below this the value cannot tell a better point from rounding.
constexpr double shortest_step = 1e-8;
// Newton steps this short converge from where they are, so that they need no look at the value.
constexpr double short_step = 1e-3;
// Slopes at the end, as a share of mass x features, that are not those of a minimum. (Of matrices
// with directions that hold nothing but reg_covar, each leaves a rounding of the slope.)
constexpr double unsettled = 1e-3;
constexpr double infinity = std::numeric_limits<double>::infinity();

// log |M| and, seen in the frame where M is the identity, the parts that the matrices have in it.
struct Shares {
    double log_determinant = infinity;
    std::vector<double> parts;   // (K, size), the numbers of each
    std::vector<double> traces;  // (K,)
};

// The numbers of all W, `size` to each.
struct Scatters {
    // The sum of W exp(-u), and where they are wanted its parts.
    void add(const std::vector<double>& u, double* sum, double* parts = nullptr) const {
        std::fill(sum, sum + size, 0.0);
        for (int64_t k = 0; k < K; ++k) {
            const double scale = std::exp(-u[k]), *scatter = scatters + k * size;
            for (int64_t i = 0; i < size; ++i) {
                const double scaled = scatter[i] * scale;
                sum[i] += scaled;
                if (parts) parts[k * size + i] = scaled;
            }
        }
    }

    const double* scatters;
    int64_t K, d, size;
};

// Diagonals (K, d).
class Diagonals : public Scatters {
public:
    Diagonals(const double* scatters_, int64_t K_, int64_t d_)
        : Scatters{scatters_, K_, d_, d_}, total(d_) {}

    void share(const std::vector<double>& u, Shares& out) {
        add(u, total.data(), out.parts.data());
        out.log_determinant = infinity;
        for (double each : total)  // features may differ by any factor: each is seen alone
            if (!(each > 0.0) || !std::isfinite(each)) return;
        out.log_determinant = 0.0;
        for (double each : total) out.log_determinant += std::log(each);
        for (int64_t k = 0; k < K; ++k) {
            out.traces[k] = 0.0;
            double* part = out.parts.data() + k * d;
            for (int64_t j = 0; j < d; ++j) out.traces[k] += part[j] /= total[j];
        }
    }

private:
    std::vector<double> total;
};

// Matrices (K, d, d).
class Matrices : public Scatters {
public:
    Matrices(const double* scatters_, int64_t K_, int64_t d_)
        : Scatters{scatters_, K_, d_, d_ * d_}, total(size), factor(size), product(size) {}

    void share(const std::vector<double>& u, Shares& out) {
        add(u, total.data(), out.parts.data());
        out.log_determinant = infinity;
        if (!std::all_of(total.begin(), total.end(), [](double x) { return std::isfinite(x); }) ||
            !factor_of_matrix(d, total.data(), factor.data()))
            return;
        out.log_determinant = 0.0;
        for (int64_t j = 0; j < d; ++j) out.log_determinant -= 2.0 * std::log(factor[j * (d + 1)]);
        const std::vector<double> transposed = transpose(d, factor.data());
        for (int64_t k = 0; k < K; ++k) {
            double* part = out.parts.data() + k * size;
            multiply_matrices(d, part, factor.data(), product.data());
            multiply_matrices(d, transposed.data(), product.data(), part);
            out.traces[k] = 0.0;
            for (int64_t j = 0; j < d; ++j) out.traces[k] += part[j * (d + 1)];
        }
    }

private:
    std::vector<double> total, factor, product;
};

// The solution x of a positive definite system, in place of `right`; the matrix is destroyed.
void solve_positive(int64_t n, double* matrix, double* right) {
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j <= i; ++j) {
            double sum = matrix[i * n + j];
            for (int64_t l = 0; l < j; ++l) sum -= matrix[i * n + l] * matrix[j * n + l];
            matrix[i * n + j] = j < i ? sum / matrix[j * (n + 1)] : std::sqrt(sum);
        }
        for (int64_t l = 0; l < i; ++l) right[i] -= matrix[i * n + l] * right[l];
        right[i] /= matrix[i * (n + 1)];
    }
    for (int64_t i = n; i-- > 0;) {
        for (int64_t l = i + 1; l < n; ++l) right[i] -= matrix[l * n + i] * right[l];
        right[i] /= matrix[i * (n + 1)];
    }
}

double largest(const std::vector<double>& numbers) {
    double most = 0.0;
    for (double each : numbers) most = std::max(most, std::abs(each));
    return most;
}

template <typename Form>
class Descent {
public:
    Descent(Form scatters_, const double* mass_, int64_t K_, int64_t d_)
        : scatters(std::move(scatters_)), mass(mass_), K(K_), d(double(d_)), curvature(K * K) {
        for (int64_t k = 0; k < K; ++k) n += mass[k];
        for (Point* point : {&here, &ahead}) {
            point->u.resize(K);
            point->shares.parts.resize(K * scatters.size);
            point->shares.traces.resize(K);
        }
        step.resize(K);
    }

    Volumes run(double* u, double* common) {
        start(u);
        if (!std::isfinite(here.value)) return Volumes::singular;
        approach();
        polish();
        std::copy(here.u.begin(), here.u.end(), u);
        scatters.add(here.u, common);
        for (int64_t i = 0; i < scatters.size; ++i) common[i] /= n;
        double most = 0.0;
        for (int64_t k = 0; k < K; ++k) most = std::max(most, std::abs(slope(k)));
        return most <= unsettled * d * n ? Volumes::found : Volumes::unbounded;
    }

private:
    struct Point {
        std::vector<double> u;
        double value = infinity;
        Shares shares;
    };

    // Newton steps, halved until they lower the value, until one is short.
    void approach() {
        for (int steps = 0; steps < most_steps; ++steps) {
            find_step();
            if (largest(step) < short_step) return;
            evaluate_ahead();
            while (!(ahead.value <= here.value) && largest(step) > shortest_step) {
                for (double& each : step) each *= 0.5;
                evaluate_ahead();
            }
            if (!(ahead.value <= here.value)) return;
            std::swap(here, ahead);
        }
    }

    // Near the minimum the value is flat to rounding, but the slopes still have digits. Whole steps
    // square the error there, until they no longer shrink: that is the rounding of the slopes.
    void polish() {
        double before = 2.0 * short_step;
        for (int steps = 0; steps < most_steps; ++steps) {
            const double size = largest(step);
            if (!(size < 0.5 * before)) return;
            evaluate_ahead();
            if (!std::isfinite(ahead.value)) return;
            std::swap(here, ahead);
            before = size;
            find_step();
        }
    }

    void start(const double* u) {
        double mean = 0.0;
        for (int64_t k = 0; k < K; ++k) mean += u[k] / double(K);
        for (int64_t k = 0; k < K; ++k) here.u[k] = u[k] - mean;
        evaluate(here);
        if (std::isfinite(here.value)) return;
        std::fill(here.u.begin(), here.u.end(), 0.0);
        evaluate(here);
    }

    void evaluate(Point& point) {
        scatters.share(point.u, point.shares);
        point.value = n * point.shares.log_determinant;
        for (int64_t k = 0; k < K; ++k) point.value += d * mass[k] * point.u[k];
    }

    void evaluate_ahead() {
        for (int64_t k = 0; k < K; ++k) ahead.u[k] = here.u[k] + step[k];
        evaluate(ahead);
    }

    double slope(int64_t k) const { return d * mass[k] - n * here.shares.traces[k]; }

    void find_step() {
        const int64_t size = scatters.size;
        for (int64_t k = 0; k < K; ++k) {
            step[k] = -slope(k);
            const double* part = here.shares.parts.data() + k * size;
            for (int64_t l = 0; l <= k; ++l) {
                const double* other = here.shares.parts.data() + l * size;
                double product = 0.0;
                for (int64_t i = 0; i < size; ++i) product += part[i] * other[i];
                // A common factor moves between u and M without a change: it is held where it is.
                curvature[k * K + l] = n / double(K) - n * product;
            }
            curvature[k * (K + 1)] += n * (here.shares.traces[k] + 1e-12);
        }
        solve_positive(K, curvature.data(), step.data());
        const double scale = std::min(1.0, longest_step / std::max(largest(step), longest_step));
        for (double& each : step) each *= scale;
    }

    Form scatters;
    const double* mass;
    int64_t K;
    double d, n = 0.0;
    Point here, ahead;
    std::vector<double> curvature, step;
};

}  // namespace

Volumes log_volumes(bool diagonal, const double* scatters, const double* mass, int64_t n_matrices,
                    int64_t n_features, double* u, double* common) {
    const int64_t K = n_matrices, d = n_features;
    if (diagonal) return Descent<Diagonals>({scatters, K, d}, mass, K, d).run(u, common);
    return Descent<Matrices>({scatters, K, d}, mass, K, d).run(u, common);
}

}  // namespace skgmm
