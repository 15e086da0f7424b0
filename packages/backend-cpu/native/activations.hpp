// The activations with their first three derivatives, to a few units in the last place of float32 over all finite arguments.
#pragma once
#include "simd.hpp"

namespace SF_NAMESPACE {

enum Activation { sigmoid, tanh, softplus, relu, elu, swish, identity };

// exp(x) = scale · (1 + r s), in parts for those who need exp(x) - 1.
struct Exponential {
  vec scale;  // 2^n
  vec r;      // |r| <= ln 2 / 2
  vec s;
};

// Arguments beyond ±87 are cut: results there over- or underflow float32.
inline vec cut(vec x) { return at_least(at_most(x, 87.f), -87.f); }

inline Exponential exponential(vec x) {
  // 1.5 · 2^23 + 127: adding it rounds to an integer, which is then, with the exponent's bias, in the lowest bits.
  const vec magic = set1(12583039.f);
  const vec shifted = x * set1(1.44269504f) + magic, n = shifted - magic;
  const vec r = (x - n * set1(0.693145752f)) - n * set1(1.42860677e-6f);  // ln 2 in two parts, the first exact for small n
  vec q = set1(1.38145402e-3f);  // (exp(r) - 1 - r) / r² by Remez: exp(r) to 3e-9
  q = q * r + set1(8.36874511e-3f);
  q = q * r + set1(4.16683908e-2f);
  q = q * r + set1(1.66665204e-1f);
  q = q * r + set1(4.99999934e-1f);
  return {(vec)((ivec)shifted << 23), r, q * r + set1(1.f)};
}

inline vec exp(vec x) {
  const Exponential e = exponential(cut(x));
  return e.scale * (e.r * e.s + set1(1.f));
}

inline vec expm1(vec x) {
  const Exponential e = exponential(cut(x));
  return e.scale * (e.r * e.s) + (e.scale - set1(1.f));
}

// log(1 + y) for 0 <= y <= 1 as y times a polynomial by Remez, to 3e-8. A quotient would need a division.
inline vec log1p_unit(vec y) {
  vec p = set1(5.23269475e-3f);
  p = p * y + set1(-2.95052408e-2f);
  p = p * y + set1(7.82259554e-2f);
  p = p * y + set1(-1.36632461e-1f);
  p = p * y + set1(1.91060069e-1f);
  p = p * y + set1(-2.48429823e-1f);
  p = p * y + set1(3.33190968e-1f);
  p = p * y + set1(-4.99994931e-1f);
  return y * (p * y + set1(9.9999997e-1f));
}

inline vec logistic(vec x) {
  const Exponential e = exponential(-cut(x));
  return reciprocal(e.scale * (e.r * e.s + set1(1.f)) + set1(1.f));
}

// WebAssembly cannot take numbers below 1.2e-38 for zero (subnormals.hpp). There, what an exponential leaves below 1e-20 is zero: products
// with it would become such numbers, and take a hundred times as long. Beside the other terms of a sum it is nothing.
inline vec settled(vec x) {
#if defined(__wasm_simd128__)
  return select(x < set1(1e-20f), set1(0.f), x);
#else
  return x;
#endif
}

struct Jet {
  vec value;
  vec first;
  vec second;
  vec third;
};

template <Activation act>
inline Jet activate(vec u) {
  const vec one = set1(1.f), zero = set1(0.f);
  if constexpr (act == sigmoid) {
    const vec h = settled(logistic(u));
    const vec d = h - h * h;
    return {h, d, d - set1(2.f) * h * d, d * (one - set1(6.f) * d)};
  } else if constexpr (act == tanh) {
    const vec m = expm1(-(abs(u) + abs(u)));
    const vec t = -m * reciprocal(set1(2.f) + m);
    const vec h = select(u < zero, -t, t);
    const vec d = one - h * h;
    return {h, d, set1(-2.f) * h * d, d * (set1(4.f) * h * h - (d + d))};
  } else if constexpr (act == softplus) {
    const vec e = settled(exp(-abs(u)));
    const vec inverse = reciprocal(one + e);
    const vec d = select(u < zero, e * inverse, inverse);
    return {select(u < zero, zero, u) + log1p_unit(e), d, d * (one - d), d * (one - d) * (one - d - d)};
  } else if constexpr (act == relu) {
    const ivec positive = u > zero;
    return {select(u < zero, zero, u), select(positive, one, zero), zero, zero};
  } else if constexpr (act == elu) {
    const ivec positive = u > zero;
    const vec m = expm1(select(positive, zero, u));
    return {select(positive, u, m), select(positive, one, m + one), select(positive, zero, m + one), select(positive, zero, m + one)};
  } else if constexpr (act == swish) {
    // Where the exponential is cut, s must be 0: u may be large enough to show what is left.
    const vec s = settled(select(u < set1(-87.f), zero, logistic(u)));
    const vec h = u * s;
    const vec d = s * (one - s), slope = one - s - s;
    return {h, s + h * (one - s), d * (set1(2.f) + u * slope), d * (set1(3.f) * slope + u * (one - set1(6.f) * d))};
  } else {
    return {u, one, zero, zero};
  }
}

// Calls f(Constant<activation>{}), so that a loop is compiled for each activation.
template <class F>
inline void with_activation(int act, const F& f) {
  switch (act) {
    case sigmoid: return f(Constant<sigmoid>{});
    case tanh: return f(Constant<tanh>{});
    case softplus: return f(Constant<softplus>{});
    case relu: return f(Constant<relu>{});
    case elu: return f(Constant<elu>{});
    case swish: return f(Constant<swish>{});
    default: return f(Constant<identity>{});
  }
}

}  // namespace SF_NAMESPACE
