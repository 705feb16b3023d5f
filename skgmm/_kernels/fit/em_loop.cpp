#include "fit/em_loop.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skgmm {

namespace {

template <typename T>
class Iteration {
public:
    Iteration(const Rows<T>& rows_, const Family& family_, const double* floor_,
              int64_t n_components, int64_t n_threads_)
        : rows(rows_),
          family(family_),
          floor(floor_),
          K(n_components),
          d(rows_.n_features),
          n_threads(n_threads_) {}

    // Finds the moments. False: they are for the general code.
    bool evaluate(State& state) const {
        const Parameters parameters{
            K,
            d,
            family.factor,
            family.one ? 1 : K,
            state.log_weights.data(),
            state.means.data(),
            state.factors.data(),
        };
        return moments_of(rows, parameters, floor, family.form, state.moments.data(), n_threads) ==
               -1;
    }

    // From the moments of `here` to the parameters of `ahead`, and their moments. False: not so.
    bool step(const State& here, State& ahead) {
        ahead.factors = here.factors;
        ahead.axes = here.axes;
        return maximise(here, ahead) && evaluate(ahead);
    }

private:
    bool maximise(const State& here, State& ahead) {
        const double *mass = here.moments.data() + 2, *mean = mass + K;
        const double total_weight = here.moments[1];
        const double smallest = std::numeric_limits<double>::min();
        double total = 0.0;
        for (int64_t k = 0; k < K; ++k) {
            // A smaller weight would lose digits, and counts as none.
            if (!(mass[k] / total_weight >= smallest)) return false;
            total += mass[k];
        }
        for (int64_t k = 0; k < K; ++k) ahead.log_weights[k] = std::log(mass[k] / total_weight);
        std::copy(mean, mean + K * d, ahead.means.begin());
        const Spread spread{K, d, mass, total, mean + K * d};
        return family.estimate(spread, {ahead.factors.data(), ahead.axes.data()});
    }

    const Rows<T>& rows;
    const Family& family;
    const double* floor;
    int64_t K, d, n_threads;
};

// Of a difference of two objectives near this one, nats per sample (as in convergence.py).
double rounding_of(double objective) {
    return 8.0 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(objective));
}

// Gains that leave hardly anything, or shrink or grow at a slow and steady rate, are for others to
// judge. Those that do not differ by more than rounding may shrink as slowly as that allows.
bool decisive(const double* gains, double rounding, const Patience& patience) {
    if (gains[2] <= rounding) return true;
    if (std::abs(gains[2] - gains[1]) <= rounding &&
        gains[2] * (gains[2] / rounding - 1.0) < patience.enough)
        return true;
    const double before = gains[1] / gains[0], last = gains[2] / gains[1];
    const bool steady =
        last > 0.5 && std::abs(last - before) <= patience.steady * std::abs(1.0 - last);
    if (!(last < 1.0)) return steady && -std::log(gains[2]) > patience.ahead * std::log(last);
    const double left = gains[2] * last / (1.0 - last);
    if (left < patience.enough) return true;
    if (!steady) return false;
    return std::log(std::max(patience.enough, 1e-15) / left) / std::log(last) > patience.ahead;
}

}  // namespace

template <typename T>
int64_t iterate(const Rows<T>& rows, const Family& family, const double* floor,
                const Patience& patience, int64_t n_threads, bool evaluated, State& here,
                double* gains, double* objectives) {
    Iteration<T> iteration(rows, family, floor, int64_t(here.log_weights.size()), n_threads);
    if (!evaluated && !iteration.evaluate(here)) return 0;
    State ahead = here;
    int64_t done = 0;
    while (done < patience.most && iteration.step(here, ahead)) {
        const double gain = ahead.objective() - here.objective();
        gains[2 + done] = gain;
        if (gain > 0.0) std::swap(here, ahead);
        objectives[done] = here.objective();
        ++done;
        const double rounding = rounding_of(here.objective());
        if (!(gain > 0.0) || decisive(gains + done - 1, rounding, patience)) break;
    }
    return done;
}

template int64_t iterate<float>(const Rows<float>&, const Family&, const double*, const Patience&,
                                int64_t, bool, State&, double*, double*);
template int64_t iterate<double>(const Rows<double>&, const Family&, const double*,
                                 const Patience&, int64_t, bool, State&, double*, double*);

}  // namespace skgmm
