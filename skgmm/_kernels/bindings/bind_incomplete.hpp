#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

// Samples that lack features.
void bind_incomplete(nanobind::module_& m);

}  // namespace skgmm
