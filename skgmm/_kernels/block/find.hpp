// The E-step on a block, whatever the mixture. Included inside the namespace of one instruction
// set.

// How many rows have a peak that is no lower than this.
int64_t n_peaks_above(double level, const Workspace& w) {
    Lanes count = {};
    for (int64_t lane = 0; lane < w.rows; lane += W)
        count += where_at_least(load(w.peak + lane), spread(level), spread(1.0));
    return int64_t(sum(count));
}

// Whether some row is far from all components. Without what these have in common, a row is far where
// the rest is large.
bool any_far(const Mixture& mixture, const Workspace& w) {
    if (!without_base(mixture)) return n_peaks_above(far_away, w) < w.rows;
    const Linear& linear = *mixture.linear;
    return n_peaks_above(linear.lowest + far_away, w) < w.rows ||
           n_peaks_above(linear.highest - far_away, w) > 0;
}

// log(weight x density) of each component and row into log_joint (K, rows), the largest of each row
// into peak; whether those are numbers. `squares`: the M-step will want y^2 of a linear mixture.
bool find_log_joint(const Mixture& mixture, bool squares, Workspace& w) {
    const int64_t d = mixture.n_features;
    const bool few = !mixture.linear && mixture.factor == Factor::triangular && d <= few_features;
    if (few) {
        switch (d) {
            case 1: few_log_joint<1>(mixture, w); break;
            case 2: few_log_joint<2>(mixture, w); break;
            case 3: few_log_joint<3>(mixture, w); break;
            case 4: few_log_joint<4>(mixture, w); break;
            default: few_log_joint<5>(mixture, w);
        }
    } else {
        log_joint_by_component(mixture, squares, w);
        find_peaks(mixture.n_components, w);
    }
    w.far = any_far(mixture, w);
    if (!w.far) return true;
    constexpr double largest = std::numeric_limits<double>::max();
    if (n_peaks_above(-largest, w) < w.rows) return false;
    if (without_base(mixture) && n_peaks_above(largest, w) > 0) return false;
    separate_far(mixture, w);
    return true;
}

int64_t first_lost(const Workspace& w) {
    int64_t lane = 0;
    while (std::isfinite(w.peak[lane])) ++lane;
    return lane;
}
