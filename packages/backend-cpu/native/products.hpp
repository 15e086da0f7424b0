// Products of a layer's weight, or its transpose, with panels.
#pragma once
#include "panels.hpp"

namespace SF_NAMESPACE {

// out[r] = bias[r] + Σ_j W[r][j] in[j] for rows r of one panel, in tiles of `rows` × one panel row; or added to what is there.
template <bool onto, int R>
inline void multiply_tile(const float* w, long row_stride, long col_stride, const float* bias, const float* in, float* out, int inner) {
  vec acc[R][vectors];
  each<R>([&](int r) { each<vectors>([&](int v) { acc[r][v] = onto ? load(out + r * block + v * lanes) : bias ? set1(bias[r]) : set1(0.f); }); });
#pragma GCC unroll 4
  for (int j = 0; j < inner; j++) {
    vec x[vectors];
    each<vectors>([&](int v) { x[v] = load(in + j * block + v * lanes); });
    each<R>([&](int r) {
      const vec a = set1(w[r * row_stride + j * col_stride]);
      each<vectors>([&](int v) { acc[r][v] += a * x[v]; });
    });
  }
  each<R>([&](int r) { each<vectors>([&](int v) { store(out + r * block + v * lanes, acc[r][v]); }); });
}

// A tile of as many rows as `height` says, up to R.
template <bool onto, int R>
inline void multiply_rows(int height, const float* w, long row_stride, long col_stride, const float* bias, const float* in, float* out, int inner) {
  if constexpr (R > 1)
    if (height < R) return multiply_rows<onto, R - 1>(height, w, row_stride, col_stride, bias, in, out, inner);
  multiply_tile<onto, R>(w, row_stride, col_stride, bias, in, out, inner);
}

// Rows [first, last) of a product, in tiles of nearly as many rows each: a last one of few rows would wait for its own sums.
// Not inlined, as many places call it.
template <bool onto = false>
[[gnu::noinline]] void multiply(const float* w, long row_stride, long col_stride, const float* bias, const float* in, float* out, int first, int last, int inner) {
  for (int r = first; r < last;) {
    const int tiles = (last - r + rows - 1) / rows, height = (last - r + tiles - 1) / tiles;
    multiply_rows<onto, rows>(height, w + r * row_stride, row_stride, col_stride, bias ? bias + r : nullptr, in, out + r * block, inner);
    r += height;
  }
}

// Sparse products of P panels, a row at a time: each surviving weight is one broadcast and its multiply-adds. Every second weight
// has accumulators of its own where there would be too few to hide the latency of a multiply-add.
template <int P>
[[gnu::noinline]] void multiply_sparse(const Sparse& w, const float* const* bias, const float* const* in, float* const* out, int outer, int first, int last) {
  constexpr int chains = P * vectors > 4 ? 1 : 2;
  for (int t = 0; t < w.tiles; t++)
    for (int r = first; r < last; r++) {
      const int begin = w.starts[(long)t * outer + r], end = w.starts[(long)t * outer + r + 1];
      if (t > 0 && begin == end) continue;
      vec acc[chains][P][vectors];
      each<P>([&](int p) {
        each<vectors>([&](int v) {
          acc[0][p][v] = t > 0 ? load(out[p] + r * block + v * lanes) : set1(bias[p] ? bias[p][r] : 0.f);
          if constexpr (chains > 1) acc[chains - 1][p][v] = set1(0.f);
        });
      });
      const auto add = [&](int c, int i) {
        const vec a = set1(w.values[i]);
        const int column = w.columns[i] * block;
        each<P>([&](int p) { each<vectors>([&](int v) { acc[c][p][v] += a * load(in[p] + column + v * lanes); }); });
      };
      int i = begin;
      for (; i + chains <= end; i += chains) each<chains>([&](int c) { add(c, i + c); });
      for (; i < end; i++) add(0, i);
      each<P>([&](int p) {
        each<vectors>([&](int v) { store(out[p] + r * block + v * lanes, chains > 1 ? acc[0][p][v] + acc[chains - 1][p][v] : acc[0][p][v]); });
      });
    }
}

// A stretch of the inner axis, and rows of the weight, that stay in the first-level cache: the rows for all panels, and of each
// panel the stretch for all the rows. Where one stretch is enough, rows are computed and then finished together while their results
// are there.
constexpr int stretch = 128, wide_chunk = 48, narrow_chunk = 2 * rows;

// Products of a layer's weight, or its transpose, with panels 0 to count - 1 of each block; panel 0 gets the bias. finish(first,
// last) is told when these rows of all panels are there. Two panels share each surviving weight.
template <class Finish>
inline void multiply_panels(const Layer& layer, bool transposed, const float* bias, int blocks, int count, const Panels& in, const Panels& out,
                            const Finish& finish) {
  const Sparse& w = transposed ? layer.backward : layer.forward;
  const int outer = transposed ? layer.in : layer.out, inner = transposed ? layer.out : layer.in;
  const auto bias_of = [&](int k) { return k == 0 ? bias : nullptr; };
  if (w.starts) {
    // A row is ready only after the last tile.
    const int step = w.tiles > 1 ? outer : narrow_chunk;
    for (int first = 0; first < outer; first += step) {
      const int last = outer - first < step ? outer : first + step;
      for (int g = 0; g < blocks; g++)
        for (int k = 0; k < count; k += 2) {
          const bool pair = k + 1 < count;
          const float *biases[2] = {bias_of(k), nullptr}, *from[2] = {in(g, k), in(g, k + pair)};
          float* to[2] = {out(g, k), out(g, k + pair)};
          if (pair) multiply_sparse<2>(w, biases, from, to, outer, first, last);
          else multiply_sparse<1>(w, biases, from, to, outer, first, last);
        }
      finish(first, last);
    }
    return;
  }
  const bool copied = transposed && layer.transposed;
  const float* weight = copied ? layer.transposed : layer.weight;
  const long row_stride = copied ? layer.out : transposed ? 1 : layer.in, col_stride = transposed && !copied ? layer.in : 1;
  const int stretches = (inner + stretch - 1) / stretch, step = stretches > 1 ? wide_chunk : narrow_chunk;
  for (int first = 0; first < outer; first += step) {
    const int last = outer - first < step ? outer : first + step;
    for (int s = 0; s < stretches; s++) {
      const int from = (int)((long long)inner * s / stretches), length = (int)((long long)inner * (s + 1) / stretches) - from;
      for (int g = 0; g < blocks; g++)
        for (int k = 0; k < count; k++) {
          const float *part = weight + from * col_stride, *x = in(g, k) + (long)from * block;
          if (s == 0) multiply(part, row_stride, col_stride, bias_of(k), x, out(g, k), first, last, length);
          else multiply<true>(part, row_stride, col_stride, nullptr, x, out(g, k), first, last, length);
        }
    }
    finish(first, last);
  }
}

}  // namespace SF_NAMESPACE
