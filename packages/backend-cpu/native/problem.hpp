// What a kernel is asked to do; filled in by the operations from the arguments of a call.
#pragma once

// The surviving weights of a matrix by rows, in tiles of columns: those of row r in tile t are starts[t · rows + r] up to the next
// start. Tiles keep the part of the input that is read in the first-level cache.
struct Sparse {
  const int *starts, *columns;  // starts is null where the matrix is dense
  const float* values;
  int tiles;
};

// One layer u = W h + b. A time scale and shift are folded into W and b before the kernel runs, and unfolded from its gradients.
struct Layer {
  const float* weight;  // [out][in]
  const float* bias;    // [out], or null
  int in, out;
  long gradient;  // where in a part's gradients [out][in] + [out] begin; in a sparse layer [survivors] + [out]
  long weights;   // how many weights that is
  Sparse forward, backward;  // W and its transpose
  const float *weight_t, *bias_t;  // their derivatives along a direction
  bool scaled;                     // by a time scale, whose gradient needs the weight's
  const float* transposed;         // [in][out], or null: not worth the copy
};

constexpr int max_layers = 64;
constexpr int max_width = 1 << 20;  // keeps every offset inside a panel an int

struct DualProblem {
  int batch, dim, count, layers, activation, widest;
  Layer layer[max_layers];
  const float *x, *dx;    // [batch][dim], [count][batch][dim]
  float *f, *df;          // [batch][out], [count][batch][out]; in reverse null where they are not wanted
  const float *ct, *dct;  // reverse: cotangents of f and df
  float *gx, *gdx;        // reverse: cotangents of x and dx
  const float *x_t, *dx_t, *ct_t, *dct_t;  // derivatives along a direction; results are then derivatives too
};

// Where the elements of an axis lie: in equal steps, or, at the end of each segment, further on by a jump from the segment's beginning.
struct Walk {
  long step;
  int segment = 2147483647;
  long jump = 0;

  long at(int i) const { return i / segment * jump + i % segment * step; }
  int left(int i) const { return segment - i % segment; }
};

// C = A B, or C + A B, with the lanes along B's columns. Every transposition is a choice of steps.
struct MatProblem {
  const float *a, *b;
  float* c;
  int m, n, k;
  Walk a_row, a_col;
  long b_row, b_col;
  Walk c_row;
  long c_col;
  bool add = false;
};

// A box of two axes; operands that repeat along an axis have stride 0 there.
struct Box {
  long outer, inner;
  struct Steps {
    long outer, inner;  // inner is 0 or 1
  } operand[3];
};

struct AdamStep {
  float beta1, rest1;  // rest1 = 1 - beta1, which float32 cannot form from beta1
  float beta2, rest2;
  float epsilon;
  float decay;       // factor on the parameter
  float l2;          // share of the parameter that is added to the gradient
  float scale;       // learning rate over the bias correction of the mean
  float correction;  // factor on the root of the variance
};
