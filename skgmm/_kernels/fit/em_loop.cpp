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

    // Finds the moments. False: they need the Python implementation.
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
        const double* scatter = mean + K * d;
        const MStepStatistics statistics{K, d, mass, total, scatter, mass, scatter};
        const Previous previous{family.factor, family.one ? 1 : K, here.factors.data()};
        try {
            family.m_step(statistics, previous, {ahead.factors.data(), ahead.axes.data(), true});
        } catch (const IllDefined&) {
            return false;
        }
        return true;
    }

    const Rows<T>& rows;
    const Family& family;
    const double* floor;
    int64_t K, d, n_threads;
};

}  // namespace

template <typename T>
int64_t iterate(const Rows<T>& rows, const Family& family, const double* floor,
                const StopWhen& stop, int64_t n_threads, bool evaluated, State& here,
                std::vector<double>& gains, std::vector<double>& objectives) {
    Iteration<T> iteration(rows, family, floor, int64_t(here.log_weights.size()), n_threads);
    if (!evaluated && !iteration.evaluate(here)) return 0;
    State ahead = here;
    int64_t done = 0;
    while (done < stop.max_iter && iteration.step(here, ahead)) {
        const double gain = ahead.objective() - here.objective();
        gains.push_back(gain);
        if (gain > 0.0) std::swap(here, ahead);
        objectives.push_back(here.objective());
        ++done;
        if (stop.reached(gains.data(), int64_t(gains.size()), here.objective())) break;
    }
    return done;
}

template int64_t iterate<float>(const Rows<float>&, const Family&, const double*, const StopWhen&,
                                int64_t, bool, State&, std::vector<double>&, std::vector<double>&);
template int64_t iterate<double>(const Rows<double>&, const Family&, const double*, const StopWhen&,
                                 int64_t, bool, State&, std::vector<double>&, std::vector<double>&);

}  // namespace skgmm
