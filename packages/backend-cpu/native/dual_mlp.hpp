// A multilayer perceptron with k tangents, forward and reverse. u = W h + b, du = W dh, h' = act(u), dh' = act'(u) du.
//
// A few blocks of samples run through the whole network while their panels stay in cache. The value and the tangents are panels of
// their own and share the code. Blocks are dealt to a fixed number of parts; each part sums its own weight gradients and the parts
// are added in order, so results do not depend on the number of threads.
#pragma once
#include "planar_mlp.hpp"
#include "products.hpp"

namespace SF_NAMESPACE {

// A last layer of few rows, and a first one of few columns, need no pass of their own: rows on their wide side are used as soon as they
// are there, while they are in the first-level cache.
inline bool ends_narrow(const DualProblem& p) {
  const Layer& layer = p.layer[p.layers - 1];
  return p.layers > 1 && layer.out <= narrow_side && !layer.forward.starts;
}

inline bool begins_narrow(const DualProblem& p) { return p.layers > 1 && p.dim <= narrow_side && !p.layer[0].forward.starts; }

// What rows [from, to) of a narrow layer's wide side contribute to its results, or with `transposed` to the cotangents of its inputs.
inline void add_results(const Layer& layer, bool transposed, const float* bias, int blocks, int count, const Panels& in, const Panels& out, int from, int to) {
  const int results = transposed ? layer.in : layer.out;
  const long row_stride = transposed ? 1 : layer.in, col_stride = transposed ? layer.in : 1;
  const float* weight = layer.weight + from * col_stride;
  for (int g = 0; g < blocks; g++)
    for (int k = 0; k < count; k++) {
      const float* x = in(g, k) + (long)from * block;
      if (from == 0) multiply(weight, row_stride, col_stride, k == 0 ? bias : nullptr, x, out(g, k), 0, results, to);
      else multiply<true>(weight, row_stride, col_stride, nullptr, x, out(g, k), 0, results, to - from);
    }
}

// Panels lie a little apart: at multiples of 4 KiB a processor takes a load for one of what was just stored.
constexpr int gap = 128;

inline double panel_size(const DualProblem& p) { return (double)p.widest * block + gap; }

constexpr int narrow_panel = narrow_side * block;

// For a block two panels each for the value and the tangents, and narrow ones of the results.
inline double forward_scratch(const DualProblem& p) { return (1. + p.count) * (2 * panel_size(p) + narrow_panel); }

inline void forward_blocks(const DualProblem& p, int first, int blocks, float* scratch) {
  const Samples samples = samples_of(p, first, blocks);
  if (is_planar(p)) return planar_forward(p, samples, scratch);
  const int last = p.layers - 1, out = p.layer[last].out, panels = 1 + p.count;
  const long panel = (long)panel_size(p), size = (long)forward_scratch(p);
  const auto inputs = [&](int l) { return Panels{scratch + l % 2 * panel, size, 2 * panel}; };
  gather_dual(p, p.x, p.dx, samples, p.dim, inputs(0));
  const bool narrow = ends_narrow(p);
  const Panels results = narrow ? Panels{scratch + 2 * panels * panel, size, narrow_panel} : inputs(last + 1);
  for (int l = 0; l <= last - narrow; l++) {
    const Panels sums = inputs(l + 1);
    multiply_panels(p.layer[l], false, p.layer[l].bias, blocks, panels, inputs(l), sums, [&](int begin, int end) {
      if (l == last) return;
      const long row = (long)begin * block;
      for (int g = 0; g < blocks; g++)
        activate_panel<false>(p.activation, sums(g, 0) + row, nullptr, sums(g, 0) + row, sums.step, sums.step, p.count, (long)(end - begin) * block);
      if (narrow && l == last - 1) add_results(p.layer[last], false, p.layer[last].bias, blocks, panels, sums, results, begin, end);
    });
  }
  scatter_dual(p, results, samples, out, p.f, p.df);
}

// Tangents that go forth and back together. More are done in several rounds, in the memory of one.
constexpr int most_tangents = 8;

inline int tangents_at_once(const DualProblem& p) { return p.count < most_tangents ? p.count : most_tangents; }

// Panels of a block by layer: its inputs h and dh_k; and, of the layer before, act' and du_k, whose places the cotangents of u and
// du_k take later, act'', and the sum over tangents. Then the cotangents of the results, and of a layer's inputs; and narrow panels of
// the results and of the cotangents of the network's inputs.
struct Layout {
  int layers, panels;  // panels of the value and of the tangents at once
  long panel;
  float* scratch;

  Layout(const DualProblem& p, float* memory) : layers(p.layers), panels(1 + tangents_at_once(p)), panel((long)panel_size(p)), scratch(memory) {}

  long wide() const { return (2L * (1 + panels) * layers + 2 * panels) * panel; }
  long size() const { return wide() + 2L * panels * narrow_panel; }
  Panels at(int l, int i) const { return {scratch + (2L * (1 + panels) * l + i) * panel, size(), panel}; }
  Panels inputs(int l) const { return at(l, 0); }
  Panels sums(int l) const { return at(l, panels); }
  Panels second(int l) const { return at(l, 2 * panels); }
  Panels total(int l) const { return at(l, 2 * panels + 1); }
  Panels cotangents(int l) const { return l == layers - 1 ? at(layers, 0) : sums(l + 1); }
  Panels work() const { return at(layers, panels); }
  Panels narrow(int i) const { return {scratch + wide() + i * panels * narrow_panel, size(), narrow_panel}; }
};

inline double backward_scratch(const DualProblem& p) {
  const double panels = 1 + tangents_at_once(p);
  return (2 * (1 + panels) * p.layers + 2 * panels) * panel_size(p) + 2 * panels * narrow_panel;
}

// Tangents [begin, begin + count) of a problem. The value's forward pass runs with the first round of them, and its reverse pass with
// the last, because the cotangent of u takes act''(u) Σ_k du_k dh̄'_k over all tangents.
struct Round {
  int begin, count;
  bool starts, ends;

  int forth() const { return starts ? 0 : 1; }  // the first panel that takes part
  int back() const { return ends ? 0 : 1; }
  bool only() const { return starts && ends; }
};

// The cotangents of rows of layer l's inputs, in `work` → those of the u and du_k that they are made of.
inline void chain_rule(const DualProblem& p, const Layout& at, const Round& round, int blocks, int l, int from, int to) {
  // Without curvature there is no second term: not 0 · du, which is NaN where du is infinite.
  const bool curved = p.activation != relu && p.activation != identity;
  const long panel = at.panel;
  const auto rows = [&](int g, const Round& round) __attribute__((always_inline)) {
    float *u = at.sums(l)(g, 0), *so_far = at.total(l)(g, 0);
    const float *c = at.work()(g, 0), *second = at.second(l)(g, 0);
    for (long i = (long)from * block; i < (long)to * block; i += lanes) {
      const vec slope = load(u + i);
      vec sum = round.starts ? set1(0.f) : load(so_far + i);
      for (long k = 1; k <= round.count; k++) {
        const vec tangent = load(c + k * panel + i);
        sum += load(u + k * panel + i) * tangent;
        store(u + k * panel + i, slope * tangent);
      }
      if (round.ends) {
        const vec straight = slope * load(c + i);
        store(u + i, curved ? straight + load(second + i) * sum : straight);
      } else {
        store(so_far + i, sum);
      }
    }
  };
  for (int g = 0; g < blocks; g++)
    // What training mostly needs, without a loop in the loop.
    if (round.only() && round.count == 1) rows(g, {0, 1, true, true});
    else rows(g, round);
}

// Without `gradients` inputs and cotangents are kept, for gradient_task.
inline void backward_blocks(const DualProblem& p, int first, int blocks, float* scratch, float* transposed, float* gradients) {
  if (is_planar(p)) {
    const int full = samples_of(p, first, blocks).count / block;
    if (full > 0) planar_backward(p, samples_of(p, first, full), scratch, gradients);
    if (full == blocks) return;
    first += full * block, blocks -= full;
  }
  const Samples samples = samples_of(p, first, blocks);
  const Layout at(p, scratch);
  const int last = p.layers - 1, out = p.layer[last].out;
  const Panels top = at.cotangents(last), work = at.work();

  int begin = 0;
  do {
    const int left = p.count - begin, count = left < at.panels - 1 ? left : at.panels - 1;
    const Round round = {begin, count, begin == 0, count == left};
    const bool narrow_begin = round.only() && begins_narrow(p), narrow_end = round.only() && ends_narrow(p);
    const auto gather_tangents = [&](const float* from, int dim, const Panels& to) {
      for (int k = 0; k < count; k++) gather_panels(from + (long)(begin + k) * p.batch * dim, samples, dim, to, 1 + k);
    };
    const auto scatter_tangents = [&](const Panels& from, int dim, float* to) {
      for (int k = 0; k < count; k++) scatter_panels(from, 1 + k, samples, dim, to + (long)(begin + k) * p.batch * dim);
    };
    const auto gather_cotangents = [&] {
      if (round.ends) gather_panels(p.ct, samples, out, top, 0);
      gather_tangents(p.dct, out, top);
    };
    const auto scatter_results = [&](const Panels& from) {
      if (round.starts) scatter_panels(from, 0, samples, out, p.f);
      scatter_tangents(from, out, p.df);
    };
    const auto multiply_forth = [&](int l, const Panels& to, const auto& finish) {
      const int first = round.forth();
      const float* bias = round.starts ? p.layer[l].bias : nullptr;
      multiply_panels(p.layer[l], false, bias, blocks, 1 + count - first, at.inputs(l).from(first), to.from(first), finish);
    };
    // Rows of the cotangents of layer l's inputs are in `work`.
    const auto descend = [&](int l, int from, int to) {
      if (l == 0) return;
      chain_rule(p, at, round, blocks, l, from, to);
      if (l > 1 || !narrow_begin) return;
      const Layer& layer = p.layer[0];
      const Panels a = at.cotangents(0), results = at.narrow(1);
      if (gradients) {
        accumulate_sums(samples, a, gradients + layer.gradient + layer.weights, {from, to});
        accumulate_narrow(samples, 1 + count, a, at.inputs(0), gradients + layer.gradient, layer.in, {from, to}, {0, layer.in});
      }
      add_results(layer, true, nullptr, blocks, 1 + count, a, results, from, to);
    };

    if (round.starts) gather_panels(p.x, samples, p.dim, at.inputs(0), 0);
    gather_tangents(p.dx, p.dim, at.inputs(0));
    if (narrow_end) gather_cotangents();
    for (int l = 0; l < last; l++) {
      const Panels u = at.sums(l + 1), h = at.inputs(l + 1), second = at.second(l + 1);
      multiply_forth(l, u, [&](int from, int to) {
        const long row = (long)from * block, length = (long)(to - from) * block;
        for (int g = 0; g < blocks; g++)
          if (round.starts) activate_panel<true>(p.activation, u(g, 0) + row, second(g, 0) + row, h(g, 0) + row, at.panel, at.panel, count, length);
          else
            for (int k = 1; k <= count; k++) scale_panel(u(g, k) + row, u(g, 0) + row, h(g, k) + row, length);
        if (l < last - 1 || !narrow_end) return;
        const Layer& layer = p.layer[last];
        if (p.f) add_results(layer, false, layer.bias, blocks, 1 + count, h, at.narrow(0), from, to);
        if (gradients) accumulate_narrow(samples, 1 + count, top, h, gradients + layer.gradient, layer.in, {0, out}, {from, to});
        for (int g = 0; g < blocks; g++)
          for (int k = 0; k <= count; k++) multiply(layer.weight, 1, layer.in, nullptr, top(g, k), work(g, k), from, to, out);
        descend(last, from, to);
      });
    }
    if (narrow_end) {
      if (p.f) scatter_results(at.narrow(0));
      if (gradients) accumulate_sums(samples, top, gradients + p.layer[last].gradient + p.layer[last].weights, {0, out});
    } else {
      // The results themselves, where they are wanted, in the place of their cotangents.
      if (p.f) {
        multiply_forth(last, top, [](int, int) {});
        scatter_results(top);
      }
      gather_cotangents();
    }
    for (int l = last - narrow_end; l >= narrow_begin; l--) {
      const Layer& layer = p.layer[l];
      const int back = round.back(), panels = 1 + count - back;
      const Panels a = at.cotangents(l), h = at.inputs(l);
      if (gradients) {
        float* g = gradients + layer.gradient;
        if (round.ends) accumulate_sums(samples, a, g + layer.weights, {0, layer.out});
        if (layer.forward.starts) accumulate_sparse(samples, panels, a.from(back), h.from(back), layer.forward, g, layer.out);
        else accumulate_gradient(layer, samples, panels, a.from(back), h.from(back), transposed, g);
      }
      multiply_panels(layer, true, nullptr, blocks, panels, a.from(back), work.from(back), [&](int from, int to) { descend(l, from, to); });
    }
    const Panels bottom = narrow_begin ? at.narrow(1) : work;
    if (round.ends) scatter_panels(bottom, 0, samples, p.dim, p.gx);
    scatter_tangents(bottom, p.dim, p.gdx);
    begin += count;
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
  if (task == 0) accumulate_sums(samples, a, gradients + layer.gradient + layer.weights, {0, layer.out});
  accumulate_gradient(layer, task, samples, at.panels, a, at.inputs(l), transposed, gradients + layer.gradient);
}

}  // namespace SF_NAMESPACE
