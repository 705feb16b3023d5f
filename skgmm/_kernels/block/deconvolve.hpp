// The E-step of samples that were measured with errors. Included inside the namespace of one
// instruction set.
//
// Everything is in coordinates that one component whitens: z = U' (x - mean), with covariance
// (U U')^-1. There the measurement has the covariance H = I + U' E U, the true value the conditional
// mean u = H^-1 z and covariance I - H^-1, and rounding errors are small beside the component's own
// spread along every axis, however narrow it is. An observed value is a cloud of variance floor: its
// part of u has the covariance H^-1 (U' F U) H^-1, and the log-density is lower by half the trace
// of H^-1 (U' F U), F the diagonal matrix of floor.
//
// A missing value is one of which the error is infinite. With v the row of U of this feature, its
// limit takes x x' / (v . x) from H^-1, x = H^-1 v, and multiplies the determinant by v . x.
//
// Matrices are lower triangles, row by row, of registers: W samples at a time.

class Deconvolution {
public:
    Deconvolution(const Measured& in, const TrueMixture& mixture)
        : in(in),
          mixture(mixture),
          d(in.n_features),
          K(mixture.n_components),
          size(d * (d + 1) / 2),
          memory((6 * d + size + d * d + K * (d + size + 1) + 3) * W + 8) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
        double* next = memory.data() + (64 - address % 64) % 64 / sizeof(double);
        const auto take = [&](int64_t registers) {
            double* const own = next;
            next += registers * W;
            return own;
        };
        x = take(d), seen = take(d), away = take(d);
        errors = take(in.matrices ? d * d : d), inverse = take(size);
        z = take(d), column = take(d), product = take(d);
        joint = take(K + 1), peak = take(1), weight = take(1);
        mean = take(K * d), within = take(K * size);
    }

    // Samples first .. last - 1; the sums are added up in `sums`, registers of lanes.
    void run(int64_t first, int64_t last, const Deconvolved& out, double* sums) {
        for (int64_t start = first; start < last; start += W) {
            const int64_t count = at_most(W, last - start);
            read(start, count);
            for (int64_t k = 0; k < K; ++k) condition(k, sums != nullptr);
            share_out(start, count, out);
            if (sums) add(sums);
            if (out.true_values) write_true_values(start, count, out.true_values);
        }
    }

    int64_t n_sums() const { return K * (1 + d + size); }

private:
    static int64_t at(int64_t i, int64_t j) { return (i * (i + 1) / 2 + j) * W; }

    // W samples into their lanes; those without a sample have that of the first, and weight 0.
    void read(int64_t start, int64_t count) {
        const int64_t n_errors = in.matrices ? d * d : d;
        any_missing = false;
        for (int64_t lane = 0; lane < W; ++lane) {
            const int64_t row = start + (lane < count ? lane : 0);
            for (int64_t j = 0; j < d; ++j) {
                x[j * W + lane] = in.X[row * d + j];
                seen[j * W + lane] = in.observed ? in.observed[row * d + j] : 1.0;
                any_missing |= seen[j * W + lane] == 0.0;
            }
            for (int64_t j = 0; j < n_errors; ++j)
                errors[j * W + lane] = in.errors[row * n_errors + j];
            weight[lane] = lane < count ? in.weights[row] : 0.0;
        }
    }

    // The conditional distribution of the true values of component k, and the log joint.
    void condition(int64_t k, bool covariances) {
        const double *U = mixture.factors + k * d * d, *centre = mixture.means + k * d;
        Lanes n_observed = {};
        for (int64_t j = 0; j < d; ++j) {
            const Lanes s = load(seen + j * W);
            store(away + j * W, (load(x + j * W) - spread(centre[j])) * s);
            n_observed += s;
        }
        for (int64_t c = 0; c < d; ++c) {
            Lanes sum = {};
            for (int64_t j = 0; j <= c; ++j) sum += spread(U[j * d + c]) * load(away + j * W);
            store(z + c * W, sum);
        }
        if (in.matrices)
            whiten_matrices(U);
        else
            whiten_variances(U);
        Lanes log_det = invert();
        if (any_missing) log_det += leave_out_missing(U, mixture.log_variances + k * d);
        Lanes distance = {};
        double* u = mean + k * d * W;
        for (int64_t c = 0; c < d; ++c) {
            const Lanes own = times_inverse(z, c, 0);
            store(u + c * W, own);
            distance += own * load(z + c * W);
        }
        double* G = within + k * size * W;
        if (covariances) {
            for (int64_t i = 0; i < size * W; i += W) store(G + i, load(inverse + i));
            for (int64_t c = 0; c < d; ++c)
                store(G + at(c, c), load(G + at(c, c)) + spread(1.0));
        }
        const Lanes paid = add_clouds(U, covariances ? G : nullptr);
        constexpr double log_2_pi = 1.8378770664093454836;
        const Lanes all = n_observed * spread(log_2_pi) + log_det + distance + paid;
        store(joint + k * W, spread(mixture.log_peak[k]) - spread(0.5) * all);
        forget_lost(k, covariances);
    }

    // inverse = U' E U for variances E.
    void whiten_variances(const double* U) {
        for (int64_t c = 0; c < d; ++c)
            for (int64_t e = 0; e <= c; ++e) {
                Lanes sum = {};
                for (int64_t j = 0; j <= e; ++j)
                    sum += spread(U[j * d + c] * U[j * d + e]) * load(errors + j * W);
                store(inverse + at(c, e), sum);
            }
    }

    // The same for matrices E: `product` is a column of E U.
    void whiten_matrices(const double* U) {
        for (int64_t c = 0; c < d; ++c) {
            for (int64_t j = 0; j <= c; ++j) {
                Lanes sum = {};
                for (int64_t i = 0; i <= c; ++i)
                    sum += spread(U[i * d + c]) * load(errors + (j * d + i) * W);
                store(product + j * W, sum);
            }
            for (int64_t e = 0; e <= c; ++e) {
                Lanes sum = {};
                for (int64_t j = 0; j <= e; ++j)
                    sum += spread(U[j * d + e]) * load(product + j * W);
                store(inverse + at(c, e), sum);
            }
        }
    }

    // `inverse` becomes -(I + inverse)^-1 by sweeps (Beaton 1964); the log-determinant. A pivot is
    // a variance of the measurement in units of the component's, so no less than 1.
    Lanes invert() {
        Lanes log_det = {};
        const Lanes one = spread(1.0);
        for (int64_t j = 0; j < d; ++j) {
            const Lanes pivot = larger(load(inverse + at(j, j)) + one, one);
            const Lanes reciprocal = one / pivot;
            log_det += log_of_sum(pivot);
            for (int64_t i = 0; i < d; ++i)
                store(column + i * W,
                      load(inverse + (i < j ? at(j, i) : at(i, j))));
            store(column + j * W, Lanes{});
            for (int64_t i = 0; i < d; ++i) {
                const Lanes own = load(column + i * W) * reciprocal;
                for (int64_t l = 0; l <= i; ++l) {
                    double* entry = inverse + at(i, l);
                    store(entry, load(entry) - own * load(column + l * W));
                }
            }
            for (int64_t i = 0; i < d; ++i)
                store(inverse + (i < j ? at(j, i) : at(i, j)), load(column + i * W) * reciprocal);
            store(inverse + at(j, j), spread(0.0) - reciprocal);
        }
        return log_det;
    }

    // Entry c of H^-1 times a vector whose entries before `first` are 0.
    Lanes times_inverse(const double* vector, int64_t c, int64_t first) const {
        Lanes sum = {};
        for (int64_t e = first; e <= c; ++e)
            sum = sum - load(inverse + at(c, e)) * load(vector + e * W);
        for (int64_t e = first > c + 1 ? first : c + 1; e < d; ++e)
            sum = sum - load(inverse + at(e, c)) * load(vector + e * W);
        return sum;
    }

    // column = H^-1 v, v row j of U, and v . column.
    Lanes project(const double* U, int64_t j) {
        for (int64_t e = j; e < d; ++e) store(product + e * W, spread(U[j * d + e]));
        Lanes square = {};
        for (int64_t c = 0; c < d; ++c) {
            const Lanes own = times_inverse(product, c, j);
            store(column + c * W, own);
            if (c >= j) square += own * load(product + c * W);
        }
        return square;
    }

    // Takes the missing features out of H^-1, and of z; the change of the log-determinant.
    Lanes leave_out_missing(const double* U, const double* log_variances) {
        Lanes log_det = {};
        const Lanes one = spread(1.0);
        for (int64_t j = 0; j < d; ++j) {
            const Lanes missing = one - load(seen + j * W);
            bool any = false;
            for (int64_t lane = 0; lane < W; ++lane) any |= missing[lane] != 0.0;
            if (!any) continue;
            // A precision given other features is no less than that given none.
            const Lanes variance = spread(std::exp(log_variances[j]));
            const Lanes pivot = larger(project(U, j) * variance, one);
            const Lanes part = missing * variance / pivot;
            log_det += missing * (log_of_sum(pivot) - spread(log_variances[j]));
            Lanes along = {};
            for (int64_t c = 0; c < d; ++c) along += load(column + c * W) * load(z + c * W);
            along = along * part;
            for (int64_t c = 0; c < d; ++c) {
                const Lanes own = load(column + c * W);
                for (int64_t e = 0; e <= c; ++e) {
                    double* entry = inverse + at(c, e);
                    store(entry, load(entry) + part * own * load(column + e * W));
                }
                if (c >= j)
                    store(z + c * W, load(z + c * W) - along * spread(U[j * d + c]));
            }
        }
        return log_det;
    }

    // Adds the covariance of clouds of variance floor to G (or null); the trace of H^-1 (U' F U).
    Lanes add_clouds(const double* U, double* G) {
        Lanes trace = {};
        for (int64_t j = 0; j < d; ++j) {
            if (mixture.floor[j] == 0.0) continue;
            const Lanes own = load(seen + j * W) * spread(mixture.floor[j]);
            trace += own * project(U, j);
            if (!G) continue;
            for (int64_t c = 0; c < d; ++c) {
                const Lanes part = own * load(column + c * W);
                for (int64_t e = 0; e <= c; ++e) {
                    double* entry = G + at(c, e);
                    store(entry, load(entry) + part * load(column + e * W));
                }
            }
        }
        return trace;
    }

    // Where the log joint is no number, the component has no part of the sample.
    void forget_lost(int64_t k, bool covariances) {
        const auto is_lost = [&](int64_t lane) {
            return !(std::abs(joint[k * W + lane]) <= std::numeric_limits<double>::max());
        };
        for (int64_t lane = 0; lane < W; ++lane) {
            if (!is_lost(lane)) continue;
            joint[k * W + lane] = -std::numeric_limits<double>::infinity();
            for (int64_t c = 0; c < d; ++c) mean[(k * d + c) * W + lane] = 0.0;
            for (int64_t i = 0; covariances && i < size; ++i)
                within[(k * size + i) * W + lane] = 0.0;
        }
    }

    // joint becomes responsibilities x weight; writes what is asked for by sample.
    void share_out(int64_t start, int64_t count, const Deconvolved& out) {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        const int64_t n_columns = K + (in.log_noise ? 1 : 0);
        for (int64_t lane = 0; lane < W; ++lane) {
            const int64_t row = start + (lane < count ? lane : 0);
            if (in.labels && in.labels[row] >= 0)
                for (int64_t k = 0; k < K; ++k)
                    if (k != in.labels[row]) joint[k * W + lane] = -infinity;
            if (in.log_noise) joint[K * W + lane] = in.log_noise[row];
            double highest = -infinity;
            for (int64_t k = 0; k < n_columns; ++k)
                highest = larger_of(highest, joint[k * W + lane]);
            peak[lane] = highest > -infinity ? highest : 0.0;
        }
        Lanes total = {};
        for (int64_t k = 0; k < n_columns; ++k)
            total += exp_of_nonpositive(load(joint + k * W) - load(peak));
        // Of a lost sample the total is 0, and so are its responsibilities.
        const Lanes log_total = log_of_sum(larger(total, spread(1.0)));
        for (int64_t lane = 0; lane < count; ++lane) {
            const int64_t row = start + lane;
            const double log_density = peak[lane] + log_total[lane];
            if (out.log_density) out.log_density[row] = total[lane] > 0.0 ? log_density : -infinity;
            if (out.log_responsibilities)
                for (int64_t k = 0; k < n_columns; ++k)
                    out.log_responsibilities[row * n_columns + k] =
                        (joint[k * W + lane] - peak[lane]) - log_total[lane];
        }
        if (in.log_responsibilities)
            for (int64_t k = 0; k < K; ++k)
                for (int64_t lane = 0; lane < count; ++lane)
                    joint[k * W + lane] = in.log_responsibilities[(start + lane) * K + k];
        else
            for (int64_t k = 0; k < K; ++k)
                store(joint + k * W, load(joint + k * W) - load(peak) - log_total);
        for (int64_t k = 0; k < K; ++k)
            store(joint + k * W, exp_of_nonpositive(load(joint + k * W)) * load(weight));
    }

    void add(double* sums) const {
        double *first = sums + K * W, *second = first + K * d * W;
        for (int64_t k = 0; k < K; ++k) {
            const Lanes share = load(joint + k * W);
            const double *u = mean + k * d * W, *G = within + k * size * W;
            const double* centre = mixture.centres + k * d;
            double *own_first = first + k * d * W, *own_second = second + k * size * W;
            store(sums + k * W, load(sums + k * W) + share);
            for (int64_t c = 0; c < d; ++c) {
                const Lanes apart = load(u + c * W) - spread(centre[c]);
                store(column + c * W, apart);
                store(own_first + c * W, load(own_first + c * W) + share * apart);
                for (int64_t e = 0; e <= c; ++e) {
                    double* entry = own_second + at(c, e);
                    const Lanes square = apart * load(column + e * W) + load(G + at(c, e));
                    store(entry, load(entry) + share * square);
                }
            }
        }
    }

    // Means of the true values, by responsibilities x weight.
    void write_true_values(int64_t start, int64_t count, double* out) const {
        for (int64_t lane = 0; lane < count; ++lane) {
            double* own = out + (start + lane) * d;
            std::fill(own, own + d, 0.0);
            for (int64_t k = 0; k < K; ++k) {
                const double share = joint[k * W + lane];
                for (int64_t j = 0; j < d; ++j) {
                    double value = mixture.means[k * d + j];
                    const double* root = mixture.roots + (k * d + j) * d;
                    for (int64_t c = 0; c <= j; ++c) value += root[c] * mean[(k * d + c) * W + lane];
                    own[j] += share * value;
                }
            }
        }
    }

    const Measured& in;
    const TrueMixture& mixture;
    const int64_t d, K, size;
    std::vector<double> memory;
    bool any_missing = false;
    double *x, *seen, *away, *errors, *inverse, *z, *column, *product, *joint, *peak, *weight, *mean,
        *within;
};

// Samples first .. last - 1; the sums of Deconvolved, over these, go to `sums` (or null).
void deconvolve(const Measured& in, const TrueMixture& mixture, int64_t first, int64_t last,
                const Deconvolved& out, double* sums) {
    Deconvolution work(in, mixture);
    if (!sums) return work.run(first, last, out, nullptr);
    const int64_t size = work.n_sums();
    std::vector<double> memory(size * W + 8);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    double* lanes = memory.data() + (64 - address % 64) % 64 / sizeof(double);
    work.run(first, last, out, lanes);
    for (int64_t i = 0; i < size; ++i) sums[i] += sum(load(lanes + i * W));
}
