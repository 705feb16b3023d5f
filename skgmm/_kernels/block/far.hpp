// Rows far from every component. Included inside the namespace of one instruction set.

// Logarithms of densities below this have fewer than 12 digits after the point left. There the
// weights of components, and how their densities differ, would drown in the squared distance that
// they have in common.
constexpr double far_away = -4096.0;

// joint of one far row becomes relative to the largest of its log-densities without weights and
// normalising constants; returns that one.
double take_nearest(const Mixture& mixture, double* joint, int64_t stride) {
    const double* heights = mixture.log_peak;
    double nearest = -std::numeric_limits<double>::infinity();
    for (int64_t k = 0; k < mixture.n_components; ++k)
        if (std::isfinite(heights[k])) nearest = larger_of(nearest, joint[k * stride]);
    for (int64_t k = 0; k < mixture.n_components; ++k)
        joint[k * stride] = (joint[k * stride] - nearest) + heights[k];
    return nearest;
}

// joint of all rows without the part that is taken from it: half the squared distance from the
// common point where all components share a factor, or all but the heights.
void joint_without_offset(const Mixture& mixture, const std::vector<double>& zeros, Workspace& w) {
    if (mixture.linear && mixture.linear->terms == Terms::whitened) {
        const std::vector<double> base(w.base, w.base + w.rows);
        std::fill(w.base, w.base + w.rows, 0.0);
        linear_tiles(*mixture.linear, mixture.n_components, w);
        std::copy(base.begin(), base.end(), w.base);
        std::copy(base.begin(), base.end(), w.offset);
        return;
    }
    Mixture distances = mixture;
    distances.linear = nullptr;
    distances.log_peak = zeros.data();
    log_joint(distances, false, w);
    for (int64_t lane = 0; lane < w.rows; ++lane)
        w.offset[lane] = take_nearest(mixture, w.joint + lane, w.stride);
}

// Makes joint and peak of far rows relative to `offset`, so that differences between components
// keep their digits; that of all others is 0.
void separate_far(const Mixture& mixture, Workspace& w) {
    const int64_t K = mixture.n_components;
    const std::vector<double> before(w.joint, w.joint + K * w.stride), zeros(K, 0.0);
    joint_without_offset(mixture, zeros, w);
    for (int64_t lane = 0; lane < w.rows; ++lane) {
        const bool far = w.peak[lane] < far_away;
        double peak = -std::numeric_limits<double>::infinity();
        for (int64_t at = lane; at < K * w.stride; at += w.stride) {
            if (!far) w.joint[at] = before[at];
            peak = larger_of(peak, w.joint[at]);
        }
        w.peak[lane] = peak;
        if (!far) w.offset[lane] = 0.0;
    }
}
