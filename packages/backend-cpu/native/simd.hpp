// One vector of floats on the instruction set that this file is compiled for. Everything but the broadcast is the compilers'
// vector extension; g++ builds a broadcast lane by lane unless told with an intrinsic.
#pragma once

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace SF_NAMESPACE {

#if defined(__AVX512F__)
constexpr int lanes = 16;
constexpr int vectors = 4;  // per panel row: a block is lanes · vectors samples
constexpr int rows = 6;     // of a matrix tile: rows · vectors accumulators stay in registers
#elif defined(__AVX2__)
constexpr int lanes = 8;
constexpr int vectors = 2;
constexpr int rows = 6;
#elif defined(__wasm_simd128__)
constexpr int lanes = 4;
constexpr int vectors = 4;
constexpr int rows = 2;  // 15 registers, of which the compiler in V8 needs some to load ahead
#define SF_GRADIENT_TILE 4, 2
#elif defined(__aarch64__)
constexpr int lanes = 4;
constexpr int vectors = 4;
constexpr int rows = 6;
#else
constexpr int lanes = 4;
constexpr int vectors = 2;
constexpr int rows = 6;
#endif

constexpr int block = lanes * vectors;

// The weight gradient's tile may have another shape: its vectors run along features, not samples.
struct Tile {
  int rows, vectors;
};
#if defined(SF_GRADIENT_TILE)
constexpr Tile gradient_tile = {SF_GRADIENT_TILE};
#else
constexpr Tile gradient_tile = {rows, vectors};
#endif

typedef float vec __attribute__((vector_size(lanes * 4)));
typedef float vec_unaligned __attribute__((vector_size(lanes * 4), aligned(4)));
typedef int ivec __attribute__((vector_size(lanes * 4)));

inline vec set1(float x) {
#if defined(__AVX512F__)
  return (vec)_mm512_set1_ps(x);
#elif defined(__AVX2__)
  return (vec)_mm256_set1_ps(x);
#elif defined(__wasm_simd128__)
  return (vec)wasm_f32x4_splat(x);
#elif defined(__ARM_NEON)
  return (vec)vdupq_n_f32(x);
#else
  return vec{x, x, x, x};
#endif
}

// Panels begin at whole rows. Where that is known, offsets within a row become part of WebAssembly's loads and stores.
template <class T>
inline T* whole_rows(T* panel) {
  return static_cast<T*>(__builtin_assume_aligned(panel, block * sizeof(float)));
}

// A number that a generic function can be instantiated with.
template <int n>
struct Constant {};

// Calls f(0) to f(n - 1). Loops over an array of vectors must be unrolled this early for g++ to keep it in registers.
template <int n, class F>
[[gnu::always_inline]] inline void each(const F& f) {
#pragma GCC unroll 32
  for (int i = 0; i < n; i++) f(i);
}

inline vec load(const float* p) { return *reinterpret_cast<const vec_unaligned*>(p); }
inline void store(float* p, vec x) { *reinterpret_cast<vec_unaligned*>(p) = x; }
inline vec select(ivec mask, vec a, vec b) { return mask ? a : b; }
inline vec abs(vec x) { return (vec)((ivec)x & 0x7fffffff); }
// Both keep a NaN in x: comparisons with it are false, and the instructions give their second operand.
inline vec at_most(vec x, float high) {
#if defined(__AVX512F__)
  return (vec)_mm512_min_ps((__m512)set1(high), (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_min_ps((__m256)set1(high), (__m256)x);
#elif defined(__wasm_simd128__)
  return (vec)wasm_f32x4_pmin((v128_t)x, (v128_t)set1(high));
#else
  return select(x > set1(high), set1(high), x);
#endif
}
inline vec at_least(vec x, float low) {
#if defined(__AVX512F__)
  return (vec)_mm512_max_ps((__m512)set1(low), (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_max_ps((__m256)set1(low), (__m256)x);
#elif defined(__wasm_simd128__)
  return (vec)wasm_f32x4_pmax((v128_t)x, (v128_t)set1(low));
#else
  return select(x < set1(low), set1(low), x);
#endif
}
// 1 / x to 1 unit in the last place, for x whose reciprocal is a normal number. A division takes as long as all the rest of an
// activation; 14 bits and a Newton step take four instructions.
inline vec reciprocal(vec x) {
#if defined(__AVX512F__)
  const vec r = (vec)_mm512_rcp14_ps((__m512)x);
  return r + r * (set1(1.f) - x * r);
#else
  return set1(1.f) / x;
#endif
}

inline float sum(vec x) {
  float total = 0;
  for (int i = 0; i < lanes; i++) total += x[i];
  return total;
}

// Shuffles of two vectors across the middle of AVX2's take two instructions each. So what comes of neighbours is made in each half of a
// vector by itself, and the halves are joined at the end.
#if defined(__AVX2__) && !defined(__AVX512F__)
#define SF_HALVES
constexpr int half = lanes / 2;
#else
constexpr int half = lanes;  // nothing is halved
#endif

// a0 + a1, a2 + a3, …, b0 + b1, b2 + b3, …, of each half.
inline vec add_neighbours(vec a, vec b) {
#if !__has_builtin(__builtin_shufflevector)
  vec total;
  for (int from = 0; from < lanes; from += half)
    for (int i = 0; i < half / 2; i++) {
      total[from + i] = a[from + 2 * i] + a[from + 2 * i + 1];
      total[from + half / 2 + i] = b[from + 2 * i] + b[from + 2 * i + 1];
    }
  return total;
#elif defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14) + __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15);
#else
  return __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
#endif
}

// a0, b0, a1, b1, …: the first half of that, or the second, of each half.
template <bool second>
inline vec interleave(vec a, vec b) {
#if !__has_builtin(__builtin_shufflevector)
  vec both;
  for (int from = 0; from < lanes; from += half)
    for (int i = 0; i < half / 2; i++) both[from + 2 * i] = a[from + i + second * half / 2], both[from + 2 * i + 1] = b[from + i + second * half / 2];
  return both;
#elif defined(__AVX512F__)
  if constexpr (second) return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  else return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif defined(__AVX2__)
  if constexpr (second) return __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  else return __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
#else
  if constexpr (second) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  else return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}

#if defined(SF_HALVES)
// The first halves of both, or the second ones.
template <bool second>
inline vec halves(vec a, vec b) {
  return (vec)_mm256_permute2f128_ps((__m256)a, (__m256)b, second ? 0x31 : 0x20);
}
#endif

// The sums of as many vectors as one has lanes. x is overwritten.
inline vec sums_of(vec* x) {
  for (int n = lanes / 2; n >= lanes / half; n /= 2)
    for (int i = 0; i < n; i++) x[i] = add_neighbours(x[2 * i], x[2 * i + 1]);
#if defined(SF_HALVES)
  return halves<false>(x[0], x[1]) + halves<true>(x[0], x[1]);
#else
  return x[0];
#endif
}

// A square of as many vectors as one has lanes, transposed in place: each round interleaves the first half with the second.
inline void transpose(vec* x) {
  for (int from = 0; from < lanes; from += half)
    for (int n = 1; n < half; n *= 2) {
      vec y[half];
      for (int i = 0; i < half / 2; i++) {
        const vec a = x[from + i], b = x[from + half / 2 + i];
        y[2 * i] = interleave<false>(a, b), y[2 * i + 1] = interleave<true>(a, b);
      }
      for (int i = 0; i < half; i++) x[from + i] = y[i];
    }
#if defined(SF_HALVES)
  for (int i = 0; i < half; i++) {
    const vec a = x[i], b = x[half + i];
    x[i] = halves<false>(a, b), x[half + i] = halves<true>(a, b);
  }
#endif
}

}  // namespace SF_NAMESPACE
