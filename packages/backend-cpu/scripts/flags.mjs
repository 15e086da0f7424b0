// How the native kernels are compiled.

/** Instruction sets beside the baseline, with the flags that compile for them. */
export const VARIANTS = {
  x64: {
    avx512: ['-mavx512f', '-mavx512vl', '-mavx512dq', '-mavx512bw', '-mfma', '-mprefer-vector-width=512'],
    avx2: ['-mavx2', '-mfma'],
    baseline: [],
  },
  arm64: { baseline: [] },
};

// Contraction to fused multiply-add is wanted; reordering sums, as -ffast-math would, is not: results would depend on the compiler.
export const FLAGS = ['-std=c++20', '-O3', '-fno-math-errno', '-fno-trapping-math', '-ffp-contract=fast'];
