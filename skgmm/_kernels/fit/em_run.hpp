// A run of EM in compiled code, for samples so few that everything between two passes takes longer.
#pragma once
#include "fit/decisions.hpp"
#include "fit/quasi_newton.hpp"

namespace skgmm {

// Makes what the decisions say until nothing is ahead, or something that needs the Python
// implementation: an M-step from scratch, an iteration where a component is empty or ill-defined, a
// sample is infinitely far or moments suffer cancellation, or steps that turn axes, unless
// `principal` are those of `here`. `here` becomes the best so far; unless `evaluated`, its moments
// are found first. Whether anything was made.
template <typename T>
bool run_em(const Problem<T>& problem, const Principal& principal, bool evaluated,
            const Listener& listener, Decisions& decisions, State& here);

}  // namespace skgmm
