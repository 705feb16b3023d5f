// A flag that ends the work of a thread early.
#pragma once
#include <atomic>
#include <exception>

namespace skgmm {

using StopFlag = std::atomic<bool>;

// Thrown where the work ends early. What it was writing is left unfinished.
struct Stopped : std::exception {
    const char* what() const noexcept override { return "stopped"; }
};

// The flag that the calling thread obeys, or null; and obeying another one from now on.
const StopFlag* stop_flag();
void obey(const StopFlag* flag);

inline void end_if(const StopFlag* flag) {
    if (flag && flag->load(std::memory_order_relaxed)) throw Stopped();
}

}  // namespace skgmm
