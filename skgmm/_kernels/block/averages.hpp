// Linear functions of a row, averaged over the components. Included inside the namespace of one
// instruction set.

// After `exponentiate`: averages of `count` rows from `first` on, with their responsibilities.
void write_averages(const Lines& lines, int64_t n_components, int64_t d, int64_t first,
                    int64_t count, const Workspace& w, double* out) {
    const int64_t Q = lines.n_targets;
    double values[panel * W];
    for (int64_t lane = 0; lane < count; lane += panel * W) {
        const int64_t last = at_most(panel * W, count - lane);
        for (int64_t j = 0; j < d; ++j)
            SKGMM_UNROLL for (int v = 0; v < panel; ++v)
                store(w.centred + (j * panel + v) * W,
                      load(w.x + j * w.stride + lane + v * W) - spread(lines.origin[j]));
        for (int64_t q = 0; q < Q; ++q) {
            Lanes total[panel] = {};
            for (int64_t k = 0; k < n_components; ++k) {
                const double* line = lines.coefficients + (k * Q + q) * (d + 1);
                Lanes value[panel];
                SKGMM_UNROLL for (int v = 0; v < panel; ++v) value[v] = spread(line[0]);
                for (int64_t j = 0; j < d; ++j) {
                    const Lanes slope = spread(line[1 + j]);
                    SKGMM_UNROLL for (int v = 0; v < panel; ++v)
                        value[v] += slope * load(w.centred + (j * panel + v) * W);
                }
                SKGMM_UNROLL for (int v = 0; v < panel; ++v)
                    total[v] += load(w.log_joint + k * w.stride + lane + v * W) * value[v];
            }
            SKGMM_UNROLL for (int v = 0; v < panel; ++v)
                store(values + v * W, total[v] * load(w.peak + lane + v * W));
            for (int64_t i = 0; i < last; ++i) out[(first + lane + i) * Q + q] = values[i];
        }
    }
}
