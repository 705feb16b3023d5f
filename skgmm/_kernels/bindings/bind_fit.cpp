#include "bindings/bind_fit.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/arrays.hpp"
#include "fit/quasi_newton.hpp"
#include "bindings/gil.hpp"
#include "fit/em_loop.hpp"

using namespace skgmm;

namespace {

using Numbers = Out<double>;

std::vector<double> copied(const Numbers& array) {
    return {array.data(), array.data() + array.size()};
}

void copy_back(const std::vector<double>& from, const Numbers& to) {
    std::copy(from.begin(), from.end(), to.data());
}

// `log_weights`, `means`, `factors`, `axes` (if they are shared) and `moments` hold a mixture, and
// become the best that iterations from it reach. Unless `evaluated`, its moments are found first.
// `trace` (2, n) becomes their gains, and how high the best is after each. Returns their number.
template <typename T>
int64_t iterate_rows(Matrix<T> X, std::optional<Vector> weight, const std::string& code,
                     Vector floor, Numbers log_weights, Numbers means, Numbers factors,
                     std::optional<Numbers> axes, Numbers moments, bool evaluated,
                     double gain_before, double gain, double enough, double steady, double ahead,
                     Numbers trace, int64_t n_threads) {
    const Rows<T> rows = rows_of(X, weight);
    const Family* family = find_family(code);
    require(family, "code: of a family");
    const int64_t K = log_weights.size(), d = rows.n_features, most = trace.size() / 2;
    require(int64_t(means.size()) == K * d, "means: (K, d)");
    require(!axes || int64_t(axes->size()) == d * d, "axes: (d, d)");
    require(int64_t(floor.shape(0)) == d, "floor: one for each feature");
    require(int64_t(moments.size()) == sums_size(family->form, K, d), "moments: as sums");
    // A start may come in another form: its M-step is for the general code.
    if (check_factors(K, d, factors) != family->factor) return 0;
    if (int64_t(factors.shape(0)) != (family->one ? 1 : K)) return 0;
    if (family->axes != axes.has_value()) return 0;
    State state{copied(log_weights), copied(means), copied(factors), {}, copied(moments)};
    if (axes) state.axes = copied(*axes);
    std::vector<double> gains(2 + most);
    gains[0] = gain_before;
    gains[1] = gain;
    const Patience patience{most, enough, steady, ahead};
    int64_t done = 0;
    without_gil([&] {
        done = iterate(rows, *family, floor.data(), patience, n_threads, evaluated, state,
                       gains.data(), trace.data() + most);
    });
    std::copy(gains.begin() + 2, gains.end(), trace.data());
    copy_back(state.log_weights, log_weights);
    copy_back(state.means, means);
    copy_back(state.factors, factors);
    if (axes) copy_back(state.axes, *axes);
    copy_back(state.moments, moments);
    return done;
}

// The best mixture of a climb from `log_weights`, `means`, `factors` and `moments`, written over
// these; `ties` are of volume, shape and rotation. How high the best was after each evaluation, and
// how the climb ended.
template <typename T>
std::pair<std::vector<double>, int> climb_rows(Matrix<T> X, std::optional<Vector> weight, int form,
                                               const std::string& ties, Vector floor,
                                               Numbers log_weights, Numbers means, Numbers factors,
                                               Numbers moments, double enough, int64_t most,
                                               int64_t n_threads) {
    const Rows<T> rows = rows_of(X, weight);
    const int64_t K = log_weights.size(), d = rows.n_features, m = factors.shape(0);
    const Factor factor = check_factors(K, d, factors);
    require(ties.size() == 3, "ties: of volume, shape and rotation");
    require(m == K || ties.find('V') == ties.npos, "factors: one for each component if they vary");
    require((Form(form) == Form::diagonal) == (factor == Factor::diagonal),
            "form: diagonal for diagonals");
    require((Form(form) == Form::pooled) == (factor == Factor::triangular && m < K) || K == 1,
            "form: pooled for one triangle");
    require(int64_t(means.size()) == K * d, "means: (K, d)");
    require(int64_t(floor.shape(0)) == d, "floor: one for each feature");
    require(int64_t(moments.size()) == sums_size(Form(form), K, d), "moments: as sums");
    State best{copied(log_weights), copied(means), copied(factors), {}, copied(moments)};
    std::vector<double> objectives;
    Climb end = Climb::done;
    without_gil([&] {
        end = climb(rows, Form(form), factor, m, {ties[0], ties[1], ties[2]}, floor.data(), enough,
                    most, n_threads, best, objectives);
    });
    copy_back(best.log_weights, log_weights);
    copy_back(best.means, means);
    copy_back(best.factors, factors);
    copy_back(best.moments, moments);
    return {objectives, int(end)};
}

// A descent from the vector 0 by a function of `vector` that returns its value and leaves its
// gradient in `gradient`, as it is now for 0.
bool descend_by(nb::callable function, Numbers vector, Numbers gradient, double value,
                double enough) {
    const size_t size = vector.size();
    require(gradient.size() == size, "gradient: as the vector");
    return descend(copied(gradient), value, enough, [&](const double* at, double* slope) {
        std::copy(at, at + size, vector.data());
        double reached = 0.0;
        survive_shutdown([&] { reached = nb::cast<double>(function()); });
        std::copy(gradient.data(), gradient.data() + size, slope);
        return reached;
    });
}

template <typename T>
void bind(nb::module_& m) {
    m.def("climb", &climb_rows<T>, nb::arg("X").noconvert(), nb::arg("weight").none(),
          nb::arg("form"), nb::arg("ties"), nb::arg("floor"), nb::arg("log_weights").noconvert(),
          nb::arg("means").noconvert(), nb::arg("factors").noconvert(),
          nb::arg("moments").noconvert(), nb::arg("enough"), nb::arg("most"),
          nb::arg("n_threads"));
    m.def("iterate", &iterate_rows<T>, nb::arg("X").noconvert(), nb::arg("weight").none(),
          nb::arg("code"), nb::arg("floor"), nb::arg("log_weights").noconvert(),
          nb::arg("means").noconvert(), nb::arg("factors").noconvert(),
          nb::arg("axes").noconvert().none(), nb::arg("moments").noconvert(),
          nb::arg("evaluated"), nb::arg("gain_before"), nb::arg("gain"), nb::arg("enough"),
          nb::arg("steady"), nb::arg("ahead"), nb::arg("trace").noconvert(),
          nb::arg("n_threads"));
}

}  // namespace

void skgmm::bind_iterations(nb::module_& m) {
    bind<double>(m);
    bind<float>(m);
    m.def("descend", &descend_by, nb::arg("function"), nb::arg("vector").noconvert(),
          nb::arg("gradient").noconvert(), nb::arg("value"), nb::arg("enough"));
}
