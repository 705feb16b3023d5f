// Python's way to what starts compute.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_searching(nanobind::module_& m);

}  // namespace skgmm
