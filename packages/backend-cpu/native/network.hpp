// The network of a call: what is given, read and checked, and its time scales and shifts folded into the weights and biases.
#pragma once
#include "call.hpp"

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
    p.layer[l] = {given.weight, given.bias, in, out, static_cast<long>(net.gradients), 0, {}, {}, nullptr, nullptr, given.scale != nullptr, nullptr};
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
    net.gradients += weights + out + 16;  // a vector of sums may be stored across the end
    if (given.scale || given.shift) net.folded += out;
    width = out;
    if (out > p.widest) p.widest = out;
  }
  return p.widest <= max_width && from == end;
}

// The surviving weights of some rows, in the order in which they are used: W's, or its transpose's.
inline void fold_survivors(const Sparse& w, bool transposed, const GivenLayer& given, int in, int rows, int first, int last) {
  float* values = const_cast<float*>(w.values);
  for (int t = 0; t < w.tiles; t++)
    for (int r = first; r < last; r++)
      for (int i = w.starts[static_cast<long>(t) * rows + r]; i < w.starts[static_cast<long>(t) * rows + r + 1]; i++) {
        const int row = transposed ? w.columns[i] : r, column = transposed ? r : w.columns[i];
        const float value = given.weight[static_cast<long>(row) * in + column];
        values[i] = given.scale ? value * given.scale[row] : value;
      }
}

inline void fold_rows(const Layer& layer, const GivenLayer& given, int first, int last) {
  if (layer.weight != given.weight) {
    float* weight = const_cast<float*>(layer.weight);
    for (long r = first; r < last; r++)
      for (long i = r * layer.in; i < (r + 1) * layer.in; i++) weight[i] = given.weight[i] * given.scale[r];
  }
  if (layer.bias != given.bias) {
    float* bias = const_cast<float*>(layer.bias);
    for (int r = first; r < last; r++) {
      float b = given.bias ? given.bias[r] : 0;
      if (given.bias && given.scale) b *= given.scale[r];
      bias[r] = given.shift ? b + given.shift[r] : b;
    }
  }
}

// Rows are independent, so the work can be cut anywhere; small networks are not worth waking anyone.
template <class Machine>
void fold(Machine& m, Network& net, bool reverse, float* memory) {
  for (int l = 0; l < net.problem.layers; l++) {
    Layer& layer = net.problem.layer[l];
    const GivenLayer& given = net.given[l];
    const auto place = [&](auto& pointer, long size) {
      pointer = memory;
      memory += size;
    };
    if (layer.forward.starts) {
      place(layer.forward.values, layer.weights);
      if (reverse) place(layer.backward.values, layer.weights);
    } else if (given.scale) {
      place(layer.weight, layer.weights);
    }
    if (given.scale || given.shift) place(layer.bias, layer.out);
  }
  const int pieces = net.folded > 16384 ? 8 : 1;
  m.run(pieces, [&](int piece, int) {
    const auto cut = [&](int rows, int at) { return piece_begin(rows, at, pieces); };
    for (int l = 0; l < net.problem.layers; l++) {
      const Layer& layer = net.problem.layer[l];
      const GivenLayer& given = net.given[l];
      const int first = cut(layer.out, piece), last = cut(layer.out, piece + 1);
      fold_rows(layer, given, first, last);
      if (!layer.forward.starts) continue;
      fold_survivors(layer.forward, false, given, layer.in, layer.out, first, last);
      if (reverse) fold_survivors(layer.backward, true, given, layer.in, layer.in, cut(layer.in, piece), cut(layer.in, piece + 1));
    }
  });
}
