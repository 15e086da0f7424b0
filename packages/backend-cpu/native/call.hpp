// What an operation is called with, and what all of them need.
#pragma once
#include "kernels.hpp"
#include "subnormals.hpp"

// Numbers (sizes, coefficients) and arrays of float32: results first, then operands.
struct Call {
  const double* numbers;
  int number_count;
  float* const* arrays;
  const long* sizes;
  int array_count;

  // Sizes are compared as doubles, in which a product of sizes cannot overflow.
  bool has(int i, double size) const { return i < array_count && static_cast<double>(sizes[i]) == size; }
  // A whole number from 0, or -1.
  int whole(int i) const {
    if (i >= number_count || !(numbers[i] >= 0 && numbers[i] <= 2147483647.)) return -1;
    const int n = static_cast<int>(numbers[i]);
    return n == numbers[i] ? n : -1;
  }
};

using Error = const char*;

constexpr Error no_memory = "not enough memory";
constexpr int shared_memory = 0;  // slots above it belong to the threads

inline int smaller(int a, int b) { return a < b ? a : b; }

template <class Machine>
bool reserve(Machine& m, double scratch) {
  for (int t = 0; t < m.threads(); t++)
    if (!m.memory(1 + t, scratch)) return false;
  return true;
}

// Where piece i begins of n things that are cut into pieces of nearly one size. It ends where the next begins.
template <class N>
constexpr N piece_begin(N n, int i, int pieces) {
  return static_cast<N>(static_cast<long long>(n) * i / pieces);
}

// Parts of work whose results do not depend on where it is cut: enough for threads to end at about the same time, and no more, because
// each is taken from memory that all of them write to.
template <class Machine>
int parts_for(Machine& m, int pieces) {
  return smaller(pieces, 4 * m.threads());
}

// The parts that sum gradients of their own. Fixed, because the order of a sum is part of its result.
constexpr int gradient_parts = 8;
