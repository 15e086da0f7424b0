// Panels: samples lie in the vector lanes, so a panel holds one row of `block` samples for each feature, and layers of any width
// waste nothing.
#pragma once
#include "activations.hpp"
#include "problem.hpp"

namespace SF_NAMESPACE {

// The panels of several blocks of samples that go through a network together: of block g the value's and the tangents'.
struct Panels {
  float* first;
  long block_step, step;

  float* operator()(int g, int k) const { return first + g * block_step + k * step; }
  Panels from(int k) const { return {first + k * step, block_step, step}; }
};

// Blocks of samples from `first` on, the last of which may not be full.
struct Samples {
  int first, blocks, count;

  int of(int g) const { return count - g * block < block ? count - g * block : block; }
};

inline Samples samples_of(const DualProblem& p, int first, int blocks) {
  const long left = (long)p.batch - first, all = (long)blocks * block;
  return {first, blocks, (int)(left < all ? left : all)};
}

inline bool is_dense(const DualProblem& p) {
  for (int l = 0; l < p.layers; l++)
    if (p.layer[l].forward.starts) return false;
  return true;
}

// Wide networks, whose weights fill a cache, read them once for many samples; in narrow ones the panels would fill it, and in sparse
// ones, which read them in no order.
constexpr int narrow_width = 256, wide_samples = 128, narrow_samples = 64;

inline int blocks_together(const DualProblem& p) {
  const int samples = p.widest > narrow_width && is_dense(p) ? wide_samples : narrow_samples;
  return samples < block ? 1 : samples / block;
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

// Panel k of the blocks, from or to an array [batch][dim].
inline void gather_panels(const float* from, const Samples& samples, int dim, const Panels& to, int k) {
  for (int g = 0; g < samples.blocks; g++) gather_panel(from + ((long)samples.first + g * block) * dim, samples.of(g), dim, to(g, k));
}

inline void scatter_panels(const Panels& from, int k, const Samples& samples, int dim, float* to) {
  for (int g = 0; g < samples.blocks; g++) scatter_panel(from(g, k), samples.of(g), dim, to + ((long)samples.first + g * block) * dim);
}

// Values and tangents of the blocks, from or to arrays [batch][dim] and [count][batch][dim].
inline void gather_dual(const DualProblem& p, const float* value, const float* tangents, const Samples& samples, int dim, const Panels& to) {
  gather_panels(value, samples, dim, to, 0);
  for (int k = 0; k < p.count; k++) gather_panels(tangents + (long)k * p.batch * dim, samples, dim, to, 1 + k);
}

inline void scatter_dual(const DualProblem& p, const Panels& from, const Samples& samples, int dim, float* value, float* tangents) {
  scatter_panels(from, 0, samples, dim, value);
  for (int k = 0; k < p.count; k++) scatter_panels(from, 1 + k, samples, dim, tangents + (long)k * p.batch * dim);
}

// Of one block: u and du_k → act(u) and act'(u) du_k, in `out`. With keep also act' over u, and act'' into d2.
template <Activation act, bool keep>
inline void activate_panel(float* u, float* d2, float* out, long step, long out_step, int tangents, long size) {
  const auto run = [&](int tangents) __attribute__((always_inline)) {
    for (long i = 0; i < size; i += lanes) {
      const Jet jet = activate<act>(load(u + i));
      if constexpr (keep) {
        store(u + i, jet.first);
        store(d2 + i, jet.second);
      }
      store(out + i, jet.value);
      for (int k = 1; k <= tangents; k++) store(out + k * out_step + i, jet.first * load(u + k * step + i));
    }
  };
  // What training mostly needs, without a loop in the loop.
  if (tangents == 1) run(1);
  else run(tangents);
}

template <bool keep>
inline void activate_panel(int act, float* u, float* d2, float* out, long step, long out_step, int tangents, long size) {
  with_activation(act, [&]<int act>(Constant<act>) { activate_panel<(Activation)act, keep>(u, d2, out, step, out_step, tangents, size); });
}

inline void scale_panel(const float* x, const float* by, float* out, long size) {
  for (long i = 0; i < size; i += lanes) store(out + i, load(x + i) * load(by + i));
}

}  // namespace SF_NAMESPACE
