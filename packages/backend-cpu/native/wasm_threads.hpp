// Threads of the WebAssembly module: each helper is a worker with an instance of its own on the same memory that calls `serve` and
// stays there. The protocol is that of threads.hpp. Helpers may be missing, late or lost: parts are shared by those there are,
// and a part that nobody finishes is reported, not waited for.
#pragma once

extern "C" __attribute__((import_module("env"), import_name("now"))) double sf_now();  // milliseconds

class WasmThreads {
 public:
  // As Threads::run, on the calling thread and whoever serves. False when a helper was lost in the middle of its part: it may
  // still write to this memory, which is then of no more use.
  template <class Task>
  bool run(int parts, const Task& task, bool may_sleep) {
    call_ = [](const void* context, int part, int thread) { (*static_cast<const Task*>(context))(part, thread); };
    context_ = &task;
    const double began = sf_now();
    __atomic_store_n(&done_, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&tickets_, static_cast<unsigned>(parts) << 16, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&generation_, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&sleepers_, __ATOMIC_SEQ_CST) > 0) __builtin_wasm_memory_atomic_notify(&generation_, 0xffffffff);
    work(0);
    return finished(parts, may_sleep, patience + 4 * (sf_now() - began));
  }

  // Never returns: the worker is ended from outside.
  void serve(int thread) {
    for (;;) {
      const int seen = __atomic_load_n(&generation_, __ATOMIC_SEQ_CST);
      const double until = sf_now() + spin;
      for (int i = 1; !pending(); i++) {
        if (i % 64 != 0 || sf_now() < until) continue;
        // A task that was announced since has raised the generation, and there is no sleep.
        __atomic_fetch_add(&sleepers_, 1, __ATOMIC_SEQ_CST);
        __builtin_wasm_memory_atomic_wait32(&generation_, seen, -1);
        __atomic_fetch_sub(&sleepers_, 1, __ATOMIC_SEQ_CST);
        break;
      }
      work(thread);
    }
  }

  // Called for a helper that ended by a trap, so that nobody waits for it.
  void abandon() { __atomic_store_n(&broken_, 1, __ATOMIC_SEQ_CST); }

 private:
  static constexpr double spin = .1;          // before a helper sleeps; the next task usually follows within microseconds
  static constexpr double patience = 10000;   // for the last parts, and four times as long as the others took
  static constexpr double longest_step = 50;  // that counts as waiting: longer ones mean that the process itself stood still

  // The number of parts and the next part in one word. A part that was taken keeps its task alive until it is counted as done, so
  // a helper that comes late finds either no part or one of the new task, whose function it then reads.
  bool take(int& part) {
    unsigned word = __atomic_load_n(&tickets_, __ATOMIC_ACQUIRE);
    while ((word & 0xffff) < (word >> 16))
      if (__atomic_compare_exchange_n(&tickets_, &word, word + 1, true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        part = static_cast<int>(word & 0xffff);
        return true;
      }
    return false;
  }

  void work(int thread) {
    for (int part; take(part);) {
      call_(context_, part, thread);
      __atomic_fetch_add(&done_, 1, __ATOMIC_RELEASE);
    }
  }

  bool pending() const {
    const unsigned word = __atomic_load_n(&tickets_, __ATOMIC_ACQUIRE);
    return (word & 0xffff) < (word >> 16);
  }

  bool finished(int parts, bool may_sleep, double limit) {
    double last = 0, waited = 0;
    for (int i = 1;; i++) {
      const int done = __atomic_load_n(&done_, __ATOMIC_ACQUIRE);
      if (done == parts) return true;
      if (__atomic_load_n(&broken_, __ATOMIC_RELAXED)) return false;
      if (i % 1024 != 0) continue;
      const double now = sf_now(), step = last > 0 ? now - last : 0;
      last = now;
      waited += step < longest_step ? step : longest_step;
      if (waited > limit) return false;
      // The helper was put off its core: perhaps it wants this one.
      if (may_sleep && waited > spin) __builtin_wasm_memory_atomic_wait32(&done_, done, 50000);
    }
  }

  unsigned tickets_;  // parts · 2^16 + next part
  int generation_;    // of tasks; what helpers sleep on
  int sleepers_;
  int done_;
  int broken_;
  void (*call_)(const void*, int, int);
  const void* context_;
};
