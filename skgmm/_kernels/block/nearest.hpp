// Squared distances to a few points, for k-means. Included inside the namespace of one instruction
// set.

// Rows that are transposed together: as many as leave a register for each of their distances to a
// tile of points.
constexpr int64_t panel_rows = panel * W;
static_assert(most_lanes % panel_rows == 0, "arrays of whole panels");

// Rows first .. first + count, of which there is at least one, transposed to x (d, panel_rows).
// Lanes without a row repeat the last.
void read_panel(const Rows<double>& in, int64_t first, int64_t count, double* x) {
    int64_t lane = 0;
    for (; lane + W <= count; lane += W) read_rows(in, first + lane, panel_rows, x + lane);
    for (; lane < panel_rows; ++lane)
        read_row(in.data + (first + at_most(lane, count - 1)) * in.row_stride, in.column_stride,
                 in.n_features, panel_rows, x + lane);
}

// Squared distances of a panel to R points (R, d).
template <int R>
void squares_of_tile(const double* x, const double* points, int64_t d, Lanes (&a)[R][panel]) {
    SKGMM_UNROLL for (int r = 0; r < R; ++r) SKGMM_UNROLL for (int v = 0; v < panel; ++v) a[r][v] =
        Lanes{};
    for (int64_t j = 0; j < d; ++j, x += panel_rows) {
        Lanes own[panel];
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) own[v] = load(x + v * W);
        SKGMM_UNROLL for (int r = 0; r < R; ++r) {
            const Lanes point = spread(points[r * d + j]);
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) {
                const Lanes apart = own[v] - point;
                a[r][v] += apart * apart;
            }
        }
    }
}

// The smallest squared distances of a panel, and the numbers of their points.
struct Nearest {
    Lanes squares[panel], which[panel];
};

template <int R>
void find_nearest(const double* x, const double* points, int64_t d, int64_t first, Nearest& best) {
    Lanes squares[R][panel];
    squares_of_tile<R>(x, points + first * d, d, squares);
    SKGMM_UNROLL for (int r = 0; r < R; ++r) {
        const Lanes number = spread(double(first + r));
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) {
            best.which[v] =
                where_at_least(squares[r][v], best.squares[v], best.which[v], number);
            best.squares[v] = smaller(squares[r][v], best.squares[v]);
        }
    }
}

// Labels of the nearest points, of `count` rows in panels; of equally near points the first. The
// first row whose squared distances are not float64 numbers, or -1.
int64_t nearest(const double* panels, int64_t count, int64_t d, const double* points,
                int64_t n_points, int64_t* labels) {
    double which[panel_rows], squares[panel_rows];
    for (int64_t start = 0; start < count; start += panel_rows) {
        const double* x = panels + start * d;
        Nearest best;
        for (int v = 0; v < panel; ++v) {
            best.squares[v] = spread(std::numeric_limits<double>::infinity());
            best.which[v] = Lanes{};
        }
        for (int64_t k = 0; k < n_points; k += tile) {
            switch (at_most(tile, n_points - k)) {
                case 1: find_nearest<1>(x, points, d, k, best); break;
                case 2: find_nearest<2>(x, points, d, k, best); break;
                case 3: find_nearest<3>(x, points, d, k, best); break;
                default: find_nearest<4>(x, points, d, k, best);
            }
        }
        for (int v = 0; v < panel; ++v) {
            store_any(which + v * W, best.which[v]);
            store_any(squares + v * W, best.squares[v]);
        }
        const int64_t n_rows = at_most(panel_rows, count - start);
        for (int64_t lane = 0; lane < n_rows; ++lane) {
            if (!(squares[lane] <= std::numeric_limits<double>::max())) return start + lane;
            labels[start + lane] = int64_t(which[lane]);
        }
    }
    return -1;
}

template <int R>
void add_closer(const double* x, const double* points, int64_t d, const BySample& samples,
                int64_t start, double* squares, double* sums) {
    Lanes own[R][panel];
    squares_of_tile<R>(x, points, d, own);
    SKGMM_UNROLL for (int r = 0; r < R; ++r) {
        Lanes total = {};
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) {
            const int64_t at = start + v * W;
            const Lanes least = smaller(own[r][v], load_any(samples.closest + at));
            store_any(squares + r * samples.stride + at, least);
            total += load_any(samples.weights + at) * least;
        }
        sums[r] += sum(total);
    }
}

// Rows from `first` on, which is a multiple of `most_lanes`.
void transpose(const Rows<double>& in, int64_t first, int64_t last, double* panels) {
    for (int64_t start = first; start < last; start += panel_rows)
        read_panel(in, start, at_most(panel_rows, last - start), panels + start * in.n_features);
}

// What the squared distances to the closest point become with each of some points (m, d) more,
// (m, stride), and their weighted sums (m,).
void closer(const BySample& samples, const double* points, int64_t n_points, double* squares,
            double* sums) {
    const int64_t d = samples.n_features;
    std::fill(sums, sums + n_points, 0.0);
    for (int64_t start = 0; start < samples.n_samples; start += panel_rows) {
        const double* x = samples.panels + start * d;
        for (int64_t k = 0; k < n_points; k += tile) {
            const double* some = points + k * d;
            double *to = squares + k * samples.stride, *sum = sums + k;
            switch (at_most(tile, n_points - k)) {
                case 1: add_closer<1>(x, some, d, samples, start, to, sum); break;
                case 2: add_closer<2>(x, some, d, samples, start, to, sum); break;
                case 3: add_closer<3>(x, some, d, samples, start, to, sum); break;
                default: add_closer<4>(x, some, d, samples, start, to, sum);
            }
        }
    }
}

// Adds the rows first .. last - 1 to the masses (K,) and the sums (K, d) of the groups that their
// labels name, about a point.
void add_groups(const Rows<double>& in, const int64_t* labels, const double* origin, int64_t first,
                int64_t last, double* mass, double* sums) {
    const int64_t d = in.n_features;
    for (int64_t i = first; i < last; ++i) {
        const double *row = in.data + i * in.row_stride, weight = in.weight[i];
        double* sum = sums + labels[i] * d;
        mass[labels[i]] += weight;
        for (int64_t j = 0; j < d; ++j) sum[j] += weight * (row[j] - origin[j]);
    }
}
