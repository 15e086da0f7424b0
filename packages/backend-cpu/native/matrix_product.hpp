// Matrix products, as an operation.
#pragma once
#include "call.hpp"

// numbers: batch, m, n, k, whether a and whether b is stored transposed. arrays: out [batch][m][n], a, b.
template <class Machine>
Error mat_mul(Machine& m, const Call& c) {
  const int batch = c.whole(0), rows = c.whole(1), columns = c.whole(2), inner = c.whole(3), ta = c.whole(4), tb = c.whole(5);
  const double count = batch, left = static_cast<double>(rows) * inner, right = static_cast<double>(inner) * columns;
  if (batch < 0 || rows < 0 || columns < 0 || inner < 0 || ta < 0 || tb < 0 || c.array_count != 3 ||
      !c.has(0, count * rows * columns) || !c.has(1, count * left) || !c.has(2, count * right))
    return "matMul: the operands' sizes do not fit";
  if (c.sizes[0] == 0) return nullptr;  // and any of the sizes may be huge
  const Kernels& k = m.kernels();
  MatProblem p{};
  p.m = rows, p.n = columns, p.k = inner;
  p.a_row = {ta ? 1 : inner}, p.a_col = {ta ? rows : 1};
  p.b_row = tb ? 1 : columns, p.b_col = tb ? inner : 1;
  p.c_row = {columns}, p.c_col = 1;
  // Lanes that hang over the last column are wasted: a tall, narrow product is computed as the transpose of a wide one.
  const double lanes = k.lanes;
  const auto rounded = [&](double size) { return static_cast<double>(static_cast<long long>((size + lanes - 1) / lanes)) * lanes; };
  if (rounded(columns) * rows > 1.25 * rounded(rows) * columns)
    p = {nullptr, nullptr, nullptr, columns, rows, inner, {p.b_col}, {p.b_row}, p.a_col.step, p.a_row.step, {p.c_col}, p.c_row.step};
  const bool swapped = p.m != rows || p.c_col != 1;
  if (!reserve(m, static_cast<double>(k.matrix_scratch))) return no_memory;
  const long long row_tasks = (p.m + matrix_rows - 1LL) / matrix_rows, column_tasks = (p.n + k.block - 1LL) / k.block;
  const long long tasks = batch * row_tasks * column_tasks;
  const int parts = count * left * columns < 65536 ? 1 : tasks < 4096 ? static_cast<int>(tasks) : 4096;
  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    for (long long t = piece_begin(tasks, part, parts); t < piece_begin(tasks, part + 1, parts); t++) {
      const long i = static_cast<long>(t / (row_tasks * column_tasks));
      const long long within = t % (row_tasks * column_tasks);
      MatProblem one = p;
      const float *a = c.arrays[1] + i * static_cast<long>(left), *b = c.arrays[2] + i * static_cast<long>(right);
      one.a = swapped ? b : a;
      one.b = swapped ? a : b;
      one.c = c.arrays[0] + i * (static_cast<long>(rows) * columns);
      k.multiply_task(one, static_cast<int>(within % row_tasks) * matrix_rows, static_cast<int>(within / row_tasks) * k.block,
                      m.memory(1 + thread, static_cast<double>(k.matrix_scratch)));
    }
  });
  return nullptr;
}
