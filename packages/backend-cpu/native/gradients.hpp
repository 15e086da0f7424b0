// Gradients of a layer's weight: sums over samples, panels and blocks of products of cotangents with inputs.
#pragma once
#include "panels.hpp"

namespace SF_NAMESPACE {

// Samples behind the last are left out of sums: zeros went in there, but an infinite weight makes NaN of a zero.
inline vec present(vec x, int count) {
  for (int i = count < 0 ? 0 : count; i < lanes; i++) x[i] = 0;
  return x;
}

inline void add_to(float* to, vec x) { store(to, load(to) + x); }

// Adds the lanes of `count` sums, at most as many as there are lanes, to consecutive numbers, and zeros to what is behind them: at the end
// of a layer there is room for that.
inline void add_lanes(vec* sums, int count, float* to) {
  for (int q = count; q < lanes; q++) sums[q] = set1(0.f);
  add_to(to, sums_of(sums));
}

// to[i] += Σ_lanes dot(i), for as many i at a time as there are lanes.
template <class Dot>
inline void add_sums(float* to, int count, const Dot& dot) {
  for (int i = 0; i < count; i += lanes) {
    vec dots[lanes];
    const int some = count - i < lanes ? count - i : lanes;
    for (int q = 0; q < some; q++) dots[q] = dot(i + q);
    add_lanes(dots, some, to + i);
  }
}

// Panels of cotangents and of inputs whose products are summed together, and how many samples they hold.
template <int most>
struct Factors {
  const float *cotangents[most], *inputs[most];
  int samples[most];

  // Panels `first` to first + count - 1 of all blocks; whether all of them are full.
  bool take(const Samples& of, int panels, const Panels& a, const Panels& h, int first, int count) {
    bool full = true;
    for (int p = 0; p < count; p++) {
      const int g = (first + p) / panels, k = (first + p) % panels;
      cotangents[p] = a(g, k), inputs[p] = h(g, k), samples[p] = of.of(g);
      full = full && samples[p] == block;
    }
    return full;
  }
};

// Calls f with the numbers 0 to all - 1, P at a time, and what is left one by one: f(first, size).
template <int P, class F>
inline void in_groups(int all, const F& f) {
  int first = 0;
  for (; first + P <= all; first += P) f(first, Constant<P>{});
  for (; first < all; first++) f(first, Constant<1>{});
}

// As many panels as registers hold their cotangents: the lanes are then summed once for all of them.
constexpr int dot_panels = 8 / vectors;

struct Span {
  int first, last;
};

// gradient[r][j] += Σ a[r] h[j] for some rows and columns, where one side is so small that vectors along it would be mostly empty.
template <int P, bool full>
inline void accumulate_narrow(const Factors<P>& factors, float* gradient, int in, Span rows, Span columns) {
  vec dots[lanes];
  int held = 0;
  float* to = gradient + (long)rows.first * in + columns.first;
  const auto flush = [&] {
    add_lanes(dots, held, to);
    to += held, held = 0;
  };
  const int left_out = in - (columns.last - columns.first);
  for (int r = rows.first; r < rows.last; r++) {
    vec left[P][vectors];
    each<P>([&](int p) { each<vectors>([&](int v) { left[p][v] = load(factors.cotangents[p] + r * block + v * lanes); }); });
    for (int j = columns.first; j < columns.last; j++) {
      vec total = set1(0.f);
      each<P>([&](int p) {
        each<vectors>([&](int v) {
          const vec product = left[p][v] * load(factors.inputs[p] + j * block + v * lanes);
          total += full ? product : present(product, factors.samples[p] - v * lanes);
        });
      });
      dots[held++] = total;
      if (held == lanes) flush();
    }
    // Rows that are not taken whole do not follow one another.
    if (left_out == 0) continue;
    if (held > 0) flush();
    to += left_out;
  }
  if (held > 0) flush();
}

inline void accumulate_narrow(const Samples& samples, int panels, const Panels& a, const Panels& h, float* gradient, int in, Span rows, Span columns) {
  in_groups<dot_panels>(samples.blocks * panels, [&]<int P>(int first, Constant<P>) {
    Factors<P> factors;
    if (factors.take(samples, panels, a, h, first, P)) accumulate_narrow<P, true>(factors, gradient, in, rows, columns);
    else accumulate_narrow<P, false>(factors, gradient, in, rows, columns);
  });
}

// Columns of a weight that a tile of its gradient covers. The inputs' panels that it sums over fit the first-level cache, the
// cotangents' panels the second.
constexpr int tile_width = gradient_tile.vectors * lanes, most_samples = 8192 / tile_width < 256 ? 8192 / tile_width : 256, most_panels = most_samples / block;

// Rows of a panel, as many as a tile has columns or only `left`, transposed: [block][tile_width], with zeros up to the next whole vector
// and nothing behind, where accumulate_columns does not look.
inline void transpose_rows(const float* panel, int left, float* to) {
  for (int j = 0; j < tile_width && j < left; j += lanes)
    for (int i = 0; i < block; i += lanes) {
      vec x[lanes];
      each<lanes>([&](int q) { x[q] = j + q < left ? load(panel + (long)(j + q) * block + i) : set1(0.f); });
      transpose(x);
      each<lanes>([&](int q) { store(to + (i + q) * tile_width + j, x[q]); });
    }
}

// Asks for rows of some floats that are far from the cache: the processor does not see short, distant pieces coming.
template <int width>
inline void prefetch(const float* x, int rows, long stride) {
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < width; i += 16) __builtin_prefetch(x + r * stride + i);
}

// Up to V vectors of columns of the gradient, from `left` that there are; fewer where a layer is as narrow as after pruning.
template <int V>
inline void accumulate_columns(const Factors<most_panels>& factors, int panels, const float* transposed, float* gradient, int out, int in, int left) {
  if constexpr (V > 1)
    if (left <= (V - 1) * lanes) return accumulate_columns<V - 1>(factors, panels, transposed, gradient, out, in, left);
  constexpr int rows = gradient_tile.rows;
  for (int r = 0; r < out; r += rows) {
    const int height = out - r < rows ? out - r : rows;
    vec acc[rows][V];
    each<rows>([&](int q) { each<V>([&](int v) { acc[q][v] = set1(0.f); }); });
    prefetch<V * lanes>(gradient + (long)r * in, height, in);
    for (int p = 0; p < panels; p++) {
      const float *a = factors.cotangents[p] + (long)r * block, *x = transposed + p * block * tile_width;
      prefetch<block>(a + rows * block, rows, block);
      const float* row[rows];
      each<rows>([&](int q) { row[q] = a + (q < height ? q : 0) * block; });
      for (int i = 0; i < factors.samples[p]; i++) {
        vec b[V];
        each<V>([&](int v) { b[v] = load(x + i * tile_width + v * lanes); });
        each<rows>([&](int q) {
          const vec s = set1(row[q][i]);
          each<V>([&](int v) { acc[q][v] += s * b[v]; });
        });
      }
    }
    each<rows>([&](int q) {
      if (q >= height) return;
      each<V>([&](int v) {
        float* g = gradient + (long)(r + q) * in + v * lanes;
        const int n = left - v * lanes;
        if (n >= lanes) store(g, load(g) + acc[q][v]);
        else
          for (int i = 0; i < n; i++) g[i] += acc[q][v][i];
      });
    });
  }
}

// Room for the transposed panels, in floats.
constexpr int transposed_size = most_panels * block * tile_width;

// A weight's gradient is made of independent tasks: so many columns each, or all of it where it is narrow.
constexpr int task_width = 64;

constexpr int narrow_side = 4;

inline bool is_narrow(const Layer& layer) { return layer.in <= narrow_side || layer.out <= narrow_side; }

inline int gradient_tasks(const Layer& layer) { return is_narrow(layer) ? 1 : (layer.in + task_width - 1) / task_width; }

// gradient[r][j] += Σ_blocks Σ_panels Σ_samples a[r] h[j] for the columns j of a task.
[[gnu::noinline]] inline void accumulate_gradient(const Layer& layer, int task, const Samples& samples, int panels, const Panels& a, const Panels& h,
                                                  float* transposed, float* gradient) {
  const int all = samples.blocks * panels, out = layer.out, in = layer.in;
  if (is_narrow(layer)) return accumulate_narrow(samples, panels, a, h, gradient, in, {0, out}, {0, in});
  const int begin = task * task_width, end = begin + task_width < in ? begin + task_width : in;
  for (int first = 0; first < all; first += most_panels) {
    const int count = all - first < most_panels ? all - first : most_panels;
    Factors<most_panels> factors;
    factors.take(samples, panels, a, h, first, count);
    for (int j = begin; j < end; j += tile_width) {
      for (int p = 0; p < count; p++) transpose_rows(factors.inputs[p] + (long)j * block, end - j, transposed + p * block * tile_width);
      accumulate_columns<gradient_tile.vectors>(factors, count, transposed, gradient + j, out, in, end - j);
    }
  }
}

inline void accumulate_gradient(const Layer& layer, const Samples& samples, int panels, const Panels& a, const Panels& h, float* transposed, float* gradient) {
  for (int task = 0; task < gradient_tasks(layer); task++) accumulate_gradient(layer, task, samples, panels, a, h, transposed, gradient);
}

// gradient[i] += Σ a[row i] h[column i] for the surviving weights, whose sums fill whole vectors however few a row has.
template <int P, bool full>
inline void accumulate_sparse(const Factors<P>& factors, const Sparse& w, float* gradient, int out) {
  vec dots[lanes];
  int i = 0;
  for (int t = 0; t < w.tiles; t++)
    for (int r = 0; r < out; r++) {
      const int end = w.starts[(long)t * out + r + 1];
      if (i == end) continue;
      vec left[P][vectors];
      each<P>([&](int p) { each<vectors>([&](int v) { left[p][v] = load(factors.cotangents[p] + r * block + v * lanes); }); });
      for (; i < end; i++) {
        const int column = w.columns[i] * block, q = i % lanes;
        vec total = set1(0.f);
        each<P>([&](int p) {
          each<vectors>([&](int v) {
            const vec product = left[p][v] * load(factors.inputs[p] + column + v * lanes);
            total += full ? product : present(product, factors.samples[p] - v * lanes);
          });
        });
        dots[q] = total;
        if (q == lanes - 1) add_to(gradient + i - q, sums_of(dots));
      }
    }
  if (i % lanes > 0) add_lanes(dots, i % lanes, gradient + i / lanes * lanes);
}

// gradient[i] += Σ_blocks Σ_panels Σ_samples a[row i] h[column i].
inline void accumulate_sparse(const Samples& samples, int panels, const Panels& a, const Panels& h, const Sparse& w, float* gradient, int out) {
  in_groups<dot_panels>(samples.blocks * panels, [&]<int P>(int first, Constant<P>) {
    Factors<P> factors;
    if (factors.take(samples, panels, a, h, first, P)) accumulate_sparse<P, true>(factors, w, gradient, out);
    else accumulate_sparse<P, false>(factors, w, gradient, out);
  });
}

// sums[r] += Σ_blocks Σ_samples a[r] for some rows, of panel 0.
inline void accumulate_sums(const Samples& samples, const Panels& a, float* to, Span rows) {
  for (int g = 0; g < samples.blocks; g++) {
    const float* panel = a(g, 0) + (long)rows.first * block;
    const int count = samples.of(g);
    add_sums(to + rows.first, rows.last - rows.first, [&](int r) {
      vec total = set1(0.f);
      each<vectors>([&](int v) {
        const vec x = load(panel + r * block + v * lanes);
        total += count == block ? x : present(x, count - v * lanes);
      });
      return total;
    });
  }
}

}  // namespace SF_NAMESPACE
