// The operations that can be called, by number: each checks its arguments, cuts the work into parts and runs the kernels. A misfit is
// reported before anything is read or written. Shared by the Node addon and the WebAssembly module, which supply a Machine:
//   const Kernels& kernels(); int threads(); void run(int parts, task(part, thread)); float* memory(int slot, double floats)
// where memory gives null when there is not enough, and a slot's memory is free again at the next call.
#pragma once
#include "convolution.hpp"
#include "dual_pass.hpp"
#include "dual_pass_direction.hpp"
#include "dual_step.hpp"
#include "layout.hpp"
#include "matrix_product.hpp"
#include "pointwise.hpp"
#include "updates.hpp"

// What the arithmetic units can do, as the measure of the rest. numbers: rounds. arrays: [0] the operations done; one more element for each part.
template <class Machine>
Error peak(Machine& m, const Call& c) {
  const int rounds = c.whole(0);
  if (rounds < 1 || c.number_count != 1 || c.array_count != 1 || c.sizes[0] < 2 || c.sizes[0] > 1 + 8 * 256) return "peak: give rounds and an array";
  const int parts = static_cast<int>(c.sizes[0]) - 1;
  float* out = c.arrays[0];
  m.run(parts, [&](int part, int) {
    const double done = m.kernels().peak(rounds, out + 1 + part);
    if (part == 0) out[0] = static_cast<float>(done * parts);
  });
  return nullptr;
}

// Operations by number, in the order of src/operations.ts. To add or change one, raise the version there and here.
constexpr int interface_version = 9;

template <class Machine>
Error dispatch(int operation, Machine& m, const Call& c) {
  using Operation = Error (*)(Machine&, const Call&);
  static constexpr Operation operations[] = {dual_forward<Machine>, dual_backward<Machine>, mat_mul<Machine>, linear_combination<Machine>,
                                             scaled_error_norm<Machine>, adam_update<Machine>, unary<Machine>, affine<Machine>,
                                             binary<Machine>, select<Machine>, sum<Machine>, extreme<Machine>, copy<Machine>, gather<Machine>,
                                             conv2d<Machine>, conv2d_input<Machine>, conv2d_filter<Machine>,
                                             row_dots<Machine>, scale_rows<Machine>, dual_backward<Machine, true>,
                                             dual_forward_direction<Machine>, dual_backward_direction<Machine>,
                                             peak<Machine>, dual_step<Machine>, dual_adjoint_step<Machine>};
  if (operation < 0 || operation >= static_cast<int>(sizeof operations / sizeof *operations)) return "there is no such operation";
  return operations[operation](m, c);
}
