// The dual pass of a network and its reverse pass, as operations.
#pragma once
#include "layout.hpp"
#include "network.hpp"

// arrays: f, df, x, dx, then the layers.
template <class Machine>
Error dual_forward(Machine& m, const Call& c) {
  Network net;
  DualProblem& p = net.problem;
  if (!read_network(c, 4, net)) return "dualForward: the layers' sizes do not fit";
  const double n = p.batch, out = p.layer[p.layers - 1].out;
  if (!c.has(0, n * out) || !c.has(1, n * out * p.count) || !c.has(2, n * p.dim) || !c.has(3, n * p.dim * p.count))
    return "dualForward: the inputs' or outputs' sizes do not fit";
  p.f = c.arrays[0], p.df = c.arrays[1], p.x = c.arrays[2], p.dx = c.arrays[3];
  const Kernels& k = m.kernels();
  const int blocks = static_cast<int>((p.batch + (k.block - 1LL)) / k.block);
  const int together = smaller(k.blocks_together(p), blocks), groups = blocks > 0 ? (blocks + together - 1) / together : 0, parts = parts_for(m, groups);
  const double scratch = together * k.forward_scratch(p);
  float* memory = m.memory(shared_memory, net.folded);
  if (!memory || !reserve(m, scratch)) return no_memory;
  fold(m, net, false, memory);
  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    const int end = piece_begin(groups, part + 1, parts);
    for (int g = piece_begin(groups, part, parts); g < end; g++)
      k.forward_blocks(p, g * together * k.block, smaller(together, blocks - g * together), m.memory(1 + thread, scratch));
  });
  return nullptr;
}

// Adds rows of the parts' gradients of one layer in order, those of surviving weights within the first part, and unfolds scale and
// shift. With G = Σ ū hᵀ + Σ d̄u dhᵀ and g = Σ ū: W̄ = s G, b̄ = s g, s̄ = Σ_j W G + b g, c̄ = g.
inline void unfold(const Layer& layer, const GivenLayer& given, float* parts, long part_size, int count, int first, int last, float* const* results) {
  float* weight = results[0];
  int next = 1;
  float* bias = given.bias ? results[next++] : nullptr;
  float* scale = given.scale ? results[next++] : nullptr;
  float* shift = given.shift ? results[next++] : nullptr;
  const Sparse& w = layer.forward;
  float* survivors = parts + layer.gradient;
  const auto start = [&](int t, int r) { return w.starts[static_cast<long>(t) * layer.out + r]; };
  if (w.starts)
    for (int part = 1; part < count; part++)
      for (int t = 0; t < w.tiles; t++)
        for (int i = start(t, first); i < start(t, last); i++) survivors[i] += survivors[part * part_size + i];
  for (int r = first; r < last; r++) {
    const long at = static_cast<long>(r) * layer.in;
    float* row = weight + at;
    for (int j = 0; j < layer.in; j++) row[j] = 0;
    if (w.starts && count > 0)
      for (int t = 0; t < w.tiles; t++)
        for (int i = start(t, r); i < start(t, r + 1); i++) row[w.columns[i]] = survivors[i];
    float g = 0;
    for (int part = 0; part < count; part++) {
      const float* from = parts + part * part_size + layer.gradient;
      if (!w.starts)
        for (int j = 0; j < layer.in; j++) row[j] += from[at + j];
      g += from[layer.weights + r];
    }
    if (shift) shift[r] = g;
    if (bias) bias[r] = scale ? g * given.scale[r] : g;
    if (!scale) continue;
    double total = given.bias ? static_cast<double>(given.bias[r]) * g : 0;
    for (int j = 0; j < layer.in; j++) total += static_cast<double>(given.weight[at + j]) * row[j];
    scale[r] = static_cast<float>(total);
    for (int j = 0; j < layer.in; j++) row[j] *= given.scale[r];
  }
}

// Each part of the blocks sums gradients of its own.
template <class Machine>
Error sum_gradients_of_parts(Machine& m, Network& net, int blocks, int parts, long total, float*& sums) {
  const Kernels& k = m.kernels();
  const DualProblem& p = net.problem;
  const int together = parts > 0 ? smaller(k.blocks_together(p), (blocks + parts - 1) / parts) : 0;
  const double scratch = together * k.backward_scratch(p);
  float* memory = m.memory(shared_memory, net.folded + static_cast<double>(total) * parts);
  if (!memory || !reserve(m, scratch + k.transposed_size)) return no_memory;
  fold(m, net, true, memory);
  sums = memory + static_cast<long>(net.folded);
  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    float* gradients = sums + part * total;
    float* own = m.memory(1 + thread, scratch + k.transposed_size);
    for (long i = 0; i < total; i++) gradients[i] = 0;
    const int end = piece_begin(blocks, part + 1, parts);
    for (int b = piece_begin(blocks, part, parts); b < end; b += together)
      k.backward_blocks(p, b * k.block, smaller(together, end - b), own, own + static_cast<long>(scratch), gradients);
  });
  return nullptr;
}

// Blocks go through the network in parts, and then columns of the gradients are summed over all of them: a network whose gradients
// fill a cache has them written once. What a batch keeps for that is bounded by taking so many samples of it at a time.
template <class Machine>
Error sum_gradients_of_tasks(Machine& m, Network& net, int blocks, long total, float*& sums) {
  constexpr int most_samples = 1024;
  const Kernels& k = m.kernels();
  const DualProblem& p = net.problem;
  const double scratch = k.backward_scratch(p);
  const int at_once = smaller(blocks, most_samples / k.block), together = k.blocks_together(p), tasks = k.gradient_tasks(p);
  const int parts = smaller(tasks, 4096);  // threads count no more than 65535
  float* panels = m.memory(shared_memory, at_once * scratch + 2 * static_cast<double>(total) + net.folded);
  if (!panels || !reserve(m, k.transposed_size)) return no_memory;
  sums = panels + at_once * static_cast<long>(scratch);
  float* transposed = sums + total;
  fold(m, net, true, transposed + total);
  for (int l = 0; l < p.layers; l++) net.problem.layer[l].transposed = transposed + p.layer[l].gradient;
  constexpr int pieces = 8;
  m.run(pieces, [&](int piece, int) {
    for (long i = piece_begin(total, piece, pieces); i < piece_begin(total, piece + 1, pieces); i++) sums[i] = 0;
    for (int l = 0; l < p.layers; l++) {
      const Layer& layer = p.layer[l];
      const long begin = piece_begin(layer.in, piece, pieces), end = piece_begin(layer.in, piece + 1, pieces);
      const Axis axes[2] = {{end - begin, layer.out, 1}, {layer.out, 1, layer.in}};
      if (end > begin) copy_box(axes, 2, layer.weight + begin, transposed + layer.gradient + begin * layer.out);
    }
  });
  for (int first = 0; first < blocks; first += at_once) {
    const int count = smaller(at_once, blocks - first);
    m.run((count + together - 1) / together, [&](int part, int) {
      const FlushSubnormals flush;
      const int b = part * together;
      k.backward_blocks(p, (first + b) * k.block, smaller(together, count - b), panels + b * static_cast<long>(scratch), nullptr, nullptr);
    });
    m.run(parts, [&](int part, int thread) {
      const FlushSubnormals flush;
      const int end = piece_begin(tasks, part + 1, parts);
      for (int task = piece_begin(tasks, part, parts); task < end; task++)
        k.gradient_task(p, first * k.block, count, panels, task, m.memory(1 + thread, k.transposed_size), sums);
    });
  }
  return nullptr;
}

// arrays: f and df where the values are wanted too, the cotangents of x, dx and the layers' tensors; then the cotangents of f and
// df, x, dx, and the layers.
template <class Machine, bool values = false>
Error dual_backward(Machine& m, const Call& c) {
  Network net;
  DualProblem& p = net.problem;
  constexpr int outputs = values ? 2 : 0;
  const int tensors = c.array_count - pattern_count(c) - outputs;
  const int results = outputs + tensors / 2 - 1;  // 2 + the layers' results, 4 + the layers' operands, then the patterns
  if (tensors < 8 || tensors % 2 != 0 || !read_network(c, results + 4, net)) return "dualBackward: the layers' sizes do not fit";
  const double n = p.batch, out = p.layer[p.layers - 1].out;
  const int in = results;
  if (!c.has(outputs, n * p.dim) || !c.has(outputs + 1, n * p.dim * p.count) || !c.has(in, n * out) || !c.has(in + 1, n * out * p.count) ||
      !c.has(in + 2, n * p.dim) || !c.has(in + 3, n * p.dim * p.count) || (values && (!c.has(0, n * out) || !c.has(1, n * out * p.count))))
    return "dualBackward: the inputs' or outputs' sizes do not fit";
  for (int i = outputs + 2; i < results; i++)
    if (c.sizes[i] != c.sizes[results + 2 - outputs + i]) return "dualBackward: the gradients' sizes do not fit";
  p.f = values ? c.arrays[0] : nullptr, p.df = values ? c.arrays[1] : nullptr;
  p.gx = c.arrays[outputs], p.gdx = c.arrays[outputs + 1], p.ct = c.arrays[in], p.dct = c.arrays[in + 1], p.x = c.arrays[in + 2], p.dx = c.arrays[in + 3];
  const Kernels& k = m.kernels();
  const int blocks = static_cast<int>((p.batch + (k.block - 1LL)) / k.block);
  const bool keeps = k.keeps_panels(p);
  const int parts = keeps ? 1 : smaller(blocks, gradient_parts);
  const long total = static_cast<long>(net.gradients);
  float* sums = nullptr;
  if (const Error error = keeps ? sum_gradients_of_tasks(m, net, blocks, total, sums) : sum_gradients_of_parts(m, net, blocks, parts, total, sums)) return error;
  int first[max_layers];
  for (int l = 0, next = outputs + 2; l < p.layers; l++) {
    first[l] = next;
    const GivenLayer& given = net.given[l];
    next += 1 + (given.bias != nullptr) + (given.scale != nullptr) + (given.shift != nullptr);
  }
  // Rows are independent, so this can be cut anywhere; small networks are not worth waking anyone.
  const int pieces = total > 4096 ? 8 : 1;
  m.run(pieces, [&](int piece, int) {
    for (int l = 0; l < p.layers; l++) {
      const int rows = p.layer[l].out;
      unfold(p.layer[l], net.given[l], sums, total, parts, piece_begin(rows, piece, pieces), piece_begin(rows, piece + 1, pieces), c.arrays + first[l]);
    }
  });
  return nullptr;
}
