#include "fit/stopping_rule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skgmm {

double rounding_of(double objective) {
    return 8.0 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(objective));
}

double StopWhen::remaining_gain(const double* gains, std::int64_t n, double objective) const {
    const double gain = gains[n - 1];
    double rate = first_rate;
    if (n > 1) {
        const double before = gains[n - 2], rounding = rounding_of(objective);
        rate = before > 0.0 ? gain / before : 1.0;
        if (std::abs(gain - before) <= rounding && rounding < gain) rate = 1.0 - rounding / gain;
        rate = std::max(rate, least_rate);
    }
    if (!(rate >= 0.0 && rate < 1.0)) return std::numeric_limits<double>::infinity();
    return gain * rate / (1.0 - rate);
}

bool StopWhen::slow(const double* gains, std::int64_t n) const {
    if (n < 3) return false;
    const double *g = gains + n - 3, before = g[1] / g[0], last = g[2] / g[1];
    if (!(std::min({g[0], g[1], g[2]}) > 0.0)) return false;
    if (last <= 0.5 || std::abs(last - before) > rate_tolerance * std::abs(1.0 - last)) return false;
    // Steadily away from a saddle, until a gain is of the order of a nat.
    if (last >= 1.0) return -std::log(g[2]) > iterations_left * std::log(last);
    const double left = g[2] * last / (1.0 - last);
    return left > tol &&
           std::log(std::max(tol, 1e-15) / left) / std::log(last) > iterations_left;
}

bool StopWhen::reached(const double* gains, std::int64_t n, double objective) const {
    return !(gains[n - 1] > rounding_of(objective)) || remaining_gain(gains, n, objective) < tol ||
           slow(gains, n);
}

}  // namespace skgmm
