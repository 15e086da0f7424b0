// Elementwise operations and sums. The codes are those of src/extend.ts.
#pragma once
#include "activations.hpp"
#include "functions.hpp"
#include "kernels.hpp"

namespace SF_NAMESPACE {

// exp over its whole range, with infinities, zeros and denormals: 2^n is applied as two factors, each of which is a normal number.
inline vec exp_full(vec x) {
  x = at_least(at_most(x, 89.f), -104.f);
  const vec magic = set1(12582912.f);
  const vec shifted = x * set1(1.44269504f) + magic, n = shifted - magic;
  const vec r = (x - n * set1(0.693145752f)) - n * set1(1.42860677e-6f);
  vec p = set1(1.f / 5040);
  p = p * r + set1(1.f / 720);
  p = p * r + set1(1.f / 120);
  p = p * r + set1(1.f / 24);
  p = p * r + set1(1.f / 6);
  p = p * r + set1(.5f);
  const ivec whole = (ivec)shifted - (ivec)magic, half = whole >> 1;
  const vec low = (vec)((half + 127) << 23), high = (vec)((whole - half + 127) << 23);
  return (p * r * r + r + set1(1.f)) * low * high;
}

inline vec root(vec x) {
  vec out;
  for (int i = 0; i < lanes; i++) out[i] = __builtin_sqrtf(x[i]);
  return out;
}

// The last, shorter vector goes through a copy, so that every element is computed by the same instructions.
template <class F>
inline void map(const float* x, float* out, long n, F f) {
  long i = 0;
  for (; i + lanes <= n; i += lanes) store(out + i, f(load(x + i)));
  if (i == n) return;
  vec rest = set1(1.f);
  for (long j = i; j < n; j++) rest[j - i] = x[j];
  rest = f(rest);
  for (long j = i; j < n; j++) out[j] = rest[j - i];
}

// The same for functions of one number, in loops that the compiler vectorises.
template <class F>
inline void map_each(const float* x, float* out, long n, F f) {
  for (long i = 0; i < n; i++) out[i] = f(x[i]);
}

enum Unary {
  u_neg, u_abs, u_step, u_exp, u_expm1, u_sqrt, u_square, u_reciprocal, u_tanh, u_sigmoid, u_softplus, u_relu, u_log, u_log1p, u_sin, u_cos, u_floor,
  u_sign
};

inline void unary(int op, const float* x, float* out, long n) {
  const vec one = set1(1.f), zero = set1(0.f);
  switch (op) {
    case u_neg: return map(x, out, n, [](vec v) { return -v; });
    case u_abs: return map(x, out, n, [](vec v) { return abs(v); });
    case u_step: return map(x, out, n, [&](vec v) { return SF_NAMESPACE::select(v > zero, one, zero); });
    case u_exp: return map(x, out, n, [](vec v) { return exp_full(v); });
    case u_expm1:
      // Beyond 1 the difference loses nothing, and exp_full knows how to overflow.
      return map(x, out, n, [&](vec v) { return SF_NAMESPACE::select(v > one, exp_full(v) - one, expm1(SF_NAMESPACE::select(v > one, one, v))); });
    case u_sqrt: return map(x, out, n, [](vec v) { return root(v); });
    case u_square: return map(x, out, n, [](vec v) { return v * v; });
    case u_reciprocal: return map(x, out, n, [&](vec v) { return one / v; });
    case u_tanh: return map(x, out, n, [](vec v) { return activate<tanh>(v).value; });
    case u_sigmoid:
      return map(x, out, n, [&](vec v) {
        const vec e = exp_full(-abs(v)), inverse = one / (one + e);
        return SF_NAMESPACE::select(v < zero, e * inverse, inverse);
      });
    case u_softplus:
      return map(x, out, n, [&](vec v) { return SF_NAMESPACE::select(v < zero, zero, v) + log1p_unit(exp_full(-abs(v))); });
    case u_relu: return map(x, out, n, [&](vec v) { return SF_NAMESPACE::select(v < zero, zero, v); });
    case u_log: return map_each(x, out, n, [](float v) { return log(v); });
    case u_log1p: return map_each(x, out, n, [](float v) { return log1p(v); });
    case u_sin: return sines(x, 0, out, n);
    case u_cos: return sines(x, 1, out, n);
    case u_floor: return map_each(x, out, n, [](float v) { return __builtin_floorf(v); });
    default: return map_each(x, out, n, [](float v) { return v > 0 ? 1.f : v < 0 ? -1.f : v; });
  }
}

inline void affine(const float* x, float scale, float shift, float* out, long n) {
  const vec s = set1(scale), c = set1(shift);
  map(x, out, n, [&](vec v) { return v * s + c; });
}

// One row of a box: each operand is an array (step 1) or one number (step 0).
template <class F>
inline void row(const float* a, long a_step, const float* b, long b_step, float* out, long n, F f) {
  long i = 0;
  if (a_step && b_step)
    for (; i + lanes <= n; i += lanes) store(out + i, f(load(a + i), load(b + i)));
  else if (a_step) {
    const vec y = set1(*b);
    for (; i + lanes <= n; i += lanes) store(out + i, f(load(a + i), y));
  } else if (b_step) {
    const vec x = set1(*a);
    for (; i + lanes <= n; i += lanes) store(out + i, f(x, load(b + i)));
  }
  while (i < n) {
    vec x = set1(1.f), y = set1(1.f);
    const int some = n - i < lanes ? (int)(n - i) : lanes;
    for (int j = 0; j < some; j++) x[j] = a[(i + j) * a_step], y[j] = b[(i + j) * b_step];
    const vec z = f(x, y);
    for (int j = 0; j < some; j++) out[i + j] = z[j];
    i += some;
  }
}

template <class F>
inline void rows_of(const Box& box, const float* a, const float* b, float* out, F f) {
  for (long i = 0; i < box.outer; i++)
    row(a + i * box.operand[0].outer, box.operand[0].inner, b + i * box.operand[1].outer, box.operand[1].inner, out + i * box.inner, box.inner, f);
}

enum Binary { b_add, b_sub, b_mul, b_div, b_maximum, b_minimum, b_equal, b_less, b_less_equal, b_pow };

inline void binary(int op, const Box& box, const float* a, const float* b, float* out) {
  const vec one = set1(1.f), zero = set1(0.f);
  const auto choose = [](ivec m, vec x, vec y) { return SF_NAMESPACE::select(m, x, y); };
  switch (op) {
    case b_add: return rows_of(box, a, b, out, [](vec x, vec y) { return x + y; });
    case b_sub: return rows_of(box, a, b, out, [](vec x, vec y) { return x - y; });
    case b_mul: return rows_of(box, a, b, out, [](vec x, vec y) { return x * y; });
    case b_div: return rows_of(box, a, b, out, [](vec x, vec y) { return x / y; });
    // A NaN on either side stays: y is only taken where it wins or is NaN.
    case b_maximum: return rows_of(box, a, b, out, [&](vec x, vec y) { return choose((x >= y) | (x != x), x, y); });
    case b_minimum: return rows_of(box, a, b, out, [&](vec x, vec y) { return choose((x <= y) | (x != x), x, y); });
    case b_equal: return rows_of(box, a, b, out, [&](vec x, vec y) { return choose(x == y, one, zero); });
    case b_less: return rows_of(box, a, b, out, [&](vec x, vec y) { return choose(x < y, one, zero); });
    case b_less_equal: return rows_of(box, a, b, out, [&](vec x, vec y) { return choose(x <= y, one, zero); });
    default:
      return rows_of(box, a, b, out, [](vec x, vec y) {
        vec z;
        for (int i = 0; i < lanes; i++) z[i] = pow(x[i], y[i]);
        return z;
      });
  }
}

inline void choose(const Box& box, const float* condition, const float* a, const float* b, float* out) {
  for (long i = 0; i < box.outer; i++) {
    const float *c = condition + i * box.operand[0].outer, *x = a + i * box.operand[1].outer, *y = b + i * box.operand[2].outer;
    const long cs = box.operand[0].inner, xs = box.operand[1].inner, ys = box.operand[2].inner;
    float* to = out + i * box.inner;
    for (long j = 0; j < box.inner; j++) to[j] = c[j * cs] != 0 ? x[j * xs] : y[j * ys];
  }
}

// x [outer][middle][inner] summed over its middle axis, in double precision: as exact as the reference, and independent of the
// instruction set's width only in the last bits.
inline void sum_middle(const float* x, long outer, long middle, long inner, float* out) {
  constexpr int width = 16;
  for (long o = 0; o < outer; o++, x += middle * inner, out += inner) {
    if (inner == 1) {
      double total[width] = {};
      long i = 0;
      for (; i + width <= middle; i += width)
        for (int j = 0; j < width; j++) total[j] += x[i + j];
      for (int j = 0; i < middle; i++, j++) total[j] += x[i];
      for (int j = 1; j < width; j++) total[0] += total[j];
      out[0] = (float)total[0];
      continue;
    }
    for (long c = 0; c < inner; c += width) {
      const int some = inner - c < width ? (int)(inner - c) : width;
      double total[width] = {};
      if (some == width)
        for (long i = 0; i < middle; i++)
          for (int j = 0; j < width; j++) total[j] += x[i * inner + c + j];
      else
        for (long i = 0; i < middle; i++)
          for (int j = 0; j < some; j++) total[j] += x[i * inner + c + j];
      for (int j = 0; j < some; j++) out[c + j] = (float)total[j];
    }
  }
}

// x [outer][middle][inner], the largest or smallest of its middle axis; of none ∓∞. A NaN stays.
template <bool largest>
inline void extreme_middle(const float* x, long outer, long middle, long inner, float* out) {
  const auto better = [](auto a, auto b) { return largest ? (a >= b) | (a != a) : (a <= b) | (a != a); };
  const float none = largest ? -__builtin_inff() : __builtin_inff();
  for (long o = 0; o < outer; o++, x += middle * inner, out += inner) {
    if (inner == 1) {
      vec best = set1(none);
      long i = 0;
      for (; i + lanes <= middle; i += lanes) {
        const vec v = load(x + i);
        best = SF_NAMESPACE::select(better(best, v), best, v);
      }
      float total = none;
      for (int j = 0; j < lanes; j++) total = better(total, best[j]) ? total : best[j];
      for (; i < middle; i++) total = better(total, x[i]) ? total : x[i];
      out[0] = total;
      continue;
    }
    long c = 0;
    for (; c + lanes <= inner; c += lanes) {
      vec best = set1(none);
      for (long i = 0; i < middle; i++) {
        const vec v = load(x + i * inner + c);
        best = SF_NAMESPACE::select(better(best, v), best, v);
      }
      store(out + c, best);
    }
    for (; c < inner; c++) {
      float best = none;
      for (long i = 0; i < middle; i++) best = better(best, x[i * inner + c]) ? best : x[i * inner + c];
      out[c] = best;
    }
  }
}

inline void extreme(bool largest, const float* x, long outer, long middle, long inner, float* out) {
  if (largest) extreme_middle<true>(x, outer, middle, inner, out);
  else extreme_middle<false>(x, outer, middle, inner, out);
}

}  // namespace SF_NAMESPACE
