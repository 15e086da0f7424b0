// The activations with their first three derivatives, to a few units in the last place of float32 over all finite arguments.
#pragma once
#include "simd.hpp"

namespace SF_NAMESPACE {

enum Activation { sigmoid, tanh, softplus, relu, elu, swish, identity };

struct Exponential {
  vec scale;  // 2^n
  vec rest;   // exp(r) - 1 for the remainder |r| <= ln 2 / 2
};

// exp(x) = scale · (1 + rest). Arguments beyond ±87 are cut: results there over- or underflow float32.
inline Exponential exponential(vec x) {
  x = at_least(at_most(x, 87.f), -87.f);
  const vec magic = set1(12582912.f);  // 1.5 · 2^23: adding it rounds to an integer, which is then in the lowest bits
  const vec shifted = x * set1(1.44269504f) + magic, n = shifted - magic;
  const vec r = (x - n * set1(0.693145752f)) - n * set1(1.42860677e-6f);  // ln 2 in two parts, the first exact for small n
  vec p = set1(1.f / 5040);  // Taylor: the remainder term at |r| = .3466 is 5e-9
  p = p * r + set1(1.f / 720);
  p = p * r + set1(1.f / 120);
  p = p * r + set1(1.f / 24);
  p = p * r + set1(1.f / 6);
  p = p * r + set1(.5f);
  const ivec exponent = ((ivec)shifted + 127) << 23;
  return {(vec)exponent, p * r * r + r};
}

inline vec exp(vec x) {
  const Exponential e = exponential(x);
  return e.scale * e.rest + e.scale;
}

inline vec expm1(vec x) {
  const Exponential e = exponential(x);
  return e.scale * e.rest + (e.scale - set1(1.f));
}

// log(1 + y) for 0 <= y <= 1 as 2 artanh(y / (2 + y)).
inline vec log1p_unit(vec y) {
  const vec s = y / (set1(2.f) + y);
  const vec q = s * s;
  vec p = set1(1.f / 17);
  for (int k = 15; k >= 3; k -= 2) p = p * q + set1(1.f / k);
  return set1(2.f) * s * (q * p + set1(1.f));
}

inline vec logistic(vec x) { return reciprocal(set1(1.f) + exp(-x)); }

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
    const vec h = logistic(u);
    const vec d = h * (one - h);
    return {h, d, d * (one - h - h), d * (one - set1(6.f) * d)};
  } else if constexpr (act == tanh) {
    const vec m = expm1(-(abs(u) + abs(u)));
    const vec t = -m / (set1(2.f) + m);
    const vec h = select(u < zero, -t, t);
    const vec d = one - h * h;
    return {h, d, set1(-2.f) * h * d, d * (set1(4.f) * h * h - (d + d))};
  } else if constexpr (act == softplus) {
    const vec e = exp(-abs(u));
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
    const vec s = select(u < set1(-87.f), zero, logistic(u));
    const vec h = u * s;
    const vec d = s * (one - s), slope = one - s - s;
    return {h, s + h * (one - s), d * (set1(2.f) + u * slope), d * (set1(3.f) * slope + u * (one - set1(6.f) * d))};
  } else {
    return {u, one, zero, zero};
  }
}

}  // namespace SF_NAMESPACE
