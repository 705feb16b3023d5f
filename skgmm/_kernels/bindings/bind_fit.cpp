#include <algorithm>

#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "bindings/many_runs.hpp"

using namespace skgmm;

namespace {

using Numbers = Out<double>;

template <typename Array>
std::vector<double> copied(const Array& array) {
    return {array.data(), array.data() + array.size()};
}

void copy_back(const std::vector<double>& from, const Numbers& to) {
    std::copy(from.begin(), from.end(), to.data());
}

Principal principal_of(Ties ties, int64_t K, int64_t d, const std::optional<Factors>& axes,
                       const std::optional<Table>& scales) {
    require(axes.has_value() == scales.has_value(), "principal axes: with scales");
    if (!axes) return {};
    const size_t n_axes = ties.rotation == 'V' ? size_t(K) : 1;
    require(axes->size() == n_axes * size_t(d * d), "principal axes: (n, d, d)");
    require(int64_t(scales->size()) == K * d, "principal scales: (K, d)");
    return {copied(*axes), copied(*scales)};
}

// Coordinates around a mixture: `moments` holds it mass and total weight at least.
Coordinates coordinates_around(const State& anchor, int form, const std::string& ties,
                               const Factors& factors, int64_t d,
                               std::optional<Factors> principal_axes,
                               std::optional<Table> principal_scales) {
    const int64_t K = int64_t(anchor.log_weights.size()), m = factors.shape(0);
    const Factor factor = check_factors(K, d, factors);
    require(ties.size() == 3, "ties: of volume, shape and rotation");
    const Ties tied = Ties::of(ties.c_str());
    require(m == K || ties.find('V') == ties.npos, "factors: one for each component if they vary");
    require((Form(form) == Form::diagonal) == (factor == Factor::diagonal),
            "form: diagonal for diagonals");
    require((Form(form) == Form::pooled) == (factor == Factor::triangular && m < K) || K == 1,
            "form: pooled for one triangle");
    require(tied.turn() == principal_axes.has_value(), "principal axes: where they turn");
    return {anchor,
            Form(form),
            factor,
            m,
            d,
            tied,
            principal_of(tied, K, d, principal_axes, principal_scales)};
}

// Evaluations between two looks for signals, such as that of Ctrl-C.
constexpr int64_t between_signals = 50;

// A mixture (`axes` if components share them) becomes the best that a run reaches, as `run_em`
// says; principal axes are those of the mixture. `begin` and `end` are called around each
// evaluation, `end` when the arrays hold the best. Whether anything was made.
template <typename T>
bool run_rows(Matrix<T> X, std::optional<Vector> weight, const std::string& code, Vector floor,
              Numbers log_weights, Numbers means, Numbers factors, std::optional<Numbers> axes,
              Numbers moments, bool evaluated, std::optional<Factors> principal_axes,
              std::optional<Table> principal_scales, Decisions& decisions, int64_t n_threads,
              std::optional<nb::callable> begin, std::optional<nb::callable> end) {
    const Rows<T> rows = rows_of(X, weight);
    const Family& family = family_of(code);
    const int64_t K = log_weights.size(), d = rows.n_features;
    const int64_t size = sums_size(family.form, K, d);
    require(int64_t(means.size()) == K * d, "means: (K, d)");
    require(int64_t(floor.shape(0)) == d, "floor: one for each feature");
    require(int64_t(moments.size()) == size, "moments: as sums");
    const MixtureArrays mixture{K,
                                d,
                                int64_t(factors.size()),
                                size,
                                log_weights.data(),
                                means.data(),
                                factors.data(),
                                data_of(axes, d * d, "axes: (d, d)"),
                                moments.data()};
    // A start may come in another form: its M-step is made in Python.
    if (check_factors(K, d, factors) != family.factor) return false;
    if (int64_t(factors.shape(0)) != (family.one ? 1 : K)) return false;
    if (family.axes != axes.has_value()) return false;
    const Principal principal =
        principal_of(Ties::of(family.code), K, d, principal_axes, principal_scales);
    State state = mixture.state();
    Listener listener;
    int64_t n_begun = 0;
    listener.begin = [&] {
        if (begin)
            with_gil([&] { (*begin)(); });
        else if (++n_begun % between_signals == 0)
            with_gil([] {
                if (PyErr_CheckSignals() != 0) throw nb::python_error();
            });
    };
    if (end)
        listener.end = [&](double gain, std::optional<double> remaining) {
            mixture.become(state);
            with_gil([&] { (*end)(gain, remaining); });
        };
    bool made = false;
    without_gil([&] {
        made = run_em(Problem<T>{rows, family, floor.data(), n_threads}, principal, evaluated,
                      listener, decisions, state);
    });
    mixture.become(state);
    return made;
}

// Minimises a function of `vector` from 0; it returns its value and leaves its gradient in
// `gradient`, as it is now for 0.
bool minimise_function(nb::callable function, Numbers vector, Numbers gradient, double value,
                       double tol) {
    const size_t size = vector.size();
    require(gradient.size() == size, "gradient: as the vector");
    return minimise(copied(gradient), value, tol, [&](const double* at, double* slope) {
        std::copy(at, at + size, vector.data());
        double reached = 0.0;
        survive_shutdown([&] { reached = nb::cast<double>(function()); });
        std::copy(gradient.data(), gradient.data() + size, slope);
        return reached;
    });
}

// The coordinates for Python, which says of which vector it asks, so that the order of calls does
// not matter.
class BoundCoordinates {
public:
    BoundCoordinates(Vector log_weights, Table means, Factors factors, Vector mass,
                     double total_weight, int form_, const std::string& ties,
                     std::optional<Factors> principal_axes, std::optional<Table> principal_scales)
        : form(Form(form_)),
          there(state(log_weights, means, factors, mass, total_weight, form)),
          coordinates(coordinates_around(there, form_, ties, factors, means.shape(1),
                                         principal_axes, principal_scales)) {}

    int64_t size() const { return coordinates.size(); }

    // False where it is no mixture.
    bool at(Vector vector, Numbers log_weights, Numbers means, Numbers factors,
            std::optional<Numbers> axes) {
        place(vector);
        require(log_weights.size() == there.log_weights.size(), "log_weights: (K,)");
        require(means.size() == there.means.size(), "means: (K, d)");
        require(factors.size() == there.factors.size(), "factors: as the anchor's");
        require(!axes || axes->size() == there.axes.size(), "axes: where components share them");
        copy_back(there.log_weights, log_weights);
        copy_back(there.means, means);
        copy_back(there.factors, factors);
        if (axes) copy_back(there.axes, *axes);
        return fine;
    }

    void gradient(Vector vector, Vector moments, Numbers out) {
        place(vector);
        require(moments.size() == there.moments.size(), "moments: as sums");
        require(int64_t(out.size()) == size(), "out: as the vector");
        there.moments = copied(moments);
        coordinates.gradient(there, out.data());
    }

    // From sums about the means, `sums` in the order of moments.
    void gradient_of_sums(Vector vector, Vector sums, Numbers out) {
        place(vector);
        require(sums.size() == there.moments.size(), "sums: as moments");
        require(int64_t(out.size()) == size(), "out: as the vector");
        const double* mass = sums.data() + 2;
        const double* first = mass + there.log_weights.size();
        coordinates.gradient_of_sums(there, mass, first, first + there.means.size(), sums.data()[1],
                                     out.data());
    }

private:
    static State state(const Vector& log_weights, const Table& means, const Factors& factors,
                       const Vector& mass, double total_weight, Form form) {
        const int64_t K = log_weights.size();
        require(int64_t(means.shape(0)) == K, "means: (K, d)");
        require(int64_t(mass.shape(0)) == K, "mass: (K,)");
        State state{copied(log_weights), copied(means), copied(factors), {}, {}};
        state.moments.resize(sums_size(form, K, means.shape(1)));
        state.moments[1] = total_weight;
        std::copy(mass.data(), mass.data() + K, state.moments.begin() + 2);
        return state;
    }

    void place(const Vector& vector) {
        require(int64_t(vector.shape(0)) == size(), "vector: as many as coordinates");
        if (std::equal(last.begin(), last.end(), vector.data(), vector.data() + size())) return;
        last.assign(vector.data(), vector.data() + size());
        fine = coordinates.at(vector.data(), there);
    }

    Form form;
    State there;
    Coordinates coordinates;
    std::vector<double> last;  // of which `there` is
    bool fine = true;
};

void bind_decisions(nb::module_& m) {
    nb::enum_<Next>(m, "Next")
        .value("CONVERGED", Next::converged)
        .value("OUT_OF_ITERATIONS", Next::out_of_iterations)
        .value("ITERATE", Next::iterate)
        .value("FROM_SCRATCH", Next::from_scratch)
        .value("QUASI_NEWTON", Next::quasi_newton);
    nb::class_<Decisions>(m, "Decisions")
        .def(
            "__init__",
            [](Decisions* self, double tol, const std::optional<std::string>& acceleration,
               bool resumed, bool several_optima, bool exact_gradient) {
                new (self) Decisions({tol, acceleration.has_value(), acceleration == "lbfgs",
                                      resumed, several_optima, exact_gradient});
            },
            nb::arg("tol"), nb::arg("acceleration") = nb::none(), nb::arg("resumed") = false,
            nb::arg("several_optima") = false, nb::arg("exact_gradient") = true)
        .def("until", &Decisions::until, nb::arg("max_iter"), nb::arg("pause") = 0.0,
             nb::arg("ends") = false)
        .def_prop_ro("paused", &Decisions::paused)
        .def("next", &Decisions::next)
        .def("iterated", &Decisions::iterated, nb::arg("best"), nb::arg("gain"))
        .def("evaluated", &Decisions::evaluated, nb::arg("best"))
        .def("stepped", &Decisions::stepped, nb::arg("more"))
        .def_prop_ro("left", &Decisions::left)
        .def_prop_ro("tol_of_steps", &Decisions::tol_of_steps)
        .def_prop_ro("remaining", &Decisions::remaining)
        .def_prop_ro("objectives", &Decisions::objectives);
}

}  // namespace

void skgmm::bind_fit(nb::module_& m) {
    def(m, "run", &run_rows<double>);
    def(m, "run", &run_rows<float>);
    def(m, "minimise", &minimise_function);
    bind_decisions(m);
    nb::class_<BoundCoordinates> coordinates(m, "Coordinates");
    coordinates
        .def(nb::init<Vector, Table, Factors, Vector, double, int, const std::string&,
                      std::optional<Factors>, std::optional<Table>>())
        .def_prop_ro("size", &BoundCoordinates::size);
    def(coordinates, "at", &BoundCoordinates::at);
    def(coordinates, "gradient", &BoundCoordinates::gradient);
    def(coordinates, "gradient_of_sums", &BoundCoordinates::gradient_of_sums);
}
