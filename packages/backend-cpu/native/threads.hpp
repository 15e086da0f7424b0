// Runs numbered parts of a task on the calling thread and its helpers. Helpers spin briefly after a task, since the next one
// usually follows within microseconds, and then sleep: an idle process uses no core.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

class Threads {
 public:
  explicit Threads(int count) {
    for (int i = 1; i < count; i++) {
      // A system that grants no more threads is no reason to fail: the parts are shared by those there are.
      try {
        helpers_.emplace_back([this, i] { serve(i); });
      } catch (...) {
        break;
      }
    }
  }

  ~Threads() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (auto& helper : helpers_) helper.join();
  }

  int size() const { return static_cast<int>(helpers_.size()) + 1; }

  // `task(part, thread)` for every part in [0, parts), at most 65535. Which thread takes a part is not fixed, so a part must only write its own
  // results; `thread` selects scratch memory. Tasks must not throw.
  template <class Task>
  void run(int parts, const Task& task) {
    if (helpers_.empty() || parts <= 1) {
      for (int part = 0; part < parts; part++) task(part, 0);
      return;
    }
    call_ = [](const void* context, int part, int thread) { (*static_cast<const Task*>(context))(part, thread); };
    context_ = &task;
    done_.store(0, std::memory_order_relaxed);
    const uint64_t generation = (tickets_.load(std::memory_order_relaxed) >> 32) + 1;
    {
      std::lock_guard lock(mutex_);
      tickets_.store(generation << 32 | static_cast<uint64_t>(parts) << 16, std::memory_order_release);
    }
    wake_.notify_all();
    work(0);
    // A helper may have been put off the core in the middle of its part.
    for (int i = 0; done_.load(std::memory_order_acquire) < parts; i++) {
      if (i < 4096) pause();
      else std::this_thread::yield();
    }
  }

 private:
  // Task, number of parts and next part in one word: a helper that comes late finds no part left, and cannot take one of the next
  // task with the function of the last. A part that was taken keeps its task alive until it is counted as done.
  bool take(int& part) {
    uint64_t word = tickets_.load(std::memory_order_acquire);
    while ((word & 0xffff) < (word >> 16 & 0xffff))
      if (tickets_.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        part = static_cast<int>(word & 0xffff);
        return true;
      }
    return false;
  }

  void work(int thread) {
    for (int part; take(part);) {
      call_(context_, part, thread);
      done_.fetch_add(1, std::memory_order_release);
    }
  }

  bool pending() const {
    const uint64_t word = tickets_.load(std::memory_order_acquire);
    return (word & 0xffff) < (word >> 16 & 0xffff);
  }

  void serve(int thread) {
    for (;;) {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
      for (int i = 1; !pending(); i++) {
        pause();
        if (i % 64 == 0 && std::chrono::steady_clock::now() > deadline) {
          std::unique_lock lock(mutex_);
          wake_.wait(lock, [&] { return pending() || stop_; });
          if (stop_) return;
        }
      }
      work(thread);
    }
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> tickets_{0};  // task number · 2^32 + parts · 2^16 + next part
  std::atomic<int> done_{0};
  bool stop_ = false;
  void (*call_)(const void*, int, int) = nullptr;
  const void* context_ = nullptr;
};
