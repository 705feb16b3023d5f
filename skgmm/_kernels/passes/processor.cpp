#include "passes/processor.hpp"

#if defined(SKGMM_X86) && defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace skgmm {
namespace {

#ifdef SKGMM_X86
#if defined(_MSC_VER) && !defined(__clang__)

// The bits of CPUID leaf 7, and of XCR0, which tells what registers the system saves.
bool has(int leaf_7_bits, unsigned long long saved) {
    int info[4];
    __cpuid(info, 0);
    if (info[0] < 7) return false;
    __cpuid(info, 1);
    constexpr int fma = 1 << 12, osxsave = 1 << 27;
    if ((info[2] & fma) == 0 || (info[2] & osxsave) == 0) return false;
    if ((_xgetbv(0) & saved) != saved) return false;
    __cpuidex(info, 7, 0);
    return (info[1] & leaf_7_bits) == leaf_7_bits;
}
bool has_avx2() { return has(1 << 5, 0x6); }
bool has_avx512() { return has((1 << 5) | (1 << 16) | (1 << 17) | (1 << 31), 0xe6); }

#else

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

#endif
#endif

}  // namespace

std::vector<const Kernel*> runnable_kernels() {
    std::vector<const Kernel*> kernels;
#ifdef SKGMM_X86
    if (has_avx512()) kernels.push_back(&avx512::kernel);
    if (has_avx2()) kernels.push_back(&avx2::kernel);
#endif
    kernels.push_back(&baseline::kernel);
    return kernels;
}

}  // namespace skgmm
