// The block kernel: rows and parameters to sums, or to values by row.
//
// Compiled once per instruction set, with SKGMM_WIDTH (doubles to a register), SKGMM_TARGET (its
// namespace) and SKGMM_NAME defined. A block of rows is transposed on the way in, so that rows are
// the contiguous axis and every inner loop runs over them, whatever the number of features and
// components.

#include "block/kernel.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace skgmm {
namespace SKGMM_TARGET {
namespace {

#include "block/lanes.hpp"
#include "block/transpose.hpp"
#include "block/block.hpp"
#include "block/small_dimension.hpp"
#include "block/e_step.hpp"
#include "block/far.hpp"
#include "block/find.hpp"
#include "block/m_step_sums.hpp"
#include "block/averages.hpp"
#include "block/measurement.hpp"
#include "block/deconvolve.hpp"
#include "block/nearest.hpp"
#include "block/factors.hpp"

const double* densest_mean(const Mixture& mixture) {
    int64_t best = 0;
    for (int64_t k = 1; k < mixture.n_components; ++k)
        if (mixture.log_peak[k] > mixture.log_peak[best]) best = k;
    return mixture.means + best * mixture.n_features;
}

// log_joint becomes the given responsibilities of rows from `first` on, as if their total were 1.
void read_given(const Given& given, int64_t n_components, int64_t first, int64_t count,
                Workspace& w) {
    for (int64_t k = 0; k < n_components; ++k) {
        double* log_joint = w.log_joint + k * w.stride;
        for (int64_t lane = 0; lane < count; ++lane) {
            const int64_t row = first + lane;
            log_joint[lane] = given.labels ? given.labels[row] == k
                                           : given.responsibilities[row * n_components + k];
        }
        std::fill(log_joint + count, log_joint + w.rows, 0.0);
    }
    for (int64_t lane = 0; lane < w.rows; ++lane) w.peak[lane] = 1.0;
}

// The unit's sums go to the total, and begin anew.
void add_unit(Sums& out, const Total& total) {
    total.unit[0] = out.log_likelihood;
    total.unit[1] = out.weight;
    for (int64_t i = 0; i < total.size; ++i) {
        add_exactly(total.unit[i], total.high[i], total.low[i]);
        total.unit[i] = 0.0;
    }
    out.log_likelihood = out.weight = 0.0;
}

template <typename T>
int64_t sums(const Rows<T>& in, const Mixture& mixture, const Given& given, int64_t first,
             int64_t last, Sums& out, const Total& total) {
    Workspace w(mixture, last - first);
    const double* filler = densest_mean(mixture);
    const bool linear = mixture.linear && !given.any();
    for (int64_t start = first; start < last; start += w.capacity) {
        const int64_t count = at_most(w.capacity, last - start);
        read_block(in, start, count, filler, w);
        if (given.any()) {
            read_given(given, mixture.n_components, start, count, w);
        } else {
            if (!find_log_joint(mixture, out.form == Form::diagonal, w))
                return start + first_lost(w);
            out.log_likelihood += exponentiate(mixture.n_components, w.plain, w);
        }
        add_sums(mixture, linear, w, out);
        if ((start + count) % unit_rows == 0 || start + count == last) add_unit(out, total);
    }
    return -1;
}

// The most probable component of `count` rows from `first` on; of equals the one named first.
void write_labels(const Workspace& w, int64_t n_components, int64_t first, int64_t count,
                  int64_t* out) {
    int64_t* own = out + first;
    std::fill(own, own + count, n_components - 1);
    for (int64_t k = n_components - 1; k-- > 0;) {
        const double* log_joint = w.log_joint + k * w.stride;
        for (int64_t lane = 0; lane < count; ++lane)  // no branch, so that it is vectorised
            own[lane] = log_joint[lane] == w.peak[lane] ? k : own[lane];
    }
}

template <typename T>
void write_by_component(const Workspace& w, int64_t n_components, int64_t first, int64_t count,
                        T* out) {
    for (int64_t k = 0; k < n_components; ++k)
        for (int64_t lane = 0; lane < count; ++lane)
            out[(first + lane) * n_components + k] =
                static_cast<T>(w.log_joint[k * w.stride + lane]);
}

// The log of the largest responsibility, which is 1 over the sum of what `exponentiate` leaves in
// units of the largest.
void write_certainty(const Workspace& w, int64_t first, int64_t count, double* out) {
    for (int64_t lane = 0; lane < count; ++lane) out[first + lane] = std::log(w.peak[lane]);
}

// log_joint becomes the logarithms of the responsibilities, from a copy of what it was before
// `exponentiate`: exp underflows. Differences first, so that they sum to 1 however large the parts.
void take_density(int64_t n_components, const std::vector<double>& log_joint,
                  const std::vector<double>& peak, Workspace& w) {
    for (int64_t lane = 0; lane < w.rows; ++lane) {
        const double log_share = std::log(w.peak[lane]);
        for (int64_t at = lane; at < n_components * w.stride; at += w.stride)
            w.log_joint[at] = (log_joint[at] - peak[lane]) + log_share;
    }
}

void share_out(int64_t n_components, Workspace& w) {
    for (int64_t k = 0; k < n_components; ++k)
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            double* log_joint = w.log_joint + k * w.stride + lane;
            store(log_joint, load(log_joint) * load(w.peak + lane));
        }
}

template <typename T>
int64_t values(const Rows<T>& in, const Mixture& mixture, int64_t first, int64_t last,
               const Values<T>& out) {
    const int64_t K = mixture.n_components;
    Workspace w(mixture, last - first);
    std::vector<double> log_joint, peak;
    const double* filler = densest_mean(mixture);
    for (int64_t start = first; start < last; start += w.capacity) {
        const int64_t count = at_most(w.capacity, last - start);
        read_block(in, start, count, filler, w);
        if (!find_log_joint(mixture, false, w)) return start + first_lost(w);
        if (out.labels) {
            write_labels(w, K, start, count, out.labels);
            continue;
        }
        if (out.log_responsibilities) {
            log_joint.assign(w.log_joint, w.log_joint + K * w.stride);
            peak.assign(w.peak, w.peak + w.rows);
        }
        exponentiate(K, false, w);
        if (out.log_density)
            for (int64_t lane = 0; lane < count; ++lane)
                out.log_density[start + lane] = w.density[lane];
        if (out.log_certainty) write_certainty(w, start, count, out.log_certainty);
        if (out.averages)
            write_averages(out.lines, K, in.n_features, start, count, w, out.averages);
        if (out.log_responsibilities) {
            take_density(K, log_joint, peak, w);
            write_by_component(w, K, start, count, out.log_responsibilities);
        } else if (out.responsibilities) {
            share_out(K, w);
            write_by_component(w, K, start, count, out.responsibilities);
        }
    }
    return -1;
}

int64_t n_below(const double* numbers, int64_t n, double bound) {
    int64_t found = 0;
    for (int64_t i = 0; i < n; ++i)
        if (numbers[i] < bound) ++found;  // compilers make lanes of this
    return found;
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {
    SKGMM_NAME, SKGMM_WIDTH, sums<float>, sums<double>, values<float>, values<double>,
    deconvolve, n_below,     nearest,     transpose,    closer,        add_groups,
    factors,
};

}  // namespace SKGMM_TARGET
}  // namespace skgmm
