// Python's way to iterations of EM.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_iterations(nanobind::module_& m);

}  // namespace skgmm
