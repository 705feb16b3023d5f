#include "m_step/axes.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "m_step/lapack.hpp"
#include "passes/stop.hpp"

namespace skgmm {

namespace {

// The remaining gain at the end: the square of a rounding, in angles. The value does not show a gain
// that small, but the gradient does.
constexpr double least = 1e-30;
// Gain of a sweep that makes it worth to go on from where it led.
constexpr double worthwhile = 1e-9;
// Gain of a sweep after which Newton's method takes over: from further away it takes steps that are
// no longer, and dearer.
constexpr double nearby = 1e-2;
// Sweeps after which starts are compared.
constexpr int glance = 2;
constexpr int most_sweeps = 100, most_steps = 500, most_products = 200;
// What a sweep takes, in products.
constexpr int products_of_sweep = 6;
// Pivots of a matrix of trace 1 below which it is flat, and what a search may then cost: products,
// or as many as make so many multiplications. As the matrices of components with too few samples,
// such ones leave narrow valleys that take many steps, to minima that depend on reg_covar alone.
// From known axes the fewest have to do, for each of a thousand iterations may make such a search.
constexpr double flat_pivot = 1e-8;
constexpr int64_t fewest_when_flat = 30, multiplications_when_flat = 2'000'000;

bool any_flat(const Turned& turned) {
    const int64_t d = turned.d;
    for (int64_t k = 0; k < turned.K; ++k) {
        std::vector<double> lower(turned.given_matrix(k), turned.given_matrix(k) + d * d);
        for (int64_t j = 0; j < d; ++j) {
            const double pivot = lower[j * (d + 1)];
            if (!(pivot > flat_pivot)) return true;
            for (int64_t i = j + 1; i < d; ++i) {
                const double share = lower[i * d + j] / pivot;
                for (int64_t l = j + 1; l <= i; ++l) lower[i * d + l] -= share * lower[l * d + j];
            }
        }
    }
    return false;
}

}  // namespace

AxesSearch::AxesSearch(int64_t n_matrices, int64_t n_axes, const double* matrices,
                       const double* weights, double exponent, int64_t most_products)
    : products_left(most_products),
      turned(n_matrices, n_axes, matrices, weights, exponent),
      flat(any_flat(turned)),
      tried(turned),
      plane(turned),
      radius(1.0),
      inverse(n_matrices * n_axes),
      growth(n_matrices),
      product(n_axes * n_axes),
      slopes(n_axes) {
    if (flat) {
        const int64_t product = n_matrices * n_axes * n_axes * n_axes;
        const int64_t most = std::max(fewest_when_flat, multiplications_when_flat / product);
        products_left = std::min(products_left, most);
    }
    for (Direction* each : {&gradient, &scale, &proposed, &residual, &scaled, &forward, &curved})
        each->assign(n_axes * n_axes, 0.0);
}

double AxesSearch::approach(double* axes, int n_sweeps) {
    turned.turn_to(transpose(turned.d, axes).data());
    for (int n = 0; n < n_sweeps; ++n) sweep(n == 0 ? Reach::far : Reach::near);
    return done(axes);
}

double AxesSearch::descend(double* axes) {
    turned.turn_to(transpose(turned.d, axes).data());
    for (int n = 0; n < most_sweeps && sweep(n == 0 ? Reach::far : Reach::near) > nearby; ++n)
        if (exhausted()) break;
    newton(most_steps);
    return done(axes);
}

double AxesSearch::settle(double* axes) {
    turned.turn_to(transpose(turned.d, axes).data());
    double gain = 1.0;
    for (int n = 0; n < most_sweeps && !exhausted() && gain > worthwhile; ++n) {
        gain = sweep(Reach::farthest);
        newton(most_steps);  // always: turns in a plane are exact to half the digits
    }
    return done(axes);
}

double AxesSearch::improve(double* axes, int n_steps) {
    if (flat) products_left = std::min(products_left, fewest_when_flat);  // there is a next time
    turned.turn_to(transpose(turned.d, axes).data());
    newton(n_steps);
    return done(axes);
}

void AxesSearch::newton(int n_steps) {
    radius = 1.0;
    for (int steps = 0; steps < n_steps && !exhausted() && step();) ++steps;
}

double AxesSearch::done(double* axes) const {
    const std::vector<double> columns = transpose(turned.d, turned.axes.data());
    std::copy(columns.begin(), columns.end(), axes);
    return turned.value();
}

// Turns in every plane; what that gains.
double AxesSearch::sweep(Reach reach) {
    end_if(stop_flag());
    double gain = 0.0;
    products_left -= products_of_sweep;
    for (int64_t i = 0; i < turned.d; ++i)
        for (int64_t j = i + 1; j < turned.d; ++j) gain -= plane.turn(i, j, reach).change;
    turned.weigh();
    return gain;
}

// One step of Newton's method within the trust region. Whether another step may gain anything.
bool AxesSearch::step() {
    end_if(stop_flag());
    differentiate();
    if (0.5 * precondition(gradient, scaled) < least) return false;
    const Proposal proposal = propose();
    try_proposed();
    const double change = tried.change_since(turned), rounding = turned.rounding();
    if (-proposal.change < rounding && change < rounding && !proposal.at_edge) {
        // Too near for the value to tell: Newton's method squares its error, so this is the end.
        std::swap(turned, tried);
        return false;
    }
    const double kept = change / proposal.change;
    if (!(kept > 0.25)) {
        radius *= 0.25;
    } else if (kept > 0.75 && proposal.at_edge) {
        radius *= 2.5;
    }
    if (change < 0.0 && kept > 0.05) std::swap(turned, tried);
    return radius > 1e-10;
}

// The axes turned by `proposed`: in half of each plane's angle and, in reverse order, in the other
// half, which is the exponential of the direction but for terms of third order.
void AxesSearch::try_proposed() {
    const int64_t d = turned.d;
    std::vector<double>& axes = product;
    axes = turned.axes;
    const auto half = [&](int64_t i, int64_t j) {
        const double angle = -0.5 * proposed[i * d + j];
        rotate_rows(d, axes.data(), i, j, std::cos(angle), std::sin(angle));
    };
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = i + 1; j < d; ++j) half(i, j);
    for (int64_t i = d; i-- > 0;)
        for (int64_t j = d; --j > i;) half(i, j);
    tried.turn_to(axes.data());
}

void AxesSearch::differentiate() {
    const int64_t d = turned.d;
    std::fill(gradient.begin(), gradient.end(), 0.0);
    std::fill(scale.begin(), scale.end(), 1e-9);  // planes in which all matrices are round
    for (int64_t k = 0; k < turned.K; ++k) {
        const double *matrix = turned.matrix(k), share = 2.0 * turned.shares[k];
        double* inverses = inverse.data() + k * d;
        for (int64_t j = 0; j < d; ++j) inverses[j] = 1.0 / turned.length(k, j);
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j) {
                const double unequal = share * (inverses[j] - inverses[i]);
                gradient[i * d + j] += unequal * matrix[i * d + j];
                scale[i * d + j] += unequal * (turned.length(k, i) - turned.length(k, j));
            }
    }
}

// Half the sum of squares, for each plane stands twice.
double AxesSearch::dot(const Direction& a, const Direction& b) const {
    double sum = 0.0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return 0.5 * sum;
}

// `of` over `scale`; the product of both.
double AxesSearch::precondition(const Direction& of, Direction& out) const {
    for (size_t i = 0; i < of.size(); ++i) out[i] = of[i] / scale[i];
    return dot(of, out);
}

// The second derivative times a direction.
void AxesSearch::curve(const Direction& direction, Direction& out) {
    const int64_t d = turned.d;
    // How the gradient changes depends on the order of two turns: half their commutator makes it
    // symmetric.
    multiply_matrices(d, gradient.data(), direction.data(), product.data());
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < d; ++j)
            out[i * d + j] = 0.5 * (product[j * d + i] - product[i * d + j]);
    const double common = turned.exponent > 0.0 ? growths(direction) : 0.0;
    for (int64_t k = 0; k < turned.K; ++k) {
        const double *matrix = turned.matrix(k), *inverses = inverse.data() + k * d;
        const double share = 2.0 * turned.shares[k];
        const double bent = turned.exponent * share * (growth[k] - common);
        multiply_matrices(d, matrix, direction.data(), product.data());
        for (int64_t j = 0; j < d; ++j)
            slopes[j] = 2.0 * share * product[j * (d + 1)] * inverses[j] * inverses[j];
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j) {
                const double changed =
                    share * (product[i * d + j] + product[j * d + i]) + bent * matrix[i * d + j];
                out[i * d + j] += changed * (inverses[j] - inverses[i]) +
                                  matrix[i * d + j] * (slopes[i] - slopes[j]);
            }
    }
}

// How the logarithm of each product changes in a direction, and the mean of that.
double AxesSearch::growths(const Direction& direction) {
    const int64_t d = turned.d;
    double mean = 0.0;
    for (int64_t k = 0; k < turned.K; ++k) {
        const double *matrix = turned.matrix(k), *inverses = inverse.data() + k * d;
        double sum = 0.0;
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < d; ++j)
                sum += matrix[i * d + j] * direction[i * d + j] * inverses[j];
        growth[k] = 2.0 * sum;
        mean += turned.shares[k] * growth[k];
    }
    return mean;
}

// Conjugate gradients on the quadratic model, until it is solved well enough or they leave the
// trust region (Steihaug 1983). Lengths there are in units of `scale`.
AxesSearch::Proposal AxesSearch::propose() {
    std::fill(proposed.begin(), proposed.end(), 0.0);
    for (size_t i = 0; i < residual.size(); ++i) residual[i] = -gradient[i];
    double left = precondition(residual, scaled);
    forward = scaled;
    const double enough = std::max(left * std::min(0.01, left), 0.1 * least), limit = radius * radius;
    double squared = 0.0, mixed = 0.0, step = left;  // products of `proposed` and `forward`
    bool at_edge = false;
    for (int n = 0; n < most_products && left > enough && !at_edge && !exhausted(); ++n) {
        --products_left;
        curve(forward, curved);
        const double curvature = dot(forward, curved);
        double length = left / curvature;
        at_edge = !(curvature > 0.0) || squared + length * (2.0 * mixed + length * step) >= limit;
        if (at_edge) length = (std::sqrt(mixed * mixed + step * (limit - squared)) - mixed) / step;
        for (size_t i = 0; i < proposed.size(); ++i) {
            proposed[i] += length * forward[i];
            residual[i] -= length * curved[i];
        }
        squared += length * (2.0 * mixed + length * step);
        const double before = left;
        left = precondition(residual, scaled);
        const double share = left / before;
        for (size_t i = 0; i < forward.size(); ++i) forward[i] = scaled[i] + share * forward[i];
        mixed = share * (mixed + length * step);
        step = left + share * share * step;
    }
    return {0.5 * (dot(gradient, proposed) - dot(residual, proposed)), at_edge};
}

void lowest_axes(AxesSearch& search, int64_t d, double* starts, double* values, int64_t n_starts,
                 int64_t most_finished) {
    std::vector<int64_t> order(n_starts);
    std::iota(order.begin(), order.end(), int64_t(0));
    if (most_finished < n_starts) {
        for (int64_t n = 0; n < n_starts; ++n)
            values[n] = search.approach(starts + n * d * d, glance);
        std::stable_sort(order.begin(), order.end(),
                         [&](int64_t a, int64_t b) { return values[a] < values[b]; });
    }
    std::fill(values, values + n_starts, std::numeric_limits<double>::infinity());
    for (int64_t n = 0; n < std::min(most_finished, n_starts); ++n) {
        if (n > 0 && search.exhausted()) break;
        values[order[n]] = search.descend(starts + order[n] * d * d);
    }
    const int64_t lowest = std::min_element(values, values + n_starts) - values;
    values[lowest] = search.settle(starts + lowest * d * d);
}

}  // namespace skgmm
