// What solvers and optimisers do to whole arrays, as operations.
#pragma once
#include "call.hpp"

// numbers: the coefficients. arrays: out, then one for each coefficient.
template <class Machine>
Error linear_combination(Machine& m, const Call& c) {
  constexpr int most = 64;
  const int terms = c.number_count;
  if (terms < 1 || terms > most || c.array_count != terms + 1) return "linearCombination: the number of terms does not fit";
  const long n = c.sizes[0];
  const float* x[most];
  float coefficients[most];
  int used = 0;
  for (int i = 0; i < terms; i++) {
    if (c.sizes[i + 1] != n) return "linearCombination: the terms' sizes do not fit";
    if (c.numbers[i] == 0) continue;
    x[used] = c.arrays[i + 1];
    coefficients[used++] = static_cast<float>(c.numbers[i]);
  }
  float* out = c.arrays[0];
  if (used == 0)
    for (long i = 0; i < n; i++) out[i] = 0;
  else
    m.kernels().linear_combination(x, coefficients, used, n, out);
  return nullptr;
}

// numbers: rtol, atol. arrays: out [1], n errors, n states before, n states after.
template <class Machine>
Error scaled_error_norm(Machine& m, const Call& c) {
  const int n = (c.array_count - 1) / 3;
  if (c.number_count != 2 || n < 1 || c.array_count != 3 * n + 1 || !c.has(0, 1)) return "scaledErrorNorm: the number of arrays does not fit";
  double total = 0, count = 0;
  for (int i = 1; i <= n; i++) {
    const double size = static_cast<double>(c.sizes[i]);
    if (!c.has(n + i, size) || !c.has(2 * n + i, size)) return "scaledErrorNorm: the arrays' sizes do not fit";
    total += m.kernels().squared_error(c.arrays[i], c.arrays[n + i], c.arrays[2 * n + i], c.sizes[i], c.numbers[0], c.numbers[1]);
    count += size;
  }
  c.arrays[0][0] = static_cast<float>(__builtin_sqrt(total / count));
  return nullptr;
}

// numbers: those of AdamStep in order. arrays: new parameter, mean and variance; parameter, gradient, mean, variance, mask?
template <class Machine>
Error adam_update(Machine& m, const Call& c) {
  if (c.number_count != 9 || c.array_count < 7 || c.array_count > 8) return "adamUpdate: the number of arrays does not fit";
  const long n = c.sizes[0];
  for (int i = 1; i < c.array_count; i++)
    if (c.sizes[i] != n) return "adamUpdate: the arrays' sizes do not fit";
  float s[9];
  for (int i = 0; i < 9; i++) s[i] = static_cast<float>(c.numbers[i]);
  float* const* a = c.arrays;
  m.kernels().adam_update(a[3], a[4], a[5], a[6], c.array_count == 8 ? a[7] : nullptr, n, {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]}, a[0], a[1],
                          a[2]);
  return nullptr;
}

// numbers: count, rows, inner size, scale. arrays: out [rows], a and b [count][rows][inner].
template <class Machine>
Error row_dots(Machine& m, const Call& c) {
  const int count = c.whole(0), rows = c.whole(1), inner = c.whole(2);
  const double size = static_cast<double>(count) * rows * inner;
  if (c.number_count != 4 || count < 0 || rows < 0 || inner < 0 || c.array_count != 3 || !c.has(0, rows) || !c.has(1, size) || !c.has(2, size))
    return "rowDots: a size does not fit";
  m.kernels().row_dots(c.arrays[1], c.arrays[2], count, rows, inner, static_cast<float>(c.numbers[3]), c.arrays[0]);
  return nullptr;
}

// numbers: as above. arrays: out [count][rows][inner], x likewise, factors [rows].
template <class Machine>
Error scale_rows(Machine& m, const Call& c) {
  const int count = c.whole(0), rows = c.whole(1), inner = c.whole(2);
  const double size = static_cast<double>(count) * rows * inner;
  if (c.number_count != 4 || count < 0 || rows < 0 || inner < 0 || c.array_count != 3 || !c.has(0, size) || !c.has(1, size) || !c.has(2, rows))
    return "scaleRows: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;  // and any of the sizes may be huge
  m.kernels().scale_rows(c.arrays[1], c.arrays[2], count, rows, inner, static_cast<float>(c.numbers[3]), c.arrays[0]);
  return nullptr;
}
