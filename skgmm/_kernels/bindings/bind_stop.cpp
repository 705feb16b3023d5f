#include "bindings/bind.hpp"
#include "passes/stop.hpp"

using namespace skgmm;

namespace {

StopFlag* flag_in(const nb::capsule& capsule) { return static_cast<StopFlag*>(capsule.data()); }

nb::capsule new_flag() {
    return nb::capsule(new StopFlag(false),
                       [](void* flag) noexcept { delete static_cast<StopFlag*>(flag); });
}

}  // namespace

void skgmm::bind_stop(nb::module_& m) {
    nb::register_exception_translator([](const std::exception_ptr& failure, void*) {
        try {
            std::rethrow_exception(failure);
        } catch (const Stopped&) {
            PyErr_SetNone(PyExc_KeyboardInterrupt);
        }
    });
    m.def("new_stop_flag", &new_flag);
    m.def("set_stop_flag", [](nb::capsule flag) { *flag_in(flag) = true; }, nb::arg("flag"));
    m.def("is_stop_flag_set", [](nb::capsule flag) { return flag_in(flag)->load(); },
          nb::arg("flag"));
    m.def(
        "obey_stop_flag",
        [](std::optional<nb::capsule> flag) { obey(flag ? flag_in(*flag) : nullptr); },
        nb::arg("flag").none(),
        "Calls from this thread raise KeyboardInterrupt once the flag is set; the caller keeps it.");
}
