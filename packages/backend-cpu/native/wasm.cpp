// The WebAssembly face of the operations. The caller writes numbers, addresses, sizes and arrays into memory behind `base`, and
// everything behind them is scratch for the call. One thread.
#include "engine.hpp"

extern "C" const Kernels kernels_simd128;
extern "C" unsigned char __heap_base;

namespace {

constexpr double page = 65536;

class Machine {
 public:
  explicit Machine(double free) : free_(free) {}

  const Kernels& kernels() const { return kernels_simd128; }
  int threads() const { return 1; }

  template <class Task>
  void run(int parts, const Task& task) {
    for (int part = 0; part < parts; part++) task(part, 0);
  }

  // A slot is asked for with the same size throughout a call.
  float* memory(int slot, double floats) {
    if (!slots_[slot]) {
      const double begin = free_, end = begin + 16 * static_cast<double>(static_cast<long long>(floats / 4) + 1);
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
  float* slots_[2] = {};
};

}  // namespace

#define SF_EXPORT(name) extern "C" __attribute__((export_name(#name)))

SF_EXPORT(interfaceVersion) int sf_interface_version() { return interface_version; }

SF_EXPORT(base) unsigned long sf_base() { return (reinterpret_cast<unsigned long>(&__heap_base) + 15) / 16 * 16; }

// Returns the address of a message, or 0.
SF_EXPORT(run)
const char* sf_run(int operation, const double* numbers, int number_count, float* const* arrays, const long* sizes, int array_count, unsigned long free) {
  Machine machine(free);
  return dispatch(operation, machine, {numbers, number_count, arrays, sizes, array_count});
}
