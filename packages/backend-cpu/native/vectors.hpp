// Loops over whole arrays: Runge-Kutta stages, the error norm, the optimiser. Memory-bound, so one thread and plain code.
#pragma once
#include "kernels.hpp"
#include "simd.hpp"

namespace SF_NAMESPACE {

// out = Σ c[i] x[i]; terms with c = 0 are not in the list.
inline void linear_combination(const float* const* x, const float* c, int terms, long n, float* out) {
  long i = 0;
  for (; i + lanes <= n; i += lanes) {
    vec total = set1(c[0]) * load(x[0] + i);
    for (int t = 1; t < terms; t++) total += set1(c[t]) * load(x[t] + i);
    store(out + i, total);
  }
  for (; i < n; i++) {
    float total = c[0] * x[0][i];
    for (int t = 1; t < terms; t++) total += c[t] * x[t][i];
    out[i] = total;
  }
}

// Σ (e / (atol + rtol max(|y0|, |y1|)))², accumulated in double; NaN in any operand gives NaN.
inline double squared_error(const float* e, const float* y0, const float* y1, long n, double rtol, double atol) {
  constexpr int width = 8;
  double total[width] = {};
  const auto ratio = [&](long i) {
    const double a = __builtin_fabs((double)y0[i]), b = __builtin_fabs((double)y1[i]);
    return e[i] / (atol + rtol * (a >= b || a != a ? a : b));
  };
  long i = 0;
  for (; i + width <= n; i += width)
    for (int j = 0; j < width; j++) {
      const double r = ratio(i + j);
      total[j] += r * r;
    }
  for (int j = 0; i < n; i++, j++) {
    const double r = ratio(i);
    total[j] += r * r;
  }
  for (int j = 1; j < width; j++) total[0] += total[j];
  return total[0];
}

// out[r] = scale Σ_k Σ_i a[k][r][i] b[k][r][i]
inline void row_dots(const float* a, const float* b, long count, long rows, long inner, float scale, float* out) {
  for (long r = 0; r < rows; r++) {
    float total = 0;
    for (long k = 0; k < count; k++) {
      const long at = (k * rows + r) * inner;
      for (long i = 0; i < inner; i++) total += a[at + i] * b[at + i];
    }
    out[r] = scale * total;
  }
}

// out[k][r][i] = scale factors[r] x[k][r][i]
inline void scale_rows(const float* x, const float* factors, long count, long rows, long inner, float scale, float* out) {
  for (long k = 0; k < count; k++)
    for (long r = 0; r < rows; r++) {
      const float factor = scale * factors[r];
      const long at = (k * rows + r) * inner;
      for (long i = 0; i < inner; i++) out[at + i] = factor * x[at + i];
    }
}

template <bool masked>
inline void adam_loop(const float* param, const float* gradient, const float* mean, const float* variance, const float* mask, long n,
                      const AdamStep& s, float* __restrict new_param, float* __restrict new_mean, float* __restrict new_variance) {
  for (long i = 0; i < n; i++) {
    const float g = gradient[i] + s.l2 * param[i];
    const float m = s.beta1 * mean[i] + s.rest1 * g;
    const float v = s.beta2 * variance[i] + s.rest2 * g * g;
    const float moved = s.decay * param[i] - s.scale * m / (__builtin_sqrtf(v) * s.correction + s.epsilon);
    new_mean[i] = m;
    new_variance[i] = v;
    new_param[i] = masked ? moved * mask[i] : moved;
  }
}

inline void adam_update(const float* param, const float* gradient, const float* mean, const float* variance, const float* mask, long n,
                        const AdamStep& s, float* new_param, float* new_mean, float* new_variance) {
  if (mask) adam_loop<true>(param, gradient, mean, variance, mask, n, s, new_param, new_mean, new_variance);
  else adam_loop<false>(param, gradient, mean, variance, mask, n, s, new_param, new_mean, new_variance);
}

// The fastest multiply-adds there are: nothing but registers. Returns how many operations that was; `out` needs one float, so that
// the work is not left out.
inline double peak(long rounds, float* out) {
  constexpr int chains = 12;  // more than latency times throughput, fewer than registers
  vec x[chains];
  for (int i = 0; i < chains; i++) x[i] = set1(static_cast<float>(i));
  const vec half = set1(.5f), one = set1(*out == 1 ? 2.f : 1.f);
  for (long round = 0; round < rounds; round++)
    for (int i = 0; i < chains; i++) x[i] = x[i] * half + one;
  for (int i = 1; i < chains; i++) x[0] += x[i];
  *out = sum(x[0]);
  return 2. * lanes * chains * static_cast<double>(rounds);
}

}  // namespace SF_NAMESPACE
