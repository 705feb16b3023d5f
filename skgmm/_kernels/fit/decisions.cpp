#include "fit/decisions.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace skgmm {

namespace {

// A resumed run knows one gain only, and then takes that gain itself for what is left.
constexpr double halving = 0.5;
// Two rates in a row that differ by no more than this share of what they are short of 1 are final.
constexpr double steady = 0.1;
// Before so many iterations nothing is said of the rate.
constexpr std::size_t first_steps = 10;
// Iterations that EM must have ahead of it for quasi-Newton steps to be worth their start.
constexpr double many_iterations = 25.0;
// Anchors in a row.
constexpr int most_anchors = 20;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Rounding of a difference of two objectives near this one.
double rounding_of(double objective) {
    return 8.0 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(objective));
}

// EM converges linearly: gains shrink by a factor r, so gain x r / (1 - r) is still to come
// (Aitken's rule; Boehning et al. 1994). Gains that do not shrink yet say nothing about the end.
// Nor does what is within rounding: so small a gain is none, and gains that differ by so little may
// shrink as slowly as that allows.
double remaining_gain(const std::vector<double>& gains, double first_rate, double least_rate,
                      double objective) {
    const double gain = gains.back();
    double rate = first_rate;
    if (gains.size() > 1) {
        const double before = gains[gains.size() - 2], rounding = rounding_of(objective);
        rate = before > 0.0 ? gain / before : 1.0;
        if (std::abs(gain - before) <= rounding && rounding < gain) rate = 1.0 - rounding / gain;
        rate = std::max(rate, least_rate);
    }
    if (!(rate >= 0.0 && rate < 1.0)) return infinity;
    return gain * rate / (1.0 - rate);
}

// Whether gains g[0], g[1], g[2] have come to a steady rate, and that is a slow one: until two
// rates in a row are much the same EM is on its way to some optimum, and a longer step may lead to
// another.
bool slow_rate(const double* g, double tol) {
    const double before = g[1] / g[0], last = g[2] / g[1];
    if (!(std::min({g[0], g[1], g[2]}) > 0.0)) return false;
    if (last <= 0.5 || std::abs(last - before) > steady * std::abs(1.0 - last)) return false;
    // Steadily away from a saddle, until a gain is of the order of a nat.
    if (last >= 1.0) return -std::log(g[2]) > many_iterations * std::log(last);
    const double left = g[2] * last / (1.0 - last);
    return left > tol && std::log(std::max(tol, 1e-15) / left) / std::log(last) > many_iterations;
}

// What so many iterations would add after one that gained `gain`, if `remaining` is left.
double gain_ahead(double gain, double remaining, std::size_t n_iterations) {
    const double n = double(n_iterations);
    if (!(0.0 < remaining && remaining < infinity)) return n * gain;
    return remaining * (1.0 - std::pow(remaining / (gain + remaining), n));
}

}  // namespace

Decisions::Decisions(const RunOptions& options_)
    : options(options_),
      first_rate(options.resumed ? halving : std::numeric_limits<double>::quiet_NaN()),
      accelerates(options.accelerates) {}

void Decisions::until(std::int64_t most, double pause_, bool ends_) {
    max_iter = most;
    pause = pause_;
    ends = ends_;
    ahead = Next::iterate;
    made = false;
}

void Decisions::iterated(double best, double gain) {
    evaluated(best);
    gains.push_back(gain);
    remaining_ = remaining_gain(gains, first_rate, least_rate, best);
    made = true;
}

void Decisions::evaluated(double best) {
    objectives_.push_back(best);
    made = ahead == Next::from_scratch;
}

void Decisions::stepped(bool more_) {
    more = more_;
    made = true;
}

Next Decisions::next() {
    if (std::exchange(made, false)) {
        if (ahead == Next::iterate)
            ahead = after_iteration();
        else
            ahead = ahead == Next::from_scratch ? after_m_step_from_scratch() : after_steps();
    }
    return ahead == Next::iterate && (left() <= 0 || paused()) ? Next::out_of_iterations : ahead;
}

Next Decisions::after_iteration() {
    if (!ended()) return accelerates && !paused() && slow() ? accelerate() : Next::iterate;
    // There may be more to gain where EM sees nothing.
    before = objectives_.back();
    worthwhile = std::max(options.tol, rounding_of(before));
    return options.several_optima ? Next::from_scratch : look_further();
}

// Whether the remaining gain is none. Of a rate that is not known two gains must say so.
bool Decisions::ended() const {
    const bool vanished = gains.back() <= rounding_of(objectives_.back());
    const bool known = !std::isnan(first_rate);
    return (vanished && (known || gains.size() > 1)) || remaining_ < options.tol;
}

// Whether EM has found its final rate, and that rate is a slow one.
bool Decisions::slow() const {
    if (accelerated) return true;  // and did not get to the end
    if (gains.size() < first_steps) return false;
    const double* last = &gains.back() - 2;
    if (options.at_once) return *std::min_element(last, last + 3) > 0.0;
    return slow_rate(last, target());
}

Next Decisions::after_m_step_from_scratch() {
    return gained() > worthwhile ? begin_again() : look_further();
}

// A plateau is what looks like the end of a slow run.
Next Decisions::look_further() {
    return accelerates && accelerated ? begin_steps(true) : Next::converged;
}

// Quasi-Newton steps, and then a new stretch of EM, whose rate will be that of this one if nothing
// slower is seen.
Next Decisions::accelerate() {
    again = accelerated;
    last_gain = gains.back();
    remaining_before = remaining_;
    evaluations_before = objectives_.size();
    const std::size_t n = gains.size();
    if (n > 1 && gains[n - 1] < gains[n - 2]) first_rate = least_rate = gains[n - 1] / gains[n - 2];
    accelerated = true;
    begin_again();
    return begin_steps(false);
}

Next Decisions::begin_steps(bool at_end_) {
    at_end = at_end_;
    before = objectives_.back();
    n_anchors = 0;
    return Next::quasi_newton;
}

Next Decisions::after_steps() {
    if (more && ++n_anchors < most_anchors) return Next::quasi_newton;
    if (at_end) return gained() > worthwhile ? begin_again() : Next::converged;
    if (!options.exact_gradient) {
        // It is that of an M-step which may not be the maximum that it should be.
        const std::size_t n_evaluations = objectives_.size() - evaluations_before;
        accelerates = gained() > gain_ahead(last_gain, remaining_before, n_evaluations);
    }
    // If steps gain nothing again, EM's estimate is rounding by now.
    return accelerates && again && gained() < tol_of_steps() ? Next::converged : Next::iterate;
}

Next Decisions::begin_again() {
    gains.clear();
    remaining_ = infinity;
    return Next::iterate;
}

}  // namespace skgmm
