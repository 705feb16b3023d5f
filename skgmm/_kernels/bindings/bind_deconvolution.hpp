// What Python asks of samples that were measured with errors.
#pragma once
#include <nanobind/nanobind.h>

namespace skgmm {

void bind_deconvolution(nanobind::module_& m);

}  // namespace skgmm
