// What a run of EM does next: when it has converged, and when it is slow enough for quasi-Newton
// steps.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace skgmm {

enum class Next {
    converged,
    out_of_iterations,  // evaluations are used up
    iterate,            // one iteration of EM
    from_scratch,       // an M-step that does not start at the present covariances
    quasi_newton,       // quasi-Newton steps from one anchor
};

struct RunOptions {
    double tol;           // the estimated gain that is left at the end, nats per sample
    bool accelerates;     // by quasi-Newton steps, where EM is slow, ...
    bool at_once;         // ... or after the first iterations
    bool resumed;         // from where EM has been before: one small gain can convince
    bool several_optima;  // of an M-step
    bool exact_gradient;  // of quasi-Newton steps
};

// What a run has reached, and what follows from it. Whoever makes what is next tells of every
// evaluation.
class Decisions {
public:
    explicit Decisions(const RunOptions& options);

    // Goes on with EM, until so many evaluations are made in all, or until the remaining gain is no
    // more than `pause`. If the run `ends` there, quasi-Newton steps aim at the pause, not at `tol`.
    void until(std::int64_t max_iter, double pause = 0.0, bool ends = false);

    // The same until it is made.
    Next next();
    // Whether there is a `pause` and the remaining gain is no more; it is infinite at the start.
    bool paused() const { return pause > 0.0 && remaining_ <= pause; }

    // An iteration of EM, of which the objective of the best is known, and how much it gained.
    void iterated(double best, double gain);
    // Another evaluation: of an M-step from scratch, or of quasi-Newton steps ...
    void evaluated(double best);
    // ... whose end this is, and whether more is to be expected of another anchor.
    void stepped(bool more);
    // Steps need more evaluations than there are.
    void give_up() { ahead = Next::iterate; }

    std::int64_t left() const { return max_iter - std::int64_t(objectives_.size()); }
    bool exact_gradient() const { return options.exact_gradient; }
    // The gain that quasi-Newton steps should be worth.
    double tol_of_steps() const { return 0.1 * target(); }
    // Estimate of what further iterations of EM would add: infinite where there is none.
    double remaining() const { return remaining_; }
    // Of the best after each evaluation, nats per sample.
    const std::vector<double>& objectives() const { return objectives_; }

private:
    Next after_iteration();
    Next after_m_step_from_scratch();
    Next after_steps();
    bool ended() const;
    bool slow() const;
    Next accelerate();
    Next look_further();
    Next begin_steps(bool at_end);
    Next begin_again();
    // The remaining gain that quasi-Newton steps aim at.
    double target() const { return ends ? std::max(options.tol, pause) : options.tol; }
    double gained() const { return objectives_.back() - before; }

    const RunOptions options;
    std::int64_t max_iter = 0;
    double pause = 0.0;
    bool ends = false;
    std::vector<double> objectives_, gains;  // of iterations, since the last steps
    double remaining_ = std::numeric_limits<double>::infinity();
    double first_rate;                                             // of a first gain; NaN: unknown
    double least_rate = -std::numeric_limits<double>::infinity();  // that there was before steps
    bool accelerates, accelerated = false;

    Next ahead = Next::iterate;
    bool made = false;  // what was ahead

    // Of the M-step from scratch or the steps that are made.
    double before = 0.0, worthwhile = 0.0;
    bool at_end = false, again = false, more = false;
    int n_anchors = 0;
    double last_gain = 0.0, remaining_before = 0.0;
    std::size_t evaluations_before = 0;
};

}  // namespace skgmm
