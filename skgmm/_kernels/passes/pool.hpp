// Threads that wait for work, so that a pass over the data need not start its own.
#pragma once
#include <functional>

namespace skgmm {

// Runs `work` here and, as far as they come free in time, on up to n_threads - 1 threads of the
// pool at once; returns when all have returned. `work` must share itself out, and must not throw.
void run_on_threads(int n_threads, const std::function<void()>& work);

}  // namespace skgmm
