// The derivatives of the dual pass, and of its reverse pass, along a direction of all their operands, as operations.
#pragma once
#include "network.hpp"

// The derivatives of the folded weight and bias: W'_t = s_t W + s W_t, b'_t = b_t s + b s_t + c_t. Before fold, which W' replaces W in.
inline void fold_directions(Network& net, const Network& along, float* memory) {
  for (int l = 0; l < net.problem.layers; l++) {
    Layer& layer = net.problem.layer[l];
    const GivenLayer &given = net.given[l], &given_t = along.given[l];
    layer.weight_t = given_t.weight, layer.bias_t = given_t.bias;
    if (given.scale) {
      for (int r = 0; r < layer.out; r++)
        for (long i = static_cast<long>(r) * layer.in; i < static_cast<long>(r + 1) * layer.in; i++)
          memory[i] = given_t.scale[r] * given.weight[i] + given.scale[r] * given_t.weight[i];
      layer.weight_t = memory;
      memory += static_cast<long>(layer.in) * layer.out;
    }
    if (given.scale || given.shift) {
      for (int r = 0; r < layer.out; r++) {
        float b = given.bias ? given_t.bias[r] : 0;
        if (given.bias && given.scale) b = b * given.scale[r] + given.bias[r] * given_t.scale[r];
        memory[r] = given.shift ? b + given_t.shift[r] : b;
      }
      layer.bias_t = memory;
      memory += layer.out;
    }
  }
}

// The derivatives of what unfold gives, for the rows of one layer. Sums are those of the parts, added in order.
inline void unfold_directions(const Layer& layer, const GivenLayer& given, const GivenLayer& along, const float* sums, const float* sums_t, float* const* results) {
  int next = 1;
  float* bias = given.bias ? results[next++] : nullptr;
  float* scale = given.scale ? results[next++] : nullptr;
  float* shift = given.shift ? results[next++] : nullptr;
  for (int r = 0; r < layer.out; r++) {
    const long at = static_cast<long>(r) * layer.in;
    const float g = sums[layer.weights + r], g_t = sums_t[layer.weights + r];
    if (shift) shift[r] = g_t;
    if (bias) bias[r] = scale ? along.scale[r] * g + given.scale[r] * g_t : g_t;
    double total = bias ? static_cast<double>(along.bias[r]) * g + static_cast<double>(given.bias[r]) * g_t : 0;
    for (long i = at; i < at + layer.in; i++) {
      results[0][i] = scale ? along.scale[r] * sums[i] + given.scale[r] * sums_t[i] : sums_t[i];
      if (scale) total += static_cast<double>(along.weight[i]) * sums[i] + static_cast<double>(given.weight[i]) * sums_t[i];
    }
    if (scale) scale[r] = static_cast<float>(total);
  }
}

// The networks of a call about a direction: operands from `from`, where the layers follow `before` others, and then the derivatives
// of all of them. Sparse layers are not for this.
inline bool read_directions(const Call& c, int from, int before, Network& net, Network& along) {
  const int each = (c.array_count - from) / 2;
  if (pattern_count(c) > 0 || (c.array_count - from) % 2 != 0 || each <= before) return false;
  const Call first = {c.numbers, c.number_count, c.arrays, c.sizes, from + each};
  const Call second = {c.numbers, c.number_count, c.arrays + each, c.sizes + each, from + each};
  for (int i = 0; i < each; i++)
    if (c.sizes[from + i] != c.sizes[from + each + i]) return false;
  return read_network(first, from + before, net) && read_network(second, from + before, along);
}

// arrays: the derivatives of f and df; then x, dx and the layers; then the derivatives of those.
template <class Machine>
Error dual_forward_direction(Machine& m, const Call& c) {
  Network net, along;
  DualProblem& p = net.problem;
  if (!read_directions(c, 2, 2, net, along)) return "dualForwardDirection: the layers' sizes do not fit";
  const double n = p.batch, out = p.layer[p.layers - 1].out;
  if (!c.has(0, n * out) || !c.has(1, n * out * p.count) || !c.has(2, n * p.dim) || !c.has(3, n * p.dim * p.count))
    return "dualForwardDirection: the inputs' or outputs' sizes do not fit";
  const int each = (c.array_count - 2) / 2;
  p.f = c.arrays[0], p.df = c.arrays[1], p.x = c.arrays[2], p.dx = c.arrays[3], p.x_t = c.arrays[2 + each], p.dx_t = c.arrays[3 + each];
  p.ct = nullptr;
  const Kernels& k = m.kernels();
  const int blocks = static_cast<int>((p.batch + (k.block - 1LL)) / k.block);
  const int parts = smaller(blocks, 64);
  const double scratch = blocks > 0 ? k.direction_scratch(p) : 0;
  float* memory = m.memory(shared_memory, 2 * net.folded);
  if (!memory || !reserve(m, scratch)) return no_memory;
  fold_directions(net, along, memory + static_cast<long>(net.folded));
  fold(m, net, false, memory);
  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    const int end = piece_begin(blocks, part + 1, parts);
    for (int b = piece_begin(blocks, part, parts); b < end; b++)
      k.direction_block(p, b * k.block, m.memory(1 + thread, scratch), nullptr, nullptr);
  });
  return nullptr;
}

// arrays: the derivatives of the cotangents of x, dx and the layers' tensors; then the cotangents of f and df, x, dx and the layers;
// then the derivatives of those.
template <class Machine>
Error dual_backward_direction(Machine& m, const Call& c) {
  Network net, along;
  DualProblem& p = net.problem;
  const int each = (c.array_count + 2) / 3;  // of the operands; there are two results less
  const int in = each - 2;
  if (c.array_count < 11 || 3 * each - 2 != c.array_count || !read_directions(c, in, 4, net, along)) return "dualBackwardDirection: the layers' sizes do not fit";
  const double n = p.batch, out = p.layer[p.layers - 1].out;
  if (!c.has(0, n * p.dim) || !c.has(1, n * p.dim * p.count) || !c.has(in, n * out) || !c.has(in + 1, n * out * p.count) || !c.has(in + 2, n * p.dim) ||
      !c.has(in + 3, n * p.dim * p.count))
    return "dualBackwardDirection: the inputs' or outputs' sizes do not fit";
  for (int i = 2; i < in; i++)
    if (c.sizes[i] != c.sizes[in + 2 + i]) return "dualBackwardDirection: the gradients' sizes do not fit";
  float* const* a = c.arrays + in;
  p.gx = c.arrays[0], p.gdx = c.arrays[1], p.ct = a[0], p.dct = a[1], p.x = a[2], p.dx = a[3];
  p.ct_t = a[each], p.dct_t = a[each + 1], p.x_t = a[each + 2], p.dx_t = a[each + 3];
  const Kernels& k = m.kernels();
  const int blocks = static_cast<int>((p.batch + (k.block - 1LL)) / k.block);
  const int parts = smaller(blocks, gradient_parts);
  const double scratch = blocks > 0 ? k.direction_scratch(p) : 0;
  const long size = static_cast<long>(net.gradients);
  // With batch 0 there is no part, but a sum.
  float* memory = m.memory(shared_memory, 2 * net.folded + 2. * static_cast<double>(size) * (parts > 0 ? parts : 1));
  if (!memory || !reserve(m, scratch)) return no_memory;
  float* sums = memory + static_cast<long>(2 * net.folded);
  fold_directions(net, along, memory + static_cast<long>(net.folded));
  fold(m, net, true, memory);
  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    float* gradients = sums + 2 * part * size;
    for (long i = 0; i < 2 * size; i++) gradients[i] = 0;
    const int end = piece_begin(blocks, part + 1, parts);
    for (int b = piece_begin(blocks, part, parts); b < end; b++)
      k.direction_block(p, b * k.block, m.memory(1 + thread, scratch), gradients, gradients + size);
  });
  if (parts == 0)
    for (long i = 0; i < 2 * size; i++) sums[i] = 0;
  for (int part = 1; part < parts; part++)
    for (long i = 0; i < 2 * size; i++) sums[i] += sums[2 * part * size + i];
  for (int l = 0, next = 2; l < p.layers; l++) {
    const GivenLayer& given = net.given[l];
    const Layer& layer = p.layer[l];
    unfold_directions(layer, given, along.given[l], sums + layer.gradient, sums + size + layer.gradient, c.arrays + next);
    next += 1 + (given.bias != nullptr) + (given.scale != nullptr) + (given.shift != nullptr);
  }
  return nullptr;
}
