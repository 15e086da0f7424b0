// Copies between arrays that are walked in different steps: what transposing, slicing, padding, joining and repeating have in
// common.
#pragma once

constexpr int max_axes = 8;

// An axis of a box, with its step in the result and in the operand.
struct Axis {
  long size, to, from;
};

// Leaves out axes of size 1 and joins neighbours that are walked as one; how many are left, one at least.
inline int merge(Axis* axes, int rank) {
  int last = -1;
  for (int i = 0; i < rank; i++) {
    const Axis axis = axes[i];
    if (axis.size == 1) continue;
    if (last >= 0 && axes[last].to == axis.to * axis.size && axes[last].from == axis.from * axis.size) axes[last] = {axes[last].size * axis.size, axis.to, axis.from};
    else axes[++last] = axis;
  }
  if (last < 0) axes[++last] = {1, 1, 1};
  return last + 1;
}

inline void copy_row(const Axis& axis, const float* x, float* out) {
  if (axis.to == 1 && axis.from == 1) __builtin_memcpy(out, x, sizeof(float) * static_cast<unsigned long>(axis.size));
  else if (axis.to == 1 && axis.from == 0)
    for (long i = 0; i < axis.size; i++) out[i] = *x;
  else
    for (long i = 0; i < axis.size; i++) out[i * axis.to] = x[i * axis.from];
}

inline void copy_box(const Axis* axes, int rank, const float* x, float* out) {
  if (rank == 1) return copy_row(axes[0], x, out);
  const Axis &outer = axes[0], &inner = axes[1];
  if (rank > 2 || outer.from >= inner.from) {
    for (long i = 0; i < outer.size; i++) copy_box(axes + 1, rank - 1, x + i * outer.from, out + i * outer.to);
    return;
  }
  // A transposition, in tiles of as many numbers as a cache line holds: each line is read and written once.
  constexpr long tile = 16;
  for (long i = 0; i < outer.size; i += tile)
    for (long j = 0; j < inner.size; j += tile) {
      const long rows = outer.size - i < tile ? outer.size - i : tile, columns = inner.size - j < tile ? inner.size - j : tile;
      for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c++) out[(i + r) * outer.to + (j + c) * inner.to] = x[(i + r) * outer.from + (j + c) * inner.from];
    }
}
