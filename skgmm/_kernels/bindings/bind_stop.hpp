// Python's way to stop flags.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_stop(nanobind::module_& m);

}  // namespace skgmm
