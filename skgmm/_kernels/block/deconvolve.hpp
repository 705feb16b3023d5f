// The E-step of samples that were measured with errors, W at a time (see measurement.hpp). Included
// inside the namespace of one instruction set.

class Deconvolution {
public:
    Deconvolution(const Measured& in, const TrueMixture& mixture)
        : in(in),
          mixture(mixture),
          d(in.n_features),
          K(mixture.n_components),
          size(d * (d + 1) / 2),
          memory((4 * d + n_errors() + Measurement::registers(d) + K * (d + size + 1) + 3) * W +
                 8) {
        const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
        double* next = memory.data() + (64 - address % 64) % 64 / sizeof(double);
        const auto take = [&](int64_t registers) {
            double* const own = next;
            next += registers * W;
            return own;
        };
        x = take(d), seen = take(d), away = take(d), z = take(d), errors = take(n_errors());
        joint = take(K + 1), peak = take(1), weight = take(1);
        mean = take(K * d), within = take(K * size);
        double* const own = take(Measurement::registers(d));
        measurement = Measurement(d, errors, in.matrices, seen, own);
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
    int64_t n_errors() const { return in.matrices ? d * d : d; }

    // W samples into their lanes; those without a sample have that of the first, and weight 0.
    void read(int64_t start, int64_t count) {
        any_missing = false;
        for (int64_t lane = 0; lane < W; ++lane) {
            const int64_t row = start + (lane < count ? lane : 0);
            for (int64_t j = 0; j < d; ++j) {
                x[j * W + lane] = in.X[row * d + j];
                seen[j * W + lane] = in.observed ? in.observed[row * d + j] : 1.0;
                any_missing |= seen[j * W + lane] == 0.0;
            }
            for (int64_t j = 0; j < n_errors(); ++j)
                errors[j * W + lane] = in.errors[row * n_errors() + j];
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
        double *u = mean + k * d * W, *G = covariances ? within + k * size * W : nullptr;
        const double* log_variances = mixture.log_variances + k * d;
        constexpr double log_2_pi = 1.8378770664093454836;
        const Lanes rest = mixture.diagonal && !in.matrices ? by_feature(U, log_variances, u, G)
                                                            : together(U, log_variances, u, G);
        const Lanes all = n_observed * spread(log_2_pi) + rest;
        store(joint + k * W, spread(mixture.log_peak[k]) - spread(0.5) * all);
        forget_lost(k, covariances);
    }

    // u and G, the mean and covariance of the true values; the squared distance, the
    // log-determinant beyond that of the component, and what is paid for `floor`.
    Lanes together(const double* U, const double* log_variances, double* u, double* G) {
        for (int64_t c = 0; c < d; ++c) {
            Lanes sum = {};
            for (int64_t j = 0; j <= c; ++j) sum += spread(U[j * d + c]) * load(away + j * W);
            store(z + c * W, sum);
        }
        Lanes found = measurement.condition(U);
        if (any_missing) found += measurement.leave_out_missing(U, log_variances, z);
        for (int64_t c = 0; c < d; ++c) {
            const Lanes own = measurement.times_inverse(z, c, 0);
            store(u + c * W, own);
            found += own * load(z + c * W);
        }
        if (G) measurement.write_covariance(G);
        return found + measurement.add_clouds(U, mixture.floor, G);
    }

    // The same where features are independent.
    Lanes by_feature(const double* U, const double* log_variances, double* u, double* G) {
        const Lanes one = spread(1.0);
        if (G) std::fill(G, G + size * W, 0.0);
        Lanes found = {};
        for (int64_t c = 0; c < d; ++c) {
            const Lanes factor = spread(U[c * d + c]), s = load(seen + c * W);
            const Lanes H = one + load(errors + c * W) * factor * factor, part = s / H;
            const Lanes away_c = factor * load(away + c * W), own = part * away_c;
            const Lanes paid = spread(mixture.floor[c]) * factor * factor * part;
            found += s * log_of_sum(H) - (one - s) * spread(log_variances[c]) + own * away_c + paid;
            store(u + c * W, own);
            if (G) store(G + Measurement::at(c, c), one - part + paid * part);
        }
        return found;
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

    void add(double* sums) {
        double *first = sums + K * W, *second = first + K * d * W;
        for (int64_t k = 0; k < K; ++k) {
            const Lanes share = load(joint + k * W);
            const double *u = mean + k * d * W, *G = within + k * size * W;
            const double* centre = mixture.centres + k * d;
            double *own_first = first + k * d * W, *own_second = second + k * size * W;
            store(sums + k * W, load(sums + k * W) + share);
            for (int64_t c = 0; c < d; ++c) {
                const Lanes apart = load(u + c * W) - spread(centre[c]);
                store(away + c * W, apart);
                store(own_first + c * W, load(own_first + c * W) + share * apart);
                for (int64_t e = 0; e <= c; ++e) {
                    double* entry = own_second + Measurement::at(c, e);
                    const Lanes square =
                        apart * load(away + e * W) + load(G + Measurement::at(c, e));
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
                if (share == 0.0) continue;  // of a component that has collapsed it may overflow
                for (int64_t j = 0; j < d; ++j) {
                    double value = mixture.means[k * d + j];
                    const double* root = mixture.roots + (k * d + j) * d;
                    for (int64_t c = 0; c <= j; ++c)
                        value += root[c] * mean[(k * d + c) * W + lane];
                    own[j] += share * value;
                }
            }
        }
    }

    const Measured& in;
    const TrueMixture& mixture;
    const int64_t d, K, size;
    Measurement measurement;
    std::vector<double> memory;
    bool any_missing = false;
    double *x, *seen, *away, *errors, *z, *joint, *peak, *weight, *mean, *within;
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
