// Runs calls from standard input and writes their results to standard output, for scripts/check-native.mjs: no Node inside, so
// that sanitizers and emulators can watch. Arguments: instruction set, threads. Every array is an allocation of its own.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "machine.hpp"

namespace {

template <class T>
std::vector<T> read(size_t count) {
  std::vector<T> values(count);
  if (count && std::fread(values.data(), sizeof(T), count, stdin) != count) std::exit(2);
  return values;
}

void write(const void* data, size_t bytes) {
  if (bytes && std::fwrite(data, 1, bytes, stdout) != bytes) std::exit(2);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const Kernels* kernels = nullptr;
  for (const Kernels* k : usable())
    if (std::string(k->name) == arguments[1]) kernels = k;
  if (!kernels) return 3;
  Machine machine(*kernels, std::atoi(arguments[2]));
  const int calls = read<int>(1)[0];
  for (int i = 0; i < calls; i++) {
    const auto header = read<int>(4);  // operation, numbers, results, arrays
    const auto numbers = read<double>(header[1]);
    const auto lengths = read<int>(header[3]);
    std::vector<std::unique_ptr<float[]>> owned;
    std::vector<float*> arrays;
    std::vector<long> sizes;
    for (int a = 0; a < header[3]; a++) {
      owned.push_back(std::make_unique<float[]>(lengths[a]));
      arrays.push_back(owned.back().get());
      sizes.push_back(lengths[a]);
      if (a >= header[2] && lengths[a] && std::fread(arrays[a], 4, lengths[a], stdin) != static_cast<size_t>(lengths[a])) return 2;
    }
    const Error error = dispatch(header[0], machine, {numbers.data(), header[1], arrays.data(), sizes.data(), header[3]});
    const int ran = error == nullptr;
    write(&ran, 4);
    if (ran)
      for (int a = 0; a < header[2]; a++) write(arrays[a], sizes[a] * 4);
  }
}
