// Samples far from every component. Included inside the namespace of one instruction set.

// The whitened differences of one sample from the nearest mean, and how those from another mean
// differ from them. A difference of factors or of means that is 0 stays 0, so that what two
// components have in common leaves no rounding error, at any distance.
class FarSample {
public:
    FarSample(const Mixture& mixture, const double* x, int64_t stride, int64_t nearest)
        : mixture(mixture),
          factor(factor_of(nearest)),
          mean(mean_of(nearest)),
          centred(mixture.n_features),
          whitened(mixture.n_features) {
        for (int64_t j = 0; j < mixture.n_features; ++j) centred[j] = x[j * stride] - mean[j];
        for_each_entry([&](int64_t column, int64_t j, int64_t at) {
            whitened[column] += factor[at] * centred[j];
        });
    }

    double half_squared_distance() const {
        double squares = 0.0;
        for (const double y : whitened) squares += y * y;
        return 0.5 * squares;
    }

    // The same from another point.
    double half_squared_distance(const double* point) const {
        std::vector<double> from(mixture.n_features);
        for_each_entry([&](int64_t column, int64_t j, int64_t at) {
            from[column] += factor[at] * (centred[j] + (mean[j] - point[j]));
        });
        double squares = 0.0;
        for (const double y : from) squares += y * y;
        return 0.5 * squares;
    }

    // Half the squared distance from mean k less that from the nearest one: with y and y + delta
    // the whitened differences, half of |y + delta|^2 - |y|^2 is delta . (y + delta / 2).
    double half_difference(int64_t k) const {
        const double *other = factor_of(k), *other_mean = mean_of(k);
        std::vector<double> delta(mixture.n_features, 0.0);
        for_each_entry([&](int64_t column, int64_t j, int64_t at) {
            delta[column] +=
                (other[at] - factor[at]) * centred[j] + other[at] * (mean[j] - other_mean[j]);
        });
        double difference = 0.0;
        for (int64_t i = 0; i < mixture.n_features; ++i)
            difference += delta[i] * (whitened[i] + 0.5 * delta[i]);
        return difference;
    }

private:
    const double* factor_of(int64_t k) const { return mixture.packed + k * mixture.packed_size; }
    const double* mean_of(int64_t k) const { return mixture.means + k * mixture.n_features; }

    // visit(column, feature, place) for each entry of a packed factor.
    template <typename Visit>
    void for_each_entry(Visit visit) const {
        const int64_t d = mixture.n_features;
        if (mixture.factor == Factor::diagonal) {
            for (int64_t j = 0; j < d; ++j) visit(j, j, j);
            return;
        }
        for (int64_t i = 0, at = 0; i < d; i += tile) {
            const int64_t width = at_most(tile, d - i);
            for (int64_t j = 0; j < i + width; ++j)
                for (int64_t r = 0; r < width; ++r, ++at)
                    if (i + r >= j) visit(i + r, j, at);
        }
    }

    const Mixture& mixture;
    const double *factor, *mean;
    std::vector<double> centred, whitened;
};

// Whether log_joint is without what all components have in common.
bool without_base(const Mixture& mixture) {
    return mixture.linear && mixture.linear->terms == Terms::shared;
}

bool is_far(const Mixture& mixture, double peak) {
    if (!without_base(mixture)) return peak < far_away;
    return peak < mixture.linear->lowest + far_away || peak > mixture.linear->highest - far_away;
}

// log_joint of one far sample becomes relative to half its squared distance from the nearest mean,
// which is its offset.
void separate_sample(const Mixture& mixture, int64_t lane, Workspace& w) {
    double* log_joint = w.log_joint + lane;
    int64_t nearest = 0;
    for (int64_t k = 1; k < mixture.n_components; ++k)
        if (log_joint[k * w.stride] > log_joint[nearest * w.stride]) nearest = k;
    const FarSample sample(mixture, w.x + lane, w.stride, nearest);
    w.offset[lane] = -sample.half_squared_distance();
    if (without_base(mixture))
        w.offset[lane] += sample.half_squared_distance(mixture.linear->common);
    w.peak[lane] = -std::numeric_limits<double>::infinity();
    for (int64_t k = 0; k < mixture.n_components; ++k) {
        const double relative = mixture.log_peak[k] - sample.half_difference(k);
        log_joint[k * w.stride] = relative;
        w.peak[lane] = larger_of(w.peak[lane], relative);
    }
}

// Makes log_joint and peak of far samples relative to `offset`, so that differences between
// components keep their digits; that of all others is 0.
void separate_far(const Mixture& mixture, Workspace& w) {
    for (int64_t lane = 0; lane < w.rows; ++lane) {
        w.offset[lane] = 0.0;
        if (is_far(mixture, w.peak[lane])) separate_sample(mixture, lane, w);
    }
}
