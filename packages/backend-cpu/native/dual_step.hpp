// Whole steps of an explicit Runge-Kutta method whose last stage is the derivative at the step's end, for samples that move along a
// network, dz/dt = f(z) and dl/dt = weight Σ_k p_k · (∂f/∂z) p_k, and for the adjoint problem: with them move the cotangents a of z,
// da/dt = -(a ∂f + b ∂div)/∂z where b, that of l, stays as it is, and those of the parameters, likewise.
//
// Samples do not see one another, so a block of them takes all stages while it is in cache, and threads meet once a step. The
// cotangents of the parameters enter no stage: a sum over stages, weighted as in the step, and the last stage's are all that is kept.
#pragma once
#include "dual_pass.hpp"

constexpr int max_stages = 16;

struct Method {
  int stages;
  double dt;
  float weight;
  const double *a, *error, *output;  // output is null where none is wanted

  const double* row(int i) const { return a + i * (i - 1) / 2; }
  const double* last() const { return row(stages - 1); }
  // The weight of a stage in the sum of the parameters' cotangents that is wanted: at the output, or else at the end.
  double share(int i) const { return dt * (output ? output[i] : i == stages - 1 ? 0 : last()[i]); }
  int results() const { return output ? 4 : 3; }
  int inner() const { return stages - 2; }  // stages that are neither given nor results
};

// numbers: stages, dt, weight, row i of a for each i > 0, the error's weights, whether an output inside the step is wanted and, if it
// is, its weights; behind them those of a network.
inline bool read_method(const Call& c, Method& method, Call& rest) {
  const int stages = c.whole(0);
  if (stages < 2 || stages > max_stages) return false;
  const int error = 3 + stages * (stages - 1) / 2, flag = error + stages;
  const int output = c.whole(flag);
  if (output < 0 || output > 1) return false;
  const int used = flag + 1 + output * stages;
  if (c.number_count < used) return false;
  method = {stages, c.numbers[1], static_cast<float>(c.numbers[2]), c.numbers + 3, c.numbers + error, output ? c.numbers + flag + 1 : nullptr};
  rest = {c.numbers + used, c.number_count - used, c.arrays, c.sizes, c.array_count};
  return true;
}

// A quantity of all samples: its value at the start and its derivatives at the stages.
struct Track {
  const float* start;
  float* slope[max_stages];

  // to = factor (start + dt Σ weights[j] slope[j]) for n numbers from `from`; without `onto`, only the sum.
  void combine(const Kernels& k, bool onto, const double* weights, int count, double dt, double factor, long from, long n, float* to) const {
    const float* terms[max_stages + 1];
    float coefficients[max_stages + 1];
    int used = 0;
    const auto term = [&](const float* x, double coefficient) {
      terms[used] = x + from;
      coefficients[used++] = static_cast<float>(coefficient);
    };
    if (onto) term(start, factor);
    for (int j = 0; j < count; j++)
      if (weights[j] != 0) term(slope[j], factor * dt * weights[j]);
    if (used > 0) k.linear_combination(terms, coefficients, used, n, to + from);
    else
      for (long i = 0; i < n; i++) to[from + i] = 0;
  }

  // The results but the slopes; each is `each` arrays behind the one before.
  void finish(const Kernels& k, const Method& method, long from, long n, float* const* results, int each) const {
    combine(k, true, method.last(), method.stages - 1, method.dt, 1, from, n, results[0]);
    combine(k, false, method.error, method.stages, method.dt, 1, from, n, results[2 * each]);
    if (method.output) combine(k, true, method.output, method.stages, method.dt, 1, from, n, results[3 * each]);
  }
};

// The first slope is an operand, the last one a result; those between lie in memory.
inline Track track_of(const Method& method, const float* start, const float* first, float* last, float*& memory, long size) {
  Track track = {start, {}};
  track.slope[0] = const_cast<float*>(first);
  for (int i = 1; i <= method.inner(); i++, memory += size) track.slope[i] = memory;
  track.slope[method.stages - 1] = last;
  return track;
}

// to[i] = weight Σ_k p_k[i] · d_k[i] for `count` samples from `first`.
inline void traces(const DualProblem& p, const float* d, float weight, int first, int count, float* to) {
  for (long i = first; i < first + count; i++) {
    float total = 0;
    for (long k = 0; k < p.count; k++)
      for (long j = 0; j < p.dim; j++) {
        const long at = (k * p.batch + i) * p.dim + j;
        total += p.dx[at] * d[at];
      }
    to[i] = weight * total;
  }
}

inline void copy_numbers(const float* from, long n, float* to) { __builtin_memcpy(to, from, sizeof(float) * static_cast<unsigned long>(n)); }

inline bool maps_to_itself(const DualProblem& p) { return p.layer[p.layers - 1].out == p.dim; }

// arrays: z, l at the end, their slopes there, their errors, their outputs if wanted; then z, l, their slopes, p, and the layers.
template <class Machine>
Error dual_step(Machine& m, const Call& c) {
  Method method;
  Call rest;
  Network net;
  DualProblem& p = net.problem;
  constexpr const char* misfit = "dualStep: the method's or the layers' sizes do not fit";
  if (!read_method(c, method, rest)) return misfit;
  const int in = 2 * method.results();
  if (!read_network(rest, in + 5, net) || !maps_to_itself(p)) return misfit;
  const double samples = p.batch, numbers = samples * p.dim;
  for (int i = 0; i < in + 4; i++)
    if (!c.has(i, i % 2 == 0 ? numbers : samples)) return "dualStep: the state's sizes do not fit";
  if (!c.has(in + 4, numbers * p.count)) return "dualStep: the probes' size does not fit";
  const Kernels& k = m.kernels();
  const int blocks = static_cast<int>((p.batch + (k.block - 1LL)) / k.block);
  const int together = smaller(k.blocks_together(p), blocks), groups = blocks > 0 ? (blocks + together - 1) / together : 0, parts = parts_for(m, groups);
  const double scratch = together * k.forward_scratch(p);
  float* memory = m.memory(shared_memory, net.folded + (method.inner() + 2 + p.count) * numbers + method.inner() * samples);
  if (!memory || !reserve(m, scratch)) return no_memory;
  fold(m, net, false, memory);
  memory += static_cast<long>(net.folded);
  const long size = static_cast<long>(numbers);
  float* const* operands = c.arrays + in;
  const Track z = track_of(method, operands[0], operands[2], c.arrays[2], memory, size);
  const Track l = track_of(method, operands[1], operands[3], c.arrays[3], memory, p.batch);
  float* at = memory;
  p.x = at, p.dx = operands[4], p.f = at + size, p.df = at + 2 * size;
  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    const int end = piece_begin(groups, part + 1, parts);
    for (int g = piece_begin(groups, part, parts); g < end; g++) {
      const int taken = smaller(together, blocks - g * together);
      const int first = g * together * k.block, count = smaller(p.batch - first, taken * k.block);
      const long from = static_cast<long>(first) * p.dim, n = static_cast<long>(count) * p.dim;
      for (int i = 1; i < method.stages; i++) {
        z.combine(k, true, method.row(i), i, method.dt, 1, from, n, at);
        k.forward_blocks(p, first, taken, m.memory(1 + thread, scratch));
        copy_numbers(p.f + from, n, z.slope[i] + from);
        traces(p, p.df, method.weight, first, count, l.slope[i]);
      }
      z.finish(k, method, from, n, c.arrays, 2);
      l.finish(k, method, first, count, c.arrays + 1, 2);
    }
  });
  return nullptr;
}

// arrays: z, l, a at the end, their slopes there, their errors, their outputs if wanted, the cotangents of the layers' tensors at the
// output or else at the end, their slopes at the end; then z, l, a, their slopes, b, p, the layers, and the cotangents of their tensors and the slopes of these; then the patterns.
template <class Machine>
Error dual_adjoint_step(Machine& m, const Call& c) {
  Method method;
  Call rest;
  Network net;
  DualProblem& p = net.problem;
  constexpr const char* misfit = "dualAdjointStep: the method's or the layers' sizes do not fit";
  if (!read_method(c, method, rest)) return misfit;
  const int patterns = pattern_count(rest), arrays = c.array_count - patterns;
  const int moved = 3 * method.results(), tensors = (arrays - moved - 8) / 5;
  if (tensors < 1 || arrays != moved + 8 + 5 * tensors) return misfit;
  const int in = moved + 2 * tensors, layers = in + 8, sums = layers + tensors;
  // What follows the layers is not for read_network, except the patterns.
  constexpr int most = 1024;
  float* seen[most];
  long sizes[most];
  if (sums + patterns > most) return misfit;
  for (int i = 0; i < sums + patterns; i++) {
    const int from = i < sums ? i : i + 2 * tensors;
    seen[i] = c.arrays[from], sizes[i] = c.sizes[from];
  }
  rest.arrays = seen, rest.sizes = sizes, rest.array_count = sums + patterns;
  if (!read_network(rest, layers, net) || !maps_to_itself(p)) return misfit;
  const double samples = p.batch, numbers = samples * p.dim;
  for (int i = 0; i < moved + 6; i++)
    if (!c.has(i < moved ? i : in + i - moved, i % 3 == 1 ? samples : numbers)) return "dualAdjointStep: the state's sizes do not fit";
  if (!c.has(in + 6, samples) || !c.has(in + 7, numbers * p.count)) return "dualAdjointStep: the probes' sizes do not fit";
  for (int i = 0; i < 2 * tensors; i++)
    if (c.sizes[moved + i] != c.sizes[layers + i % tensors] || c.sizes[sums + i] != c.sizes[layers + i % tensors])
      return "dualAdjointStep: the gradients' sizes do not fit";

  const Kernels& k = m.kernels();
  const int blocks = static_cast<int>((p.batch + (k.block - 1LL)) / k.block);
  const int parts = smaller(blocks, gradient_parts);
  const int together = parts > 0 ? smaller(k.blocks_together(p), (blocks + parts - 1) / parts) : 0;
  const double scratch = together * k.backward_scratch(p);
  const long total = static_cast<long>(net.gradients);
  const double own = scratch + k.transposed_size;
  float* memory = m.memory(shared_memory, net.folded + (2 * method.inner() + 4 + 3 * p.count) * numbers + method.inner() * samples + 2. * static_cast<double>(total) * parts);
  if (!memory || !reserve(m, own)) return no_memory;
  fold(m, net, true, memory);
  memory += static_cast<long>(net.folded);
  const long size = static_cast<long>(numbers);
  float* const* operands = c.arrays + in;
  const Track z = track_of(method, operands[0], operands[3], c.arrays[3], memory, size);
  const Track l = track_of(method, operands[1], operands[4], c.arrays[4], memory, p.batch);
  const Track a = track_of(method, operands[2], operands[5], c.arrays[5], memory, size);
  const float* b_cotangent = operands[6];
  float *at = memory, *ct = at + size, *dct = at + 4 * size;
  p.x = at, p.ct = ct, p.f = at + 2 * size, p.gx = at + 3 * size;
  p.dx = operands[7], p.dct = dct, p.df = dct + p.count * size, p.gdx = dct + 2 * p.count * size;
  float* gradients = dct + 3 * p.count * size;

  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    float *sum = gradients + 2 * part * total, *last = sum + total;
    float *work = m.memory(1 + thread, own), *transposed = work + static_cast<long>(scratch);
    for (long i = 0; i < 2 * total; i++) sum[i] = 0;
    const int end = piece_begin(blocks, part + 1, parts);
    for (int b = piece_begin(blocks, part, parts); b < end; b += together) {
      const int taken = smaller(together, end - b);
      const int first = b * k.block, count = smaller(p.batch - first, taken * k.block);
      const long from = static_cast<long>(first) * p.dim, n = static_cast<long>(count) * p.dim;
      for (int i = 1; i < method.stages; i++) {
        // The reverse pass is linear in its cotangent: scaled by the stage's weight in the step, it sums up weighted gradients.
        const bool ends = i == method.stages - 1;
        const double share = ends ? 1 : method.share(i);
        const double scale = share == 0 ? 1 : share;
        z.combine(k, true, method.row(i), i, method.dt, 1, from, n, at);
        a.combine(k, true, method.row(i), i, method.dt, -scale, from, n, ct);
        for (int q = 0; q < p.count; q++) {
          const long offset = static_cast<long>(q) * size;
          const float factor = static_cast<float>(-scale * method.weight);
          k.scale_rows(p.dx + offset + from, b_cotangent + first, 1, count, p.dim, factor, dct + offset + from);
        }
        // The parameters' gradient of a stage without weight, as the second of dopri5, enters nothing.
        k.backward_blocks(p, first, taken, work, transposed, ends ? last : share == 0 ? nullptr : sum);
        copy_numbers(p.f + from, n, z.slope[i] + from);
        traces(p, p.df, method.weight, first, count, l.slope[i]);
        const float back = static_cast<float>(1 / scale);
        k.affine(p.gx + from, back, 0, a.slope[i] + from, n);
      }
      z.finish(k, method, from, n, c.arrays, 3);
      l.finish(k, method, first, count, c.arrays + 1, 3);
      a.finish(k, method, from, n, c.arrays + 2, 3);
    }
  });

  const float first_share = static_cast<float>(method.share(0)), last_share = static_cast<float>(method.share(method.stages - 1));
  // Rows are independent, so this can be cut anywhere; small networks are not worth waking anyone.
  const int pieces = total > 4096 ? 8 : 1;
  m.run(pieces, [&](int piece, int) {
    for (int layer = 0, next = 0; layer < p.layers; layer++) {
      const GivenLayer& given = net.given[layer];
      const int held = 1 + (given.bias != nullptr) + (given.scale != nullptr) + (given.shift != nullptr);
      const int rows = p.layer[layer].out, begin = piece_begin(rows, piece, pieces), end = piece_begin(rows, piece + 1, pieces);
      unfold(p.layer[layer], given, gradients, 2 * total, parts, begin, end, c.arrays + moved + next);
      unfold(p.layer[layer], given, gradients + total, 2 * total, parts, begin, end, c.arrays + moved + tensors + next);
      for (int t = 0; t < held; t++, next++) {
        const long width = t == 0 ? p.layer[layer].in : 1;
        const long from = begin * width, n = (end - begin) * width;
        const float *sum = c.arrays[moved + next] + from, *last = c.arrays[moved + tensors + next] + from;
        const float* terms[] = {sum, c.arrays[sums + next] + from, c.arrays[sums + tensors + next] + from, last};
        const float coefficients[] = {1, 1, first_share, last_share};
        k.linear_combination(terms, coefficients, last_share == 0 ? 3 : 4, n, c.arrays[moved + next] + from);
      }
    }
  });
  return nullptr;
}
