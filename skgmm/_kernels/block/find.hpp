// The E-step on a block, whatever the mixture. Included inside the namespace of one instruction
// set.

// How many rows have a peak that is no lower than this.
int64_t n_peaks_above(double level, const Workspace& w) {
    Lanes count = {};
    for (int64_t lane = 0; lane < w.rows; lane += W)
        count += where_at_least(load(w.peak + lane), spread(level), spread(1.0));
    return int64_t(sum(count));
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
    w.far = n_peaks_above(far_away, w) < w.rows;
    if (!w.far) return true;
    if (n_peaks_above(-std::numeric_limits<double>::max(), w) < w.rows) return false;
    separate_far(mixture, w);
    return true;
}

int64_t first_lost(const Workspace& w) {
    int64_t lane = 0;
    while (w.peak[lane] >= -std::numeric_limits<double>::max()) ++lane;
    return lane;
}
