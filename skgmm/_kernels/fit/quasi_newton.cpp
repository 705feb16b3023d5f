#include "fit/quasi_newton.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/lbfgs.hpp"

namespace skgmm {

namespace {

// Steps and changes of the gradient that are remembered.
constexpr int64_t most_pairs = 20;
// Iterations from one anchor: the coordinates fit where they were drawn.
constexpr int most_iterations = 60;
// Iterations whose gain together must be worth while.
constexpr size_t patience = 3;
// Wolfe's conditions: share of the promised gain that a step must make, and of the slope that may
// be left; and steps along a line until it is given up.
constexpr double armijo = 1e-4, wolfe = 0.9;
constexpr int most_trials = 15;
// Gains smaller than this share of the value are rounding, and a line search would only wander.
constexpr double unseen = 16.0 * std::numeric_limits<double>::epsilon();

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    return skgmm::dot(int64_t(a.size()), a.data(), b.data());
}

// The last pairs, the oldest first.
class Memory {
public:
    explicit Memory(int64_t size_) : size(size_) {}

    void remember(const std::vector<double>& step, const std::vector<double>& change) {
        if (!(dot(step, change) > std::numeric_limits<double>::epsilon() * dot(change, change)))
            return;
        if (count == most_pairs) {
            steps.erase(steps.begin(), steps.begin() + size);
            changes.erase(changes.begin(), changes.begin() + size);
            --count;
        }
        steps.insert(steps.end(), step.begin(), step.end());
        changes.insert(changes.end(), change.begin(), change.end());
        ++count;
    }

    void direction(const std::vector<double>& gradient, std::vector<double>& out) const {
        lbfgs_direction(count, size, steps.data(), changes.data(), gradient.data(), out.data());
    }

private:
    int64_t size, count = 0;
    std::vector<double> steps, changes;
};

struct Point {
    std::vector<double> vector, gradient;
    double value;
};

// A point along the direction that fulfils Wolfe's conditions, in `there`; false if there is none.
bool search_line(const Point& here, const std::vector<double>& direction, double slope,
                 const Evaluate& evaluate, Point& there) {
    double low = 0.0, high = INFINITY, step = 1.0;
    for (int trial = 0; trial < most_trials; ++trial) {
        for (size_t i = 0; i < direction.size(); ++i)
            there.vector[i] = here.vector[i] + step * direction[i];
        there.value = evaluate(there.vector.data(), there.gradient.data());
        const double promised = step * slope;
        if (!(there.value <= here.value + armijo * promised)) {
            high = step;
            // The least of the parabola through what is known.
            const double ratio = -0.5 * promised / (there.value - here.value - promised);
            step = low + (high - low) * std::min(std::max(ratio, 0.1), 0.5);
            continue;
        }
        const double left = dot(there.gradient, direction);
        if (left >= wolfe * slope) return true;
        low = step;
        if (high < INFINITY) {
            step = 0.5 * (low + high);
        } else {
            step *= left > slope ? std::min(std::max(slope / (slope - left), 2.0), 10.0) : 4.0;
        }
    }
    return false;
}

struct Exhausted {};

}  // namespace

bool minimise(std::vector<double> gradient, double value, double tol, const Evaluate& evaluate) {
    const size_t size = gradient.size();
    Memory memory(static_cast<int64_t>(size));
    Point here{std::vector<double>(size), std::move(gradient), value}, there = here;
    std::vector<double> direction(size), step(size), change(size), values{value};
    for (int n = 0; n < most_iterations; ++n) {
        memory.direction(here.gradient, direction);
        const double slope = dot(here.gradient, direction);
        if (!(-slope > unseen * std::abs(here.value))) break;
        if (!search_line(here, direction, slope, evaluate, there)) break;
        for (size_t i = 0; i < size; ++i) {
            step[i] = there.vector[i] - here.vector[i];
            change[i] = there.gradient[i] - here.gradient[i];
        }
        memory.remember(step, change);
        std::swap(here, there);
        values.push_back(here.value);
        const size_t last = values.size() - 1;
        if (last >= patience && values[last - patience] - values[last] < tol) return false;
    }
    return values.front() - values.back() >= tol;
}

template <typename T>
void quasi_newton(const Problem<T>& problem, Coordinates& coordinates, const Listener& listener,
                  Decisions& decisions, State& best) {
    State tried = best;
    std::vector<double> start(coordinates.size());
    const auto loss = [&](double* gradient) {
        coordinates.gradient(tried, gradient);
        for (int64_t i = 0; i < coordinates.size(); ++i) gradient[i] /= -tried.moments[1];
        return -tried.objective();
    };
    const auto evaluate = [&](const double* vector, double* gradient) {
        if (decisions.left() <= 0) throw Exhausted();
        if (listener.begin) listener.begin();
        const int64_t lost = coordinates.at(vector, tried) ? problem.evaluate(tried) : 0;
        const double gain = tried.objective() - best.objective();
        // Where moments lost digits about their means they did not about those tried, which the
        // gradient is made of; but no M-step should have them, so such a mixture is never the best.
        if (lost != -1 && (lost != digits_lost || gain > 0.0)) {
            std::fill(gradient, gradient + coordinates.size(), 0.0);
            return double(INFINITY);
        }
        if (gain > 0.0) best = tried;
        decisions.evaluated(best.objective());
        if (listener.end) listener.end(gain, std::nullopt);
        return loss(gradient);
    };
    coordinates.at(start.data(), tried);  // the anchor, whose moments are known
    const double value = loss(start.data());
    try {
        decisions.stepped(minimise(start, value, decisions.tol_of_steps(), evaluate));
    } catch (const Exhausted&) {
        decisions.give_up();
    }
}

template void quasi_newton<float>(const Problem<float>&, Coordinates&, const Listener&, Decisions&,
                                  State&);
template void quasi_newton<double>(const Problem<double>&, Coordinates&, const Listener&,
                                   Decisions&, State&);

}  // namespace skgmm
