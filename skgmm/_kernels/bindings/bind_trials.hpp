// Python's way to many runs of EM on the same samples, or on parts of them.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_trials(nanobind::module_& m);

}  // namespace skgmm
