#include "passes/passes.hpp"

#include <memory>
#include <numeric>

#include "passes/group_order.hpp"
#include "passes/moments.hpp"
#include "passes/processor.hpp"
#include "passes/stop.hpp"

namespace skgmm {

const Kernel* active = best_kernel();

namespace {

template <typename T>
SumsOf<T> sums_function() {
    if constexpr (std::is_same_v<T, float>) return active->sums_float;
    if constexpr (std::is_same_v<T, double>) return active->sums_double;
}

template <typename T>
ValuesOf<T> values_function() {
    if constexpr (std::is_same_v<T, float>) return active->values_float;
    if constexpr (std::is_same_v<T, double>) return active->values_double;
}

// Adds work's sums over all chunks of rows to a total of zeros; the first row that is lost, or -1.
template <typename Work>
int64_t total_of_chunks(int64_t n_samples, int64_t size, int64_t n_threads, double* total,
                        Work work) {
    const int64_t n_chunks = chunks_for(n_samples, 2 * size);
    if (n_samples <= unit_rows) {  // the only unit is the total
        return work(Total{total, nullptr, nullptr, 0}, 0, n_samples);
    }
    if (n_chunks == 1) {
        std::vector<double> unit(size, 0.0);
        return work(Total{unit.data(), total, total + size, size}, 0, n_samples);
    }
    std::vector<std::vector<double>> parts(n_chunks);
    std::vector<int64_t> lost(n_chunks, -1);
    for_chunks(n_samples, n_chunks, n_threads, [&](int64_t chunk, int64_t first, int64_t last) {
        std::vector<double> unit(size, 0.0);
        parts[chunk].assign(2 * size, 0.0);
        double* own = parts[chunk].data();
        lost[chunk] = work(Total{unit.data(), own, own + size, size}, first, last);
    });
    for (const std::vector<double>& part : parts)
        for (int64_t i = 0; i < size; ++i) {
            add_exactly(part[i], total[i], total[size + i]);
            total[size + i] += part[size + i];
        }
    return earliest(lost);
}

// Runs work(begin, end) over rows first .. last - 1, in pieces of about a tenth of a second that
// begin with a unit, and looks at the stop flag before each. The first row that is lost, or -1.
template <typename Work>
int64_t in_pieces(const Mixture& mixture, const StopFlag* stop, int64_t first, int64_t last,
                  Work work) {
    constexpr int64_t operations = int64_t(1) << 29;
    const int64_t d = mixture.n_features, products = mixture.factor == Factor::diagonal ? d : d * d;
    const int64_t of_unit = unit_rows * mixture.n_components * products;
    const int64_t n_units = (last - first) / unit_rows;
    const int64_t units = std::max(int64_t(1), operations / of_unit);
    const int64_t n_pieces = std::max(int64_t(1), n_units / units);
    for (int64_t piece = 0; piece < n_pieces; ++piece) {
        end_if(stop);
        const int64_t begin = first + n_units * piece / n_pieces * unit_rows;
        const int64_t end =
            piece + 1 < n_pieces ? first + n_units * (piece + 1) / n_pieces * unit_rows : last;
        const int64_t lost = work(begin, end);
        if (lost >= 0) return lost;
    }
    return -1;
}

}  // namespace

int64_t chunks_for(int64_t n_samples, int64_t size) {
    constexpr int64_t most = 64, memory = int64_t(1) << 21;  // doubles: 16 MB
    int64_t chunks = 1;
    while (2 * chunks <= std::min(most, n_samples / unit_rows) && 2 * chunks * size <= memory)
        chunks *= 2;
    return chunks;
}

int64_t earliest(const std::vector<int64_t>& lost) {
    int64_t row = -1;
    for (int64_t candidate : lost)
        if (candidate >= 0 && (row < 0 || candidate < row)) row = candidate;
    return row;
}

int64_t sums_size(Form form, int64_t K, int64_t d) {
    const int64_t second = form == Form::full ? K * d * d : form == Form::pooled ? d * d : K * d;
    return 2 + K + K * d + second;
}

Sums sums_at(double* memory, Form form, const double* centres, int64_t K, int64_t d) {
    double *mass = memory + 2, *first = mass + K, *second = first + K * d;
    return {form, centres, mass, first, second, memory[0], memory[1]};
}

template <typename T>
int64_t add_up(const Rows<T>& rows, const Mixture& mixture, const Given& given,
               const double* centres, Form form, double* total, int64_t n_threads) {
    const int64_t K = mixture.n_components, d = rows.n_features;
    const auto function = sums_function<T>();
    const StopFlag* const stop = stop_flag();
    const auto work = [&](const Total& own, int64_t first, int64_t last) {
        Sums sums = sums_at(own.unit, form, centres, K, d);
        return in_pieces(mixture, stop, first, last, [&](int64_t begin, int64_t end) {
            return function(rows, mixture, given, begin, end, sums, own);
        });
    };
    return total_of_chunks(rows.n_samples, sums_size(form, K, d), n_threads, total, work);
}

bool round_total(const PackedMixture& mixture, const double* centres, Form form,
                 const double* total, double* out) {
    const int64_t K = mixture.mixture.n_components, d = mixture.mixture.n_features;
    const int64_t size = sums_size(form, K, d);
    if (total != out)
        for (int64_t i = 0; i < size; ++i) out[i] = total[i] + total[size + i];
    const Linear* const linear = mixture.mixture.linear;
    if (!linear) return true;
    Sums sums = sums_at(out, form, centres, K, d);
    if (linear->terms == Terms::shared) out[0] -= mixture.add_whole(sums);
    return mixture.move_sums(sums);
}

template <typename T>
int64_t write_rows(const Rows<T>& rows, const Mixture& mixture, const Values<T>& values,
                   int64_t n_threads) {
    const int64_t n = rows.n_samples, n_chunks = chunks_for(n, 1);
    const auto function = values_function<T>();
    const StopFlag* const stop = stop_flag();
    std::vector<int64_t> lost(n_chunks, -1);
    for_chunks(n, n_chunks, n_threads, [&](int64_t chunk, int64_t first, int64_t last) {
        lost[chunk] = in_pieces(mixture, stop, first, last, [&](int64_t begin, int64_t end) {
            return function(rows, mixture, begin, end, values);
        });
    });
    return earliest(lost);
}

template <typename T>
int64_t write_rows_fast(const Rows<T>& rows, PackedMixture& mixture, const double* means,
                        const Values<T>& values, int64_t n_threads) {
    if (mixture.linearise(means)) {
        if (write_rows(rows, mixture.mixture, values, n_threads) < 0) return -1;
        mixture.mixture.linear = nullptr;  // squares that overflow before they are scaled
    }
    return write_rows(rows, mixture.mixture, values, n_threads);
}

namespace {

// Of fewer samples, to sort them takes longer than it saves.
constexpr int64_t worth_sorting = 500;

// Samples in the order of their labels. The kernel leaves out components that have no sample of a
// block: then each block is added to one of them instead of all.
template <typename T>
struct SortedRows {
    SortedRows(const Rows<T>& given, const int64_t* labels_, int64_t K)
        : n(given.n_samples), d(given.n_features), values(new T[n * d]), labels(n) {
        const auto group = [&](int64_t i) { return std::clamp(labels_[i], int64_t(-1), K) + 1; };
        const GroupOrder order(n, K + 2, group);
        if (given.weight) weights.resize(n);
        for (int64_t to = 0; to < n; ++to) {
            const int64_t i = order.samples[to];
            labels[to] = labels_[i];
            if (given.weight) weights[to] = given.weight[i];
            const T* row = given.data + i * given.row_stride;
            for (int64_t j = 0; j < d; ++j) values[to * d + j] = row[j * given.column_stride];
        }
    }

    Rows<T> rows() const { return part(0, n); }

    // Those of a group; K groups follow each other in `labels`.
    Rows<T> group(int64_t k) const {
        const auto [first, last] = std::equal_range(labels.begin(), labels.end(), k);
        return part(first - labels.begin(), last - labels.begin());
    }

    Rows<T> part(int64_t first, int64_t last) const {
        const double* weight = weights.empty() ? nullptr : weights.data() + first;
        return {values.get() + first * d, last - first, d, d, 1, weight};
    }

    int64_t n, d;
    std::unique_ptr<T[]> values;  // not zeroed first
    std::vector<double> weights;
    std::vector<int64_t> labels;
};

// A point on the scale of the data: the first sample that counts.
template <typename T>
std::vector<double> origin_of(const Rows<T>& rows) {
    int64_t i = 0;
    while (rows.weight && i + 1 < rows.n_samples && !(rows.weight[i] > 0.0)) ++i;
    std::vector<double> origin(rows.n_features);
    for (int64_t j = 0; j < rows.n_features; ++j)
        origin[j] = double(rows.data[i * rows.row_stride + j * rows.column_stride]);
    return origin;
}

template <typename T>
void sums_of_groups(const Rows<T>& rows, const Given& groups, int64_t K,
                    const std::vector<double>& origin, const double* floor, Form form, double* out,
                    int64_t n_threads) {
    const int64_t d = rows.n_features, size = sums_size(form, K, d);
    const std::vector<double> unit(d, 1.0), log_peaks(K, 0.0);
    std::vector<double> centres(K * d), total;
    for (int64_t k = 0; k < K; ++k) std::copy(origin.begin(), origin.end(), &centres[k * d]);
    const PackedMixture mixture(K, d, Factor::diagonal, centres.data(), unit.data(), 1,
                                log_peaks.data());
    Sums moments;
    for (int64_t pass = 0; pass < most_passes; ++pass) {
        total.assign(2 * size, 0.0);
        add_up(rows, mixture.mixture, groups, centres.data(), form, total.data(), n_threads);
        round_total(mixture, centres.data(), form, total.data(), out);
        moments = sums_at(out, form, centres.data(), K, d);
        if (centre(moments, K, d)) break;
        std::copy(moments.first, moments.first + K * d, centres.begin());
    }
    add_variances(form, K, d, moments.mass, floor, moments.second);
}

// The same of full matrices, one group after the other: together they would leave the caches.
template <typename T>
void sums_one_by_one(const SortedRows<T>& sorted, int64_t K, const std::vector<double>& origin,
                     const double* floor, double* out, int64_t n_threads) {
    const int64_t d = sorted.d;
    const Sums all = sums_at(out, Form::full, nullptr, K, d);
    const std::vector<int64_t> labels(sorted.n, 0);
    const StopFlag* const stop = stop_flag();
    const auto add = [&](int64_t k, int64_t n_of_group) {
        end_if(stop);
        const std::unique_ptr<double[]> memory(new double[sums_size(Form::full, 1, d)]);
        sums_of_groups(sorted.group(k), Given{labels.data(), nullptr}, 1, origin, floor, Form::full,
                       memory.get(), n_of_group);
        const Sums own = sums_at(memory.get(), Form::full, nullptr, 1, d);
        all.mass[k] = own.mass[0];
        std::copy_n(own.first, d, all.first + k * d);
        std::copy_n(own.second, d * d, all.second + k * d * d);
    };
    std::vector<int64_t> small;  // of which threads take one after the other
    for (int64_t k = 0; k < K; ++k) {
        if (sorted.group(k).n_samples > n_threads * unit_rows)
            add(k, n_threads);
        else
            small.push_back(k);
    }
    for_chunks(0, int64_t(small.size()), n_threads,
               [&](int64_t i, int64_t, int64_t) { add(small[i], 1); });
    out[0] = 0.0;
    out[1] = double(sorted.n);
    if (!sorted.weights.empty())
        out[1] = std::accumulate(sorted.weights.begin(), sorted.weights.end(), 0.0);
}

}  // namespace

template <typename T>
int64_t moments_of(const Rows<T>& rows, const Parameters& parameters, const double* floor,
                   Form form, double* out, int64_t n_threads, const WholeScatter* whole) {
    const Parameters& p = parameters;
    const int64_t K = p.n_components, d = p.n_features, size = sums_size(form, K, d);
    std::vector<double> log_peaks(K), pairs(rows.n_samples > unit_rows ? 2 * size : 0);
    // One unit is summed where the moments are wanted.
    double* const total = pairs.empty() ? out : pairs.data();
    log_peak(K, d, p.factor == Factor::triangular, p.n_factors, p.factors, p.log_weights, floor,
             log_peaks.data());
    PackedMixture mixture(K, d, p.factor, p.means, p.factors, p.n_factors, log_peaks.data());
    const auto attempt = [&] {
        std::fill_n(total, pairs.empty() ? size : 2 * size, 0.0);
        return add_up(rows, mixture.mixture, Given{}, p.means, form, total, n_threads);
    };
    const auto round = [&] { return round_total(mixture, p.means, form, total, out); };
    const WholeScatter* const known = form == Form::pooled ? whole : nullptr;
    const bool linear = form != Form::full && mixture.linearise(p.means, known);
    if (!linear || attempt() >= 0 || !round()) {
        mixture.mixture.linear = nullptr;  // it would lose digits
        const int64_t lost = attempt();
        if (lost >= 0) return lost;
        round();
    }
    const Sums moments = sums_at(out, form, p.means, K, d);
    const bool kept = centre(moments, K, d);
    add_variances(form, K, d, moments.mass, floor, moments.second);
    return kept ? -1 : digits_lost;
}

template <typename T>
void moments_of_groups(const Rows<T>& rows, const Given& groups, int64_t K, const double* floor,
                       Form form, double* out, int64_t n_threads) {
    const std::vector<double> origin = origin_of(rows);
    if (!groups.labels || rows.n_samples < worth_sorting)
        return sums_of_groups(rows, groups, K, origin, floor, form, out, n_threads);
    const SortedRows<T> sorted(rows, groups.labels, K);
    if (form == Form::full) return sums_one_by_one(sorted, K, origin, floor, out, n_threads);
    sums_of_groups(sorted.rows(), Given{sorted.labels.data(), nullptr}, K, origin, floor, form, out,
                   n_threads);
}

#define SKGMM_PASSES_OF(T)                                                                       \
    template int64_t add_up(const Rows<T>&, const Mixture&, const Given&, const double*, Form,   \
                            double*, int64_t);                                                   \
    template int64_t write_rows(const Rows<T>&, const Mixture&, const Values<T>&, int64_t);      \
    template int64_t write_rows_fast(const Rows<T>&, PackedMixture&, const double*,              \
                                     const Values<T>&, int64_t);                                 \
    template void moments_of_groups(const Rows<T>&, const Given&, int64_t, const double*, Form,  \
                                    double*, int64_t);                                           \
    template int64_t moments_of(const Rows<T>&, const Parameters&, const double*, Form, double*, \
                                int64_t, const WholeScatter*);
SKGMM_PASSES_OF(float)
SKGMM_PASSES_OF(double)

}  // namespace skgmm
