// The kernels of one instruction set, as a table, so that one build can choose at run time.
#pragma once
#include "problem.hpp"

struct Kernels {
  const char* name;
  int block;  // samples of a block, and columns of a matrix task
  int lanes;
  int (*blocks_together)(const DualProblem&);  // blocks for which one call of a function of blocks is best
  double (*forward_scratch)(const DualProblem&);  // for a block, in floats; a double cannot overflow
  void (*forward_blocks)(const DualProblem&, int first, int blocks, float* scratch);
  double (*backward_scratch)(const DualProblem&);  // for a block
  int transposed_size;                             // of more scratch, which is free again after each call
  void (*backward_blocks)(const DualProblem&, int first, int blocks, float* scratch, float* transposed, float* gradients);
  bool (*keeps_panels)(const DualProblem&);
  int (*gradient_tasks)(const DualProblem&);
  void (*gradient_task)(const DualProblem&, int first, int blocks, float* scratch, int task, float* transposed, float* gradients);
  double (*direction_scratch)(const DualProblem&);
  void (*direction_block)(const DualProblem&, int first, float* scratch, float* gradients, float* gradients_t);
  long matrix_scratch;
  void (*multiply_task)(const MatProblem&, int first_row, int first_column, float* scratch);
  void (*linear_combination)(const float* const* x, const float* coefficients, int terms, long n, float* out);
  double (*squared_error)(const float* error, const float* y0, const float* y1, long n, double rtol, double atol);
  void (*row_dots)(const float* a, const float* b, long count, long rows, long inner, float scale, float* out);
  void (*scale_rows)(const float* x, const float* factors, long count, long rows, long inner, float scale, float* out);
  void (*adam_update)(const float* param, const float* gradient, const float* mean, const float* variance, const float* mask, long n,
                      const AdamStep&, float* new_param, float* new_mean, float* new_variance);
  void (*unary)(int op, const float* x, float* out, long n);
  void (*affine)(const float* x, float scale, float shift, float* out, long n);
  void (*binary)(int op, const Box&, const float* a, const float* b, float* out);
  void (*select)(const Box&, const float* condition, const float* a, const float* b, float* out);
  void (*sum)(const float* x, long outer, long middle, long inner, float* out);
  void (*extreme)(bool largest, const float* x, long outer, long middle, long inner, float* out);
  double (*peak)(long rounds, float* out);
};

// Rows of C that one matrix task computes, in whole tiles: enough to pay for packing its part of B. Two tasks make an image of 28 × 28.
constexpr int matrix_rows = 432;
