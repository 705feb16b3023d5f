#include "passes/pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#ifndef _WIN32
#include <unistd.h>
#endif

namespace skgmm {
namespace {

// One call of run_on_threads.
struct Task {
    const std::function<void()>* work;
    int wanted;       // threads that may still join
    int running = 0;  // threads that have joined and not yet returned
    std::condition_variable done{};
};

// Waiting threads stay on the processor they ran on last; a new one often starts on that of its
// parent, and a short pass is over before it is moved.
class Pool {
public:
    void run(int helpers, const std::function<void()>& work) {
        Task task{&work, helpers};
        {
            const std::lock_guard<std::mutex> lock(mutex);
            grow(helpers);
            tasks.push_back(&task);
        }
        for (int i = 0; i < helpers; ++i) wake.notify_one();
        work();
        std::unique_lock<std::mutex> lock(mutex);
        // Whoever has not begun by now would find nothing left to do.
        tasks.erase(std::remove(tasks.begin(), tasks.end(), &task), tasks.end());
        task.done.wait(lock, [&] { return task.running == 0; });
    }

private:
    void grow(int helpers) {
        try {
            for (; n_threads < helpers; ++n_threads) std::thread([this] { serve(); }).detach();
        } catch (const std::system_error&) {
            // The system gives no more threads: those there are do the work.
        }
    }

    void serve() {
        std::unique_lock<std::mutex> lock(mutex);
        for (;;) {
            wake.wait(lock, [&] { return !tasks.empty(); });
            Task& task = *tasks.front();
            if (--task.wanted == 0) tasks.pop_front();
            ++task.running;
            lock.unlock();
            (*task.work)();
            lock.lock();
            if (--task.running == 0) task.done.notify_one();
        }
    }

    std::mutex mutex;
    std::condition_variable wake;
    std::deque<Task*> tasks;
    int n_threads = 0;
};

#ifndef _WIN32
long process() { return long(getpid()); }
#else
long process() { return 0; }
#endif

// A pool and the process it is for: a fork takes the memory of its parent's pool along, not its
// threads.
struct OwnedPool {
    long owner;
    Pool pool{};
};

// The pool of this process. Never destroyed, since its threads wait in it until the process ends;
// found without a lock, which a fork could leave locked.
Pool& pool() {
    static std::atomic<OwnedPool*> current{nullptr};
    OwnedPool* found = current;
    while (!found || found->owner != process()) {
        auto* own = new OwnedPool{process()};
        if (current.compare_exchange_strong(found, own)) return own->pool;
        delete own;
    }
    return found->pool;
}

}  // namespace

void run_on_threads(int n_threads, const std::function<void()>& work) {
    if (n_threads <= 1)
        work();
    else
        pool().run(n_threads - 1, work);
}

}  // namespace skgmm
