// The operations that can be called: each checks its arguments, cuts the work into parts and runs the kernels. A misfit is
// reported before anything is read or written. Shared by the Node addon and the WebAssembly module, which supply a Machine:
//   const Kernels& kernels(); int threads(); void run(int parts, task(part, thread)); float* memory(int slot, double floats)
// where memory gives null when there is not enough, and a slot's memory is free again at the next call.
#pragma once
#include "call.hpp"
#include "convolution.hpp"
#include "layout.hpp"

// A layer as it is given. Time scale and shift make u = (W h + b) s + c = W' h + b' with W' = s W and b' = b s + c.
struct GivenLayer {
  const float *weight, *bias, *scale, *shift;
};

// A pattern is whole numbers in the bits of an array of floats: tiles, starts [tiles · rows + 1], columns. Nothing in it is trusted.
inline bool read_pattern(const float* bits, long size, int rows, int columns, Sparse& pattern) {
  const int* numbers = reinterpret_cast<const int*>(bits);
  if (size < 2 || numbers[0] < 1 || numbers[0] > columns) return false;
  const double starts = static_cast<double>(numbers[0]) * rows + 1;
  if (starts + 1 > static_cast<double>(size)) return false;
  const long segments = static_cast<long>(starts) - 1;
  pattern = {numbers + 1, numbers + 2 + segments, nullptr, numbers[0]};
  if (pattern.starts[0] != 0) return false;
  for (long i = 0; i < segments; i++)
    if (pattern.starts[i + 1] < pattern.starts[i]) return false;
  const int count = pattern.starts[segments];
  if (size != segments + 2 + static_cast<long>(count)) return false;
  for (int i = 0; i < count; i++)
    if (pattern.columns[i] < 0 || pattern.columns[i] >= columns) return false;
  return true;
}

inline int survivors(const Sparse& pattern, int rows) { return pattern.starts[static_cast<long>(pattern.tiles) * rows]; }

struct Network {
  DualProblem problem;
  GivenLayer given[max_layers];
  double gradients;  // floats of one part's gradients
  double folded;     // floats of the folded weights and biases
};

// The arrays that are patterns: two for each sparse layer, behind all others.
inline int pattern_count(const Call& c) {
  int count = 0;
  for (int i = 6; i < c.number_count; i += 3)
    if (c.whole(i) >= 8) count += 2;
  return count;
}

// numbers: batch, dim, count, activation, then in, out, flags (1: bias, 2: scale, 4: shift, 8: sparse) of each layer.
// arrays[from…]: weight, bias?, scale?, shift? of each layer; then the patterns of each sparse layer's weight and its transpose.
inline bool read_network(const Call& c, int from, Network& net) {
  DualProblem& p = net.problem;
  p.batch = c.whole(0), p.dim = c.whole(1), p.count = c.whole(2), p.activation = c.whole(3);
  if (p.batch < 0 || p.dim < 1 || p.count < 0 || p.activation < 0 || p.activation > 6 || (c.number_count - 4) % 3 != 0) return false;
  p.layers = (c.number_count - 4) / 3;
  if (p.layers < 1 || p.layers > max_layers) return false;
  p.widest = p.dim;
  net.gradients = net.folded = 0;
  int width = p.dim;
  int pattern = c.array_count - pattern_count(c);
  if (pattern < from) return false;
  const int end = pattern;
  for (int l = 0; l < p.layers; l++) {
    const int in = c.whole(4 + 3 * l), out = c.whole(5 + 3 * l), flags = c.whole(6 + 3 * l);
    if (in != width || out < 1 || flags < 0 || flags > 15 || from >= end) return false;
    const double size = static_cast<double>(in) * out;
    if (!c.has(from, size)) return false;
    GivenLayer& given = net.given[l];
    given = {c.arrays[from++], nullptr, nullptr, nullptr};
    const float** vectors[3] = {&given.bias, &given.scale, &given.shift};
    for (int v = 0; v < 3; v++)
      if (flags >> v & 1) {
        if (!c.has(from, out)) return false;
        *vectors[v] = c.arrays[from++];
      }
    p.layer[l] = {given.weight, given.bias, in, out, static_cast<long>(net.gradients), 0, {}, {}, nullptr, nullptr, given.scale != nullptr};
    double weights = size;
    if (flags & 8) {
      Sparse &forward = p.layer[l].forward, &backward = p.layer[l].backward;
      if (!read_pattern(c.arrays[pattern], c.sizes[pattern], out, in, forward) ||
          !read_pattern(c.arrays[pattern + 1], c.sizes[pattern + 1], in, out, backward) || survivors(forward, out) != survivors(backward, in))
        return false;
      pattern += 2;
      weights = survivors(forward, out);
      net.folded += 2 * weights;
    } else if (given.scale) {
      net.folded += size;
    }
    p.layer[l].weights = static_cast<long>(weights);
    net.gradients += weights + out;
    if (given.scale || given.shift) net.folded += out;
    width = out;
    if (out > p.widest) p.widest = out;
  }
  return p.widest <= max_width && from == end;
}

inline void fold(Network& net, bool reverse, float* memory) {
  for (int l = 0; l < net.problem.layers; l++) {
    Layer& layer = net.problem.layer[l];
    const GivenLayer& given = net.given[l];
    if (layer.forward.starts) {
      // The surviving weights in the order in which they are used, W's and then its transpose's.
      for (int transposed = 0; transposed <= reverse; transposed++) {
        Sparse* w = transposed ? &layer.backward : &layer.forward;
        const int rows = transposed ? layer.in : layer.out;
        w->values = memory;
        for (int t = 0; t < w->tiles; t++)
          for (int r = 0; r < rows; r++)
            for (int i = w->starts[static_cast<long>(t) * rows + r]; i < w->starts[static_cast<long>(t) * rows + r + 1]; i++) {
              const int out = transposed ? w->columns[i] : r, in = transposed ? r : w->columns[i];
              const float value = given.weight[static_cast<long>(out) * layer.in + in];
              *memory++ = given.scale ? value * given.scale[out] : value;
            }
      }
    } else if (given.scale) {
      for (int r = 0; r < layer.out; r++)
        for (int j = 0; j < layer.in; j++) memory[static_cast<long>(r) * layer.in + j] = given.weight[static_cast<long>(r) * layer.in + j] * given.scale[r];
      layer.weight = memory;
      memory += static_cast<long>(layer.in) * layer.out;
    }
    if (given.scale || given.shift) {
      for (int r = 0; r < layer.out; r++) {
        float b = given.bias ? given.bias[r] : 0;
        if (given.bias && given.scale) b *= given.scale[r];
        memory[r] = given.shift ? b + given.shift[r] : b;
      }
      layer.bias = memory;
      memory += layer.out;
    }
  }
}

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
  const int parts = smaller(blocks, 64);
  const double scratch = blocks > 0 ? k.forward_scratch(p) : 0;
  float* memory = m.memory(shared_memory, net.folded);
  if (!memory || !reserve(m, scratch)) return no_memory;
  fold(net, false, memory);
  m.run(parts, [&](int part, int thread) {
    const int end = static_cast<int>(static_cast<long long>(blocks) * (part + 1) / parts);
    for (int b = static_cast<int>(static_cast<long long>(blocks) * part / parts); b < end; b++) k.forward_block(p, b * k.block, m.memory(1 + thread, scratch));
  });
  return nullptr;
}

// Adds rows of the parts' gradients of one layer in order and unfolds scale and shift. With G = Σ ū hᵀ + Σ d̄u dhᵀ and g = Σ ū:
// W̄ = s G, b̄ = s g, s̄ = Σ_j W G + b g, c̄ = g.
inline void unfold(const Layer& layer, const GivenLayer& given, const float* parts, long part_size, int count, int first, int last, float* const* results) {
  float* weight = results[0];
  int next = 1;
  float* bias = given.bias ? results[next++] : nullptr;
  float* scale = given.scale ? results[next++] : nullptr;
  float* shift = given.shift ? results[next++] : nullptr;
  for (int r = first; r < last; r++) {
    const long at = static_cast<long>(r) * layer.in;
    float* row = weight + at;
    for (int j = 0; j < layer.in; j++) row[j] = 0;
    float g = 0;
    const Sparse& w = layer.forward;
    for (int part = 0; part < count; part++) {
      const float* from = parts + part * part_size + layer.gradient;
      if (w.starts)
        for (int t = 0; t < w.tiles; t++)
          for (int i = w.starts[static_cast<long>(t) * layer.out + r]; i < w.starts[static_cast<long>(t) * layer.out + r + 1]; i++) row[w.columns[i]] += from[i];
      else
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
  const int parts = smaller(blocks, gradient_parts);
  const double scratch = blocks > 0 ? k.backward_scratch(p) : 0;
  const long total = static_cast<long>(net.gradients) + 16;  // a vector may be stored across the end
  float* memory = m.memory(shared_memory, net.folded + static_cast<double>(total) * parts);
  if (!memory || !reserve(m, scratch)) return no_memory;
  fold(net, true, memory);
  float* sums = memory + static_cast<long>(net.folded);
  m.run(parts, [&](int part, int thread) {
    float* gradients = sums + part * total;
    for (long i = 0; i < total; i++) gradients[i] = 0;
    const int end = static_cast<int>(static_cast<long long>(blocks) * (part + 1) / parts);
    for (int b = static_cast<int>(static_cast<long long>(blocks) * part / parts); b < end; b++)
      k.backward_block(p, b * k.block, m.memory(1 + thread, scratch), gradients);
  });
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
      const long rows = p.layer[l].out;
      unfold(p.layer[l], net.given[l], sums, total, parts, static_cast<int>(rows * piece / pieces), static_cast<int>(rows * (piece + 1) / pieces),
             c.arrays + first[l]);
    }
  });
  return nullptr;
}

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
  fold(net, false, memory);
  m.run(parts, [&](int part, int thread) {
    const int end = static_cast<int>(static_cast<long long>(blocks) * (part + 1) / parts);
    for (int b = static_cast<int>(static_cast<long long>(blocks) * part / parts); b < end; b++)
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
  const long size = static_cast<long>(net.gradients) + 16;  // a vector may be stored across the end
  // With batch 0 there is no part, but a sum.
  float* memory = m.memory(shared_memory, 2 * net.folded + 2. * static_cast<double>(size) * (parts > 0 ? parts : 1));
  if (!memory || !reserve(m, scratch)) return no_memory;
  float* sums = memory + static_cast<long>(2 * net.folded);
  fold_directions(net, along, memory + static_cast<long>(net.folded));
  fold(net, true, memory);
  m.run(parts, [&](int part, int thread) {
    float* gradients = sums + 2 * part * size;
    for (long i = 0; i < 2 * size; i++) gradients[i] = 0;
    const int end = static_cast<int>(static_cast<long long>(blocks) * (part + 1) / parts);
    for (int b = static_cast<int>(static_cast<long long>(blocks) * part / parts); b < end; b++)
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

// numbers: batch, m, n, k, whether a and whether b is stored transposed. arrays: out [batch][m][n], a, b.
template <class Machine>
Error mat_mul(Machine& m, const Call& c) {
  const int batch = c.whole(0), rows = c.whole(1), columns = c.whole(2), inner = c.whole(3), ta = c.whole(4), tb = c.whole(5);
  const double count = batch, left = static_cast<double>(rows) * inner, right = static_cast<double>(inner) * columns;
  if (batch < 0 || rows < 0 || columns < 0 || inner < 0 || ta < 0 || tb < 0 || c.array_count != 3 ||
      !c.has(0, count * rows * columns) || !c.has(1, count * left) || !c.has(2, count * right))
    return "matMul: the operands' sizes do not fit";
  if (c.sizes[0] == 0) return nullptr;  // and any of the sizes may be huge
  const Kernels& k = m.kernels();
  MatProblem p{};
  p.m = rows, p.n = columns, p.k = inner;
  p.a_row = {ta ? 1 : inner}, p.a_col = {ta ? rows : 1};
  p.b_row = tb ? 1 : columns, p.b_col = tb ? inner : 1;
  p.c_row = {columns}, p.c_col = 1;
  // Lanes that hang over the last column are wasted: a tall, narrow product is computed as the transpose of a wide one.
  const double lanes = k.lanes;
  const auto rounded = [&](double size) { return static_cast<double>(static_cast<long long>((size + lanes - 1) / lanes)) * lanes; };
  if (rounded(columns) * rows > 1.25 * rounded(rows) * columns)
    p = {nullptr, nullptr, nullptr, columns, rows, inner, {p.b_col}, {p.b_row}, p.a_col.step, p.a_row.step, {p.c_col}, p.c_row.step};
  const bool swapped = p.m != rows || p.c_col != 1;
  if (!reserve(m, static_cast<double>(k.matrix_scratch))) return no_memory;
  const long long row_tasks = (p.m + matrix_rows - 1LL) / matrix_rows, column_tasks = (p.n + k.block - 1LL) / k.block;
  const long long tasks = batch * row_tasks * column_tasks;
  const int parts = count * left * columns < 65536 ? 1 : tasks < 4096 ? static_cast<int>(tasks) : 4096;
  m.run(parts, [&](int part, int thread) {
    for (long long t = tasks * part / parts; t < tasks * (part + 1) / parts; t++) {
      const long i = static_cast<long>(t / (row_tasks * column_tasks));
      const long long within = t % (row_tasks * column_tasks);
      MatProblem one = p;
      const float *a = c.arrays[1] + i * static_cast<long>(left), *b = c.arrays[2] + i * static_cast<long>(right);
      one.a = swapped ? b : a;
      one.b = swapped ? a : b;
      one.c = c.arrays[0] + i * (static_cast<long>(rows) * columns);
      k.multiply_task(one, static_cast<int>(within % row_tasks) * matrix_rows, static_cast<int>(within / row_tasks) * k.block,
                      m.memory(1 + thread, static_cast<double>(k.matrix_scratch)));
    }
  });
  return nullptr;
}

// numbers: the coefficients. arrays: out, then one for each coefficient.
template <class Machine>
Error linear_combination(Machine& m, const Call& c) {
  constexpr int most = 64;
  const int terms = c.number_count;
  if (terms < 1 || terms > most || c.array_count != terms + 1) return "linearCombination: the number of terms does not fit";
  const long n = c.sizes[0];
  const float* x[most];
  float coefficients[most];
  int used = 0;
  for (int i = 0; i < terms; i++) {
    if (c.sizes[i + 1] != n) return "linearCombination: the terms' sizes do not fit";
    if (c.numbers[i] == 0) continue;
    x[used] = c.arrays[i + 1];
    coefficients[used++] = static_cast<float>(c.numbers[i]);
  }
  float* out = c.arrays[0];
  if (used == 0)
    for (long i = 0; i < n; i++) out[i] = 0;
  else
    m.kernels().linear_combination(x, coefficients, used, n, out);
  return nullptr;
}

// numbers: rtol, atol. arrays: out [1], n errors, n states before, n states after.
template <class Machine>
Error scaled_error_norm(Machine& m, const Call& c) {
  const int n = (c.array_count - 1) / 3;
  if (c.number_count != 2 || n < 1 || c.array_count != 3 * n + 1 || !c.has(0, 1)) return "scaledErrorNorm: the number of arrays does not fit";
  double total = 0, count = 0;
  for (int i = 1; i <= n; i++) {
    const double size = static_cast<double>(c.sizes[i]);
    if (!c.has(n + i, size) || !c.has(2 * n + i, size)) return "scaledErrorNorm: the arrays' sizes do not fit";
    total += m.kernels().squared_error(c.arrays[i], c.arrays[n + i], c.arrays[2 * n + i], c.sizes[i], c.numbers[0], c.numbers[1]);
    count += size;
  }
  c.arrays[0][0] = static_cast<float>(__builtin_sqrt(total / count));
  return nullptr;
}

// numbers: those of AdamStep in order. arrays: new parameter, mean and variance; parameter, gradient, mean, variance, mask?
template <class Machine>
Error adam_update(Machine& m, const Call& c) {
  if (c.number_count != 9 || c.array_count < 7 || c.array_count > 8) return "adamUpdate: the number of arrays does not fit";
  const long n = c.sizes[0];
  for (int i = 1; i < c.array_count; i++)
    if (c.sizes[i] != n) return "adamUpdate: the arrays' sizes do not fit";
  float s[9];
  for (int i = 0; i < 9; i++) s[i] = static_cast<float>(c.numbers[i]);
  float* const* a = c.arrays;
  m.kernels().adam_update(a[3], a[4], a[5], a[6], c.array_count == 8 ? a[7] : nullptr, n, {s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8]}, a[0], a[1],
                          a[2]);
  return nullptr;
}

// Cuts n elements into parts that are worth a thread.
template <class Machine, class Task>
void run_pieces(Machine& m, long n, const Task& task) {
  const int parts = n < 32768 ? 1 : smaller(static_cast<int>(n / 16384 < 64 ? n / 16384 : 64), 64);
  m.run(parts, [&](int part, int) {
    const long begin = static_cast<long>(static_cast<long long>(n) * part / parts), end = static_cast<long>(static_cast<long long>(n) * (part + 1) / parts);
    task(begin, end - begin);
  });
}

// numbers: the operation. arrays: out, x.
template <class Machine>
Error unary(Machine& m, const Call& c) {
  const int op = c.whole(0);
  if (op < 0 || op > 17 || c.array_count != 2 || c.sizes[0] != c.sizes[1]) return "unary: the operation or a size does not fit";
  run_pieces(m, c.sizes[0], [&](long begin, long n) { m.kernels().unary(op, c.arrays[1] + begin, c.arrays[0] + begin, n); });
  return nullptr;
}

// numbers: scale, shift. arrays: out, x.
template <class Machine>
Error affine(Machine& m, const Call& c) {
  if (c.number_count != 2 || c.array_count != 2 || c.sizes[0] != c.sizes[1]) return "affine: a size does not fit";
  const float scale = static_cast<float>(c.numbers[0]), shift = static_cast<float>(c.numbers[1]);
  run_pieces(m, c.sizes[0], [&](long begin, long n) { m.kernels().affine(c.arrays[1] + begin, scale, shift, c.arrays[0] + begin, n); });
  return nullptr;
}

// numbers[from…]: outer and inner size, then outer and inner step of each operand. arrays: out, then the operands.
inline bool read_box(const Call& c, int from, int operands, Box& box) {
  const int outer = c.whole(from), inner = c.whole(from + 1);
  if (outer < 0 || inner < 0 || c.array_count != operands + 1 || !c.has(0, static_cast<double>(outer) * inner)) return false;
  box.outer = outer, box.inner = inner;
  for (int i = 0; i < operands; i++) {
    const int outer_step = c.whole(from + 2 + 2 * i), inner_step = c.whole(from + 3 + 2 * i);
    if (outer_step < 0 || inner_step < 0 || inner_step > 1) return false;
    // The last element that is read.
    const double last = outer == 0 || inner == 0 ? -1. : (outer - 1.) * outer_step + (inner - 1.) * inner_step;
    if (last >= static_cast<double>(c.sizes[i + 1])) return false;
    box.operand[i] = {outer_step, inner_step};
  }
  return true;
}

// numbers: the operation, then the box. arrays: out, a, b.
template <class Machine>
Error binary(Machine& m, const Call& c) {
  const int op = c.whole(0);
  Box box;
  if (op < 0 || op > 9 || !read_box(c, 1, 2, box)) return "binary: the operation or a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  m.kernels().binary(op, box, c.arrays[1], c.arrays[2], c.arrays[0]);
  return nullptr;
}

// numbers: the box. arrays: out, condition, a, b.
template <class Machine>
Error select(Machine& m, const Call& c) {
  Box box;
  if (!read_box(c, 0, 3, box)) return "select: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  m.kernels().select(box, c.arrays[1], c.arrays[2], c.arrays[3], c.arrays[0]);
  return nullptr;
}

// numbers: outer, middle and inner size. arrays: out [outer][inner], x [outer][middle][inner].
template <class Machine>
Error sum(Machine& m, const Call& c) {
  const int outer = c.whole(0), middle = c.whole(1), inner = c.whole(2);
  if (outer < 0 || middle < 0 || inner < 0 || c.array_count != 2 || !c.has(0, static_cast<double>(outer) * inner) ||
      !c.has(1, static_cast<double>(outer) * middle * inner))
    return "sum: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  m.kernels().sum(c.arrays[1], outer, middle, inner, c.arrays[0]);
  return nullptr;
}

// numbers: outer, middle and inner size, whether the largest or the smallest is wanted. arrays as for sum.
template <class Machine>
Error extreme(Machine& m, const Call& c) {
  const int outer = c.whole(0), middle = c.whole(1), inner = c.whole(2), largest = c.whole(3);
  if (outer < 0 || middle < 0 || inner < 0 || largest < 0 || c.array_count != 2 || !c.has(0, static_cast<double>(outer) * inner) ||
      !c.has(1, static_cast<double>(outer) * middle * inner))
    return "extreme: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;
  m.kernels().extreme(largest != 0, c.arrays[1], outer, middle, inner, c.arrays[0]);
  return nullptr;
}

// A box of an operand and where it goes; false where it would reach beyond either array.
inline bool read_placement(const Call& c, int from, int rank, int operand, long& to_start, long& from_start, Axis* axes) {
  double to_last = c.whole(from), from_last = c.whole(from + 1);
  if (to_last < 0 || from_last < 0) return false;
  to_start = c.whole(from), from_start = c.whole(from + 1);
  bool empty = false;
  for (int i = 0; i < rank; i++) {
    const int size = c.whole(from + 2 + 3 * i), to = c.whole(from + 3 + 3 * i), step = c.whole(from + 4 + 3 * i);
    if (size < 0 || to < 0 || step < 0) return false;
    axes[i] = {size, to, step};
    empty = empty || size == 0;
    to_last += (size - 1.) * to, from_last += (size - 1.) * step;
  }
  if (empty) axes[0].size = 0;
  return empty || (to_last < static_cast<double>(c.sizes[0]) && from_last < static_cast<double>(c.sizes[operand]));
}

// numbers: the number of axes, whether out is 0 where nothing goes; for each operand where its box begins in out and in the
// operand, and the size, step in out and step in the operand of each axis. arrays: out, then the operands.
template <class Machine>
Error copy(Machine& m, const Call& c) {
  const int rank = c.whole(0), zeros = c.whole(1);
  if (rank < 1 || rank > max_axes || zeros < 0 || c.array_count < 2 || c.number_count != 2 + (c.array_count - 1) * (2 + 3 * rank))
    return "copy: the number of axes does not fit";
  const auto place = [&](int operand, long& to, long& from, Axis* axes) {
    return read_placement(c, 2 + (operand - 1) * (2 + 3 * rank), rank, operand, to, from, axes);
  };
  long to, from;
  Axis axes[max_axes];
  for (int i = 1; i < c.array_count; i++)
    if (!place(i, to, from, axes)) return "copy: a box does not fit";
  if (zeros) __builtin_memset(c.arrays[0], 0, sizeof(float) * static_cast<unsigned long>(c.sizes[0]));
  for (int i = 1; i < c.array_count; i++) {
    place(i, to, from, axes);
    if (axes[0].size == 0) continue;
    const int left = merge(axes, rank);
    const float* x = c.arrays[i] + from;
    float* out = c.arrays[0] + to;
    const long rows = axes[0].size;
    const int parts = c.sizes[0] < 32768 || left == 1 ? 1 : static_cast<int>(rows < 16 ? rows : 16);
    m.run(parts, [&](int part, int) {
      Axis own[max_axes];
      for (int a = 0; a < left; a++) own[a] = axes[a];
      const long begin = static_cast<long>(static_cast<long long>(rows) * part / parts);
      own[0].size = static_cast<long>(static_cast<long long>(rows) * (part + 1) / parts) - begin;
      copy_box(own, left, x + begin * own[0].from, out + begin * own[0].to);
    });
  }
  return nullptr;
}

// numbers: outer size, rows, number of indices, inner size. arrays: out [outer][indices][inner], x [outer][rows][inner], the
// indices as whole numbers in the bits of an array of floats.
template <class Machine>
Error gather(Machine&, const Call& c) {
  const int outer = c.whole(0), rows = c.whole(1), count = c.whole(2), inner = c.whole(3);
  if (outer < 0 || rows < 0 || count < 0 || inner < 0 || c.array_count != 3 || !c.has(0, static_cast<double>(outer) * count * inner) ||
      !c.has(1, static_cast<double>(outer) * rows * inner) || !c.has(2, count))
    return "gather: a size does not fit";
  const int* indices = reinterpret_cast<const int*>(c.arrays[2]);
  for (int i = 0; i < count; i++)
    if (indices[i] < 0 || indices[i] >= rows) return "gather: an index is out of range";
  if (c.sizes[0] == 0) return nullptr;
  float* out = c.arrays[0];
  for (long o = 0; o < outer; o++)
    for (int i = 0; i < count; i++, out += inner) copy_row({inner, 1, 1}, c.arrays[1] + (o * rows + indices[i]) * inner, out);
  return nullptr;
}

// numbers: count, rows, inner size, scale. arrays: out [rows], a and b [count][rows][inner].
template <class Machine>
Error row_dots(Machine& m, const Call& c) {
  const int count = c.whole(0), rows = c.whole(1), inner = c.whole(2);
  const double size = static_cast<double>(count) * rows * inner;
  if (c.number_count != 4 || count < 0 || rows < 0 || inner < 0 || c.array_count != 3 || !c.has(0, rows) || !c.has(1, size) || !c.has(2, size))
    return "rowDots: a size does not fit";
  m.kernels().row_dots(c.arrays[1], c.arrays[2], count, rows, inner, static_cast<float>(c.numbers[3]), c.arrays[0]);
  return nullptr;
}

// numbers: as above. arrays: out [count][rows][inner], x likewise, factors [rows].
template <class Machine>
Error scale_rows(Machine& m, const Call& c) {
  const int count = c.whole(0), rows = c.whole(1), inner = c.whole(2);
  const double size = static_cast<double>(count) * rows * inner;
  if (c.number_count != 4 || count < 0 || rows < 0 || inner < 0 || c.array_count != 3 || !c.has(0, size) || !c.has(1, size) || !c.has(2, rows))
    return "scaleRows: a size does not fit";
  if (c.sizes[0] == 0) return nullptr;  // and any of the sizes may be huge
  m.kernels().scale_rows(c.arrays[1], c.arrays[2], count, rows, inner, static_cast<float>(c.numbers[3]), c.arrays[0]);
  return nullptr;
}

// What the arithmetic units can do, as the measure of the rest. numbers: rounds. arrays: [0] the operations done; one more element for each part.
template <class Machine>
Error peak(Machine& m, const Call& c) {
  const int rounds = c.whole(0);
  if (rounds < 1 || c.number_count != 1 || c.array_count != 1 || c.sizes[0] < 2 || c.sizes[0] > 1025) return "peak: give rounds and an array";
  const int parts = static_cast<int>(c.sizes[0]) - 1;
  float* out = c.arrays[0];
  m.run(parts, [&](int part, int) {
    const double done = m.kernels().peak(rounds, out + 1 + part);
    if (part == 0) out[0] = static_cast<float>(done * parts);
  });
  return nullptr;
}

// Operations by number, in the order of src/operations.ts. To add or change one, raise the version there and here.
constexpr int interface_version = 7;

template <class Machine>
Error dispatch(int operation, Machine& m, const Call& c) {
  using Operation = Error (*)(Machine&, const Call&);
  static constexpr Operation operations[] = {dual_forward<Machine>, dual_backward<Machine>, mat_mul<Machine>, linear_combination<Machine>,
                                             scaled_error_norm<Machine>, adam_update<Machine>, unary<Machine>, affine<Machine>,
                                             binary<Machine>, select<Machine>, sum<Machine>, extreme<Machine>, copy<Machine>, gather<Machine>,
                                             conv2d<Machine>, conv2d_input<Machine>, conv2d_filter<Machine>,
                                             row_dots<Machine>, scale_rows<Machine>, dual_backward<Machine, true>,
                                             dual_forward_direction<Machine>, dual_backward_direction<Machine>,
                                             peak<Machine>};
  if (operation < 0 || operation >= static_cast<int>(sizeof operations / sizeof *operations)) return "there is no such operation";
  return operations[operation](m, c);
}
