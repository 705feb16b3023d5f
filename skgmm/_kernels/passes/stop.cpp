#include "passes/stop.hpp"

namespace skgmm {
namespace {

thread_local const StopFlag* obeyed = nullptr;

}  // namespace

const StopFlag* stop_flag() { return obeyed; }

void obey(const StopFlag* flag) { obeyed = flag; }

}  // namespace skgmm
