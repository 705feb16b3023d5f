// Python's way into the kernel: how a function is bound, and who binds which.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <type_traits>
#include <vector>

#include "bindings/arrays.hpp"

namespace skgmm {

// How an argument of a type is taken. Arrays that are written to are never converted, which would
// write to a copy; nor are rows, which may be float64 or float32.
template <typename T>
struct Taken {
    static constexpr bool as_it_is = false;
};
template <typename T, typename... Args>
struct Taken<nb::ndarray<T, Args...>> {
    static constexpr bool as_it_is =
        !std::is_const_v<T> ||
        std::is_same_v<nb::ndarray<T, Args...>, Matrix<std::remove_const_t<T>>>;
};
template <typename T>
struct Taken<std::vector<T>> : Taken<T> {};
template <typename T>
struct Taken<std::optional<T>> : Taken<T> {};

template <typename T>
constexpr bool is_optional = false;
template <typename T>
constexpr bool is_optional<std::optional<T>> = true;

template <typename T>
auto argument() {
    if constexpr (Taken<T>::as_it_is && is_optional<T>)
        return nb::arg().noconvert().none();
    else if constexpr (Taken<T>::as_it_is)
        return nb::arg().noconvert();
    else if constexpr (is_optional<T>)
        return nb::arg().none();
    else
        return nb::arg();
}

// Binds a function, or a method of a class, with arguments by position.
template <typename Result, typename... Arguments>
void def(nb::module_& m, const char* name, Result (*function)(Arguments...)) {
    m.def(name, function, argument<std::decay_t<Arguments>>()...);
}
template <typename Class, typename Result, typename... Arguments>
void def(nb::class_<Class>& bound, const char* name, Result (Class::*method)(Arguments...)) {
    bound.def(name, method, argument<std::decay_t<Arguments>>()...);
}

void bind_batch(nb::module_& m);          // many small fits at once
void bind_deconvolution(nb::module_& m);  // samples that were measured with errors
void bind_fit(nb::module_& m);            // iterations of EM and quasi-Newton steps
void bind_incomplete(nb::module_& m);     // samples that lack features
void bind_kmeans(nb::module_& m);         // what starts compute
void bind_left_out(nb::module_& m);       // samples that are left out of the estimates
void bind_m_step(nb::module_& m);         // M-steps, and what they minimise iteratively
void bind_stop(nb::module_& m);           // stop flags
void bind_trials(nb::module_& m);         // many runs of EM on the same samples, or parts of them

}  // namespace skgmm
