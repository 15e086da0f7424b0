// A multilayer perceptron with k tangents, forward and reverse. u = W h + b, du = W dh, h' = act(u), dh' = act'(u) du.
//
// Samples lie in the vector lanes: a panel holds one row of `block` samples for each feature, so layers of any width waste
// nothing, and one block runs through the whole network while its panels stay in cache. The value and the tangents are panels of
// their own and share the code. Blocks are dealt to a fixed number of parts; each part sums its own weight gradients and the parts
// are added in order, so results do not depend on the number of threads.
#pragma once
#include "activations.hpp"
#include "kernels.hpp"

namespace SF_NAMESPACE {

// out[r] = bias[r] + Σ_j W[r][j] in[j] for rows r of one panel, in tiles of `rows` × one panel row; or added to what is there.
template <bool onto, int R>
inline void multiply_tile(const float* w, long row_stride, long col_stride, const float* bias, const float* in, float* out, int inner) {
  vec acc[R][vectors];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < vectors; v++) acc[r][v] = onto ? load(out + r * block + v * lanes) : bias ? set1(bias[r]) : set1(0.f);
  for (int j = 0; j < inner; j++) {
    vec x[vectors];
    for (int v = 0; v < vectors; v++) x[v] = load(in + j * block + v * lanes);
    for (int r = 0; r < R; r++) {
      const vec a = set1(w[r * row_stride + j * col_stride]);
      for (int v = 0; v < vectors; v++) acc[r][v] += a * x[v];
    }
  }
  for (int r = 0; r < R; r++)
    for (int v = 0; v < vectors; v++) store(out + r * block + v * lanes, acc[r][v]);
}

// Rows [first, last) of a product; what is left behind the last whole tile is a tile of fewer rows.
// Not inlined, as many places call it.
template <bool onto = false, int R = rows>
[[gnu::noinline]] void multiply(const float* w, long row_stride, long col_stride, const float* bias, const float* in, float* out, int first, int last, int inner) {
  int r = first;
  for (; r + R <= last; r += R) multiply_tile<onto, R>(w + r * row_stride, row_stride, col_stride, bias ? bias + r : nullptr, in, out + r * block, inner);
  if constexpr (R > 1)
    if (r < last) multiply<onto, R - 1>(w, row_stride, col_stride, bias, in, out, r, last, inner);
}

// Sparse products of P panels, a row at a time: each surviving weight is one broadcast and its multiply-adds. Every second weight
// has accumulators of its own where there would be too few to hide the latency of a multiply-add.
template <int P>
[[gnu::noinline]] void multiply_sparse(const Sparse& w, const float* bias, const float* const* in, float* const* out, int outer, int first, int last) {
  constexpr int chains = P * vectors > 4 ? 1 : 2;
  for (int t = 0; t < w.tiles; t++)
    for (int r = first; r < last; r++) {
      const int begin = w.starts[(long)t * outer + r], end = w.starts[(long)t * outer + r + 1];
      if (t > 0 && begin == end) continue;
      vec acc[chains][P][vectors];
      for (int p = 0; p < P; p++)
        for (int v = 0; v < vectors; v++) {
          acc[0][p][v] = t > 0 ? load(out[p] + r * block + v * lanes) : set1(bias && p == 0 ? bias[r] : 0.f);
          if (chains > 1) acc[chains - 1][p][v] = set1(0.f);
        }
      int i = begin;
      for (; i + chains <= end; i += chains)
        for (int c = 0; c < chains; c++) {
          const vec a = set1(w.values[i + c]);
          const int column = w.columns[i + c] * block;
          for (int p = 0; p < P; p++)
            for (int v = 0; v < vectors; v++) acc[c][p][v] += a * load(in[p] + column + v * lanes);
        }
      for (; i < end; i++) {
        const vec a = set1(w.values[i]);
        const int column = w.columns[i] * block;
        for (int p = 0; p < P; p++)
          for (int v = 0; v < vectors; v++) acc[0][p][v] += a * load(in[p] + column + v * lanes);
      }
      for (int p = 0; p < P; p++)
        for (int v = 0; v < vectors; v++) store(out[p] + r * block + v * lanes, chains > 1 ? acc[0][p][v] + acc[chains - 1][p][v] : acc[0][p][v]);
    }
}

// Rows of all panels that are computed, and then finished, together: their results are still in the first-level cache. Rows of many
// columns take so long that finishing them later costs nothing, but taking turns between panels that fill the cache does.
constexpr int chunk = 2 * rows, many_columns = 256;

// Products of a layer's weight, or its transpose, with panels 0 to count - 1; panel 0 gets the bias. finish(first, last) is told
// when rows of all panels are there. Two panels share each surviving weight.
template <class In, class Out, class Finish>
inline void multiply_panels(const Layer& layer, bool transposed, const float* bias, int count, const In& in, const Out& out, const Finish& finish) {
  const Sparse& w = transposed ? layer.backward : layer.forward;
  const int outer = transposed ? layer.in : layer.out, inner = transposed ? layer.out : layer.in;
  // A row is ready only after the last tile of a sparse matrix.
  const int step = inner > many_columns || (w.starts && w.tiles > 1) ? outer : chunk;
  for (int first = 0; first < outer; first += step) {
    const int last = outer - first < step ? outer : first + step;
    int k = 0;
    if (w.starts)
      for (; k < count; k += 2) {
        const bool pair = k + 1 < count;
        const float* from[2] = {in(k), pair ? in(k + 1) : nullptr};
        float* to[2] = {out(k), pair ? out(k + 1) : nullptr};
        if (pair) multiply_sparse<2>(w, k == 0 ? bias : nullptr, from, to, outer, first, last);
        else multiply_sparse<1>(w, k == 0 ? bias : nullptr, from, to, outer, first, last);
      }
    for (; k < count; k++)
      multiply(layer.weight, transposed ? 1 : layer.in, transposed ? layer.in : 1, k == 0 ? bias : nullptr, in(k), out(k), first, last, inner);
    finish(first, last);
  }
}

// rows of samples [count][dim] → panel [dim][block], zeros behind the last sample; and back.
inline void gather_panel(const float* from, int count, int dim, float* panel) {
  for (int d = 0; d < dim; d++) {
    for (int i = 0; i < count; i++) panel[d * block + i] = from[(long)i * dim + d];
    for (int i = count; i < block; i++) panel[d * block + i] = 0;
  }
}

inline void scatter_panel(const float* panel, int count, int dim, float* to) {
  for (int i = 0; i < count; i++)
    for (int d = 0; d < dim; d++) to[(long)i * dim + d] = panel[d * block + i];
}

// u → act(u) in place; derivatives into d1 and, where wanted, d2.
template <Activation act>
inline void activate_panel(float* u, float* d1, float* d2, int width) {
  const long size = (long)width * block;
  if (d2)
    for (long i = 0; i < size; i += lanes) {
      const Jet jet = activate<act>(load(u + i));
      store(u + i, jet.value);
      store(d1 + i, jet.first);
      store(d2 + i, jet.second);
    }
  else
    for (long i = 0; i < size; i += lanes) {
      const Jet jet = activate<act>(load(u + i));
      store(u + i, jet.value);
      store(d1 + i, jet.first);
    }
}

inline void activate_panel(int act, float* u, float* d1, float* d2, int width) {
  switch (act) {
    case sigmoid: return activate_panel<sigmoid>(u, d1, d2, width);
    case tanh: return activate_panel<tanh>(u, d1, d2, width);
    case softplus: return activate_panel<softplus>(u, d1, d2, width);
    case relu: return activate_panel<relu>(u, d1, d2, width);
    case elu: return activate_panel<elu>(u, d1, d2, width);
    case swish: return activate_panel<swish>(u, d1, d2, width);
    default: return activate_panel<identity>(u, d1, d2, width);
  }
}

inline void scale_panel(const float* x, const float* by, float* out, int width) {
  for (long i = 0; i < (long)width * block; i += lanes) store(out + i, load(x + i) * load(by + i));
}

// The scratch of one thread, in floats.
inline double forward_scratch(const DualProblem& p) { return (double)p.widest * block * (3 + 2. * p.count); }

inline void forward_block(const DualProblem& p, int first, float* scratch) {
  const int count = p.batch - first < block ? p.batch - first : block;
  const long panel = (long)p.widest * block;
  float* d1 = scratch;
  // Value and tangents go through a layer together, each between two panels of its own.
  const auto at = [&](int l, int k) { return scratch + (1 + 2L * k + l % 2) * panel; };
  const int last = p.layers - 1;
  gather_panel(p.x + (long)first * p.dim, count, p.dim, at(0, 0));
  for (int k = 0; k < p.count; k++) gather_panel(p.dx + ((long)k * p.batch + first) * p.dim, count, p.dim, at(0, 1 + k));
  for (int l = 0; l <= last; l++) {
    const Layer& layer = p.layer[l];
    multiply_panels(
        layer, false, layer.bias, 1 + p.count, [&](int k) { return at(l, k); }, [&](int k) { return at(l + 1, k); },
        [&](int begin, int end) {
          if (l == last) return;
          const long row = (long)begin * block;
          activate_panel(p.activation, at(l + 1, 0) + row, d1, nullptr, end - begin);
          for (int k = 1; k <= p.count; k++) scale_panel(at(l + 1, k) + row, d1, at(l + 1, k) + row, end - begin);
        });
  }
  const int out = p.layer[last].out;
  scatter_panel(at(last + 1, 0), count, out, p.f + (long)first * out);
  for (int k = 0; k < p.count; k++) scatter_panel(at(last + 1, 1 + k), count, out, p.df + ((long)k * p.batch + first) * out);
}

// Samples behind the last are left out of sums: zeros went in there, but an infinite weight makes NaN of a zero.
inline vec present(vec x, int count) {
  for (int i = count < 0 ? 0 : count; i < lanes; i++) x[i] = 0;
  return x;
}

// Adds sums over lanes to consecutive floats, as many at a time as there are lanes. Where there are fewer, zeros are added to what
// is behind.
class LaneSums {
 public:
  explicit LaneSums(float* to) : to_(to) {}
  void add(vec x) {
    waiting_[count_++] = x;
    if (count_ == lanes) flush();
  }
  void end() {
    if (count_ == 0) return;
    while (count_ < lanes) waiting_[count_++] = set1(0.f);
    flush();
  }

 private:
  void flush() {
    store(to_, load(to_) + sums_of(waiting_));
    to_ += lanes;
    count_ = 0;
  }
  vec waiting_[lanes];
  int count_ = 0;
  float* to_;
};

// gradient[r][j] += Σ_panels Σ_samples a[r] h[j] where one side is so small that vectors along it would be mostly empty.
template <bool full, class Left, class Right>
inline void accumulate_narrow(int panels, const Left& a, const Right& h, float* gradient, int out, int in, int count) {
  LaneSums sums(gradient);
  for (int r = 0; r < out; r++)
    for (int j = 0; j < in; j++) {
      vec total = set1(0.f);
      for (int p = 0; p < panels; p++) {
        const float *left = a(p) + r * block, *right = h(p) + j * block;
        for (int v = 0; v < vectors; v++) {
          if constexpr (full) total += load(left + v * lanes) * load(right + v * lanes);
          else total += present(load(left + v * lanes) * load(right + v * lanes), count - v * lanes);
        }
      }
      sums.add(total);
    }
  sums.end();
}

// panel [width][block] → rows of samples [block][padded], where padded is a multiple of the lanes; what is behind the width is left.
inline void transpose_panel(const float* panel, int width, int padded, float* to) {
  int j = 0;
  for (; j + lanes <= width; j += lanes)
    for (int i = 0; i < block; i += lanes) {
      vec x[lanes];
      for (int q = 0; q < lanes; q++) x[q] = load(panel + (long)(j + q) * block + i);
      transpose(x);
      for (int q = 0; q < lanes; q++) store(to + (long)(i + q) * padded + j, x[q]);
    }
  for (; j < width; j++)
    for (int i = 0; i < block; i++) to[(long)i * padded + j] = panel[(long)j * block + i];
}

// Up to V vectors of columns of it, from `left` that there are; fewer where a layer is as narrow as after pruning.
template <int V>
inline void accumulate_columns(const float* a, const float* transposed, int padded, float* gradient, int out, int in, int left, int count) {
  if constexpr (V > 1)
    if (left <= (V - 1) * lanes) return accumulate_columns<V - 1>(a, transposed, padded, gradient, out, in, left, count);
  constexpr int rows = gradient_tile.rows;
  for (int r = 0; r < out; r += rows) {
    const int height = out - r < rows ? out - r : rows;
    vec acc[rows][V];
    for (int q = 0; q < rows; q++)
      for (int v = 0; v < V; v++) acc[q][v] = set1(0.f);
    for (int i = 0; i < count; i++) {
      vec x[V];
      for (int v = 0; v < V; v++) x[v] = load(transposed + (long)i * padded + v * lanes);
      for (int q = 0; q < rows; q++) {
        const vec s = set1(a[(r + (q < height ? q : 0)) * block + i]);
        for (int v = 0; v < V; v++) acc[q][v] += s * x[v];
      }
    }
    for (int q = 0; q < height; q++)
      for (int v = 0; v < V; v++) {
        float* g = gradient + (long)(r + q) * in + v * lanes;
        const int n = left - v * lanes;
        if (n >= lanes) store(g, load(g) + acc[q][v]);
        else
          for (int i = 0; i < n; i++) g[i] += acc[q][v][i];
      }
  }
}

// gradient[r][j] += Σ_samples a[r] h[j], in tiles whose lanes are along j.
[[gnu::noinline]] inline void accumulate_wide(const float* a, const float* h, float* transposed, float* gradient, int out, int in, int count) {
  const int padded = (in + lanes - 1) / lanes * lanes;
  transpose_panel(h, in, padded, transposed);
  constexpr int width = gradient_tile.vectors * lanes;
  for (int j = 0; j < in; j += width) accumulate_columns<gradient_tile.vectors>(a, transposed + j, padded, gradient + j, out, in, in - j, count);
}

// gradient[r][j] += Σ_panels Σ_samples a[r] h[j].
template <class Left, class Right>
inline void accumulate_gradient(int panels, const Left& a, const Right& h, float* transposed, float* gradient, int out, int in, int count) {
  if (in > 4 && out > 4)
    for (int p = 0; p < panels; p++) accumulate_wide(a(p), h(p), transposed, gradient, out, in, count);
  else if (count == block) accumulate_narrow<true>(panels, a, h, gradient, out, in, count);
  else accumulate_narrow<false>(panels, a, h, gradient, out, in, count);
}

// gradient[i] += Σ_samples a[row i] h[column i] for the surviving weights; with P = 2 also the product of the panels after. The
// dots of as many weights as there are lanes are summed together; where there are fewer, zeros are added to what is behind.
template <int P, bool full>
inline void accumulate_sparse(const Sparse& w, const float* a, long panel, const float* h, const float* dh, float* gradient, int out, int count) {
  const float* inputs[2] = {h, dh};
  for (int t = 0; t < w.tiles; t++)
    for (int r = 0; r < out; r++) {
      const int begin = w.starts[(long)t * out + r], end = w.starts[(long)t * out + r + 1];
      if (begin == end) continue;
      vec left[P][vectors];
      for (int p = 0; p < P; p++)
        for (int v = 0; v < vectors; v++) left[p][v] = load(a + p * panel + r * block + v * lanes);
      for (int i = begin; i < end; i += lanes) {
        vec dots[lanes];
        for (int j = 0; j < lanes; j++) {
          vec total = set1(0.f);
          if (i + j < end) {
            const int column = w.columns[i + j] * block;
            for (int p = 0; p < P; p++)
              for (int v = 0; v < vectors; v++) {
                const vec x = load(inputs[p] + column + v * lanes);
                if constexpr (full) total += left[p][v] * x;
                else total += present(left[p][v] * x, count - v * lanes);
              }
          }
          dots[j] = total;
        }
        store(gradient + i, load(gradient + i) + sums_of(dots));
      }
    }
}

template <int P>
inline void accumulate_sparse(const Sparse& w, const float* a, long panel, const float* h, const float* dh, float* gradient, int out, int count) {
  if (count == block) accumulate_sparse<P, true>(w, a, panel, h, dh, gradient, out, count);
  else accumulate_sparse<P, false>(w, a, panel, h, dh, gradient, out, count);
}

// sums[r] += Σ_samples a[r].
inline void accumulate_sums(const float* a, float* to, int out, int count) {
  LaneSums sums(to);
  for (int r = 0; r < out; r++) {
    vec total = set1(0.f);
    for (int v = 0; v < vectors; v++) {
      const vec x = load(a + r * block + v * lanes);
      total += count == block ? x : present(x, count - v * lanes);
    }
    sums.add(total);
  }
  sums.end();
}

// Tangents that go forth and back together. More are done in several rounds, in the memory of one.
constexpr int most_tangents = 8;

inline int tangents_at_once(const DualProblem& p) { return p.count < most_tangents ? p.count : most_tangents; }

// By layer: h, d1, d2, the sum over tangents, and for each tangent at once dh and du; and two working panels each for value and
// tangents.
inline double backward_scratch(const DualProblem& p) {
  const double panel = (double)p.widest * block;
  const int tangents = tangents_at_once(p);
  return panel * (p.layers * (4 + 2. * tangents) + 2 * (1. + tangents)) + (double)block * (p.widest + lanes);
}

// The value's forward pass runs with that of the first round of tangents, and its reverse pass with that of the last, because
// the cotangent of u takes act''(u) Σ_k du_k dh̄'_k over all tangents.
inline void backward_block(const DualProblem& p, int first, float* scratch, float* gradients) {
  const int count = p.batch - first < block ? p.batch - first : block;
  const int last = p.layers - 1, most = tangents_at_once(p), out = p.layer[last].out;
  const long panel = (long)p.widest * block;
  const long stride = panel * (4 + 2 * most);
  // Panels of layer l: its input h and dh_k, and, of the layer before, the derivatives d1, d2 and du_k that led there.
  const auto h = [&](int l) { return scratch + l * stride; };
  const auto d1 = [&](int l) { return scratch + l * stride + panel; };
  const auto d2 = [&](int l) { return scratch + l * stride + 2 * panel; };
  const auto total = [&](int l) { return scratch + l * stride + 3 * panel; };
  const auto dh = [&](int l, int k) { return scratch + l * stride + (4 + k) * panel; };
  const auto du = [&](int l, int k) { return scratch + l * stride + (4 + most + k) * panel; };
  float* work = scratch + (long)p.layers * stride;
  float* transposed = work + panel * (2 * (1 + most));
  // Without curvature there is no second term: not 0 · du, which is NaN where du is infinite.
  const bool curved = p.activation != relu && p.activation != identity;

  int begin = 0;
  do {
    const int k_count = p.count - begin < most ? p.count - begin : most;
    const bool starts = begin == 0, ends = begin + k_count == p.count;

    // Panel 0 of a product is the value where it takes part, and the tangents follow.
    const int forth = starts ? 1 : 0;
    if (starts) gather_panel(p.x + (long)first * p.dim, count, p.dim, h(0));
    for (int k = 0; k < k_count; k++) gather_panel(p.dx + ((long)(begin + k) * p.batch + first) * p.dim, count, p.dim, dh(0, k));
    for (int l = 0; l < last; l++) {
      const Layer& layer = p.layer[l];
      multiply_panels(
          layer, false, starts ? layer.bias : nullptr, forth + k_count, [&](int k) { return k < forth ? h(l) : dh(l, k - forth); },
          [&](int k) { return k < forth ? h(l + 1) : du(l + 1, k - forth); },
          [&](int from, int to) {
            const long row = (long)from * block;
            if (starts) activate_panel(p.activation, h(l + 1) + row, d1(l + 1) + row, d2(l + 1) + row, to - from);
            for (int k = 0; k < k_count; k++) scale_panel(du(l + 1, k) + row, d1(l + 1) + row, dh(l + 1, k) + row, to - from);
          });
    }
    // The values themselves, where they are wanted, through the panels that the reverse pass will work in.
    if (p.f) {
      multiply_panels(
          p.layer[last], false, starts ? p.layer[last].bias : nullptr, forth + k_count,
          [&](int k) { return k < forth ? h(last) : dh(last, k - forth); }, [&](int k) { return work + k * panel; }, [](int, int) {});
      if (starts) scatter_panel(work, count, out, p.f + (long)first * out);
      for (int k = 0; k < k_count; k++) scatter_panel(work + (forth + k) * panel, count, out, p.df + ((long)(begin + k) * p.batch + first) * out);
    }

    // Cotangents of u and du_k of the current layer, and, after the transposed product, of its inputs.
    const int back = ends ? 1 : 0;
    float* au = work;
    float* ah = work + (1 + most) * panel;
    if (ends) gather_panel(p.ct + (long)first * out, count, out, au);
    for (int k = 0; k < k_count; k++) gather_panel(p.dct + ((long)(begin + k) * p.batch + first) * out, count, out, au + (back + k) * panel);
    for (int l = last; l >= 0; l--) {
      const Layer& layer = p.layer[l];
      float* g = gradients + layer.gradient;
      const auto cotangent = [&](int k) { return au + k * panel; };
      const auto input = [&](int k) { return k < back ? h(l) : dh(l, k - back); };
      if (ends) accumulate_sums(au, g + layer.weights, layer.out, count);
      if (layer.forward.starts)
        // Two panels, such as value and first tangent, share the sums over lanes.
        for (int k = 0; k < back + k_count; k += 2)
          if (k + 1 < back + k_count) accumulate_sparse<2>(layer.forward, cotangent(k), panel, input(k), input(k + 1), g, layer.out, count);
          else accumulate_sparse<1>(layer.forward, cotangent(k), panel, input(k), nullptr, g, layer.out, count);
      else
        accumulate_gradient(back + k_count, cotangent, input, transposed, g, layer.out, layer.in, count);
      multiply_panels(layer, true, nullptr, back + k_count, cotangent, [&](int k) { return ah + k * panel; }, [&](int from, int to) {
        if (l == 0) return;
        const float *e1 = d1(l), *e2 = d2(l);
        for (long i = (long)from * block; i < (long)to * block; i += lanes) {
          const vec first_derivative = load(e1 + i);
          vec sum = starts ? set1(0.f) : load(total(l) + i);
          for (int k = 0; k < k_count; k++) {
            float* c = ah + (back + k) * panel + i;
            sum += load(du(l, k) + i) * load(c);
            store(c, first_derivative * load(c));
          }
          if (ends) {
            const vec straight = first_derivative * load(ah + i);
            store(ah + i, curved ? straight + load(e2 + i) * sum : straight);
          } else {
            store(total(l) + i, sum);
          }
        }
      });
      float* swap = au;
      au = ah;
      ah = swap;
    }
    if (ends) scatter_panel(au, count, p.dim, p.gx + (long)first * p.dim);
    for (int k = 0; k < k_count; k++) scatter_panel(au + (back + k) * panel, count, p.dim, p.gdx + ((long)(begin + k) * p.batch + first) * p.dim);
    begin += k_count;
  } while (begin < p.count);
}

}  // namespace SF_NAMESPACE
