// Full matrices of few features: a row and the sums over rows stay in registers. Included inside
// the namespace of one instruction set.

constexpr int64_t few_features = W == 8 ? 5 : 4;

// Where column r of a packed factor has feature j: in the first tile of columns, or in the second.
template <int D>
constexpr int64_t packed_at(int64_t j, int64_t r) {
    constexpr int64_t first = D < tile ? D : tile;
    return r < first ? j * first + r : first * first + j * (D - first) + r - first;
}

// log(weight x density) of all components into log_joint, and its largest by row into peak.
template <int D>
void few_log_joint(const Mixture& mixture, Workspace& w) {
    for (int64_t lane = 0; lane < w.rows; lane += panel * W) {
        Lanes x[D][panel], peak[panel];
        SKGMM_UNROLL for (int j = 0; j < D; ++j) SKGMM_UNROLL for (int v = 0; v < panel; ++v)
            x[j][v] = load(w.x + j * w.stride + lane + v * W);
        for (int64_t k = 0; k < mixture.n_components; ++k) {
            const double* packed = mixture.packed + k * mixture.packed_size;
            const double* mean = mixture.means + k * D;
            Lanes a[D][panel], log_joint[panel];
            SKGMM_UNROLL for (int j = 0; j < D; ++j) {
                const Lanes m = spread(mean[j]);
                SKGMM_UNROLL for (int r = j; r < D; ++r) {
                    const Lanes u = spread(packed[packed_at<D>(j, r)]);
                    SKGMM_UNROLL for (int v = 0; v < panel; ++v) {
                        const Lanes own = u * (x[j][v] - m);
                        a[r][v] = j == 0 ? own : a[r][v] + own;
                    }
                }
            }
            SKGMM_UNROLL for (int v = 0; v < panel; ++v) {
                Lanes squares = a[0][v] * a[0][v];
                SKGMM_UNROLL for (int r = 1; r < D; ++r) squares += a[r][v] * a[r][v];
                log_joint[v] = spread(mixture.log_peak[k]) + spread(-0.5) * squares;
                store(w.log_joint + k * w.stride + lane + v * W, log_joint[v]);
                peak[v] = k == 0 ? log_joint[v] : larger(log_joint[v], peak[v]);
            }
        }
        SKGMM_UNROLL for (int v = 0; v < panel; ++v) store(w.peak + lane + v * W, peak[v]);
    }
}

// Adds one component's mass, first and second moments; `log_joint` times the peak are its
// responsibilities.
template <int D>
void few_sums(const double* log_joint, const double* centre, const Workspace& w, double* mass,
              double* first, double* second) {
    Lanes total = {}, a[D], p[D][D];
    SKGMM_UNROLL for (int r = 0; r < D; ++r) {
        a[r] = Lanes{};
        SKGMM_UNROLL for (int q = 0; q < D; ++q) p[r][q] = Lanes{};
    }
    for (int64_t lane = 0; lane < w.rows; lane += W) {
        const Lanes responsibility = load(log_joint + lane) * load(w.peak + lane);
        Lanes c[D];
        total += responsibility;
        SKGMM_UNROLL for (int r = 0; r < D; ++r) {
            c[r] = load(w.x + r * w.stride + lane) - spread(centre[r]);
            const Lanes s = responsibility * c[r];
            a[r] += s;
            SKGMM_UNROLL for (int q = 0; q <= r; ++q) p[r][q] += s * c[q];
        }
    }
    *mass += sum(total);
    SKGMM_UNROLL for (int r = 0; r < D; ++r) {
        first[r] += sum(a[r]);
        SKGMM_UNROLL for (int q = 0; q <= r; ++q) second[r * D + q] += sum(p[r][q]);
    }
}
