// Python's way to iterations of EM and quasi-Newton steps.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_iterations(nanobind::module_& m);

}  // namespace skgmm
