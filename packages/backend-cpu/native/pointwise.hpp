// Elementwise operations and reductions.
#pragma once
#include "call.hpp"

// Parts of n elements that are worth a thread.
inline int pieces_of(long n) { return n < 32768 ? 1 : static_cast<int>(n / 16384 < 64 ? n / 16384 : 64); }

template <class Machine, class Task>
void run_pieces(Machine& m, long n, const Task& task) {
  const int parts = pieces_of(n);
  m.run(parts, [&](int part, int) {
    const long begin = piece_begin(n, part, parts);
    task(begin, piece_begin(n, part + 1, parts) - begin);
  });
}

// numbers: the operation. arrays: out, x.
template <class Machine>
Error unary(Machine& m, const Call& c) {
  const int op = c.whole(0);
  if (op < 0 || op > 17 || c.array_count != 2 || c.sizes[0] != c.sizes[1]) return "unary: the operation or a size does not fit";
  run_pieces(m, c.sizes[0], [&](long begin, long n) { m.kernels().unary(op, c.arrays[1] + begin, c.arrays[0] + begin, n); });
  return nullptr;
}

// numbers: scale, shift. arrays: out, x.
template <class Machine>
Error affine(Machine& m, const Call& c) {
  if (c.number_count != 2 || c.array_count != 2 || c.sizes[0] != c.sizes[1]) return "affine: a size does not fit";
  const float scale = static_cast<float>(c.numbers[0]), shift = static_cast<float>(c.numbers[1]);
  run_pieces(m, c.sizes[0], [&](long begin, long n) { m.kernels().affine(c.arrays[1] + begin, scale, shift, c.arrays[0] + begin, n); });
  return nullptr;
}

// numbers[from…]: outer and inner size, then outer and inner step of each operand. arrays: out, then the operands.
inline bool read_box(const Call& c, int from, int operands, Box& box) {
  const int outer = c.whole(from), inner = c.whole(from + 1);
  if (outer < 0 || inner < 0 || c.array_count != operands + 1 || !c.has(0, static_cast<double>(outer) * inner)) return false;
  box.outer = outer, box.inner = inner;
  for (int i = 0; i < operands; i++) {
    const int outer_step = c.whole(from + 2 + 2 * i), inner_step = c.whole(from + 3 + 2 * i);
    if (outer_step < 0 || inner_step < 0 || inner_step > 1) return false;
    // The last element that is read.
    const double last = outer == 0 || inner == 0 ? -1. : (outer - 1.) * outer_step + (inner - 1.) * inner_step;
    if (last >= static_cast<double>(c.sizes[i + 1])) return false;
    box.operand[i] = {outer_step, inner_step};
  }
  return true;
}

// task(box, out and operands) for rows of a box, or for stretches of a single one.
template <int operands, class Machine, class Task>
void run_boxes(Machine& m, const Box& box, float* const* arrays, const Task& task) {
  const bool rows = box.outer > 1;
  const long length = rows ? box.outer : box.inner;
  const int most = pieces_of(box.outer * box.inner);
  const int parts = static_cast<int>(length < most ? length : most);
  m.run(parts, [&](int part, int) {
    const long begin = piece_begin(length, part, parts), end = piece_begin(length, part + 1, parts);
    Box piece = box;
    (rows ? piece.outer : piece.inner) = end - begin;
    float* at[1 + operands] = {arrays[0] + begin * (rows ? box.inner : 1)};
    for (int i = 0; i < operands; i++) at[1 + i] = arrays[1 + i] + begin * (rows ? box.operand[i].outer : box.operand[i].inner);
    task(piece, at);
  });
}

// numbers: the operation, then the box. arrays: out, a, b.
template <class Machine>
Error binary(Machine& m, const Call& c) {
  const int op = c.whole(0);
  Box box;
  if (op < 0 || op > 9 || !read_box(c, 1, 2, box)) return "binary: the operation or a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  run_boxes<2>(m, box, c.arrays, [&](const Box& piece, float* const* at) { m.kernels().binary(op, piece, at[1], at[2], at[0]); });
  return nullptr;
}

// numbers: the box. arrays: out, condition, a, b.
template <class Machine>
Error select(Machine& m, const Call& c) {
  Box box;
  if (!read_box(c, 0, 3, box)) return "select: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  run_boxes<3>(m, box, c.arrays, [&](const Box& piece, float* const* at) { m.kernels().select(piece, at[1], at[2], at[3], at[0]); });
  return nullptr;
}

// numbers: outer, middle and inner size. arrays: out [outer][inner], x [outer][middle][inner].
template <class Machine>
Error sum(Machine& m, const Call& c) {
  const int outer = c.whole(0), middle = c.whole(1), inner = c.whole(2);
  if (outer < 0 || middle < 0 || inner < 0 || c.array_count != 2 || !c.has(0, static_cast<double>(outer) * inner) ||
      !c.has(1, static_cast<double>(outer) * middle * inner))
    return "sum: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  m.kernels().sum(c.arrays[1], outer, middle, inner, c.arrays[0]);
  return nullptr;
}

// numbers: outer, middle and inner size, whether the largest or the smallest is wanted. arrays as for sum.
template <class Machine>
Error extreme(Machine& m, const Call& c) {
  const int outer = c.whole(0), middle = c.whole(1), inner = c.whole(2), largest = c.whole(3);
  if (outer < 0 || middle < 0 || inner < 0 || largest < 0 || c.array_count != 2 || !c.has(0, static_cast<double>(outer) * inner) ||
      !c.has(1, static_cast<double>(outer) * middle * inner))
    return "extreme: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  m.kernels().extreme(largest != 0, c.arrays[1], outer, middle, inner, c.arrays[0]);
  return nullptr;
}
