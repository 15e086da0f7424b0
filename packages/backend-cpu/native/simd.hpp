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
constexpr int vectors = 3;
constexpr int rows = 3;
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

inline vec load(const float* p) { return *reinterpret_cast<const vec_unaligned*>(p); }
inline void store(float* p, vec x) { *reinterpret_cast<vec_unaligned*>(p) = x; }
inline vec select(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }
inline vec abs(vec x) { return (vec)((ivec)x & 0x7fffffff); }
// Comparisons are false for NaN, so both keep a NaN in x.
inline vec at_most(vec x, float high) { return select(x > set1(high), set1(high), x); }
inline vec at_least(vec x, float low) { return select(x < set1(low), set1(low), x); }

inline float sum(vec x) {
  float total = 0;
  for (int i = 0; i < lanes; i++) total += x[i];
  return total;
}

}  // namespace SF_NAMESPACE
