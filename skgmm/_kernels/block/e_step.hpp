// The E-step on a block. Included inside the namespace of one instruction set.

// R whitened coordinates from feature i on, each of which needs the features up to its own: those
// before i are centred already, in `c` (d, panel lanes); the R are centred here, from x.
template <int R>
void whiten_tile(const double* packed, const double* mean, int64_t i, const double* x,
                 int64_t stride, double* c, Lanes (&a)[R][panel]) {
    SKGMM_UNROLL for (int r = 0; r < R; ++r) SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] =
        Lanes{};
    for (int64_t j = 0; j < i; ++j, packed += R) {
        Lanes own[panel];
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) own[v] = load(c + (j * panel + v) * W);
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            const Lanes u = spread(packed[r]);
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] += u * own[v];
        }
    }
    SKGMM_UNROLL for (int j = 0; j < R; ++j) {
        const Lanes m = spread(mean[i + j]);
        Lanes own[panel];
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) {
            own[v] = load(x + (i + j) * stride + v * W) - m;
            store(c + ((i + j) * panel + v) * W, own[v]);
        }
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            if (r < j) continue;  // the factor is triangular
            const Lanes u = spread(packed[j * R + r]);
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] += u * own[v];
        }
    }
}

// Whitens the lanes at `x` and adds up their squares; keeps the whitened ones if `out` is given.
template <int R>
void add_squares(const double* packed, const double* mean, int64_t i, const double* x,
                 int64_t stride, double* c, Lanes* squares, double* out) {
    Lanes a[R][panel];
    whiten_tile<R>(packed, mean, i, x, stride, c, a);
    SKGMM_UNROLL for (int r = 0; r < R; ++r) SKGMM_UNROLL for (int v = 0; v < panel; ++v)
        squares[v] += a[r][v] * a[r][v];
    if (out)
        for (int r = 0; r < R; ++r)
            for (int v = 0; v < panel; ++v) store(out + (i + r) * stride + v * W, a[r][v]);
}

// log(weight x density) of one component, or of log_peak 0 at the common point of all.
void triangular_log_joint(const double* factor, const double* mean, double log_peak, int64_t d,
                          const Workspace& w, double* log_joint, double* out = nullptr) {
    for (int64_t lane = 0; lane < w.rows; lane += panel * W) {
        const double* packed = factor;
        const double* x = w.x + lane;
        double* kept = out ? out + lane : nullptr;
        Lanes squares[panel] = {};
        for (int64_t i = 0; i < d; i += tile) {
            const int64_t width = at_most(tile, d - i);
            switch (width) {
                case 1:
                    add_squares<1>(packed, mean, i, x, w.stride, w.centred, squares, kept);
                    break;
                case 2:
                    add_squares<2>(packed, mean, i, x, w.stride, w.centred, squares, kept);
                    break;
                case 3:
                    add_squares<3>(packed, mean, i, x, w.stride, w.centred, squares, kept);
                    break;
                default: add_squares<4>(packed, mean, i, x, w.stride, w.centred, squares, kept);
            }
            packed += width * (i + width);
        }
        for (int v = 0; v < panel; ++v)
            store(log_joint + lane + v * W, spread(log_peak) + spread(-0.5) * squares[v]);
    }
}

void diagonal_log_joint(const double* scale, const double* mean, double log_peak, int64_t d,
                        const Workspace& w, double* log_joint, double* out = nullptr) {
    for (int64_t lane = 0; lane < w.rows; lane += panel * W) {
        Lanes squares[panel] = {};
        for (int64_t j = 0; j < d; ++j) {
            const Lanes m = spread(mean[j]), s = spread(scale[j]);
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) {
                const int64_t at = j * w.stride + lane + v * W;
                const Lanes y = (load(w.x + at) - m) * s;
                if (out) store(out + at, y);
                squares[v] += y * y;
            }
        }
        for (int v = 0; v < panel; ++v)
            store(log_joint + lane + v * W, spread(log_peak) + spread(-0.5) * squares[v]);
    }
}

// The terms of a linear mixture, and what the sums of its M-step are of: y, and y^2 by feature.
void compute_terms(const Mixture& mixture, bool squares, Workspace& w) {
    const int64_t d = mixture.n_features;
    const Linear& linear = *mixture.linear;
    if (linear.terms == Terms::whitened) {
        const auto one =
            mixture.factor == Factor::triangular ? triangular_log_joint : diagonal_log_joint;
        one(mixture.packed, linear.common, 0.0, d, w, w.base, w.whitened);
    }
    const bool spherical = linear.terms == Terms::spherical;
    if (linear.terms != Terms::whitened)
        std::memset(w.base, 0, w.rows * sizeof(double));
    const Lanes share = spread(spherical ? -0.5 : 0.0);
    for (int64_t j = 0; j < d; ++j) {
        const Lanes m = spread(linear.common[j]);
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            const int64_t at = j * w.stride + lane;
            const Lanes y = load(w.x + at) - m;
            store(w.centred + at, y);
            if (squares) store(w.squared + at, y * y);
            if (spherical) store(w.base + lane, load(w.base + lane) + share * y * y);
        }
    }
}

// intercept + curvature x base + slopes . terms of R components.
template <int R>
void linear_tile(const Linear& linear, int64_t k, const double* terms, Workspace& w) {
    const double* slopes = linear.slopes + k * linear.n_terms;
    for (int64_t lane = 0; lane < w.rows; lane += panel * W) {
        Lanes a[R][panel];
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            const Lanes intercept = spread(linear.intercepts[k + r]);
            const Lanes curvature = spread(linear.curvatures[k + r]);
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] =
                intercept + curvature * load(w.base + lane + v * W);
        }
        const double* term = terms + lane;
        for (int64_t t = 0; t < linear.n_terms; ++t, term += w.stride) {
            Lanes own[panel];
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) own[v] = load(term + v * W);
            SKGMM_UNROLL for (int r = 0; r < R; ++r) {
                const Lanes slope = spread(slopes[t * R + r]);
                SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] += slope * own[v];
            }
        }
        SKGMM_UNROLL for (int r = 0; r < R; ++r) SKGMM_UNROLL for (int v = 0; v < panel; ++v)
            store(w.log_joint + (k + r) * w.stride + lane + v * W, a[r][v]);
    }
}

void linear_tiles(const Linear& linear, int64_t n_components, Workspace& w) {
    const double* terms = linear.terms == Terms::whitened ? w.whitened : w.centred;
    for (int64_t k = 0; k < n_components; k += tile) {
        switch (at_most(tile, n_components - k)) {
            case 1: linear_tile<1>(linear, k, terms, w); break;
            case 2: linear_tile<2>(linear, k, terms, w); break;
            case 3: linear_tile<3>(linear, k, terms, w); break;
            default: linear_tile<4>(linear, k, terms, w);
        }
    }
}

void linear_joint(const Mixture& mixture, bool squares, Workspace& w) {
    const Linear& linear = *mixture.linear;
    compute_terms(mixture, squares || linear.terms == Terms::diagonal, w);
    linear_tiles(linear, mixture.n_components, w);
}

void log_joint_by_component(const Mixture& mixture, bool squares, Workspace& w) {
    if (mixture.linear) return linear_joint(mixture, squares, w);
    const int64_t d = mixture.n_features;
    const auto one =
        mixture.factor == Factor::triangular ? triangular_log_joint : diagonal_log_joint;
    for (int64_t k = 0; k < mixture.n_components; ++k)
        one(mixture.packed + k * mixture.packed_size, mixture.means + k * d, mixture.log_peak[k], d,
            w, w.log_joint + k * w.stride, nullptr);
}

// The largest entry of each row.
void find_peaks(int64_t n_components, Workspace& w) {
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        Lanes peak = load(w.log_joint + lane);
        for (int64_t k = 1; k < n_components; ++k)
            peak = larger(load(w.log_joint + k * w.stride + lane), peak);
        store(w.peak + lane, peak);
    }
}

// After `find_log_joint`: log_joint becomes exp(log_joint - peak), peak the inverse of its total.
// Returns the log-likelihood of the block; where that is all that is wanted and weights are
// `plain`, the totals of a lane are multiplied and cost one logarithm: they lie between 1 and K.
double exponentiate(int64_t n_components, bool plain, Workspace& w) {
    Lanes log_likelihood = {}, product = spread(1.0);
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        const Lanes peak = load(w.peak + lane);
        const Lanes highest = w.far ? peak + load(w.offset + lane) : peak;
        Lanes total = {};
        for (int64_t k = 0; k < n_components; ++k) {
            double* log_joint = w.log_joint + k * w.stride + lane;
            const Lanes e = exp_of_nonpositive(load(log_joint) - peak);
            store(log_joint, e);
            total += e;
        }
        store(w.peak + lane, spread(1.0) / total);
        if (plain) {
            const Lanes weight = load(w.weight + lane);
            product = product * where_at_least(weight, spread(1.0), total, spread(1.0));
            log_likelihood += weight * highest;
        } else {
            const Lanes density = highest + log_of_sum(total);
            store(w.density + lane, density);
            log_likelihood += load(w.weight + lane) * density;
        }
    }
    return sum(log_likelihood + log_of_sum(product));
}
