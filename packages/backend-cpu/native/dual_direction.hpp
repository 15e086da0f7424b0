// The derivative of the dual pass, and of its reverse pass, along a direction of all their operands: what a Hessian-vector product
// through a flow is made of. Every panel of dual_mlp.hpp is joined by its derivative (suffix _t); the chain rule does the rest.
#pragma once
#include "dual_mlp.hpp"

namespace SF_NAMESPACE {

// Products of the weight, or its transpose, with panels and their derivatives: W x, and W x_t + W_t x.
template <class In, class InT, class Out, class OutT, class Finish>
inline void multiply_directions(const Layer& layer, bool transposed, int count, const In& in, const InT& in_t, const Out& out, const OutT& out_t,
                                const Finish& finish) {
  const int outer = transposed ? layer.in : layer.out, inner = transposed ? layer.out : layer.in;
  const long row_stride = transposed ? 1 : layer.in, col_stride = transposed ? layer.in : 1;
  for (int first = 0; first < outer; first += narrow_chunk) {
    const int last = outer - first < narrow_chunk ? outer : first + narrow_chunk;
    for (int k = 0; k < count; k++) {
      const bool biased = k == 0 && !transposed;
      multiply(layer.weight, row_stride, col_stride, biased ? layer.bias : nullptr, in(k), out(k), first, last, inner);
      multiply(layer.weight, row_stride, col_stride, biased ? layer.bias_t : nullptr, in_t(k), out_t(k), first, last, inner);
      multiply<true>(layer.weight_t, row_stride, col_stride, nullptr, in(k), out_t(k), first, last, inner);
    }
    finish(first, last);
  }
}

// A panel and its derivative.
struct Pair {
  float *value, *along;
};

// u and u_t → act(u) and its derivative along u_t, in place; and the same of act' and act''.
template <Activation act>
inline void activate_pair(Pair u, Pair d1, Pair d2, int width) {
  constexpr bool curved = act != relu && act != identity;
  for (long i = 0; i < (long)width * block; i += lanes) {
    const Jet jet = activate<act>(load(u.value + i));
    const vec u_t = load(u.along + i);
    store(u.value + i, jet.value);
    store(u.along + i, jet.first * u_t);
    store(d1.value + i, jet.first);
    store(d1.along + i, curved ? jet.second * u_t : set1(0.f));
    store(d2.value + i, jet.second);
    store(d2.along + i, curved ? jet.third * u_t : set1(0.f));
  }
}

inline void activate_pair(int act, Pair u, Pair d1, Pair d2, int width) {
  with_activation(act, [&]<int act>(Constant<act>) { activate_pair<(Activation)act>(u, d1, d2, width); });
}

// By layer: its inputs h and dh_k, and of the layer before d1, d2 and du_k, in pairs; and two pairs of working panels each for
// value and tangents.
inline double direction_scratch(const DualProblem& p) {
  const double panel = (double)p.widest * block;
  return panel * (p.layers * (6 + 4. * p.count) + 4 * (1. + p.count)) + transposed_size;
}

// Without cotangents the derivatives of f and df, otherwise those of the gradients; the gradients themselves, behind, where a scale
// needs them.
inline void direction_block(const DualProblem& p, int first, float* scratch, float* gradients, float* gradients_t) {
  const Samples samples = samples_of(p, first, 1);
  const int count = samples.count;
  const int panels = 1 + p.count, last = p.layers - 1, out = p.layer[last].out;
  const long panel = (long)p.widest * block;
  const long stride = panel * (2 + 4 * panels);
  const auto pair = [&](int l, int i) { return Pair{scratch + l * stride + 2 * i * panel, scratch + l * stride + (2 * i + 1) * panel}; };
  // Panel 0 is the value's and the tangents' follow, as inputs of layer l and as sums that led there.
  const auto h = [&](int l, int k) { return pair(l, k); };
  const auto d1 = [&](int l) { return pair(l, panels); };
  const auto d2 = [&](int l) { return pair(l, panels + 1); };
  const auto du = [&](int l, int k) { return pair(l, panels + 1 + k); };
  float* work = scratch + p.layers * stride;
  float* transposed = work + 4 * panels * panel;
  // Without curvature terms with act'' are left out: 0 · du is NaN where du is infinite.
  const bool curved = p.activation != relu && p.activation != identity;

  const auto gather = [&](const float* value, const float* tangents, int width, const auto& to) {
    gather_panel(value + (long)first * width, count, width, to(0));
    for (int k = 0; k < p.count; k++) gather_panel(tangents + ((long)k * p.batch + first) * width, count, width, to(1 + k));
  };
  const auto scatter = [&](const auto& from, int width, float* value, float* tangents) {
    scatter_panel(from(0), count, width, value + (long)first * width);
    for (int k = 0; k < p.count; k++) scatter_panel(from(1 + k), count, width, tangents + ((long)k * p.batch + first) * width);
  };
  gather(p.x, p.dx, p.dim, [&](int k) { return h(0, k).value; });
  gather(p.x_t, p.dx_t, p.dim, [&](int k) { return h(0, k).along; });
  for (int l = 0; l < last; l++) {
    const auto sum = [&](int k) { return k == 0 ? h(l + 1, 0) : du(l + 1, k); };
    multiply_directions(
        p.layer[l], false, panels, [&](int k) { return h(l, k).value; }, [&](int k) { return h(l, k).along; }, [&](int k) { return sum(k).value; },
        [&](int k) { return sum(k).along; },
        [&](int from, int to) {
          const long row = (long)from * block;
          const auto at = [&](Pair x) { return Pair{x.value + row, x.along + row}; };
          const Pair e1 = at(d1(l + 1));
          activate_pair(p.activation, at(h(l + 1, 0)), e1, at(d2(l + 1)), to - from);
          for (int k = 1; k < panels; k++) {
            const Pair u = at(du(l + 1, k)), x = at(h(l + 1, k));
            for (long i = 0; i < (long)(to - from) * block; i += lanes) {
              const vec straight = load(e1.value + i) * load(u.along + i);
              store(x.value + i, load(e1.value + i) * load(u.value + i));
              store(x.along + i, curved ? straight + load(e1.along + i) * load(u.value + i) : straight);
            }
          }
        });
  }

  float *a = work, *next = work + 2 * panels * panel;
  const auto value = [&](int k) { return a + k * panel; };
  const auto along = [&](int k) { return a + (panels + k) * panel; };
  if (!p.ct) {
    multiply_directions(
        p.layer[last], false, panels, [&](int k) { return h(last, k).value; }, [&](int k) { return h(last, k).along; }, value, along, [](int, int) {});
    return scatter(along, out, p.f, p.df);
  }
  gather(p.ct, p.dct, out, value);
  gather(p.ct_t, p.dct_t, out, along);
  for (int l = last; l >= 0; l--) {
    const Layer& layer = p.layer[l];
    float *g = gradients + layer.gradient, *g_t = gradients_t + layer.gradient;
    const Panels u{value(0), 0, panel}, u_t{along(0), 0, panel}, x{h(l, 0).value, 0, 2 * panel}, x_t{h(l, 0).along, 0, 2 * panel};
    accumulate_sums(samples, u_t, g_t + layer.weights, {0, layer.out});
    accumulate_gradient(layer, samples, panels, u_t, x, transposed, g_t);
    accumulate_gradient(layer, samples, panels, u, x_t, transposed, g_t);
    if (layer.scaled) {
      accumulate_sums(samples, u, g + layer.weights, {0, layer.out});
      accumulate_gradient(layer, samples, panels, u, x, transposed, g);
    }
    const auto back = [&](int k) { return next + k * panel; };
    const auto back_t = [&](int k) { return next + (panels + k) * panel; };
    multiply_directions(layer, true, panels, value, along, back, back_t, [&](int from, int to) {
      if (l == 0) return;
      const Pair e1 = d1(l), e2 = d2(l);
      for (long i = (long)from * block; i < (long)to * block; i += lanes) {
        const vec first_value = load(e1.value + i), first_along = load(e1.along + i);
        vec sum = set1(0.f), sum_t = set1(0.f);
        const auto chain = [&](int k) {
          const vec c = load(back(k) + i), straight = first_value * load(back_t(k) + i);
          store(back(k) + i, first_value * c);
          store(back_t(k) + i, curved ? straight + first_along * c : straight);
        };
        for (int k = 1; k < panels; k++) {
          const Pair u = du(l, k);
          sum += load(u.value + i) * load(back(k) + i);
          sum_t += load(u.along + i) * load(back(k) + i) + load(u.value + i) * load(back_t(k) + i);
          chain(k);
        }
        chain(0);
        if (!curved) continue;
        store(back(0) + i, load(back(0) + i) + load(e2.value + i) * sum);
        store(back_t(0) + i, load(back_t(0) + i) + load(e2.along + i) * sum + load(e2.value + i) * sum_t);
      }
    });
    float* swap = a;
    a = next;
    next = swap;
  }
  scatter(along, p.dim, p.gx, p.gdx);
}

}  // namespace SF_NAMESPACE
