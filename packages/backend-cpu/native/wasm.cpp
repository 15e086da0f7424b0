// The WebAssembly face of the operations. The caller writes numbers, addresses, sizes and arrays into memory behind `base`, and
// everything behind them is scratch for the call. The memory is imported: shared with helpers, or, for one thread, not.
#include "engine.hpp"
#include "wasm_threads.hpp"

extern "C" const Kernels kernels_simd128;
extern "C" unsigned char __heap_base;

namespace {

constexpr double page = 65536;
constexpr int most_threads = 256;

// One for all instances on a memory: it lies in that memory.
WasmThreads helpers;

class Machine {
 public:
  Machine(double free, int threads, bool may_sleep) : free_(free), threads_(threads), may_sleep_(may_sleep) {}

  const Kernels& kernels() const { return kernels_simd128; }
  int threads() const { return threads_; }
  bool lost() const { return lost_; }

  template <class Task>
  void run(int parts, const Task& task) {
    if (lost_) return;
    if (threads_ > 1 && parts > 1) lost_ = !helpers.run(parts, task, may_sleep_);
    else
      for (int part = 0; part < parts; part++) task(part, 0);
  }

  // A slot is asked for with the same size throughout a call, first by the calling thread.
  float* memory(int slot, double floats) {
    if (!slots_[slot]) {
      const double begin = free_, end = begin + 64 * static_cast<double>(static_cast<long long>(floats / 16) + 1);
      if (end > 2147483647.) return nullptr;  // so that offsets in bytes fit an int
      const double have = __builtin_wasm_memory_size(0) * page;
      if (end > have && static_cast<long>(__builtin_wasm_memory_grow(0, static_cast<unsigned long>((end - have) / page) + 1)) == -1) return nullptr;
      free_ = end;
      slots_[slot] = reinterpret_cast<float*>(static_cast<unsigned long>(begin));
    }
    return slots_[slot];
  }

 private:
  double free_;
  int threads_;
  bool may_sleep_;
  bool lost_ = false;
  float* slots_[most_threads + 1] = {};
};

constexpr unsigned long aligned(unsigned long address) { return (address + 63) / 64 * 64; }

// Of a helper: it runs kernels only.
constexpr unsigned long stack = 65536;

}  // namespace

#define SF_EXPORT(name) extern "C" __attribute__((export_name(#name)))

SF_EXPORT(interfaceVersion) int sf_interface_version() { return interface_version; }

// Where a helper's stack begins (it grows downwards), and with it where memory that belongs to the caller begins.
SF_EXPORT(stackOf) unsigned long sf_stack_of(int thread) { return aligned(reinterpret_cast<unsigned long>(&__heap_base)) + thread * stack; }
SF_EXPORT(base) unsigned long sf_base(int threads) { return sf_stack_of(threads - 1); }

// Returns the address of a message, 0, or 1 when a helper was lost: the memory is of no more use then.
SF_EXPORT(run)
const char* sf_run(int operation, const double* numbers, int number_count, float* const* arrays, const long* sizes, int array_count, unsigned long free,
                   int threads, int may_sleep) {
  Machine machine(free, threads, may_sleep != 0);
  const Error error = dispatch(operation, machine, {numbers, number_count, arrays, sizes, array_count});
  return machine.lost() ? reinterpret_cast<const char*>(1) : error;
}

SF_EXPORT(serve) void sf_serve(int thread) { helpers.serve(thread); }
SF_EXPORT(abandon) void sf_abandon() { helpers.abandon(); }
