#include "m_step/plane_rotation.hpp"

#include <cmath>

namespace skgmm {

namespace {
constexpr double longest_step = 0.3, shortest_step = 1e-9;
}

Plane::Plane(Turned& turned_)
    : turned(turned_), p(turned.K), q(turned.K), determinant(turned.K), product(turned.K) {}

Turn Plane::turn(int64_t i, int64_t j, Reach reach) {
    look(i, j);
    const Turn found = best(reach);
    if (!(found.change < 0.0)) return {};
    const double cosine = std::sqrt(0.5 * (1.0 + found.cosine));
    turned.rotate(i, j, cosine, 0.5 * found.sine / cosine);
    if (turned.exponent > 0.0) reweigh(found);
    return found;
}

void Plane::look(int64_t i, int64_t j) {
    for (int64_t k = 0; k < turned.K; ++k) {
        const double a = turned.length(k, i), b = turned.length(k, j);
        p[k] = 0.5 * (a - b);
        q[k] = turned.matrix(k)[i * turned.d + j];
        determinant[k] = std::max(a * b - q[k] * q[k], Turned::shortest * (a + b));
        product[k] = determinant[k] + q[k] * q[k];
    }
}

// `shares` after a turn, without another look at all axes.
void Plane::reweigh(const Turn& turn) {
    double total = 0.0;
    for (int64_t k = 0; k < turned.K; ++k) {
        const double off = q[k] * turn.cosine - p[k] * turn.sine;
        turned.shares[k] *= std::pow((determinant[k] + off * off) / product[k], turned.exponent);
        total += turned.shares[k];
    }
    for (double& share : turned.shares) share /= total;
}

double Plane::change(double cosine, double sine) const {
    // cosine - 1 without cancellation
    const double fall = cosine > 0.0 ? -sine * sine / (1.0 + cosine) : cosine - 1.0;
    const double e = turned.exponent;
    double sum = 0.0;
    for (int64_t k = 0; k < turned.K; ++k) {
        const double off = q[k] * fall - p[k] * sine;  // what the entry off the diagonal gains
        const double growth = off * (2.0 * q[k] + off) / product[k];
        const double log = std::log1p(std::max(growth, determinant[k] / product[k] - 1.0));
        sum += turned.shares[k] * (e > 0.0 ? std::expm1(e * log) / e : log);
    }
    return sum;
}

Plane::Slopes Plane::slopes(const Turn& turn) const {
    const double e = turned.exponent;
    Slopes sum{};
    for (int64_t k = 0; k < turned.K; ++k) {
        const double off = q[k] * turn.cosine - p[k] * turn.sine;
        const double half = q[k] * turn.sine + p[k] * turn.cosine;
        const double reached = determinant[k] + off * off, first = -2.0 * off * half;
        double weight = turned.shares[k] / reached;
        if (e > 0.0) weight *= std::pow(reached / product[k], e);
        sum.first += weight * first;
        sum.second +=
            weight * (2.0 * (half - off) * (half + off) - (1.0 - e) * first * first / reached);
        sum.pp += weight * p[k] * p[k];
        sum.pq += weight * p[k] * q[k];
        sum.qq += weight * q[k] * q[k];
    }
    return sum;
}

Turn Plane::moved(const Turn& turn, double cosine, double sine) const {
    const double c = turn.cosine * cosine - turn.sine * sine;
    const double s = turn.sine * cosine + turn.cosine * sine;
    return {c, s, change(c, s)};
}

Turn Plane::refined(Turn turn, int most_steps) const {
    for (int step = 0; step < most_steps; ++step) {
        const Slopes slope = slopes(turn);
        const double angle = slope.second > 0.0 ? -slope.first / slope.second : 1.0;
        if (std::abs(angle) < longest_step) {
            const Turn reached = moved(turn, std::cos(angle), std::sin(angle));
            const bool lower = reached.change <= turn.change;
            if (lower) turn = reached;
            if (std::abs(angle) < shortest_step) break;
            if (lower) continue;
        }
        // Logarithm and powers lie below their tangents, which make a quadratic form in cosine and
        // sine: its minimum is lower whatever the angle (Flury & Gautschi 1986).
        const double x = 0.5 * (slope.pp - slope.qq), length = std::hypot(x, slope.pq);
        if (length == 0.0) break;
        const double large = std::sqrt(0.5 * (1.0 + std::abs(x) / length));
        const double small = 0.5 * slope.pq / (length * large);
        Turn reached{large, small, 0.0};
        if (x < 0.0) reached = {std::abs(small), std::copysign(large, slope.pq), 0.0};
        reached.change = change(reached.cosine, reached.sine);
        if (!(reached.change < turn.change)) break;
        turn = reached;
    }
    return turn;
}

Turn Plane::best(Reach reach) const {
    Turn best;
    if (reach == Reach::near) return refined(best, 1);
    for (int64_t k = 0; k < turned.K; ++k) {
        const double length = std::hypot(p[k], q[k]);
        if (length == 0.0) continue;
        const double side = p[k] < 0.0 ? -1.0 : 1.0;  // half a circle is the whole of it
        const double cosine = side * p[k] / length, sine = side * q[k] / length;
        // The lowest of these turns is not always next to the lowest minimum.
        const Turn found =
            refined({cosine, sine, change(cosine, sine)}, reach == Reach::farthest ? 2 : 0);
        if (found.change < best.change) best = found;
    }
    best = refined(best, 8);
    if (best.cosine < 0.0) best = {-best.cosine, -best.sine, best.change};
    return best;
}

}  // namespace skgmm
