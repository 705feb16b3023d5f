#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "left_out/left_out.hpp"
#include "left_out/reassign.hpp"
#include "left_out/shrunk.hpp"

using namespace skgmm;

namespace {

using OutTable = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutLabels = nb::ndarray<int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutVector = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

EStep e_step_of(const Vector& weights, const Table& responsibilities, const Table& log_joint,
                const Vector& log_peak, const Vector& mass, int64_t n_features) {
    const int64_t n = log_joint.shape(0), K = log_joint.shape(1);
    require(int64_t(weights.shape(0)) == n, "weights: one for each sample");
    require(int64_t(responsibilities.size()) == n * K, "responsibilities: as log_joint");
    for (const Vector& one : {log_peak, mass})
        require(int64_t(one.shape(0)) == K, "log_peak, mass: one for each component");
    return {n,
            K,
            n_features,
            weights.data(),
            responsibilities.data(),
            log_joint.data(),
            log_peak.data(),
            mass.data()};
}

void left_out(Vector weights, Table responsibilities, Table log_joint, Vector log_peak, Vector mass,
              int64_t n_features, Vector left_out_peak, std::optional<Vector> shorter,
              Out<double> out) {
    const EStep now =
        e_step_of(weights, responsibilities, log_joint, log_peak, mass, n_features);
    const int64_t K = now.n_components;
    require(int64_t(left_out_peak.shape(0)) == K, "left_out_peak: one for each component");
    require(int64_t(out.size()) == now.n_samples * K, "out: as log_joint");
    const double* factors = data_of(shorter, K, "shorter: one for each component");
    without_gil([&] { leave_out(now, left_out_peak.data(), factors, out.data()); });
}

template <typename T>
void left_out_of_diagonals(Matrix<T> X, Vector weights, Table responsibilities, Table log_joint,
                           Vector log_peak, Vector mass, Table means, Table factors,
                           Vector left_out_peak, Vector shorter, Out<double> out) {
    const int64_t d = means.shape(1);
    const EStep now = e_step_of(weights, responsibilities, log_joint, log_peak, mass, d);
    const Rows<T> rows = rows_of<T>(X, std::nullopt);
    const int64_t K = now.n_components;
    require(rows.n_samples == now.n_samples && rows.n_features == d, "X: as weights and means");
    require(int64_t(means.shape(0)) == K && factors.size() == means.size(), "means: (K, d)");
    require(int64_t(left_out_peak.shape(0)) == K && int64_t(shorter.shape(0)) == K,
            "left_out_peak, shorter: one for each component");
    require(int64_t(out.size()) == now.n_samples * K, "out: as log_joint");
    without_gil([&] {
        leave_out_of_diagonals(rows, now, means.data(), factors.data(), left_out_peak.data(),
                               shorter.data(), out.data());
    });
}

void normalised(OutTable log_joint, OutVector log_density) {
    const int64_t n = log_joint.shape(0), K = log_joint.shape(1);
    require(K > 0 && int64_t(log_density.size()) == n, "log_density: one for each row");
    without_gil([&] { normalise(n, K, log_joint.data(), log_density.data()); });
}

void members(Table own, OutLabels main, OutLabels samples, OutLabels ends) {
    const size_t n = own.shape(0), K = own.shape(1);
    require(n > 0 && K > 0, "own: of one sample or more");
    require(main.shape(0) == n, "main: one for each sample");
    require(samples.shape(0) == n * K && ends.shape(0) == K, "samples, ends: (n x K,), (K,)");
    without_gil([&] {
        find_members(int64_t(n), int64_t(K), own.data(), main.data(), samples.data(), ends.data());
    });
}

std::vector<int64_t> factors_of_shrunk(Factors scatter, Table target, Vector of_scatter,
                                       Vector of_target, Out<double> factors) {
    const int64_t K = of_scatter.shape(0), d = target.shape(0);
    require(int64_t(target.shape(1)) == d, "target: (d, d)");
    require(int64_t(of_target.shape(0)) == K, "of_target: as of_scatter");
    require(int64_t(scatter.size()) == K * d * d, "scatter: (K, d, d)");
    require(factors.size() == scatter.size(), "factors: as scatter");
    std::vector<int64_t> singular;
    without_gil([&] {
        singular = shrunk_factors(K, d, scatter.data(), target.data(), of_scatter.data(),
                                  of_target.data(), factors.data());
    });
    return singular;
}

// As many numbers as are needed, from 0 to below `end`.
const int64_t* checked_numbers(const Labels& numbers, int64_t n_needed, int64_t end) {
    require(int64_t(numbers.shape(0)) == n_needed, "numbers: one for each sample");
    for (int64_t i = 0; i < n_needed; ++i)
        require(numbers.data()[i] >= 0 && numbers.data()[i] < end, "numbers: of those there are");
    return numbers.data();
}

// Ascending numbers, the last of which is n.
const int64_t* checked_ends(const Labels& ends, int64_t K, int64_t n) {
    require(int64_t(ends.shape(0)) == K && K > 0, "ends: one for each component");
    for (int64_t k = 0, before = 0; k < K; before = ends.data()[k++])
        require(ends.data()[k] >= before, "ends: ascending");
    require(ends.data()[K - 1] == n, "ends: of all");
    return ends.data();
}

template <typename T>
void distances_of_own(Matrix<T> X, Labels ends, Table means, Factors factors, OutVector out,
                      int64_t n_threads) {
    const Rows<T> rows = rows_of<T>(X, std::nullopt);
    const int64_t n = rows.n_samples, K = means.shape(0), d = means.shape(1);
    require(rows.n_features == d, "means: as many features as X");
    require(int64_t(factors.size()) == K * d * d, "factors: (K, d, d)");
    require(int64_t(out.size()) == n, "out: one for each row");
    checked_ends(ends, K, n);
    without_gil([&] {
        own_distances(rows, ends.data(), K, means.data(), factors.data(), n_threads, out.data());
    });
}

template <typename T>
void slopes_times_rows(Matrix<T> X, Labels main, Table means, Factors slopes, OutTable out) {
    const Rows<T> rows = rows_of<T>(X, std::nullopt);
    const int64_t K = means.shape(0), d = means.shape(1);
    require(rows.n_features == d, "means: as many features as X");
    require(int64_t(slopes.size()) == K * K * d, "slopes: (K, K, d)");
    require(int64_t(out.size()) == rows.n_samples * K, "out: (n, K)");
    checked_numbers(main, rows.n_samples, K);
    without_gil([&] {
        products_with_slopes(rows, main.data(), K, means.data(), slopes.data(), out.data());
    });
}

Assigned assigned_of(const Table& own, const Labels& main, const Vector& mass) {
    const int64_t n = own.shape(0), K = own.shape(1);
    require(int64_t(mass.shape(0)) == K, "mass: one for each component");
    return {n, K, own.data(), checked_numbers(main, n, K), mass.data()};
}

Subtracted subtracted_of(const Assigned& of, const Vector& of_own, const Vector& of_others,
                         const std::optional<Table>& along, const std::optional<Table>& between) {
    const int64_t K = of.n_components;
    require(int64_t(of_own.shape(0)) == K && int64_t(of_others.shape(0)) == K,
            "of_own, of_others: one for each component");
    require(along.has_value() == between.has_value(), "along and between: both or none");
    return {of_own.data(), of_others.data(), data_of(along, of.n_samples * K, "along: (n, K)"),
            data_of(between, K * K, "between: (K, K)")};
}

double sum_members(Table own, Labels main, Vector mass, Vector of_own, Vector of_others,
                   std::optional<Table> along, std::optional<Table> between, Labels samples,
                   Labels ends, Vector near, OutVector sums) {
    const Assigned assigned = assigned_of(own, main, mass);
    const Subtracted subtracted = subtracted_of(assigned, of_own, of_others, along, between);
    const int64_t m = samples.shape(0);
    checked_numbers(samples, m, assigned.n_samples);
    require(int64_t(near.shape(0)) == m, "near: as samples");
    require(int64_t(sums.shape(0)) == assigned.n_components, "sums: one for each component");
    const Members members{samples.data(), checked_ends(ends, assigned.n_components, m)};
    double log_left = 0.0;
    without_gil([&] {
        log_left = sum_of_members(assigned, members, subtracted, near.data(), sums.data());
    });
    return log_left;
}

void left_out_of_shrunk(Table own, Labels main, Vector mass, Vector of_own, Vector of_others,
                        std::optional<Table> along, std::optional<Table> between, Vector common,
                        Vector peak, Vector scale, OutTable log_joint) {
    const Assigned assigned = assigned_of(own, main, mass);
    const Subtracted subtracted = subtracted_of(assigned, of_own, of_others, along, between);
    const int64_t n = assigned.n_samples, K = assigned.n_components;
    require(int64_t(common.shape(0)) == n && int64_t(log_joint.size()) == n * K,
            "log_joint, common: of each sample");
    require(int64_t(peak.shape(0)) == K && int64_t(scale.shape(0)) == K,
            "peak, scale: one for each component");
    without_gil([&] {
        leave_out_of_shrunk(assigned, subtracted, common.data(), peak.data(), scale.data(),
                            log_joint.data());
    });
}

template <typename T>
void reassigned(Matrix<T> X, std::optional<Vector> weights, Labels moved, Labels before,
                Labels after, Vector floor, OutVector mass, OutTable means, Out<double> scatter) {
    const Rows<T> rows = rows_of<T>(X, weights);
    const int64_t n = rows.n_samples, d = rows.n_features, K = mass.shape(0);
    const int64_t n_moved = moved.shape(0);
    checked_numbers(moved, n_moved, n);
    checked_numbers(before, n, K);
    checked_numbers(after, n, K);
    require(int64_t(floor.shape(0)) == d && int64_t(means.size()) == K * d &&
                int64_t(scatter.size()) == K * d * d,
            "floor, means, scatter: (d,), (K, d), (K, d, d)");
    without_gil([&] {
        reassign(rows, n_moved, moved.data(), before.data(), after.data(), floor.data(),
                 mass.data(), means.data(), scatter.data());
    });
}

template <typename T>
void bind_of_rows(nb::module_& m) {
    def(m, "leave_out_of_diagonals", &left_out_of_diagonals<T>);
    def(m, "own_distances", &distances_of_own<T>);
    def(m, "reassign", &reassigned<T>);
    def(m, "products_with_slopes", &slopes_times_rows<T>);
}

}  // namespace

void skgmm::bind_left_out(nb::module_& m) {
    bind_of_rows<double>(m);
    bind_of_rows<float>(m);
    def(m, "leave_out", &left_out);
    def(m, "normalise", &normalised);
    def(m, "find_members", &members);
    def(m, "shrunk_factors", &factors_of_shrunk);
    def(m, "sum_of_members", &sum_members);
    def(m, "leave_out_of_shrunk", &left_out_of_shrunk);
}
