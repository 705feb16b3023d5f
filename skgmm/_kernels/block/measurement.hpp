// Measurements with errors, given one component. Included inside the namespace of one instruction
// set.
//
// Everything is in coordinates that one component whitens: z = U' (x - mean), with covariance
// (U U')^-1. There the measurement has the covariance H = I + U' E U, the true value the
// conditional mean u = H^-1 z and covariance I - H^-1, and rounding errors are small beside the
// component's own spread along every axis, however narrow it is. An observed value is a cloud of
// variance floor: its part of u has the covariance H^-1 (U' F U) H^-1, and the log-density is lower
// by half the trace of H^-1 (U' F U), F the diagonal matrix of floor.
//
// A missing value is one of which the error is infinite. With v the row of U of this feature, its
// limit takes x x' / (v . x) from H^-1, x = H^-1 v, and multiplies the determinant by v . x.
//
// Matrices are lower triangles, row by row, of registers: W samples at a time.

// H^-1 of W measurements under one component.
class Measurement {
public:
    // Registers of memory that it needs.
    static int64_t registers(int64_t d) { return 3 * d + d * (d + 1) / 2; }

    Measurement() = default;
    Measurement(int64_t d, const double* errors, bool matrices, const double* seen, double* memory)
        : d(d),
          errors(errors),
          matrices(matrices),
          seen(seen),
          column(memory),
          product(column + d * W),
          inverse(product + d * W) {}

    static int64_t at(int64_t i, int64_t j) { return (i * (i + 1) / 2 + j) * W; }

    // H^-1 for the factor U; the log-determinant of H.
    Lanes condition(const double* U) {
        if (matrices)
            whiten_matrices(U);
        else
            whiten_variances(U);
        return invert();
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

    // I - H^-1, the covariance of the true value given the measurement.
    void write_covariance(double* out) const {
        for (int64_t i = 0; i < d * (d + 1) / 2 * W; i += W) store(out + i, load(inverse + i));
        for (int64_t c = 0; c < d; ++c) store(out + at(c, c), load(out + at(c, c)) + spread(1.0));
    }

    // Takes the missing features out of H^-1, and of z; the change of the log-determinant.
    Lanes leave_out_missing(const double* U, const double* log_variances, double* z) {
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
                if (c >= j) store(z + c * W, load(z + c * W) - along * spread(U[j * d + c]));
            }
        }
        return log_det;
    }

    // Adds the covariance of clouds of variance floor to G (or null); the trace of H^-1 (U' F U).
    Lanes add_clouds(const double* U, const double* floor, double* G) {
        Lanes trace = {};
        for (int64_t j = 0; j < d; ++j) {
            if (floor[j] == 0.0) continue;
            const Lanes own = load(seen + j * W) * spread(floor[j]);
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

private:
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
                store(column + i * W, load(inverse + (i < j ? at(j, i) : at(i, j))));
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

    int64_t d = 0;
    const double* errors = nullptr;
    bool matrices = false;
    const double* seen = nullptr;
    double *column = nullptr, *product = nullptr, *inverse = nullptr;
};
