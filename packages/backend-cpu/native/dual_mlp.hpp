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

// out[r] = bias[r] + Σ_j W[r][j] in[j] for rows r of one panel, in tiles of `rows` × one panel row.
template <int R>
inline void multiply_tile(const float* w, long row_stride, long col_stride, const float* bias, const float* in, float* out, int inner) {
  vec acc[R][vectors];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < vectors; v++) acc[r][v] = bias ? set1(bias[r]) : set1(0.f);
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

inline void multiply(const float* w, long row_stride, long col_stride, const float* bias, const float* in, float* out, int outer, int inner) {
  int r = 0;
  for (; r + rows <= outer; r += rows)
    multiply_tile<rows>(w + r * row_stride, row_stride, col_stride, bias ? bias + r : nullptr, in, out + r * block, inner);
  for (; r < outer; r++)
    multiply_tile<1>(w + r * row_stride, row_stride, col_stride, bias ? bias + r : nullptr, in, out + r * block, inner);
}

// Sparse products of P panels, a row at a time: each surviving weight is one broadcast and its multiply-adds. Every second weight
// has accumulators of its own where there would be too few to hide the latency of a multiply-add.
template <int P>
inline void multiply_sparse(const Sparse& w, const float* bias, const float* const* in, float* const* out, int outer) {
  constexpr int chains = P * vectors > 4 ? 1 : 2;
  for (int t = 0; t < w.tiles; t++)
    for (int r = 0; r < outer; r++) {
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

// Products of a layer's weight, or its transpose, with panels 0 to count - 1; panel 0 gets the bias. Two panels share each
// surviving weight.
template <class In, class Out>
inline void multiply_panels(const Layer& layer, bool transposed, const float* bias, int count, const In& in, const Out& out) {
  const Sparse& w = transposed ? layer.backward : layer.forward;
  const int outer = transposed ? layer.in : layer.out, inner = transposed ? layer.out : layer.in;
  int k = 0;
  if (w.starts)
    for (; k < count; k += 2) {
      const bool pair = k + 1 < count;
      const float* from[2] = {in(k), pair ? in(k + 1) : nullptr};
      float* to[2] = {out(k), pair ? out(k + 1) : nullptr};
      if (pair) multiply_sparse<2>(w, k == 0 ? bias : nullptr, from, to, outer);
      else multiply_sparse<1>(w, k == 0 ? bias : nullptr, from, to, outer);
    }
  for (; k < count; k++)
    multiply(layer.weight, transposed ? 1 : layer.in, transposed ? layer.in : 1, k == 0 ? bias : nullptr, in(k), out(k), outer, inner);
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

inline void scale_panel(float* x, const float* by, int width) {
  for (long i = 0; i < (long)width * block; i += lanes) store(x + i, load(x + i) * load(by + i));
}

// The scratch of one thread, in floats.
inline double forward_scratch(const DualProblem& p) { return (double)p.widest * block * (3 + 2. * p.count); }

inline void forward_block(const DualProblem& p, int first, float* scratch) {
  const int count = p.batch - first < block ? p.batch - first : block;
  const long panel = (long)p.widest * block;
  float *a = scratch, *b = scratch + panel, *d1 = scratch + 2 * panel;
  // Value and tangents go through a layer together, each between two panels of its own.
  const int last = p.layers - 1;
  float* tangents = scratch + 3 * panel;
  gather_panel(p.x + (long)first * p.dim, count, p.dim, a);
  for (int k = 0; k < p.count; k++)
    gather_panel(p.dx + ((long)k * p.batch + first) * p.dim, count, p.dim, tangents + (long)k * 2 * panel);
  for (int l = 0; l <= last; l++) {
    const Layer& layer = p.layer[l];
    const auto from = [&](int k) { return k == 0 ? a : tangents + ((k - 1L) * 2 + l % 2) * panel; };
    const auto to = [&](int k) { return k == 0 ? b : tangents + ((k - 1L) * 2 + (l + 1) % 2) * panel; };
    multiply_panels(layer, false, layer.bias, 1 + p.count, from, to);
    if (l < last) {
      activate_panel(p.activation, b, d1, nullptr, layer.out);
      for (int k = 1; k <= p.count; k++) scale_panel(to(k), d1, layer.out);
    }
    float* swap = a;
    a = b;
    b = swap;
  }
  const int out = p.layer[last].out;
  scatter_panel(a, count, out, p.f + (long)first * out);
  for (int k = 0; k < p.count; k++)
    scatter_panel(tangents + ((long)k * 2 + (last + 1) % 2) * panel, count, out, p.df + ((long)k * p.batch + first) * out);
}

// Samples behind the last are left out of sums: zeros went in there, but an infinite weight makes NaN of a zero.
inline vec present(vec x, int count) {
  for (int i = count < 0 ? 0 : count; i < lanes; i++) x[i] = 0;
  return x;
}

// G[r][j] += Σ_samples a[r] h[j].
inline void accumulate_gradient(const float* a, const float* h, float* transposed, float* gradient, int out, int in, int count) {
  if (in <= 4 || out <= 4) {
    for (int r = 0; r < out; r++)
      for (int j = 0; j < in; j++) {
        vec total = set1(0.f);
        if (count == block)
          for (int v = 0; v < vectors; v++) total += load(a + r * block + v * lanes) * load(h + j * block + v * lanes);
        else
          for (int v = 0; v < vectors; v++)
            total += present(load(a + r * block + v * lanes) * load(h + j * block + v * lanes), count - v * lanes);
        gradient[(long)r * in + j] += sum(total);
      }
    return;
  }
  const int padded = (in + lanes - 1) / lanes * lanes;
  for (int j = 0; j < in; j++)
    for (int i = 0; i < count; i++) transposed[(long)i * padded + j] = h[j * block + i];
  constexpr int rows = gradient_tile.rows, vectors = gradient_tile.vectors;
  constexpr int width = vectors * lanes;
  for (int j = 0; j < in; j += width) {
    const int left = in - j;
    for (int r = 0; r < out; r += rows) {
      const int height = out - r < rows ? out - r : rows;
      vec acc[rows][vectors];
      for (int q = 0; q < rows; q++)
        for (int v = 0; v < vectors; v++) acc[q][v] = set1(0.f);
      for (int i = 0; i < count; i++) {
        vec x[vectors];
        const float* t = transposed + (long)i * padded + j;
        for (int v = 0; v < vectors; v++) x[v] = v * lanes < left ? load(t + v * lanes) : set1(0.f);
        for (int q = 0; q < rows; q++) {
          const vec s = set1(a[(r + (q < height ? q : 0)) * block + i]);
          for (int v = 0; v < vectors; v++) acc[q][v] += s * x[v];
        }
      }
      for (int q = 0; q < height; q++)
        for (int v = 0; v < vectors; v++) {
          float* g = gradient + (long)(r + q) * in + j + v * lanes;
          const int n = left - v * lanes;
          if (n >= lanes) store(g, load(g) + acc[q][v]);
          else
            for (int i = 0; i < n; i++) g[i] += acc[q][v][i];
        }
    }
  }
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
inline void accumulate_sums(const float* a, float* sums, int out, int count) {
  for (int r = 0; r < out; r++) {
    vec total = set1(0.f);
    for (int v = 0; v < vectors; v++) {
      const vec x = load(a + r * block + v * lanes);
      total += count == block ? x : present(x, count - v * lanes);
    }
    sums[r] += sum(total);
  }
}

// Per hidden layer: h, d1, d2 and k times dh, du; per input: x and k dx; and two working panels each for value and tangents.
inline double backward_scratch(const DualProblem& p) {
  const double panel = (double)p.widest * block;
  return panel * (p.layers * (3 + 2. * p.count) + 2 * (1. + p.count) + 2) + (double)block * (p.widest + lanes);
}

inline void backward_block(const DualProblem& p, int first, float* scratch, float* gradients) {
  const int count = p.batch - first < block ? p.batch - first : block;
  const int k_count = p.count, last = p.layers - 1;
  const long panel = (long)p.widest * block;
  const long stride = panel * (3 + 2 * k_count);
  // Panels of layer l: its input h and dh_k, and, of the layer before, the derivatives d1, d2 and du_k that led there.
  const auto h = [&](int l) { return scratch + l * stride; };
  const auto d1 = [&](int l) { return scratch + l * stride + panel; };
  const auto d2 = [&](int l) { return scratch + l * stride + 2 * panel; };
  const auto dh = [&](int l, int k) { return scratch + l * stride + (3 + k) * panel; };
  const auto du = [&](int l, int k) { return scratch + l * stride + (3 + k_count + k) * panel; };
  float* work = scratch + (long)p.layers * stride;
  float* transposed = work + panel * (2 * (1 + k_count) + 2);

  gather_panel(p.x + (long)first * p.dim, count, p.dim, h(0));
  for (int k = 0; k < k_count; k++) gather_panel(p.dx + ((long)k * p.batch + first) * p.dim, count, p.dim, dh(0, k));
  for (int l = 0; l < last; l++) {
    const Layer& layer = p.layer[l];
    multiply_panels(
        layer, false, layer.bias, 1 + k_count, [&](int k) { return k == 0 ? h(l) : dh(l, k - 1); },
        [&](int k) { return k == 0 ? h(l + 1) : du(l + 1, k - 1); });
    activate_panel(p.activation, h(l + 1), d1(l + 1), d2(l + 1), layer.out);
    for (int k = 0; k < k_count; k++) {
      const float* from = du(l + 1, k);
      float* to = dh(l + 1, k);
      const float* d = d1(l + 1);
      for (long i = 0; i < (long)layer.out * block; i += lanes) store(to + i, load(from + i) * load(d + i));
    }
  }

  // Cotangents of u and du_k of the current layer, and, after the transposed product, of its inputs.
  float* au = work;
  float* ah = work + (1 + k_count) * panel;
  const int out = p.layer[last].out;
  gather_panel(p.ct + (long)first * out, count, out, au);
  for (int k = 0; k < k_count; k++) gather_panel(p.dct + ((long)k * p.batch + first) * out, count, out, au + (1 + k) * panel);
  for (int l = last; l >= 0; l--) {
    const Layer& layer = p.layer[l];
    float* g = gradients + layer.gradient;
    accumulate_sums(au, g + layer.weights, layer.out, count);
    if (layer.forward.starts) {
      // Value and first tangent share the sums over lanes.
      if (k_count > 0) accumulate_sparse<2>(layer.forward, au, panel, h(l), dh(l, 0), g, layer.out, count);
      else accumulate_sparse<1>(layer.forward, au, panel, h(l), nullptr, g, layer.out, count);
      for (int k = 1; k < k_count; k++) accumulate_sparse<1>(layer.forward, au + (1 + k) * panel, panel, dh(l, k), nullptr, g, layer.out, count);
    } else {
      accumulate_gradient(au, h(l), transposed, g, layer.out, layer.in, count);
      for (int k = 0; k < k_count; k++) accumulate_gradient(au + (1 + k) * panel, dh(l, k), transposed, g, layer.out, layer.in, count);
    }
    multiply_panels(layer, true, nullptr, 1 + k_count, [&](int k) { return au + k * panel; }, [&](int k) { return ah + k * panel; });
    // Without curvature there is no second term: not 0 · du, which is NaN where du is infinite.
    const bool curved = p.activation != relu && p.activation != identity;
    if (l > 0) {
      const float *e1 = d1(l), *e2 = d2(l);
      for (long i = 0; i < (long)layer.in * block; i += lanes) {
        const vec first_derivative = load(e1 + i);
        vec total = set1(0.f);
        for (int k = 0; k < k_count; k++) {
          const vec c = load(ah + (1 + k) * panel + i);
          total += load(du(l, k) + i) * c;
          store(ah + (1 + k) * panel + i, first_derivative * c);
        }
        const vec straight = first_derivative * load(ah + i);
        store(ah + i, curved ? straight + load(e2 + i) * total : straight);
      }
    }
    float* swap = au;
    au = ah;
    ah = swap;
  }
  scatter_panel(au, count, p.dim, p.gx + (long)first * p.dim);
  for (int k = 0; k < k_count; k++) scatter_panel(au + (1 + k) * panel, count, p.dim, p.gdx + ((long)k * p.batch + first) * p.dim);
}

}  // namespace SF_NAMESPACE
