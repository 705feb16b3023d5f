// Which compilations of the kernel this processor can run.
#pragma once
#include <vector>

#include "block/kernel.hpp"

namespace skgmm {

namespace baseline {
extern const Kernel kernel;
}
#ifdef SKGMM_X86
namespace avx2 {
extern const Kernel kernel;
}
namespace avx512 {
extern const Kernel kernel;
}
#endif

// Best first; the baseline is always there.
std::vector<const Kernel*> runnable_kernels();

inline const Kernel* best_kernel() { return runnable_kernels().front(); }

}  // namespace skgmm
