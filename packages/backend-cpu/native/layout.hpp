// Copies between arrays that are walked in different steps: what transposing, slicing, padding, joining and repeating have in
// common.
#pragma once
#include "call.hpp"

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

// A box of an operand and where it goes; false where it would reach beyond either array.
inline bool read_placement(const Call& c, int from, int rank, int operand, long& to_start, long& from_start, Axis* axes) {
  double to_last = c.whole(from), from_last = c.whole(from + 1);
  if (to_last < 0 || from_last < 0) return false;
  to_start = c.whole(from), from_start = c.whole(from + 1);
  bool empty = false;
  for (int i = 0; i < rank; i++) {
    const int size = c.whole(from + 2 + 3 * i), to = c.whole(from + 3 + 3 * i), step = c.whole(from + 4 + 3 * i);
    if (size < 0 || to < 0 || step < 0) return false;
    axes[i] = {size, to, step};
    empty = empty || size == 0;
    to_last += (size - 1.) * to, from_last += (size - 1.) * step;
  }
  if (empty) axes[0].size = 0;
  return empty || (to_last < static_cast<double>(c.sizes[0]) && from_last < static_cast<double>(c.sizes[operand]));
}

// numbers: the number of axes, whether out is 0 where nothing goes; for each operand where its box begins in out and in the
// operand, and the size, step in out and step in the operand of each axis. arrays: out, then the operands.
template <class Machine>
Error copy(Machine& m, const Call& c) {
  const int rank = c.whole(0), zeros = c.whole(1);
  if (rank < 1 || rank > max_axes || zeros < 0 || c.array_count < 2 || c.number_count != 2 + (c.array_count - 1) * (2 + 3 * rank))
    return "copy: the number of axes does not fit";
  const auto place = [&](int operand, long& to, long& from, Axis* axes) {
    return read_placement(c, 2 + (operand - 1) * (2 + 3 * rank), rank, operand, to, from, axes);
  };
  long to, from;
  Axis axes[max_axes];
  for (int i = 1; i < c.array_count; i++)
    if (!place(i, to, from, axes)) return "copy: a box does not fit";
  if (zeros) __builtin_memset(c.arrays[0], 0, sizeof(float) * static_cast<unsigned long>(c.sizes[0]));
  for (int i = 1; i < c.array_count; i++) {
    place(i, to, from, axes);
    if (axes[0].size == 0) continue;
    const int left = merge(axes, rank);
    const float* x = c.arrays[i] + from;
    float* out = c.arrays[0] + to;
    const long rows = axes[0].size;
    const int parts = c.sizes[0] < 32768 || left == 1 ? 1 : static_cast<int>(rows < 16 ? rows : 16);
    m.run(parts, [&](int part, int) {
      Axis own[max_axes];
      for (int a = 0; a < left; a++) own[a] = axes[a];
      const long begin = piece_begin(rows, part, parts);
      own[0].size = piece_begin(rows, part + 1, parts) - begin;
      copy_box(own, left, x + begin * own[0].from, out + begin * own[0].to);
    });
  }
  return nullptr;
}

// numbers: outer size, rows, number of indices, inner size. arrays: out [outer][indices][inner], x [outer][rows][inner], the
// indices as whole numbers in the bits of an array of floats.
template <class Machine>
Error gather(Machine&, const Call& c) {
  const int outer = c.whole(0), rows = c.whole(1), count = c.whole(2), inner = c.whole(3);
  if (outer < 0 || rows < 0 || count < 0 || inner < 0 || c.array_count != 3 || !c.has(0, static_cast<double>(outer) * count * inner) ||
      !c.has(1, static_cast<double>(outer) * rows * inner) || !c.has(2, count))
    return "gather: a size does not fit";
  const int* indices = reinterpret_cast<const int*>(c.arrays[2]);
  for (int i = 0; i < count; i++)
    if (indices[i] < 0 || indices[i] >= rows) return "gather: an index is out of range";
  if (c.sizes[0] == 0) return nullptr;
  float* out = c.arrays[0];
  for (long o = 0; o < outer; o++)
    for (int i = 0; i < count; i++, out += inner) copy_row({inner, 1, 1}, c.arrays[1] + (o * rows + indices[i]) * inner, out);
  return nullptr;
}
