// A multilayer perceptron with k tangents, forward and reverse. u = W h + b, du = W dh, h' = act(u), dh' = act'(u) du.
//
// A few blocks of samples run through the whole network while their panels stay in cache. The value and the tangents are panels of
// their own and share the code. Blocks are dealt to a fixed number of parts; each part sums its own weight gradients and the parts
// are added in order, so results do not depend on the number of threads.
#pragma once
#include "gradients.hpp"
#include "products.hpp"

namespace SF_NAMESPACE {

// For a block two panels each for the value and the tangents.
inline double forward_scratch(const DualProblem& p) { return (double)p.widest * block * (2 + 2. * p.count); }

inline void forward_blocks(const DualProblem& p, int first, int blocks, float* scratch) {
  const Samples samples = samples_of(p, first, blocks);
  const long panel = (long)p.widest * block, size = panel * (2 + 2L * p.count);
  const int last = p.layers - 1, out = p.layer[last].out;
  const auto inputs = [&](int l) { return Panels{scratch + l % 2 * panel, size, 2 * panel}; };
  gather_panels(p.x, samples, p.dim, inputs(0), 0);
  for (int k = 0; k < p.count; k++) gather_panels(p.dx + (long)k * p.batch * p.dim, samples, p.dim, inputs(0), 1 + k);
  for (int l = 0; l <= last; l++) {
    const Panels sums = inputs(l + 1);
    multiply_panels(p.layer[l], false, p.layer[l].bias, blocks, 1 + p.count, inputs(l), sums, [&](int begin, int end) {
      if (l == last) return;
      const long row = (long)begin * block;
      for (int g = 0; g < blocks; g++)
        activate_panel<false>(p.activation, sums(g, 0) + row, nullptr, sums(g, 0) + row, sums.step, sums.step, p.count, (long)(end - begin) * block);
    });
  }
  scatter_panels(inputs(last + 1), 0, samples, out, p.f);
  for (int k = 0; k < p.count; k++) scatter_panels(inputs(last + 1), 1 + k, samples, out, p.df + (long)k * p.batch * out);
}

// Tangents that go forth and back together. More are done in several rounds, in the memory of one.
constexpr int most_tangents = 8;

inline int tangents_at_once(const DualProblem& p) { return p.count < most_tangents ? p.count : most_tangents; }

// Panels of a block by layer: its inputs h and dh_k; and, of the layer before, act' and du_k, whose places the cotangents of u and
// du_k take later, act'', and the sum over tangents. Then the cotangents of the results, and of a layer's inputs.
struct Layout {
  int layers, panels;  // panels of the value and of the tangents at once
  long panel;
  float* scratch;

  Layout(const DualProblem& p, float* memory) : layers(p.layers), panels(1 + tangents_at_once(p)), panel((long)p.widest * block), scratch(memory) {}

  long size() const { return (2L * (1 + panels) * layers + 2 * panels) * panel; }
  Panels at(int l, int i) const { return {scratch + (2L * (1 + panels) * l + i) * panel, size(), panel}; }
  Panels inputs(int l) const { return at(l, 0); }
  Panels sums(int l) const { return at(l, panels); }
  Panels second(int l) const { return at(l, 2 * panels); }
  Panels total(int l) const { return at(l, 2 * panels + 1); }
  Panels cotangents(int l) const { return l == layers - 1 ? at(layers, 0) : sums(l + 1); }
  Panels work() const { return at(layers, panels); }
};

inline double backward_scratch(const DualProblem& p) { return (double)Layout(p, nullptr).size(); }

// The value's forward pass runs with that of the first round of tangents, and its reverse pass with that of the last, because
// the cotangent of u takes act''(u) Σ_k du_k dh̄'_k over all tangents. Without `gradients` inputs and cotangents are kept, for
// gradient_task.
inline void backward_blocks(const DualProblem& p, int first, int blocks, float* scratch, float* transposed, float* gradients) {
  const Samples samples = samples_of(p, first, blocks);
  const Layout at(p, scratch);
  const int last = p.layers - 1, out = p.layer[last].out;
  const long panel = at.panel;
  // Without curvature there is no second term: not 0 · du, which is NaN where du is infinite.
  const bool curved = p.activation != relu && p.activation != identity;

  int begin = 0;
  do {
    const int k_count = p.count - begin < at.panels - 1 ? p.count - begin : at.panels - 1;
    const bool starts = begin == 0, ends = begin + k_count == p.count;
    const auto gather_tangents = [&](const float* from, int dim, const Panels& to) {
      for (int k = 0; k < k_count; k++) gather_panels(from + (long)(begin + k) * p.batch * dim, samples, dim, to, 1 + k);
    };
    const auto scatter_tangents = [&](const Panels& from, int dim, float* to) {
      for (int k = 0; k < k_count; k++) scatter_panels(from, 1 + k, samples, dim, to + (long)(begin + k) * p.batch * dim);
    };

    // The value takes part in a product, or the tangents alone.
    const int forth = starts ? 0 : 1;
    const auto multiply_forth = [&](int l, const Panels& to, const auto& finish) {
      multiply_panels(p.layer[l], false, starts ? p.layer[l].bias : nullptr, blocks, 1 + k_count - forth, at.inputs(l).from(forth), to.from(forth), finish);
    };
    if (starts) gather_panels(p.x, samples, p.dim, at.inputs(0), 0);
    gather_tangents(p.dx, p.dim, at.inputs(0));
    for (int l = 0; l < last; l++) {
      const Panels u = at.sums(l + 1), h = at.inputs(l + 1), second = at.second(l + 1);
      multiply_forth(l, u, [&](int from, int to) {
        const long row = (long)from * block, length = (long)(to - from) * block;
        for (int g = 0; g < blocks; g++)
          if (starts) activate_panel<true>(p.activation, u(g, 0) + row, second(g, 0) + row, h(g, 0) + row, panel, panel, k_count, length);
          else
            for (int k = 1; k <= k_count; k++) scale_panel(u(g, k) + row, u(g, 0) + row, h(g, k) + row, length);
      });
    }
    // The values themselves, where they are wanted, in the place of their cotangents.
    const Panels top = at.cotangents(last), work = at.work();
    if (p.f) {
      multiply_forth(last, top, [](int, int) {});
      if (starts) scatter_panels(top, 0, samples, out, p.f);
      scatter_tangents(top, out, p.df);
    }

    const int back = ends ? 0 : 1;
    if (ends) gather_panels(p.ct, samples, out, top, 0);
    gather_tangents(p.dct, out, top);
    for (int l = last; l >= 0; l--) {
      const Layer& layer = p.layer[l];
      const int count = 1 + k_count - back;
      const Panels a = at.cotangents(l), h = at.inputs(l);
      if (gradients) {
        float* g = gradients + layer.gradient;
        if (ends) accumulate_sums(samples, a, g + layer.weights, layer.out);
        if (layer.forward.starts) accumulate_sparse(samples, count, a.from(back), h.from(back), layer.forward, g, layer.out);
        else accumulate_gradient(layer, samples, count, a.from(back), h.from(back), transposed, g);
      }
      multiply_panels(layer, true, nullptr, blocks, count, a.from(back), work.from(back), [&](int from, int to) {
        if (l == 0) return;
        for (int g = 0; g < blocks; g++) {
          float *u = at.sums(l)(g, 0), *so_far = at.total(l)(g, 0);
          const float *c = work(g, 0), *second = at.second(l)(g, 0);
          for (long i = (long)from * block; i < (long)to * block; i += lanes) {
            const vec slope = load(u + i);
            vec sum = starts ? set1(0.f) : load(so_far + i);
            for (long k = 1; k <= k_count; k++) {
              const vec tangent = load(c + k * panel + i);
              sum += load(u + k * panel + i) * tangent;
              store(u + k * panel + i, slope * tangent);
            }
            if (ends) {
              const vec straight = slope * load(c + i);
              store(u + i, curved ? straight + load(second + i) * sum : straight);
            } else {
              store(so_far + i, sum);
            }
          }
        }
      });
    }
    if (ends) scatter_panels(work, 0, samples, p.dim, p.gx);
    scatter_tangents(work, p.dim, p.gdx);
    begin += k_count;
  } while (begin < p.count);
}

// Gradients of a wide network take long to add up: they are computed once for all blocks, in tasks of some columns of a layer each.
inline bool keeps_panels(const DualProblem& p) {
  return is_dense(p) && p.widest > narrow_width && p.count <= most_tangents;
}

inline int gradient_tasks(const DualProblem& p) {
  int tasks = 0;
  for (int l = 0; l < p.layers; l++) tasks += gradient_tasks(p.layer[l]);
  return tasks;
}

inline void gradient_task(const DualProblem& p, int first, int blocks, float* scratch, int task, float* transposed, float* gradients) {
  const Samples samples = samples_of(p, first, blocks);
  const Layout at(p, scratch);
  int l = 0;
  for (; task >= gradient_tasks(p.layer[l]); l++) task -= gradient_tasks(p.layer[l]);
  const Layer& layer = p.layer[l];
  const Panels a = at.cotangents(l);
  if (task == 0) accumulate_sums(samples, a, gradients + layer.gradient + layer.weights, layer.out);
  accumulate_gradient(layer, task, samples, at.panels, a, at.inputs(l), transposed, gradients + layer.gradient);
}

}  // namespace SF_NAMESPACE
