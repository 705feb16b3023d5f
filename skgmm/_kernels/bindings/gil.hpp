// Python's global interpreter lock (GIL): given back while the kernel works, and taken again.
#pragma once
#include <nanobind/nanobind.h>

#include <chrono>
#include <exception>
#include <thread>

namespace skgmm {

// Runs `work`, which takes the GIL, in a thread that the interpreter may be about to end.
//
// Until Python 3.13 a thread that asks for the GIL while the interpreter shuts down is ended by
// pthread_exit. With glibc that unwinds the stack as an exception does, and the whole process ends
// in std::terminate at the first function that must not throw: nanobind's, which called us. So the
// thread waits here for the end of the process instead, as it does from Python 3.14 on.
template <typename Work>
void survive_shutdown(Work work) {
    try {
        work();
    } catch (const std::exception&) {
        throw;
    } catch (...) {  // pthread_exit: this block must not be left
        for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
}

// Runs `work` without the GIL.
template <typename Work>
void without_gil(Work work) {
    PyThreadState* const state = PyEval_SaveThread();
    std::exception_ptr failure;
    try {
        work();
    } catch (...) {
        failure = std::current_exception();
    }
    survive_shutdown([state] { PyEval_RestoreThread(state); });
    if (failure) std::rethrow_exception(failure);
}

// Runs `work` with the GIL, within `without_gil`.
template <typename Work>
void with_gil(Work work) {
    survive_shutdown([&work] {
        const PyGILState_STATE state = PyGILState_Ensure();
        try {
            work();
        } catch (const std::exception&) {
            PyGILState_Release(state);
            throw;
        }
        PyGILState_Release(state);
    });
}

}  // namespace skgmm
