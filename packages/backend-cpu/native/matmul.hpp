// Matrix products for any strides. A task computes up to matrix_rows × block of C: the columns of B that it needs are packed,
// a stretch of the inner axis at a time, into a panel that stays in the first-level cache, and tiles of A's rows run over it.
// Each element of C is summed by one task in the order of the inner axis, so results do not depend on the number of threads.
#pragma once
#include "kernels.hpp"
#include "simd.hpp"

namespace SF_NAMESPACE {

constexpr int matrix_stretch = 8192 / block;  // a panel of 32 kB
constexpr long matrix_scratch = (long)(matrix_stretch + matrix_rows) * block;

// total[r][…] += Σ_j a[first + r][k + j] packed[j][…], V vectors wide.
template <int R, int V>
inline void matrix_tile(const MatProblem& p, int first, int k, const float* packed, float* total, int inner) {
  packed = whole_rows(packed), total = whole_rows(total);
  const float* a[R];
  for (int r = 0; r < R; r++) a[r] = p.a + p.a_row.at(first + r);
  const long step = p.a_col.step;
  vec acc[R][V];
  each<R>([&](int r) { each<V>([&](int v) { acc[r][v] = load(total + r * block + v * lanes); }); });
  for (int j = 0; j < inner;) {
    const int left = p.a_col.left(k + j), end = inner - j < left ? inner : j + left;
    long at = p.a_col.at(k + j);
    for (; j < end; j++, at += step) {
      vec x[V];
      each<V>([&](int v) { x[v] = load(packed + j * block + v * lanes); });
      each<R>([&](int r) {
        const vec s = set1(a[r][at]);
        each<V>([&](int v) { acc[r][v] += s * x[v]; });
      });
    }
  }
  each<R>([&](int r) { each<V>([&](int v) { store(total + r * block + v * lanes, acc[r][v]); }); });
}

template <int V>
inline void matrix_tiles(const MatProblem& p, int first, int height, int k, const float* packed, float* total, int inner) {
  int r = 0;
  for (; r + rows <= height; r += rows) matrix_tile<rows, V>(p, first + r, k, packed, total + r * block, inner);
  for (; r + 2 <= height; r += 2) matrix_tile<2, V>(p, first + r, k, packed, total + r * block, inner);
  for (; r < height; r++) matrix_tile<1, V>(p, first + r, k, packed, total + r * block, inner);
}

inline void multiply_task(const MatProblem& p, int first_row, int first_column, float* scratch) {
  const int height = p.m - first_row < matrix_rows ? p.m - first_row : matrix_rows;
  const int width = p.n - first_column < block ? p.n - first_column : block;
  const int used = (width + lanes - 1) / lanes;
  float* packed = scratch;
  float* total = scratch + (long)matrix_stretch * block;
  for (long i = 0; i < (long)height * block; i += lanes) store(total + i, set1(0.f));
  if (p.add)
    for (int r = 0; r < height; r++)
      for (int i = 0; i < width; i++) total[r * block + i] = p.c[p.c_row.at(first_row + r) + (first_column + i) * p.c_col];
  for (int k = 0; k < p.k; k += matrix_stretch) {
    const int inner = p.k - k < matrix_stretch ? p.k - k : matrix_stretch;
    const float* b = p.b + k * p.b_row + first_column * p.b_col;
    if (p.b_col == 1) {
      for (int j = 0; j < inner; j++) {
        const float* from = b + j * p.b_row;
        float* to = packed + j * block;
        int i = 0;
        for (; i + lanes <= width; i += lanes) store(to + i, load(from + i));
        for (; i < width; i++) to[i] = from[i];
        for (; i < used * lanes; i++) to[i] = 0;
      }
    } else {
      for (int i = 0; i < width; i++)
        for (int j = 0; j < inner; j++) packed[j * block + i] = b[j * p.b_row + i * p.b_col];
      for (int j = 0; j < inner; j++)
        for (int i = width; i < used * lanes; i++) packed[j * block + i] = 0;
    }
    if (used == 1) matrix_tiles<1>(p, first_row, height, k, packed, total, inner);
    else if (used == 2) matrix_tiles<2>(p, first_row, height, k, packed, total, inner);
    else if (used < vectors) matrix_tiles<vectors - 1>(p, first_row, height, k, packed, total, inner);
    else matrix_tiles<vectors>(p, first_row, height, k, packed, total, inner);
  }
  for (int r = 0; r < height; r++) {
    const float* from = total + r * block;
    float* to = p.c + p.c_row.at(first_row + r) + first_column * p.c_col;
    int i = 0;
    if (p.c_col == 1)
      for (; i + lanes <= width; i += lanes) store(to + i, load(from + i));
    for (; i < width; i++) to[i * p.c_col] = from[i];
  }
}

}  // namespace SF_NAMESPACE
