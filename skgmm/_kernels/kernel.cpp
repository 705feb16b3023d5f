// The block kernel: rows and parameters to sums, or to values by row.
//
// Compiled once per instruction set, with SKGMM_WIDTH (doubles to a register), SKGMM_TARGET (its
// namespace) and SKGMM_NAME defined. A block of rows is transposed on the way in, so that rows are
// the contiguous axis and every inner loop runs over them, whatever the number of features and
// components.

#include "kernel.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace skgmm {
namespace SKGMM_TARGET {
namespace {

#include "lanes.hpp"

using std::int64_t;
constexpr int64_t W = SKGMM_WIDTH;
constexpr int64_t pair = 2 * W;

int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

// Rows to a block, fewer when there are fewer. Each sum over the rows of a block ends by adding up
// the lanes of a register, so blocks are long even where they no longer fit the first cache: at 80
// features 256 rows take half the time of 64.
int64_t block_rows(int64_t n_rows) { return at_most(256, (n_rows + pair - 1) / pair * pair); }

// Memory for one block, aligned for the widest registers.
class Workspace {
public:
    Workspace(const Mixture& mixture, int64_t n_rows) : rows(block_rows(n_rows)), stride(rows + 8) {
        const int64_t d = mixture.n_features;
        memory.resize((2 * d + tile + 4 + mixture.n_components) * stride + 8, 0.0);
        const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
        x = memory.data() + (64 - address % 64) % 64 / sizeof(double);
        centred = x + d * stride;
        scaled = centred + (d + 1) * stride;  // a row of zeros: columns are taken in pairs
        weight = scaled + tile * stride;
        peak = weight + stride;
        density = peak + stride;
        joint = density + stride;
    }
    const int64_t rows, stride;
    double *x, *centred, *scaled, *weight, *peak, *density, *joint;

private:
    std::vector<double> memory;
};

// Rows first .. first + count transposed to x (d, rows). Lanes without a row, or with a row of
// weight 0, get `filler`, a point where the density is positive, and weight 0.
template <typename T>
void read_block(const Rows<T>& in, int64_t first, int64_t count, const double* filler,
                Workspace& w) {
    const int64_t d = in.n_features;
    for (int64_t lane = 0; lane < w.rows; ++lane) {
        const double weight = lane >= count ? 0.0 : in.weight ? in.weight[first + lane] : 1.0;
        w.weight[lane] = weight;
        if (weight > 0.0) {
            const T* row = in.data + (first + lane) * in.row_stride;
            for (int64_t j = 0; j < d; ++j)
                w.x[j * w.stride + lane] = static_cast<double>(row[j * in.column_stride]);
        } else {
            for (int64_t j = 0; j < d; ++j) w.x[j * w.stride + lane] = filler[j];
        }
    }
}

void centre(const double* mean, int64_t d, Workspace& w) {
    for (int64_t j = 0; j < d; ++j) {
        const Lanes m = spread(mean[j]);
        const double* x = w.x + j * w.stride;
        double* c = w.centred + j * w.stride;
        for (int64_t lane = 0; lane < w.rows; lane += W) store(c + lane, load(x + lane) - m);
    }
}

// Adds the squares of R whitened coordinates, of which each needs the first `n` features.
template <int R>
void add_squares(const double* packed, int64_t n, const Workspace& w, double* squares) {
    for (int64_t lane = 0; lane < w.rows; lane += pair) {
        Lanes a[R] = {}, b[R] = {};
        const double* c = w.centred + lane;
        for (int64_t j = 0; j < n; ++j, c += w.stride) {
            const Lanes c0 = load(c), c1 = load(c + W);
            for (int r = 0; r < R; ++r) {
                const Lanes u = spread(packed[j * R + r]);
                a[r] += u * c0;
                b[r] += u * c1;
            }
        }
        Lanes s0 = load(squares + lane), s1 = load(squares + lane + W);
        for (int r = 0; r < R; ++r) {
            s0 += a[r] * a[r];
            s1 += b[r] * b[r];
        }
        store(squares + lane, s0);
        store(squares + lane + W, s1);
    }
}

void triangular_distances(const double* packed, int64_t d, const Workspace& w, double* squares) {
    for (int64_t i = 0; i < d; i += tile) {
        const int64_t width = at_most(tile, d - i);
        switch (width) {
            case 1: add_squares<1>(packed, i + 1, w, squares); break;
            case 2: add_squares<2>(packed, i + 2, w, squares); break;
            case 3: add_squares<3>(packed, i + 3, w, squares); break;
            default: add_squares<4>(packed, i + 4, w, squares);
        }
        packed += width * (i + width);
    }
}

void diagonal_distances(const double* scale, const double* mean, int64_t d, const Workspace& w,
                        double* squares) {
    for (int64_t j = 0; j < d; ++j) {
        const Lanes m = spread(mean[j]), s = spread(scale[j]);
        const double* x = w.x + j * w.stride;
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            const Lanes y = (load(x + lane) - m) * s;
            store(squares + lane, load(squares + lane) + y * y);
        }
    }
}

// log(weight x density) of each component and row into joint (K, rows).
void log_joint(const Mixture& mixture, Workspace& w) {
    const int64_t d = mixture.n_features;
    for (int64_t k = 0; k < mixture.n_components; ++k) {
        double* joint = w.joint + k * w.stride;
        std::memset(joint, 0, w.rows * sizeof(double));
        const double* mean = mixture.means + k * d;
        const double* packed = mixture.packed + k * mixture.packed_size;
        if (mixture.factor == Factor::triangular) {
            centre(mean, d, w);
            triangular_distances(packed, d, w, joint);
        } else {
            diagonal_distances(packed, mean, d, w, joint);
        }
        const Lanes height = spread(mixture.log_heights[k]), half = spread(-0.5);
        for (int64_t lane = 0; lane < w.rows; lane += W)
            store(joint + lane, height + half * load(joint + lane));
    }
}

// The largest entry of each row, and whether it is a number for all.
bool find_peaks(int64_t n_components, Workspace& w) {
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        Lanes peak = load(w.joint + lane);
        for (int64_t k = 1; k < n_components; ++k)
            peak = larger(load(w.joint + k * w.stride + lane), peak);
        store(w.peak + lane, peak);
    }
    const double lowest = -std::numeric_limits<double>::max();
    bool finite = true;
    for (int64_t lane = 0; lane < w.rows; ++lane) finite &= w.peak[lane] >= lowest;
    return finite;
}

int64_t first_lost(const Workspace& w) {
    int64_t lane = 0;
    while (w.peak[lane] >= -std::numeric_limits<double>::max()) ++lane;
    return lane;
}

// joint becomes exp(joint - peak); density the log of the row's total; peak the total's inverse.
void exponentiate(int64_t n_components, Workspace& w) {
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        const Lanes peak = load(w.peak + lane);
        Lanes total = {};
        for (int64_t k = 0; k < n_components; ++k) {
            double* joint = w.joint + k * w.stride + lane;
            const Lanes e = exp_of_nonpositive(load(joint) - peak);
            store(joint, e);
            total += e;
        }
        store(w.density + lane, peak + log_of_sum(total));
        store(w.peak + lane, spread(1.0) / total);
    }
}

// Adds R x 2 entries of the sum over rows of scaled x centred'.
template <int R>
void add_products(const Workspace& w, int64_t j, double* second, int64_t d, int64_t columns) {
    Lanes a[R] = {}, b[R] = {};
    const double* c = w.centred + j * w.stride;
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        const Lanes c0 = load(c + lane), c1 = load(c + w.stride + lane);
        for (int r = 0; r < R; ++r) {
            const Lanes s = held(load(w.scaled + r * w.stride + lane));
            a[r] += s * c0;
            b[r] += s * c1;
        }
    }
    for (int r = 0; r < R; ++r) {
        second[r * d + j] += sum(a[r]);
        if (columns > 1) second[r * d + j + 1] += sum(b[r]);
    }
}

// Centres R features and adds their part of the first and second moments. Earlier features are
// centred already, and later ones are not needed: the sums are lower triangles.
template <int R>
void add_rows(int64_t i, int64_t d, const double* share, const double* centre, Workspace& w,
              double* first, double* second) {
    for (int r = 0; r < R; ++r) {
        Lanes total = {};
        const Lanes m = spread(centre[i + r]);
        const double* x = w.x + (i + r) * w.stride;
        double* centred = w.centred + (i + r) * w.stride;
        double* scaled = w.scaled + r * w.stride;
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            const Lanes c = load(x + lane) - m;
            const Lanes s = load(share + lane) * c;
            store(centred + lane, c);
            store(scaled + lane, s);
            total += s;
        }
        first[i + r] += sum(total);
    }
    for (int64_t j = 0; j < i + R; j += 2)
        add_products<R>(w, j, second + i * d, d, at_most(2, i + R - j));
}

void full_sums(const double* share, const double* centre, int64_t d, Workspace& w, double* first,
               double* second) {
    for (int64_t i = 0; i < d; i += tile) {
        switch (at_most(tile, d - i)) {
            case 1: add_rows<1>(i, d, share, centre, w, first, second); break;
            case 2: add_rows<2>(i, d, share, centre, w, first, second); break;
            case 3: add_rows<3>(i, d, share, centre, w, first, second); break;
            default: add_rows<4>(i, d, share, centre, w, first, second);
        }
    }
}

void diagonal_sums(const double* share, const double* centre, int64_t d, const Workspace& w,
                   double* first, double* second) {
    for (int64_t j = 0; j < d; ++j) {
        const Lanes m = spread(centre[j]);
        Lanes a = {}, b = {};
        const double* x = w.x + j * w.stride;
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            const Lanes c = load(x + lane) - m;
            const Lanes s = load(share + lane) * c;
            a += s;
            b += s * c;
        }
        first[j] += sum(a);
        second[j] += sum(b);
    }
}

void add_sums(const Mixture& mixture, Workspace& w, Sums& out) {
    const int64_t K = mixture.n_components, d = mixture.n_features;
    Lanes log_likelihood = {}, weight = {};
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        const Lanes own = load(w.weight + lane);
        log_likelihood += own * load(w.density + lane);
        weight += own;
        store(w.peak + lane, own * load(w.peak + lane));
    }
    out.log_likelihood += sum(log_likelihood);
    out.weight += sum(weight);
    for (int64_t k = 0; k < K; ++k) {
        double* share = w.joint + k * w.stride;
        Lanes total = {};
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            const Lanes r = load(share + lane) * load(w.peak + lane);
            store(share + lane, r);
            total += r;
        }
        const double mass = sum(total);
        if (mass == 0.0) continue;  // no row of the block has a share in this component
        out.mass[k] += mass;
        const double* centres = out.centres + k * d;
        if (out.form == Form::diagonal) {
            diagonal_sums(share, centres, d, w, out.first + k * d, out.second + k * d);
        } else {
            double* second = out.form == Form::full ? out.second + k * d * d : out.second;
            full_sums(share, centres, d, w, out.first + k * d, second);
        }
    }
}

const double* densest_mean(const Mixture& mixture) {
    int64_t best = 0;
    for (int64_t k = 1; k < mixture.n_components; ++k)
        if (mixture.log_heights[k] > mixture.log_heights[best]) best = k;
    return mixture.means + best * mixture.n_features;
}

// joint becomes the given responsibilities of rows from `first` on, as if their total were 1.
void read_given(const Given& given, int64_t n_components, int64_t first, int64_t count,
                Workspace& w) {
    for (int64_t k = 0; k < n_components; ++k) {
        double* joint = w.joint + k * w.stride;
        for (int64_t lane = 0; lane < count; ++lane) {
            const int64_t row = first + lane;
            joint[lane] =
                given.labels ? given.labels[row] == k : given.shares[row * n_components + k];
        }
    }
    for (int64_t lane = 0; lane < w.rows; ++lane) {
        w.peak[lane] = 1.0;
        w.density[lane] = 0.0;
    }
}

template <typename T>
int64_t sums(const Rows<T>& in, const Mixture& mixture, const Given& given, int64_t first,
             int64_t last, Sums& out) {
    Workspace w(mixture, last - first);
    const double* filler = densest_mean(mixture);
    for (int64_t start = first; start < last; start += w.rows) {
        read_block(in, start, at_most(w.rows, last - start), filler, w);
        if (given.any()) {
            read_given(given, mixture.n_components, start, at_most(w.rows, last - start), w);
        } else {
            log_joint(mixture, w);
            if (!find_peaks(mixture.n_components, w)) return start + first_lost(w);
            exponentiate(mixture.n_components, w);
        }
        add_sums(mixture, w, out);
    }
    return -1;
}

// The most probable component of `count` rows from `first` on; of equals the one named first.
void write_labels(const Workspace& w, int64_t n_components, int64_t first, int64_t count,
                  int64_t* out) {
    for (int64_t lane = 0; lane < count; ++lane) {
        int64_t best = 0;
        while (best + 1 < n_components && w.joint[best * w.stride + lane] != w.peak[lane]) ++best;
        out[first + lane] = best;
    }
}

template <typename T>
void write_by_component(const Workspace& w, int64_t n_components, int64_t first, int64_t count,
                        T* out) {
    for (int64_t k = 0; k < n_components; ++k)
        for (int64_t lane = 0; lane < count; ++lane)
            out[(first + lane) * n_components + k] = static_cast<T>(w.joint[k * w.stride + lane]);
}

// joint becomes the logarithms of the responsibilities: from a copy, because exp underflows.
void take_density(int64_t n_components, const std::vector<double>& joint, Workspace& w) {
    for (int64_t k = 0; k < n_components; ++k)
        for (int64_t lane = 0; lane < w.rows; ++lane)
            w.joint[k * w.stride + lane] = joint[k * w.stride + lane] - w.density[lane];
}

void share_out(int64_t n_components, Workspace& w) {
    for (int64_t k = 0; k < n_components; ++k)
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            double* joint = w.joint + k * w.stride + lane;
            store(joint, load(joint) * load(w.peak + lane));
        }
}

template <typename T>
int64_t values(const Rows<T>& in, const Mixture& mixture, int64_t first, int64_t last,
               const Values<T>& out) {
    const int64_t K = mixture.n_components;
    Workspace w(mixture, last - first);
    std::vector<double> kept;
    const double* filler = densest_mean(mixture);
    for (int64_t start = first; start < last; start += w.rows) {
        const int64_t count = at_most(w.rows, last - start);
        read_block(in, start, count, filler, w);
        log_joint(mixture, w);
        if (!find_peaks(K, w)) return start + first_lost(w);
        if (out.labels) {
            write_labels(w, K, start, count, out.labels);
            continue;
        }
        if (out.log_responsibilities) kept.assign(w.joint, w.joint + K * w.stride);
        exponentiate(K, w);
        if (out.log_density)
            for (int64_t lane = 0; lane < count; ++lane)
                out.log_density[start + lane] = w.density[lane];
        if (out.log_responsibilities) {
            take_density(K, kept, w);
            write_by_component(w, K, start, count, out.log_responsibilities);
        } else if (out.responsibilities) {
            share_out(K, w);
            write_by_component(w, K, start, count, out.responsibilities);
        }
    }
    return -1;
}

}  // namespace

extern const Kernel kernel;
const Kernel kernel = {SKGMM_NAME,   SKGMM_WIDTH,   sums<float>,
                       sums<double>, values<float>, values<double>};

}  // namespace SKGMM_TARGET
}  // namespace skgmm
