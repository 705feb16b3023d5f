// Python's way to what M-steps minimise iteratively.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_estimates(nanobind::module_& m);

}  // namespace skgmm
