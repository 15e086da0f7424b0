// Numbers below 1.2e-38 count as zero in sums of products. Saturated sigmoids leave many of them, and an x86 processor takes some hundred
// times as long for an operation on one: a training step of a flow took up to three times as long. What is computed element by element
// keeps them.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// For the thread that makes it, as long as it lives: JavaScript shares the caller's thread and computes with them.
class FlushSubnormals {
 public:
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;
#if defined(__x86_64__)
  FlushSubnormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | results_are_zero | operands_are_zero); }
  ~FlushSubnormals() { _mm_setcsr(before_); }

 private:
  static constexpr unsigned results_are_zero = 0x8000, operands_are_zero = 0x0040;  // FTZ and DAZ of the MXCSR register
  unsigned before_;
#else
  FlushSubnormals() {}
  ~FlushSubnormals() {}
#endif
};
