// The M-step's sums over a block. Included inside the namespace of one instruction set.

// Adds the products, summed over lanes, of R rows of `left` and up to `columns` rows of `right`.
template <int R>
void add_products(const double* left, const double* right, const Workspace& w, int64_t width,
                  double* out, int64_t out_stride) {
    Lanes a[R][columns];
    SKGMM_UNROLL for (int r = 0; r < R; ++r) SKGMM_UNROLL for (int q = 0; q < columns; ++q)
        a[r][q] = Lanes{};
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        Lanes c[columns];
        SKGMM_UNROLL for (int q = 0; q < columns; ++q) c[q] = load(right + q * w.stride + lane);
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            const Lanes s = held(load(left + r * w.stride + lane));
            SKGMM_UNROLL for (int q = 0; q < columns; ++q) a[r][q] += s * c[q];
        }
    }
    if constexpr (columns == 4) {
        if (width >= columns) {
            SKGMM_UNROLL for (int r = 0; r < R; ++r)
                add_four_sums(a[r][0], a[r][1], a[r][2], a[r][3], out + r * out_stride);
            return;
        }
    }
    SKGMM_UNROLL for (int q = 0; q < columns; ++q) {
        if (q >= width) break;
        SKGMM_UNROLL for (int r = 0; r < R; ++r) out[r * out_stride + q] += sum(a[r][q]);
    }
}

// Centres R features and adds their part of the first and second moments. Earlier features are
// centred already, and later ones are not needed: the sums are lower triangles.
template <int R>
void add_rows(int64_t i, int64_t d, const double* responsibilities, const double* centre,
              Workspace& w, double* first, double* second) {
    Lanes a[R], p[R][R], m[R];
    SKGMM_UNROLL for (int r = 0; r < R; ++r) {
        a[r] = Lanes{};
        m[r] = spread(centre[i + r]);
        SKGMM_UNROLL for (int q = 0; q < R; ++q) p[r][q] = Lanes{};
    }
    const double* x = w.x + i * w.stride;
    double* centred = w.centred + i * w.stride;
    const bool later = i + R < d;  // stores cost as much as products
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        const Lanes weight = load(responsibilities + lane);
        Lanes c[R];
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            c[r] = load(x + r * w.stride + lane) - m[r];
            if (later) store(centred + r * w.stride + lane, c[r]);
            const Lanes s = weight * c[r];
            if (i > 0) store(w.scaled + r * w.stride + lane, s);
            a[r] += s;
            SKGMM_UNROLL for (int q = 0; q < R; ++q) if (q <= r) p[r][q] += s * c[q];
        }
    }
    second += i * d;
    if constexpr (W == 8 && R == 4) {  // with zeros right of the diagonal
        add_four_sums(a[0], a[1], a[2], a[3], first + i);
        for (int r = 0; r < R; ++r)
            add_four_sums(p[r][0], p[r][1], p[r][2], p[r][3], second + r * d + i);
    } else {
        for (int r = 0; r < R; ++r) {
            first[i + r] += sum(a[r]);
            for (int q = 0; q <= r; ++q) second[r * d + i + q] += sum(p[r][q]);
        }
    }
    for (int64_t j = 0; j < i; j += columns)
        add_products<R>(w.scaled, w.centred + j * w.stride, w, columns, second + j, d);
}

void full_sums(const double* responsibilities, const double* centre, int64_t d, Workspace& w,
               double* first, double* second) {
    for (int64_t i = 0; i < d; i += tile) {
        switch (at_most(tile, d - i)) {
            case 1: add_rows<1>(i, d, responsibilities, centre, w, first, second); break;
            case 2: add_rows<2>(i, d, responsibilities, centre, w, first, second); break;
            case 3: add_rows<3>(i, d, responsibilities, centre, w, first, second); break;
            default: add_rows<4>(i, d, responsibilities, centre, w, first, second);
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

void diagonal_sums(const double* responsibilities, const double* centre, int64_t d,
                   const Workspace& w, double* first, double* second) {
    for (int64_t j = 0; j < d; ++j) {
        const Lanes m = spread(centre[j]);
        Lanes a = {}, b = {};
        const double* x = w.x + j * w.stride;
        for (int64_t lane = 0; lane < w.rows; lane += W) {
            const Lanes c = load(x + lane) - m;
            const Lanes s = load(responsibilities + lane) * c;
            a += s;
            b += s * c;
        }
        first[j] += sum(a);
        second[j] += sum(b);
    }
}

// Sums of R components about the point that is common to all.
template <int R>
void add_terms(const double* responsibilities, const double* terms, int64_t d, const Workspace& w,
               double* out) {
    for (int64_t j = 0; j < d; j += columns)
        add_products<R>(responsibilities, terms + j * w.stride, w, d - j, out + j, d);
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
            sums_of_component(responsibilities, w.totals[k], centres, d, w, out.first + k * d, second);
        }
    }
}
