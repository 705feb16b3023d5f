// Python's way to many small fits at once.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_batch(nanobind::module_& m);

}  // namespace skgmm
