// The M-step's sums over a block. Included inside the namespace of one instruction set.

// Columns of the products of R rows.
template <int R>
constexpr int columns_of = R > tile ? 3 : columns;

// Adds the sums over lanes of R rows of C registers; `width` of the columns are wanted.
template <int R, int C>
void add_sums_over_lanes(const Lanes (&a)[R][C], int64_t width, double* out, int64_t out_stride) {
    if constexpr (C == 4) {
        if (width >= C) {
            SKGMM_UNROLL for (int r = 0; r < R; ++r)
                add_four_sums(a[r][0], a[r][1], a[r][2], a[r][3], out + r * out_stride);
            return;
        }
    }
    SKGMM_UNROLL for (int q = 0; q < C; ++q) {
        if (q >= width) break;
        if constexpr (R % 4 == 0 && W == 8) {
            double sums[R] = {};
            SKGMM_UNROLL for (int r = 0; r < R; r += 4)
                add_four_sums(a[r][q], a[r + 1][q], a[r + 2][q], a[r + 3][q], sums + r);
            SKGMM_UNROLL for (int r = 0; r < R; ++r) out[r * out_stride + q] += sums[r];
        } else {
            SKGMM_UNROLL for (int r = 0; r < R; ++r) out[r * out_stride + q] += sum(a[r][q]);
        }
    }
}

// Adds the products, summed over lanes, of R rows of `left` and up to `width` rows of `right`, from
// which their `mean` is subtracted if there is one: to read differences from the second cache would
// take longer than to compute them for each tile.
template <int R, bool has_mean>
void add_products(const double* left, const double* right, const double* mean, const Workspace& w,
                  int64_t width, double* out, int64_t out_stride) {
    constexpr int C = columns_of<R>;
    Lanes a[R][C], m[C];
    SKGMM_UNROLL for (int q = 0; q < C; ++q) {
        if (has_mean) m[q] = spread(mean[q]);
        SKGMM_UNROLL for (int r = 0; r < R; ++r) a[r][q] = Lanes{};
    }
    const int64_t stride = w.stride, rows = w.rows;
    for (int64_t lane = 0; lane < rows; lane += W) {
        Lanes c[C];
        SKGMM_UNROLL for (int q = 0; q < C; ++q) {
            c[q] = load(right + q * stride + lane);
            if (has_mean) c[q] = held(c[q] - m[q]);
        }
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            const Lanes s = held(load(left + r * stride + lane));
            SKGMM_UNROLL for (int q = 0; q < C; ++q) a[r][q] += s * c[q];
        }
    }
    add_sums_over_lanes(a, width, out, out_stride);
}

// Adds first moments of R features and second moments between them, and keeps their differences
// from the centre times the responsibilities.
template <int R>
void add_tile(int64_t i, int64_t d, const double* responsibilities, const double* centre,
              const Workspace& w, double* scaled, double* first, double* second) {
    Lanes a[R], p[R][R], m[R];
    SKGMM_UNROLL for (int r = 0; r < R; ++r) {
        a[r] = Lanes{};
        m[r] = spread(centre[i + r]);
        SKGMM_UNROLL for (int q = 0; q < R; ++q) p[r][q] = Lanes{};
    }
    const int64_t stride = w.stride, rows = w.rows;
    const double* x = w.x + i * stride;
    for (int64_t lane = 0; lane < rows; lane += W) {
        const Lanes weight = load(responsibilities + lane);
        Lanes c[R];
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            c[r] = load(x + r * stride + lane) - m[r];
            const Lanes s = weight * c[r];
            store(scaled + r * stride + lane, s);
            a[r] += s;
            SKGMM_UNROLL for (int q = 0; q < R; ++q) if (q <= r) p[r][q] += s * c[q];
        }
    }
    second += i * d + i;
    if constexpr (W == 8 && R == 4) {  // with zeros right of the diagonal
        add_four_sums(a[0], a[1], a[2], a[3], first + i);
        for (int r = 0; r < R; ++r)
            add_four_sums(p[r][0], p[r][1], p[r][2], p[r][3], second + r * d);
    } else {
        for (int r = 0; r < R; ++r) {
            first[i + r] += sum(a[r]);
            for (int q = 0; q <= r; ++q) second[r * d + q] += sum(p[r][q]);
        }
    }
}

// Adds the parts of R features in the first moments, and in the second moments with all features up
// to them: the sums are lower triangles.
template <int R>
void add_features(int64_t i, int64_t d, const double* responsibilities, const double* centre,
                  const Workspace& w, double* first, double* second) {
    const double* x = w.x;
    if constexpr (R > tile) {
        double* others = w.scaled + tile * w.stride;
        add_tile<tile>(i, d, responsibilities, centre, w, w.scaled, first, second);
        add_tile<tile>(i + tile, d, responsibilities, centre, w, others, first, second);
        add_products<tile, true>(others, x + i * w.stride, centre + i, w, tile,
                                 second + (i + tile) * d + i, d);
    } else {
        add_tile<R>(i, d, responsibilities, centre, w, w.scaled, first, second);
    }
    for (int64_t j = 0; j < i; j += columns_of<R>)
        add_products<R, true>(w.scaled, x + j * w.stride, centre + j, w, i - j, second + i * d + j,
                              d);
}

void full_sums(const double* responsibilities, const double* centre, int64_t d, const Workspace& w,
               double* first, double* second) {
    int64_t i = 0;
    for (; i + features <= d; i += features)
        add_features<features>(i, d, responsibilities, centre, w, first, second);
    for (; i < d; i += tile) {
        switch (at_most(tile, d - i)) {
            case 1: add_features<1>(i, d, responsibilities, centre, w, first, second); break;
            case 2: add_features<2>(i, d, responsibilities, centre, w, first, second); break;
            case 3: add_features<3>(i, d, responsibilities, centre, w, first, second); break;
            default: add_features<4>(i, d, responsibilities, centre, w, first, second);
        }
    }
}

// A row with less than this part of a component's mass in the block changes none of its sums.
constexpr double negligible = 1e-30;

// Puts the rows of which a component has a part that counts side by side, if they are so few that
// this takes less time than it saves. How many, or -1 if not.
int64_t gather_rows(const double* responsibilities, double least, int64_t d, Workspace& w) {
    Lanes counted = {};
    for (int64_t lane = 0; lane < w.rows; lane += W)
        counted += where_at_least(load(responsibilities + lane), spread(least), spread(1.0));
    const int64_t n = int64_t(sum(counted));
    if (2 * W * n > w.rows * at_most(W, d / 2 - 3)) return -1;
    int32_t* which = w.which;
    for (int64_t lane = 0, at = 0; lane < w.rows; ++lane) {
        which[at] = int32_t(lane);
        at += responsibilities[lane] >= least;
    }
    const int64_t rows = (n + W - 1) / W * W;
    for (int64_t i = 0; i < n; ++i) w.counted[i] = responsibilities[which[i]];
    for (int64_t i = n; i < rows; ++i) {
        w.counted[i] = 0.0;
        which[i] = which[0];
    }
    for (int64_t j = 0; j < d; ++j) {
        const double* from = w.x + j * w.stride;
        double* to = w.gathered + j * w.stride;
        for (int64_t i = 0; i < rows; ++i) to[i] = from[which[i]];
    }
    return rows;
}

// `full_sums` of the rows that count.
void sums_of_component(const double* responsibilities, double mass, const double* centre, int64_t d,
                       Workspace& w, double* first, double* second) {
    const int64_t n_gathered = gather_rows(responsibilities, negligible * mass, d, w);
    if (n_gathered < 0) return full_sums(responsibilities, centre, d, w, first, second);
    const int64_t rows = w.rows;
    std::swap(w.x, w.gathered);
    w.rows = n_gathered;
    full_sums(w.counted, centre, d, w, first, second);
    w.rows = rows;
    std::swap(w.x, w.gathered);
}

// Those of R features, side by side because a sum waits for the one before.
template <int R>
void add_diagonal(const double* responsibilities, const double* centre, const double* x,
                  const Workspace& w, double* first, double* second) {
    Lanes a[R], b[R], m[R];
    SKGMM_UNROLL for (int r = 0; r < R; ++r) {
        a[r] = b[r] = Lanes{};
        m[r] = spread(centre[r]);
    }
    const int64_t stride = w.stride, rows = w.rows;
    for (int64_t lane = 0; lane < rows; lane += W) {
        const Lanes weight = load(responsibilities + lane);
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            const Lanes c = load(x + r * stride + lane) - m[r];
            const Lanes s = weight * c;
            a[r] += s;
            b[r] += s * c;
        }
    }
    if constexpr (R == 4) {
        add_four_sums(a[0], a[1], a[2], a[3], first);
        add_four_sums(b[0], b[1], b[2], b[3], second);
    } else {
        for (int r = 0; r < R; ++r) {
            first[r] += sum(a[r]);
            second[r] += sum(b[r]);
        }
    }
}

void diagonal_sums(const double* responsibilities, const double* centre, int64_t d,
                   const Workspace& w, double* first, double* second) {
    int64_t j = 0;
    for (; j + 4 <= d; j += 4)
        add_diagonal<4>(responsibilities, centre + j, w.x + j * w.stride, w, first + j, second + j);
    for (; j < d; ++j)
        add_diagonal<1>(responsibilities, centre + j, w.x + j * w.stride, w, first + j, second + j);
}

// Sums of R components about the point that is common to all.
template <int R>
void add_terms(const double* responsibilities, const double* terms, int64_t d, const Workspace& w,
               double* out) {
    for (int64_t j = 0; j < d; j += columns)
        add_products<R, false>(responsibilities, terms + j * w.stride, nullptr, w, d - j, out + j,
                               d);
}

void sums_of_terms(int64_t n_components, const double* terms, int64_t d, const Workspace& w,
                   double* out) {
    for (int64_t k = 0; k < n_components; k += tile) {
        const double* responsibilities = w.log_joint + k * w.stride;
        switch (at_most(tile, n_components - k)) {
            case 1: add_terms<1>(responsibilities, terms, d, w, out + k * d); break;
            case 2: add_terms<2>(responsibilities, terms, d, w, out + k * d); break;
            case 3: add_terms<3>(responsibilities, terms, d, w, out + k * d); break;
            default: add_terms<4>(responsibilities, terms, d, w, out + k * d);
        }
    }
}

// log_joint becomes weight x responsibility; the mass of a component is what of it the block holds.
void add_masses(int64_t n_components, Workspace& w, double* mass) {
    for (int64_t k = 0; k < n_components; ++k) {
        double* responsibilities = w.log_joint + k * w.stride;
        Lanes total = {};
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            const Lanes r = load(responsibilities + lane) * load(w.peak + lane);
            store(responsibilities + lane, r);
            total += r;
        }
        mass[k] = sum(total);
    }
}

void add_linear_sums(const Mixture& mixture, Workspace& w, Sums& out) {
    const int64_t K = mixture.n_components, d = mixture.n_features;
    sums_of_terms(K, w.centred, d, w, out.first);
    if (out.form == Form::diagonal) return sums_of_terms(K, w.squared, d, w, out.second);
    if (mixture.linear->terms == Terms::shared) return;  // it is known
    // The pooled second moment about one point needs no responsibilities: they add up to 1.
    full_sums(w.weight, mixture.linear->common, d, w, w.totals, out.second);
}

void add_few_sums(int64_t d, int64_t n_components, const Workspace& w, Sums& out) {
    const auto one = d == 1   ? few_sums<1>
                     : d == 2 ? few_sums<2>
                     : d == 3 ? few_sums<3>
                     : d == 4 ? few_sums<4>
                              : few_sums<5>;
    for (int64_t k = 0; k < n_components; ++k) {
        double* second = out.form == Form::full ? out.second + k * d * d : out.second;
        one(w.log_joint + k * w.stride, out.centres + k * d, w, out.mass + k, out.first + k * d,
            second);
    }
}

void add_sums(const Mixture& mixture, bool linear, Workspace& w, Sums& out) {
    const int64_t K = mixture.n_components, d = mixture.n_features;
    Lanes weight = {};
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        const Lanes own = load(w.weight + lane);
        weight += own;
        store(w.peak + lane, own * load(w.peak + lane));
    }
    out.weight += sum(weight);
    if (!linear && out.form != Form::diagonal && d <= few_features)
        return add_few_sums(d, K, w, out);
    add_masses(K, w, w.totals);
    for (int64_t k = 0; k < K; ++k) out.mass[k] += w.totals[k];
    if (linear) return add_linear_sums(mixture, w, out);
    for (int64_t k = 0; k < K; ++k) {
        if (w.totals[k] == 0.0) continue;  // no row has a share in this component
        const double *responsibilities = w.log_joint + k * w.stride, *centres = out.centres + k * d;
        if (out.form == Form::diagonal) {
            diagonal_sums(responsibilities, centres, d, w, out.first + k * d, out.second + k * d);
        } else {
            double* second = out.form == Form::full ? out.second + k * d * d : out.second;
            sums_of_component(responsibilities, w.totals[k], centres, d, w, out.first + k * d,
                              second);
        }
    }
}
