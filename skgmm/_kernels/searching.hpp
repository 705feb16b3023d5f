// Python's way to what starts and quasi-Newton steps compute.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_searching(nanobind::module_& m);

}  // namespace skgmm
