// Flows of the plane with one hidden layer, such as 2-128-2: one unit after the other is computed from a few numbers of each sample,
// and what it contributes is added to a few more. Nothing of a unit is stored, so the work is that of the activations.
#pragma once
#include "gradients.hpp"

namespace SF_NAMESPACE {

// WebAssembly's engines leave too few registers for that: there it is as fast layer by layer.
#if defined(__wasm_simd128__)
constexpr bool has_registers = false;
#else
constexpr bool has_registers = true;
#endif

inline bool is_planar(const DualProblem& p) {
  return has_registers && p.layers == 2 && p.dim == 2 && p.layer[1].out == 2 && (p.count == 1 || p.count == 2) && is_dense(p);
}

// A point and its K tangents, or two numbers of theirs each.
template <int K>
using Planar = vec[1 + K][2];

// Panels of two rows for the value and the tangents of some blocks.
template <int K>
inline Panels planar_panels(float* scratch, int i, int blocks) {
  constexpr long size = (1 + K) * 2 * block;
  return {scratch + i * blocks * size, size, 2 * block};
}

template <int K>
[[gnu::always_inline]] inline void load_planar(const Panels& from, int g, int v, Planar<K>& to) {
  each<1 + K>([&](int k) { each<2>([&](int i) { to[k][i] = load(from(g, k) + i * block + v * lanes); }); });
}

template <int K>
[[gnu::always_inline]] inline void store_planar(const Planar<K>& from, const Panels& to, int g, int v) {
  each<1 + K>([&](int k) { each<2>([&](int i) { store(to(g, k) + i * block + v * lanes, from[k][i]); }); });
}

// A hidden unit: what it is made of, and what the results take of it.
struct Unit {
  vec bias, in[2], out[2];

  vec made_of(const vec* z, vec start) const { return start + in[0] * z[0] + in[1] * z[1]; }
  vec cotangent(const vec* a) const { return out[0] * a[0] + out[1] * a[1]; }
};

inline Unit unit_of(const DualProblem& p, int r) {
  const Layer &first = p.layer[0], &last = p.layer[1];
  const float *in = first.weight + 2L * r, *out = last.weight + r;
  return {set1(first.bias ? first.bias[r] : 0), {set1(in[0]), set1(in[1])}, {set1(out[0]), set1(out[last.in])}};
}

// The bias of the results, where their sums begin.
inline vec start_of(const DualProblem& p, int k, int i) { return set1(k == 0 && p.layer[1].bias ? p.layer[1].bias[i] : 0.f); }

template <Activation act, int K>
inline void planar_forward(const DualProblem& p, const Samples& samples, float* scratch) {
  const Panels x = planar_panels<K>(scratch, 0, samples.blocks), f = planar_panels<K>(scratch, 1, samples.blocks);
  gather_dual(p, p.x, p.dx, samples, 2, x);
  constexpr int abreast = 2;  // vectors that share the numbers of a unit
  for (int g = 0; g < samples.blocks; g++)
    for (int v = 0; v < vectors; v += abreast) {
      Planar<K> z[abreast], sum[abreast];
      each<abreast>([&](int w) {
        load_planar<K>(x, g, v + w, z[w]);
        each<1 + K>([&](int k) { each<2>([&](int i) { sum[w][k][i] = start_of(p, k, i); }); });
      });
      for (int r = 0; r < p.layer[0].out; r++) {
        const Unit unit = unit_of(p, r);
        each<abreast>([&](int w) {
          const Jet jet = activate<act>(unit.made_of(z[w][0], unit.bias));
          each<2>([&](int i) { sum[w][0][i] += unit.out[i] * jet.value; });
          each<K>([&](int k) {
            const vec dh = jet.first * unit.made_of(z[w][1 + k], set1(0.f));
            each<2>([&](int i) { sum[w][1 + k][i] += unit.out[i] * dh; });
          });
        });
      }
      each<abreast>([&](int w) { store_planar<K>(sum[w], f, g, v + w); });
    }
  scatter_dual(p, f, samples, 2, p.f, p.df);
}

// Of full blocks.
template <Activation act, int K>
inline void planar_backward(const DualProblem& p, const Samples& samples, float* scratch, float* gradients) {
  constexpr bool curved = act != relu && act != identity;
  const Layer &first = p.layer[0], &last = p.layer[1];
  const auto panels = [&](int i) { return planar_panels<K>(scratch, i, samples.blocks); };
  const Panels x = panels(0), ct = panels(1), f = panels(2), gx = panels(3);
  gather_dual(p, p.x, p.dx, samples, 2, x);
  gather_dual(p, p.ct, p.dct, samples, 2, ct);
  for (int g = 0; g < samples.blocks; g++)
    each<1 + K>([&](int k) {
      for (int i = 0; i < 2 * block; i += lanes) {
        store(f(g, k) + i, start_of(p, k, i / block));
        store(gx(g, k) + i, set1(0.f));
      }
    });
  for (int start = 0; start < first.out; start += lanes) {
    const int units = first.out - start < lanes ? first.out - start : lanes;
    // Of each unit the gradients of its bias, of what it is made of, and of what the results take of it.
    vec bias[lanes], in[2 * lanes], out[2][lanes];
    for (int q = 0; q < units; q++) {
      const Unit unit = unit_of(p, start + q);
      vec g_bias = set1(0.f), g_in[2] = {set1(0.f), set1(0.f)}, g_out[2] = {set1(0.f), set1(0.f)};
      for (int g = 0; g < samples.blocks; g++)
        for (int v = 0; v < vectors; v++) {
          Planar<K> z, a, sum, back;
          load_planar<K>(x, g, v, z);
          load_planar<K>(ct, g, v, a);
          load_planar<K>(f, g, v, sum);
          load_planar<K>(gx, g, v, back);
          const Jet jet = activate<act>(unit.made_of(z[0], unit.bias));
          const auto add = [&](int k, vec h, vec u) {
            each<2>([&](int i) {
              sum[k][i] += unit.out[i] * h;
              g_out[i] += a[k][i] * h;
              g_in[i] += u * z[k][i];
              back[k][i] += unit.in[i] * u;
            });
          };
          vec bend = set1(0.f);
          each<K>([&](int k) {
            const vec du = unit.made_of(z[1 + k], set1(0.f)), c = unit.cotangent(a[1 + k]);
            bend += du * c;
            add(1 + k, jet.first * du, jet.first * c);
          });
          const vec straight = jet.first * unit.cotangent(a[0]), u = curved ? straight + jet.second * bend : straight;
          add(0, jet.value, u);
          g_bias += u;
          store_planar<K>(sum, f, g, v);
          store_planar<K>(back, gx, g, v);
        }
      bias[q] = g_bias;
      each<2>([&](int i) { in[2 * q + i] = g_in[i], out[i][q] = g_out[i]; });
    }
    if (!gradients) continue;
    float *to = gradients + first.gradient, *to_last = gradients + last.gradient + start;
    add_lanes(bias, units, to + first.weights + start);
    for (int i = 0; i < 2 * units; i += lanes) add_lanes(in + i, 2 * units - i < lanes ? 2 * units - i : lanes, to + 2L * start + i);
    for (int i = 0; i < 2; i++) add_lanes(out[i], units, to_last + (long)i * last.in);
  }
  if (gradients) accumulate_sums(samples, ct, gradients + last.gradient + last.weights, {0, 2});
  if (p.f) scatter_dual(p, f, samples, 2, p.f, p.df);
  scatter_dual(p, gx, samples, 2, p.gx, p.gdx);
}

inline void planar_forward(const DualProblem& p, const Samples& samples, float* scratch) {
  with_activation(p.activation, [&]<int act>(Constant<act>) {
    if (p.count == 1) planar_forward<(Activation)act, 1>(p, samples, scratch);
    else planar_forward<(Activation)act, 2>(p, samples, scratch);
  });
}

inline void planar_backward(const DualProblem& p, const Samples& samples, float* scratch, float* gradients) {
  with_activation(p.activation, [&]<int act>(Constant<act>) {
    if (p.count == 1) planar_backward<(Activation)act, 1>(p, samples, scratch, gradients);
    else planar_backward<(Activation)act, 2>(p, samples, scratch, gradients);
  });
}

}  // namespace SF_NAMESPACE
