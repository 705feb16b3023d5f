#include "fit/em_run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace skgmm {

namespace {

template <typename T>
class EM {
public:
    EM(const Problem<T>& problem_, const Principal& principal_, const Listener& listener_,
       Decisions& decisions_, State& here_)
        : problem(problem_),
          principal(principal_),
          listener(listener_),
          decisions(decisions_),
          here(here_),
          ahead(here_),
          K(int64_t(here_.log_weights.size())),
          d(problem_.rows.n_features) {}

    // What is next; false if it cannot be made here.
    bool make() {
        const Next next = decisions.next();
        return next == Next::iterate ? iterate() : next == Next::quasi_newton && steps();
    }

private:
    bool iterate() {
        if (listener.begin) listener.begin();
        ahead.axes = here.axes;
        if (!maximise() || problem.evaluate(ahead) != -1) return false;
        const double gain = ahead.objective() - here.objective();
        if (gain > 0.0) std::swap(here, ahead);
        decisions.iterated(here.objective(), gain);
        if (listener.end) listener.end(gain, decisions.remaining());
        return true;
    }

    // M-step from the moments of `here` to the parameters of `ahead`.
    bool maximise() {
        const Previous previous{problem.family.factor, problem.n_factors(here),
                                here.factors.data()};
        if (!skgmm::maximise(problem.family, K, d, here.moments.data(), previous,
                             ahead.log_weights.data(), ahead.means.data(),
                             {ahead.factors.data(), ahead.axes.data(), true}))
            return false;
        for (double& weight : ahead.log_weights) weight = std::log(weight);
        return true;
    }

    // Quasi-Newton steps in the coordinates around the best so far. Without added variance they may
    // lead to a collapse, where Python's are the more careful ones.
    bool steps() {
        const Ties ties = Ties::of(problem.family.code);
        if (!decisions.exact_gradient() || (ties.turn() && principal.axes.empty())) return false;
        if (!problem.has_floor()) return false;
        Coordinates coordinates(here, problem.family.form, problem.family.factor,
                                problem.n_factors(here), d, ties, principal);
        principal = {};  // they were those of this anchor
        quasi_newton(problem, coordinates, listener, decisions, here);
        return true;
    }

    const Problem<T>& problem;
    Principal principal;
    const Listener& listener;
    Decisions& decisions;
    State &here, ahead;
    const int64_t K, d;
};

}  // namespace

template <typename T>
bool run_em(const Problem<T>& problem, const Principal& principal, bool evaluated,
            const Listener& listener, Decisions& decisions, State& here) {
    if (!evaluated && problem.evaluate(here) != -1) return false;
    EM<T> em(problem, principal, listener, decisions, here);
    bool made = false;
    while (em.make()) made = true;
    return made;
}

template bool run_em<float>(const Problem<float>&, const Principal&, bool, const Listener&,
                            Decisions&, State&);
template bool run_em<double>(const Problem<double>&, const Principal&, bool, const Listener&,
                             Decisions&, State&);

}  // namespace skgmm
