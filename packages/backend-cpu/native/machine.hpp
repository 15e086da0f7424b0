// Native kernels with threads and memory, for the addon and for the program that checks them.
#pragma once
#include <memory>
#include <new>
#include <vector>

#include "engine.hpp"
#include "threads.hpp"

#if defined(__x86_64__)
extern "C" const Kernels kernels_avx512, kernels_avx2;
#endif
extern "C" const Kernels kernels_baseline;

// The kernels that this processor can run, the fastest first.
inline std::vector<const Kernels*> usable() {
  std::vector<const Kernels*> list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma"))
    list.push_back(&kernels_avx512);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) list.push_back(&kernels_avx2);
#endif
  list.push_back(&kernels_baseline);
  return list;
}

// One choice of instruction set and number of threads, with its helpers and memory.
class Machine {
 public:
  Machine(const Kernels& kernels, int threads) : kernels_(kernels), asked_(threads), threads_(threads), slots_(threads_.size() + 1) {}

  bool is(const Kernels& kernels, int threads) const { return &kernels_ == &kernels && asked_ == threads; }
  const Kernels& kernels() const { return kernels_; }
  int threads() const { return threads_.size(); }

  template <class Task>
  void run(int parts, const Task& task) {
    threads_.run(parts, task);
  }

  // Grows when it must; a thread only asks for what was reserved before it started.
  float* memory(int slot, double floats) {
    Slot& s = slots_[slot];
    if (s.size < floats) {
      s = {};
      if (floats > 1e11) return nullptr;
      s.data.reset(static_cast<float*>(::operator new[](static_cast<size_t>(floats) * sizeof(float), alignment, std::nothrow)));
      if (!s.data) return nullptr;
      s.size = floats;
    }
    return s.data ? s.data.get() : &nothing_;
  }

 private:
  // A cache line: the widest vectors then never lie across two, which would halve the speed of sparse products.
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(float* data) const { ::operator delete[](data, alignment); }
  };
  struct Slot {
    std::unique_ptr<float[], Free> data;
    double size = 0;
  };
  const Kernels& kernels_;
  int asked_;
  Threads threads_;
  std::vector<Slot> slots_;
  float nothing_ = 0;
};
