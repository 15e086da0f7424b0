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

// Products with few columns would leave most lanes empty. Theirs run along A instead, where it lies in pieces of whole vectors, and so
// many sums are kept at a time.
constexpr int narrow_columns = 8, narrow_sums = 8;
static_assert(matrix_rows % lanes == 0, "a task ends where a vector of rows does");

inline bool whole_vectors(const Walk& walk, int length) {
  return walk.step == 1 && length > 0 && length % lanes == 0 && (walk.segment % lanes == 0 || walk.segment >= length);
}

// visit(Constant<N>, first column) for all columns, up to four at a time.
template <class Visit>
inline void each_narrow(int columns, const Visit& visit) {
  int j = 0;
  for (; j + 4 <= columns; j += 4) visit(Constant<4>{}, j);
  for (; j + 2 <= columns; j += 2) visit(Constant<2>{}, j);
  for (; j < columns; j++) visit(Constant<1>{}, j);
}

// R rows of N columns, lanes along a stretch of the inner axis, of which b has the columns one after the other.
template <int N, int R>
inline void multiply_dots(const MatProblem& p, int row, int column, int k, int inner, const float* b) {
  const float* a[R];
  for (int r = 0; r < R; r++) a[r] = p.a + p.a_row.at(row + r);
  vec acc[R][N];
  each<R>([&](int r) { each<N>([&](int n) { acc[r][n] = set1(0.f); }); });
  for (int j = 0; j < inner;) {
    const int left = p.a_col.left(k + j), end = inner - j < left ? inner : j + left;
    long at = p.a_col.at(k + j);
    for (; j < end; j += lanes, at += lanes) {
      vec w[N];
      each<N>([&](int n) { w[n] = load(b + n * inner + j); });
      each<R>([&](int r) {
        const vec x = load(a[r] + at);
        each<N>([&](int n) { acc[r][n] += x * w[n]; });
      });
    }
  }
  for (int r = 0; r < R; r++)
    for (int n = 0; n < N; n++) {
      float& c = p.c[p.c_row.at(row + r) + (column + n) * p.c_col];
      c = (p.add || k > 0 ? c : 0) + sum(acc[r][n]);
    }
}

// Rows [first, last), a stretch of the inner axis at a time.
inline void multiply_narrow(const MatProblem& p, int first, int last, float* packed) {
  constexpr int most = matrix_stretch * block / narrow_columns;
  for (int k = 0; k < p.k; k += most) {
    const int inner = p.k - k < most ? p.k - k : most;
    for (int n = 0; n < p.n; n++)
      for (int j = 0; j < inner; j++) packed[n * inner + j] = p.b[(k + j) * p.b_row + n * p.b_col];
    each_narrow(p.n, [&]<int N>(Constant<N>, int column) {
      constexpr int R = narrow_sums / N;
      int row = first;
      for (; row + R <= last; row += R) multiply_dots<N, R>(p, row, column, k, inner, packed + column * inner);
      for (; row < last; row++) multiply_dots<N, 1>(p, row, column, k, inner, packed + column * inner);
    });
  }
}

// V vectors of rows of N columns, lanes along the rows.
template <int N, int V>
inline void multiply_columns(const MatProblem& p, int row, int column) {
  const float *a = p.a + p.a_row.at(row), *b = p.b + column * p.b_col;
  vec acc[N][V];
  each<N>([&](int n) { each<V>([&](int v) { acc[n][v] = set1(0.f); }); });
  for (int k = 0; k < p.k;) {
    const int left = p.a_col.left(k), end = p.k - k < left ? p.k : k + left;
    long at = p.a_col.at(k);
    for (; k < end; k++, at += p.a_col.step) {
      vec x[V];
      each<V>([&](int v) { x[v] = load(a + at + v * lanes); });
      each<N>([&](int n) {
        const vec s = set1(b[k * p.b_row + n * p.b_col]);
        each<V>([&](int v) { acc[n][v] += s * x[v]; });
      });
    }
  }
  for (int n = 0; n < N; n++)
    for (int i = 0; i < V * lanes; i++) {
      float& c = p.c[p.c_row.at(row + i) + (column + n) * p.c_col];
      c = (p.add ? c : 0) + acc[n][i / lanes][i % lanes];
    }
}

// The same where A's columns, not its rows, lie in pieces.
inline void multiply_narrow_transposed(const MatProblem& p, int first, int last) {
  each_narrow(p.n, [&]<int N>(Constant<N>, int column) {
    constexpr int V = narrow_sums / N;
    for (int row = first; row < last;) {
      const int left = p.a_row.left(row), end = last - row < left ? last : row + left;
      for (; row + V * lanes <= end; row += V * lanes) multiply_columns<N, V>(p, row, column);
      for (; row < end; row += lanes) multiply_columns<N, 1>(p, row, column);
    }
  });
}

inline void multiply_task(const MatProblem& p, int first_row, int first_column, float* scratch) {
  const int height = p.m - first_row < matrix_rows ? p.m - first_row : matrix_rows;
  const int width = p.n - first_column < block ? p.n - first_column : block;
  if (p.n <= narrow_columns) {
    if (whole_vectors(p.a_col, p.k)) return multiply_narrow(p, first_row, first_row + height, scratch);
    if (whole_vectors(p.a_row, p.m)) return multiply_narrow_transposed(p, first_row, first_row + height);
  }
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
