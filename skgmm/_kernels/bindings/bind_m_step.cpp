#include <cstring>

#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "m_step/axes.hpp"
#include "m_step/factors.hpp"
#include "m_step/lapack.hpp"
#include "m_step/m_steps.hpp"
#include "passes/passes.hpp"

using namespace skgmm;

namespace {

using Stack = nb::ndarray<const double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using OutVector = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OutMatrix = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using OutStack = nb::ndarray<double, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

AxesSearch search_of(const Stack& matrices, const Vector& weights, double exponent,
                     int64_t most_products) {
    const int64_t K = matrices.shape(0), d = matrices.shape(1);
    require(K > 0 && int64_t(matrices.shape(2)) == d, "matrices: (K, d, d)");
    require(int64_t(weights.shape(0)) == K, "weights: one for each matrix");
    return {K, d, matrices.data(), weights.data(), exponent, most_products};
}

void lowest(Stack matrices, Vector weights, double exponent, OutStack starts, OutVector values,
            int64_t most_finished, int64_t most_products) {
    const size_t d = matrices.shape(1);
    require(starts.shape(1) == d && starts.shape(2) == d, "starts: (n, d, d)");
    require(values.shape(0) == starts.shape(0), "values: one for each start");
    without_gil([&] {
        AxesSearch search = search_of(matrices, weights, exponent, most_products);
        lowest_axes(search, int64_t(d), starts.data(), values.data(), int64_t(starts.shape(0)),
                    most_finished);
    });
}

void improve(Stack matrices, Vector weights, double exponent, OutMatrix axes, int most_steps,
             int64_t most_products) {
    const size_t d = matrices.shape(1);
    require(axes.shape(0) == d && axes.shape(1) == d, "axes: (d, d)");
    without_gil([&] {
        search_of(matrices, weights, exponent, most_products).improve(axes.data(), most_steps);
    });
}

// One M-step of the structure with that code. `factors` is written, and `axes` too where components
// share them. The components whose covariance is not positive definite; none is the usual answer.
std::vector<int64_t> m_step(const std::string& code, Vector mass, Factors scatter, Vector own_mass,
                            Factors own_scatter, std::optional<Factors> previous,
                            std::optional<OutMatrix> axes, bool improve_axes, Out<double> factors) {
    const Family* family = find_family(code);
    require(family, "code: of a structure");
    const int64_t K = mass.shape(0), d = factors.shape(1);
    const size_t size = sums_size(family->form, K, d) - 2 - K * (1 + d);
    require(K > 0 && int64_t(own_mass.shape(0)) == K, "own_mass: as mass");
    require(scatter.size() == size && own_scatter.size() == size, "scatter: in the form needed");
    require(check_factors(K, d, factors) == family->factor, "factors: in the form found");
    require(int64_t(factors.shape(0)) == (family->one ? 1 : K), "factors: as many as found");
    require(axes.has_value() == family->axes, "axes: where components share them");
    require(!axes || (int64_t(axes->shape(0)) == d && int64_t(axes->shape(1)) == d),
            "axes: (d, d)");
    Previous before;
    if (previous)
        before = {check_factors(K, d, *previous), int64_t(previous->shape(0)), previous->data()};
    std::vector<int64_t> ill_defined;
    without_gil([&] {
        double total = 0.0;
        for (int64_t k = 0; k < K; ++k) total += mass.data()[k];
        try {
            family->m_step(
                {K, d, mass.data(), total, scatter.data(), own_mass.data(), own_scatter.data()},
                before, {factors.data(), axes ? axes->data() : nullptr, improve_axes});
        } catch (const IllDefined& error) {
            ill_defined = error.components;
        }
    });
    return ill_defined;
}

// Which of the matrices (m, d, d) are singular.
std::vector<int64_t> factors_of_matrices(Stack matrices, Out<double> out) {
    const int64_t m = matrices.shape(0), d = matrices.shape(1);
    require(int64_t(matrices.shape(2)) == d, "matrices: square");
    require(int64_t(out.size()) == m * d * d, "out: as the matrices");
    const std::vector<double> ones(m, 1.0);
    return numbers_of(factors_of_scatters(m, d, matrices.data(), ones.data(), out.data()));
}

void factors_of_axes(Stack axes, Table variances, Out<double> out) {
    const int64_t n_axes = axes.shape(0), m = variances.shape(0), d = variances.shape(1);
    require(n_axes == 1 || n_axes == m, "axes: one, or one for each row of variances");
    require(int64_t(axes.shape(1)) == d && int64_t(axes.shape(2)) == d, "axes: square");
    require(int64_t(out.size()) == m * d * d, "out: a matrix for each row of variances");
    for (int64_t k = 0; k < m; ++k)
        factor_of_axes(d, axes.data() + (n_axes == 1 ? 0 : k * d * d), variances.data() + k * d,
                       out.data() + k * d * d);
}

bool samples_vary_in_all(Vector mass, Table means, Factors scatter, double total_weight,
                         Vector added, double part) {
    const int64_t K = means.shape(0), d = means.shape(1), n_matrices = scatter.size() / (d * d);
    require(int64_t(mass.size()) == K && int64_t(added.size()) == d, "mass: (K,), added: (d,)");
    require(n_matrices == 1 || n_matrices == K, "scatter: (K, d, d) or (d, d)");
    return vary_in_all(K, d, n_matrices, mass.data(), means.data(), scatter.data(), total_weight,
                       added.data(), part);
}

// A routine from its capsule in scipy.linalg. False if its integers are not of 32 bits.
template <typename Routine>
bool take(nb::dict routines, const char* name, Routine& routine) {
    nb::object capsule = routines[name];
    const char* signature = PyCapsule_GetName(capsule.ptr());
    if (!signature || !std::strstr(signature, "int *,")) return false;
    routine = reinterpret_cast<Routine>(PyCapsule_GetPointer(capsule.ptr(), signature));
    return true;
}

void take_lapack(nb::dict blas, nb::dict routines) {
    Lapack found;
    const bool all = take(blas, "dgemm", found.dgemm) && take(routines, "dgesv", found.dgesv) &&
                     take(routines, "dsyevd", found.dsyevd);
    if (all) lapack = found;  // else loops of ours serve matrices of any size
}

}  // namespace

void skgmm::bind_m_step(nb::module_& m) {
    def(m, "lowest_axes", &lowest);
    def(m, "improve_axes", &improve);
    def(m, "m_step", &m_step);
    def(m, "factors_of_matrices", &factors_of_matrices);
    def(m, "factors_of_axes", &factors_of_axes);
    def(m, "vary_in_all", &samples_vary_in_all);
    def(m, "take_lapack", &take_lapack);
}
