// Logarithms, powers and circular functions of float32, computed in double precision without branches and rounded once: loops over
// them are left to the compiler's vectoriser. Truncation errors are below 1e-11 of the result, far below float32's 6e-8.
#pragma once
#include "simd.hpp"

namespace SF_NAMESPACE {

typedef unsigned long long bits64;

constexpr double infinity = __builtin_inf(), not_a_number = __builtin_nan("");
constexpr double ln2 = 0.6931471805599453094;

// log((1 + s) / (1 - s)) = 2 artanh(s) for |s| <= 3 - 2√2.
inline double twice_artanh(double s) {
  const double q = s * s;  // at most .0295: the first term left out is 1e-13 of the sum
  return 2 * s * (1 + q * (1. / 3 + q * (1. / 5 + q * (1. / 7 + q * (1. / 9 + q * (1. / 11 + q * (1. / 13 + q * (1. / 15))))))));
}

struct Logarithm {
  double whole;  // of base 2
  double rest;   // natural, |rest| <= ln(2) / 2
};

// Of a positive, normal number; any float is one in double precision.
inline Logarithm logarithm(double x) {
  const bits64 bits = __builtin_bit_cast(bits64, x);
  // The exponent of x · √2 is that of the power of 2 next to x; as a double it is read off a number around 2^52.
  const bits64 exponent = (bits + 0x0009'5f61'9980'c433ull) >> 52;
  const double whole = __builtin_bit_cast(double, exponent | 0x4330'0000'0000'0000ull) - (4503599627370496. + 1023);
  const double m = __builtin_bit_cast(double, bits - ((exponent - 1023) << 52));
  return {whole, twice_artanh((m - 1) / (m + 1))};
}

inline double log_limits(double x, double inside) {
  inside = x == infinity ? infinity : inside;
  inside = x == 0 ? -infinity : inside;
  return x >= 0 ? inside : not_a_number;
}

inline float log(float value) {
  const double x = value;
  const Logarithm l = logarithm(x);
  return static_cast<float>(log_limits(x, l.whole * ln2 + l.rest));
}

inline float log1p(float value) {
  const double x = value, sum = 1 + x;
  const Logarithm l = logarithm(sum);
  // Near 1 the sum has lost digits of x, which the quotient keeps.
  const double near = twice_artanh(x / (2 + x));
  return static_cast<float>(x > -.25 && x < .3 ? near : log_limits(sum, l.whole * ln2 + l.rest));
}

// 2^t, 0 or infinite beyond float32.
inline double exp2(double t) {
  t = t < -200 ? -200 : t;
  t = t > 200 ? 200 : t;
  const double magic = 6755399441055744.;  // 1.5 · 2^52: adding it rounds to an integer, which is then in the lowest bits
  const double shifted = t + magic, r = (t - (shifted - magic)) * ln2;
  double p = 1;
  for (int k = 11; k >= 1; k--) p = 1 + p * r * (1. / k);  // Taylor: the first term left out is 6e-15
  return p * __builtin_bit_cast(double, (__builtin_bit_cast(bits64, shifted) + 1023) << 52);
}

// As JavaScript has it: x^0 is 1 also for a NaN, and 1^∞ is NaN.
inline float pow(float base, float exponent) {
  const double x = base < 0 ? -static_cast<double>(base) : static_cast<double>(base), y = exponent;
  const Logarithm l = logarithm(x);
  double log2 = l.whole + l.rest * (1 / ln2);
  log2 = x == infinity ? infinity : log2;
  log2 = x == 0 ? -infinity : log2;
  log2 = x == x ? log2 : not_a_number;
  double power = exp2(y * log2);
  // Odd where the half is not whole; floats from 2^24 are all even, and so that sums stay exact they become 0.
  const double magic = 6755399441055744.;
  const double bounded = y > -16777216. && y < 16777216. ? y : 0;
  const bool whole = (bounded + magic) - magic == bounded, even = (bounded * .5 + magic) - magic == bounded * .5;
  const bool negative = __builtin_bit_cast(unsigned, base) >> 31;
  power = negative && whole && !even ? -power : power;
  power = x > 0 && x < infinity && negative && !whole ? not_a_number : power;
  return static_cast<float>(y == 0 ? 1 : power);
}

// x = r + n π/2 with |r| <= π/4; of n the last two bits.
struct Quadrant {
  double r;
  bits64 n;
};

constexpr float largest_near = 33554432;  // 2^25

// Up to ± 2^25: π/2 in two parts, the first of which has exact products with n.
inline Quadrant quadrant_near(double x) {
  const double magic = 6755399441055744.;
  const double high = 1.570796325802803, low = 9.920935796805404e-10;
  const double shifted = x * 0.63661977236758134308 + magic, n = shifted - magic;
  return {(x - n * high) - n * low, __builtin_bit_cast(bits64, shifted) & 3};
}

// Beyond: x = m 2^e with whole m and e, and of m 2^e 2/π only what is left modulo 4 matters. So the first e - 2 binary digits of 2/π
// are left out, and 96 are enough of those that follow: no float32 is nearer than 1e-10 to a multiple of π/2.
inline Quadrant quadrant_far(float x) {
  constexpr unsigned digits[] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab, 0xdebbc561};
  const unsigned bits = __builtin_bit_cast(unsigned, x);
  const bits64 m = (bits & 0x7fffff) | 0x800000;
  const int skip = static_cast<int>(bits >> 23 & 0xff) - 150 - 2;
  const unsigned* from = digits + skip / 32;
  const int shift = skip % 32;
  const auto word = [&](int i) { return shift ? from[i] << shift | from[i + 1] >> (32 - shift) : from[i]; };
  const bits64 product = m * (static_cast<bits64>(word(0)) << 32 | word(1)) + (m * word(2) >> 32);
  const bits64 n = (product + (1ull << 61)) >> 62;
  const double r = static_cast<double>(static_cast<long long>(product - (n << 62))) * 3.4061215800865545e-19;  // π/2 · 2^-62
  return bits >> 31 ? Quadrant{-r, (4 - n) & 3} : Quadrant{r, n & 3};
}

inline double sine(const Quadrant& at, bits64 shift) {
  const double r = at.r, q = r * r;  // at most .617
  const double s = r * (1 + q * (-1. / 6 + q * (1. / 120 + q * (-1. / 5040 + q * (1. / 362880 + q * (-1. / 39916800))))));
  const double c = 1 + q * (-.5 + q * (1. / 24 + q * (-1. / 720 + q * (1. / 40320 + q * (-1. / 3628800 + q * (1. / 479001600))))));
  const bits64 n = at.n + shift;
  const double value = n & 1 ? c : s;
  return n & 2 ? -value : value;
}

// sin(x + shift π/2).
inline void sines(const float* x, bits64 shift, float* out, long n) {
  for (long i = 0; i < n; i++) out[i] = static_cast<float>(sine(quadrant_near(x[i]), shift));
  for (long i = 0; i < n; i++) {
    const float size = __builtin_fabsf(x[i]);
    if (size < largest_near) continue;
    out[i] = size < __builtin_inff() ? static_cast<float>(sine(quadrant_far(x[i]), shift)) : __builtin_nanf("");
  }
}

}  // namespace SF_NAMESPACE
