// Convolutions and both their adjoints as matrix products whose operands are never written out: an image with its padding holds
// every window as a few runs of numbers, and a Walk reads them there.
#pragma once
#include "call.hpp"

// Cross-correlation of input [n][height][width][channels] with filter [kernel_height][kernel_width][channels][outputs].
struct Convolution {
  int n, height, width, channels, kernel_height, kernel_width, out_height, out_width, outputs, stride_y, stride_x, top, left;

  int pixels() const { return out_height * out_width; }
  int window() const { return kernel_height * kernel_width * channels; }
  long input_size() const { return static_cast<long>(height) * width * channels; }
  long output_size() const { return static_cast<long>(pixels()) * outputs; }
  long filter_size() const { return static_cast<long>(window()) * outputs; }
};

// numbers: the fields of Convolution in order. The arrays at these places have the sizes of input, filter and output.
inline bool read_convolution(const Call& c, int input, int filter, int output, Convolution& v) {
  int f[13];
  for (int i = 0; i < 13; i++) {
    f[i] = c.whole(i);
    if (f[i] < 0 || f[i] > max_width) return false;
  }
  v = {f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9], f[10], f[11], f[12]};
  const double window = static_cast<double>(v.kernel_height) * v.kernel_width * v.channels;
  const double in = static_cast<double>(v.height) * v.width, out = static_cast<double>(v.out_height) * v.out_width;
  const double framed = (static_cast<double>(v.out_height) * v.stride_y + v.kernel_height) * (static_cast<double>(v.out_width) * v.stride_x + v.kernel_width);
  return c.number_count == 13 && c.array_count == 3 && window >= 1 && window <= max_width && v.stride_y > 0 && v.stride_x > 0 && in < 2147483648. &&
         framed < 2147483648. && c.has(input, in * v.n * v.channels) && c.has(filter, window * v.outputs) && c.has(output, out * v.n * v.outputs);
}

// An image with zeros around it, or cut off: its first pixel lies at (top, left).
struct Frame {
  int height, width, top, left;

  double size(int channels) const { return static_cast<double>(height) * width * channels; }

  // The framed image, in `memory` unless it is the image itself.
  const float* around(const float* image, int rows, int columns, int channels, float* memory) const {
    if (top == 0 && left == 0 && rows == height && columns == width) return image;
    __builtin_memset(memory, 0, static_cast<unsigned long>(size(channels)) * sizeof(float));
    const int count = smaller(columns, width - left);
    if (count <= 0) return memory;
    for (int y = 0; y < rows && y + top < height; y++)
      __builtin_memcpy(memory + (static_cast<long>(y + top) * width + left) * channels, image + static_cast<long>(y) * columns * channels,
                       static_cast<unsigned long>(count) * channels * sizeof(float));
    return memory;
  }
};

// What the windows of all output pixels cover.
inline Frame frame_of(const Convolution& v) {
  return {(v.out_height - 1) * v.stride_y + v.kernel_height, (v.out_width - 1) * v.stride_x + v.kernel_width, v.top, v.left};
}

// C = A B by the calling thread alone.
inline void multiply(const Kernels& k, const MatProblem& p, float* scratch) {
  for (int column = 0; column < p.n; column += k.block)
    for (int row = 0; row < p.m; row += matrix_rows) k.multiply_task(p, row, column, scratch);
}

// task(image, part, memory for matrices, memory for a frame) for every image, in a fixed number of parts.
template <class Machine, class Task>
Error for_images(Machine& m, const Convolution& v, int most_parts, double frame, const Task& task) {
  const long own = m.kernels().matrix_scratch;
  const double scratch = static_cast<double>(own) + frame;
  if (frame > 2147483647. || !reserve(m, scratch)) return no_memory;
  const int parts = smaller(v.n, most_parts);
  m.run(parts, [&](int part, int thread) {
    const FlushSubnormals flush;
    float* memory = m.memory(1 + thread, scratch);
    const int end = piece_begin(v.n, part + 1, parts);
    for (int i = piece_begin(v.n, part, parts); i < end; i++) task(i, part, memory, memory + own);
  });
  return nullptr;
}

// Padding contributes nothing, but 0 times a weight that is infinite or NaN would.
inline bool finite(const float* x, long n) {
  float zero = 0;
  for (long i = 0; i < n; i++) zero += x[i] * 0;
  return zero == 0;
}

// f(input pixel, output pixel, tap) for every tap that does not lie in the padding.
template <class F>
inline void each_tap(const Convolution& v, const F& f) {
  for (int pixel = 0; pixel < v.pixels(); pixel++)
    for (int tap = 0; tap < v.kernel_height * v.kernel_width; tap++) {
      const int row = pixel / v.out_width * v.stride_y - v.top + tap / v.kernel_width, column = pixel % v.out_width * v.stride_x - v.left + tap % v.kernel_width;
      if (row >= 0 && row < v.height && column >= 0 && column < v.width) f(static_cast<long>(row) * v.width + column, pixel, tap);
    }
}

// Tap by tap, for a filter that is not finite: out (arrays[0]) from the operand (arrays[1]), which are output and input or, in the
// adjoint, input and output.
template <class Machine>
Error convolve_by_taps(Machine& m, const Call& c, const Convolution& v, bool adjoint) {
  const long to = adjoint ? v.input_size() : v.output_size(), from = adjoint ? v.output_size() : v.input_size();
  return for_images(m, v, 4096, 0, [&](int image, int, float*, float*) {
    float* out = c.arrays[0] + image * to;
    const float* x = c.arrays[1] + image * from;
    for (long j = 0; j < to; j++) out[j] = 0;
    each_tap(v, [&](long at, long pixel, long tap) {
      const float* w = c.arrays[2] + tap * v.channels * v.outputs;
      for (int j = 0; j < v.channels * v.outputs; j++) {
        const long input = at * v.channels + j / v.outputs, output = pixel * v.outputs + j % v.outputs;
        if (adjoint) out[input] += x[output] * w[j];
        else out[output] += x[input] * w[j];
      }
    });
  });
}

// arrays: out, input, filter.
template <class Machine>
Error conv2d(Machine& m, const Call& c) {
  Convolution v;
  if (!read_convolution(c, 1, 2, 0, v)) return "conv2d: the sizes do not fit";
  if (c.sizes[0] == 0) return nullptr;
  if (!finite(c.arrays[2], v.filter_size())) return convolve_by_taps(m, c, v, false);
  const Frame frame = frame_of(v);
  const long row = static_cast<long>(frame.width) * v.channels;
  return for_images(m, v, 4096, frame.size(v.channels), [&](int i, int, float* memory, float* room) {
    const float* image = frame.around(c.arrays[1] + i * v.input_size(), v.height, v.width, v.channels, room);
    multiply(m.kernels(),
             {image, c.arrays[2], c.arrays[0] + i * v.output_size(), v.pixels(), v.outputs, v.window(),
              {static_cast<long>(v.stride_x) * v.channels, v.out_width, v.stride_y * row}, {1, v.kernel_width * v.channels, row}, v.outputs, 1, {v.outputs}, 1},
             memory);
  });
}

// The adjoint in the input. arrays: out (like the input), dy, filter. Input pixels whose distance is a multiple of the stride see the
// same taps: such a phase is the convolution of dy, with zeros around it, with these taps in reverse order.
template <class Machine>
Error conv2d_input(Machine& m, const Call& c) {
  Convolution v;
  if (!read_convolution(c, 0, 2, 1, v)) return "conv2dInput: the sizes do not fit";
  if (c.sizes[0] == 0) return nullptr;
  if (!finite(c.arrays[2], v.filter_size())) return convolve_by_taps(m, c, v, true);
  // Along one axis: the taps of a phase, those of the first phase, which has the most, and the pixels of the frame.
  const auto taps = [](int kernel, int stride, int phase) { return phase < kernel ? (kernel - phase + stride - 1) / stride : 0; };
  const int most_y = taps(v.kernel_height, v.stride_y, 0), most_x = taps(v.kernel_width, v.stride_x, 0);
  const Frame frame = {(v.height - 1 + v.top) / v.stride_y + most_y, (v.width - 1 + v.left) / v.stride_x + most_x, most_y - 1, most_x - 1};
  float* filters = m.memory(shared_memory, static_cast<double>(v.filter_size()));
  if (!filters) return no_memory;
  const auto each_phase = [&](const auto& visit) {
    float* filter = filters;
    for (int py = 0; py < smaller(v.stride_y, v.height + v.top); py++)
      for (int px = 0; px < smaller(v.stride_x, v.width + v.left); px++) {
        const int count_y = taps(v.kernel_height, v.stride_y, py), count_x = taps(v.kernel_width, v.stride_x, px);
        visit(py, px, count_y, count_x, filter);
        filter += static_cast<long>(count_y) * count_x * v.channels * v.outputs;
      }
  };
  each_phase([&](int py, int px, int count_y, int count_x, float* filter) {
    for (int ty = count_y - 1; ty >= 0; ty--)
      for (int tx = count_x - 1; tx >= 0; tx--) {
        const long tap = static_cast<long>(py + ty * v.stride_y) * v.kernel_width + px + tx * v.stride_x;
        const float* from = c.arrays[2] + tap * v.channels * v.outputs;
        for (int o = 0; o < v.outputs; o++)
          for (int channel = 0; channel < v.channels; channel++) *filter++ = from[static_cast<long>(channel) * v.outputs + o];
      }
  });
  const long row = static_cast<long>(frame.width) * v.outputs;
  return for_images(m, v, 4096, frame.size(v.outputs), [&](int i, int, float* memory, float* room) {
    const float* image = frame.around(c.arrays[1] + i * v.output_size(), v.out_height, v.out_width, v.outputs, room);
    float* out = c.arrays[0] + i * v.input_size();
    each_phase([&](int py, int px, int count_y, int count_x, const float* filter) {
      // The first input pixel of the phase, in strides from the frame's beginning, and how many there are.
      const int uy = py < v.top ? (v.top - py + v.stride_y - 1) / v.stride_y : 0, ux = px < v.left ? (v.left - px + v.stride_x - 1) / v.stride_x : 0;
      const int y = uy * v.stride_y + py - v.top, x = ux * v.stride_x + px - v.left;
      if (y >= v.height || x >= v.width) return;
      const int rows = (v.height - y + v.stride_y - 1) / v.stride_y, columns = (v.width - x + v.stride_x - 1) / v.stride_x;
      const float* from = image + (uy + most_y - count_y) * row + static_cast<long>(ux + most_x - count_x) * v.outputs;
      const long to = static_cast<long>(v.width) * v.channels;
      multiply(m.kernels(),
               {from, filter, out + y * to + static_cast<long>(x) * v.channels, rows * columns, v.channels, count_y * count_x * v.outputs,
                {v.outputs, columns, row}, {1, count_x > 0 ? count_x * v.outputs : 1, row}, v.channels, 1,
                {static_cast<long>(v.stride_x) * v.channels, columns, v.stride_y * to}, 1},
               memory);
    });
  });
}

// The adjoint in the filter. arrays: out (like the filter), input, dy. Summed over images in a fixed number of parts.
template <class Machine>
Error conv2d_filter(Machine& m, const Call& c) {
  Convolution v;
  if (!read_convolution(c, 1, 0, 2, v)) return "conv2dFilter: the sizes do not fit";
  const long size = v.filter_size();
  float* out = c.arrays[0];
  for (long j = 0; j < size; j++) out[j] = 0;
  if (c.sizes[0] == 0 || c.sizes[2] == 0) return nullptr;
  const int parts = smaller(v.n, gradient_parts);
  float* sums = m.memory(shared_memory, static_cast<double>(size) * parts);
  if (!sums) return no_memory;
  // add(image, dy, sum, memory, room) for every image.
  const auto sum = [&](double frame, const auto& add) -> Error {
    for (long j = 0; j < size * parts; j++) sums[j] = 0;
    const Error error = for_images(m, v, gradient_parts, frame, [&](int i, int part, float* memory, float* room) {
      add(c.arrays[1] + i * v.input_size(), c.arrays[2] + i * v.output_size(), sums + part * size, memory, room);
    });
    if (error) return error;
    for (long j = 0; j < size; j++) {
      out[j] = 0;
      for (int part = 0; part < parts; part++) out[j] += sums[part * size + j];
    }
    return nullptr;
  };
  const Frame frame = frame_of(v);
  const long row = static_cast<long>(frame.width) * v.channels;
  const Error error = sum(frame.size(v.channels), [&](const float* x, const float* dy, float* to, float* memory, float* room) {
    multiply(m.kernels(),
             {frame.around(x, v.height, v.width, v.channels, room), dy, to, v.window(), v.outputs, v.pixels(), {1, v.kernel_width * v.channels, row},
              {static_cast<long>(v.stride_x) * v.channels, v.out_width, v.stride_y * row}, v.outputs, 1, {v.outputs}, 1, true},
             memory);
  });
  if (error || finite(out, size)) return error;
  // Some of it may be the padding's zeros times a cotangent that is not finite.
  return sum(0, [&](const float* x, const float* dy, float* to, float*, float*) {
    each_tap(v, [&](long at, long pixel, long tap) {
      for (int j = 0; j < v.channels * v.outputs; j++) to[tap * v.channels * v.outputs + j] += x[at * v.channels + j / v.outputs] * dy[pixel * v.outputs + j % v.outputs];
    });
  });
}
