#include "fit/em_run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/quasi_newton.hpp"

namespace skgmm {

namespace {

struct OutOfIterations {};
struct Elsewhere {};

template <typename T>
class EM {
public:
    EM(const Rows<T>& rows_, const Family& family_, Ties ties_, const double* floor_,
       const RunOptions& options_, State& here_)
        : rows(rows_),
          family(family_),
          ties(ties_),
          floor(floor_),
          options(options_),
          here(here_),
          base{options.stretch, options.tol, 0.0, infinity, not_a_number, -infinity} {}

    Run run() {
        Run found{RunEnd::converged, {}, infinity};
        try {
            while (!ended()) {
            }
        } catch (const OutOfIterations&) {
            found.end = RunEnd::out_of_iterations;
        } catch (const Elsewhere&) {
            found.end = RunEnd::elsewhere;
        }
        if (!gains.empty()) found.remaining = remaining();
        found.objectives = std::move(objectives);
        return found;
    }

private:
    static constexpr double infinity = std::numeric_limits<double>::infinity();
    static constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

    // One stretch of iterations, and what follows from it; whether the stopping rule is met.
    bool ended() {
        advance();
        const bool known = !std::isnan(base.first_rate);
        const bool vanished = gains.back() <= rounding_of(here.objective());
        if ((vanished && (known || gains.size() > 1)) || remaining() < options.tol)
            return !can_continue();
        return options.accelerates && slow() && quasi_newton_stalled();
    }

    void advance() {
        const int64_t left = evaluations_left();
        if (left <= 0) throw OutOfIterations();
        StopWhen stop = stop_when();
        stop.max_iter = std::min(stop.max_iter, left);
        const int64_t done =
            iterate(rows, family, floor, stop, 1, evaluated, here, gains, objectives);
        if (done == 0) throw Elsewhere();
        evaluated = true;
    }

    double remaining() const {
        return base.remaining_gain(gains.data(), int64_t(gains.size()), here.objective());
    }

    // How far iterations can go before `remaining` or `slow` may end them.
    StopWhen stop_when() const {
        StopWhen stop = base;
        const int64_t n = int64_t(gains.size());
        if (accelerated)
            stop.max_iter = 1;
        else if (!options.accelerates)
            return stop;
        else if (n < options.first_steps)
            stop.max_iter = options.first_steps - n;
        else if (options.at_once)
            stop.max_iter = 1;
        else
            return with_rates();
        return stop;
    }

    StopWhen with_rates() const {
        StopWhen stop = base;
        stop.rate_tolerance = options.rate_tolerance;
        stop.iterations_left = options.worthwhile;
        return stop;
    }

    // Whether EM has found its final rate, and that rate is a slow one.
    bool slow() const {
        if (accelerated) return true;
        const int64_t n = int64_t(gains.size());
        if (n < options.first_steps) return false;
        if (options.at_once) return *std::min_element(gains.end() - std::min<int64_t>(3, n), gains.end()) > 0.0;
        return with_rates().slow(gains.data(), n);
    }

    // A plateau may be what looks like the end of a slow run.
    bool can_continue() {
        const double least = std::max(options.tol, rounding_of(here.objective()));
        if (!options.accelerates || !accelerated || !(quasi_newton_gain() > least)) return false;
        gains.clear();
        return true;
    }

    bool quasi_newton_stalled() {
        const bool again = accelerated;
        restart();
        return quasi_newton_gain() < 0.1 * options.tol && again;
    }

    // A new stretch, whose rate will be that of this one if nothing slower is seen.
    void restart() {
        const size_t n = gains.size();
        if (n > 1 && gains[n - 1] < gains[n - 2])
            base.first_rate = base.least_rate = gains[n - 1] / gains[n - 2];
        accelerated = true;
        gains.clear();
    }

    double quasi_newton_gain() {
        const double before = here.objective();
        for (int64_t anchor = 0; anchor < options.n_anchors && from_anchor(); ++anchor) {
        }
        return here.objective() - before;
    }

    // Quasi-Newton steps in the coordinates around the best so far; whether more is to be expected
    // of another anchor.
    bool from_anchor() {
        const int64_t K = int64_t(here.log_weights.size()), m = family.one ? 1 : K;
        Coordinates coordinates(here, family.form, family.factor, m, rows.n_features, ties, {});
        std::vector<double> reached;
        const Ended ended =
            quasi_newton(rows, coordinates, family.form, family.factor, m, floor,
                         0.1 * options.tol, evaluations_left(), 1, Listener{}, here, reached);
        objectives.insert(objectives.end(), reached.begin(), reached.end());
        if (ended == Ended::exhausted) throw OutOfIterations();
        return ended == Ended::more;
    }

    int64_t evaluations_left() const { return options.max_iter - int64_t(objectives.size()); }

    const Rows<T>& rows;
    const Family& family;
    const Ties ties;
    const double* floor;
    const RunOptions& options;
    State& here;
    StopWhen base;
    std::vector<double> gains, objectives;
    bool evaluated = false, accelerated = false;
};

}  // namespace

template <typename T>
Run run_em(const Rows<T>& rows, const Family& family, Ties ties, const double* floor,
           const RunOptions& options, State& here) {
    return EM<T>(rows, family, ties, floor, options, here).run();
}

template Run run_em<float>(const Rows<float>&, const Family&, Ties, const double*,
                           const RunOptions&, State&);
template Run run_em<double>(const Rows<double>&, const Family&, Ties, const double*,
                            const RunOptions&, State&);

}  // namespace skgmm
