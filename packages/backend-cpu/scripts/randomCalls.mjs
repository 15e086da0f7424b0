// Random calls of every operation, for check-native.mjs, with what the WebAssembly kernels make of them.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';

/** A repeatable stream of numbers in [0, 1) (Marsaglia's xorshift). */
function stream(seed) {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

const product = (sizes) => sizes.reduce((a, b) => a * b, 1);
/** Of a dense array of this shape. */
const steps = (shape) => shape.map((_, axis) => product(shape.slice(axis + 1)));

/**
 * Operations in the order of native/engine.hpp: numbers, sizes of the results, sizes of the operands or their very bits. None for the
 * peak, which is another number on every instruction set.
 */
function generators(random) {
  const upTo = (max) => Math.floor(random() * (max + 1));
  const from = (min, max) => min + upTo(max - min);
  const list = (length, make) => Array.from({ length }, make);

  /** With `closed` as many outputs as inputs. */
  const network = ({ closed = false } = {}) => {
    const batch = random() < 0.1 ? upTo(1) : upTo(150);
    const count = upTo(3);
    // One in ten a flow of the plane with one hidden layer, which has a kernel of its own.
    const widths = random() < 0.1 ? [2, from(1, 40), 2] : list(from(2, 5), () => from(1, 40));
    if (random() < 0.02) widths[1] = from(257, 300);
    if (closed && widths.at(-1) !== widths[0]) widths.push(widths[0]);
    const flags = upTo(7);
    const sparse = random() < 0.5;
    const layers = widths.slice(1).map((out, l) => [widths[l], out, flags + (sparse ? 8 : 0)]);
    const vectors = (flags & 1) + ((flags >> 1) & 1) + (flags >> 2);
    return {
      patterns: sparse ? layers.flatMap(([into, out]) => patterns(out, into)) : [],
      numbers: [batch, widths[0], count, upTo(6), ...layers.flat()],
      tensors: layers.flatMap(([into, out]) => [into * out, ...list(vectors, () => out)]),
      inputs: [batch * widths[0], batch * widths[0] * count],
      outputs: [batch * widths.at(-1), batch * widths.at(-1) * count],
    };
  };
  /** The survivors of a random mask and of its transpose, in tiles, as bits; some of them spoiled. */
  const patterns = (rows, columns) => {
    const keep = random();
    const mask = list(rows * columns, () => random() < keep);
    return [false, true].map((transposed) => {
      const [outer, inner] = transposed ? [columns, rows] : [rows, columns];
      const tile = from(1, inner);
      const tiles = Math.ceil(inner / tile);
      const [starts, found] = [[0], []];
      for (let t = 0; t < tiles; t++)
        for (let r = 0; r < outer; r++) {
          for (let c = t * tile; c < Math.min(inner, (t + 1) * tile); c++)
            if (mask[transposed ? c * columns + r : r * columns + c]) found.push(c);
          starts.push(found.length);
        }
      const bits = Int32Array.of(tiles, ...starts, ...found);
      if (random() < 0.05) bits[upTo(bits.length - 1)] += from(-2, 2);
      return new Float32Array(bits.buffer);
    });
  };
  /** A step of a flow with 2 to 5 stages, or of its adjoint problem. */
  const step = (adjoint) => {
    const { numbers, tensors, inputs, patterns } = network({ closed: true });
    const [batch] = numbers;
    const [stages, output] = [from(2, 5), upTo(1)];
    const weights = (length) => list(length, () => (random() < 0.3 ? 0 : random() - 0.5));
    const [position, probes] = inputs;
    const state = adjoint ? [position, batch, position] : [position, batch];
    const rows = weights((stages * (stages - 1)) / 2 + stages);
    const method = [stages, random() - 0.5, random(), ...rows, output, ...weights(output * stages)];
    return {
      numbers: [...method, ...numbers],
      coefficients: method.length,
      results: [...list(3 + output, () => state).flat(), ...(adjoint ? [...tensors, ...tensors] : [])],
      operands: [
        ...[...state, ...state, ...(adjoint ? [batch] : []), probes],
        ...[...tensors, ...(adjoint ? [...tensors, ...tensors] : []), ...patterns],
      ],
    };
  };
  const convolution = (make) => {
    const [n, channels, outputs] = [upTo(5), from(1, 6), from(1, 20)];
    const [height, width, kernelHeight, kernelWidth] = [from(4, 20), from(4, 20), from(1, 4), from(1, 4)];
    const [strideY, strideX, top, bottom, left, right] = [from(1, 2), from(1, 2), upTo(2), upTo(2), upTo(2), upTo(2)];
    const outHeight = Math.floor((height + top + bottom - kernelHeight) / strideY) + 1;
    const outWidth = Math.floor((width + left + right - kernelWidth) / strideX) + 1;
    return make({
      numbers: [
        n,
        height,
        width,
        channels,
        kernelHeight,
        kernelWidth,
        outHeight,
        outWidth,
        outputs,
        strideY,
        strideX,
        top,
        left,
      ],
      input: n * height * width * channels,
      filter: kernelHeight * kernelWidth * channels * outputs,
      output: n * outHeight * outWidth * outputs,
    });
  };
  return [
    () => {
      const { numbers, tensors, inputs, outputs, patterns } = network();
      return { numbers, results: outputs, operands: [...inputs, ...tensors, ...patterns] };
    },
    () => {
      const { numbers, tensors, inputs, outputs, patterns } = network();
      return {
        numbers,
        results: [...inputs, ...tensors],
        operands: [...outputs, ...inputs, ...tensors, ...patterns],
      };
    },
    () => {
      const [batch, m, n, k] = [upTo(3), upTo(70), upTo(70), upTo(70)];
      return {
        numbers: [batch, m, n, k, upTo(1), upTo(1)],
        results: [batch * m * n],
        operands: [batch * m * k, batch * k * n],
      };
    },
    () => {
      const [terms, n] = [from(1, 8), upTo(100)];
      return { numbers: list(terms, () => upTo(4) - 2), results: [n], operands: list(terms, () => n) };
    },
    () => {
      const sizes = list(from(1, 3), () => from(1, 50));
      return { numbers: [1e-3, 1e-3], results: [1], operands: [...sizes, ...sizes, ...sizes] };
    },
    () => {
      const n = upTo(100);
      return {
        numbers: list(9, () => 0.1 + random()),
        results: [n, n, n],
        operands: list(from(4, 5), () => n),
        positive: true,
      };
    },
    () => {
      const n = random() < 0.02 ? 40_000 : upTo(100);
      return { numbers: [upTo(17)], results: [n], operands: [n] };
    },
    () => {
      const n = upTo(100);
      return { numbers: [random(), random()], results: [n], operands: [n] };
    },
    () => {
      const [outer, inner, rows] = [upTo(20), upTo(40), upTo(1)];
      const steps = [inner, 1, rows, 1 - rows];
      return {
        numbers: [upTo(9), outer, inner, ...steps],
        results: [outer * inner],
        operands: [outer * inner, rows ? outer : inner],
      };
    },
    () => {
      const [outer, inner] = [upTo(20), upTo(40)];
      const steps = [0, 1, inner, 1, 0, 0];
      return { numbers: [outer, inner, ...steps], results: [outer * inner], operands: [inner, outer * inner, 1] };
    },
    () => {
      const [outer, middle, inner] = [upTo(9), upTo(40), random() < 0.5 ? 1 : upTo(40)];
      return { numbers: [outer, middle, inner], results: [outer * inner], operands: [outer * middle * inner] };
    },
    () => {
      const [outer, middle, inner] = [upTo(9), upTo(40), random() < 0.5 ? 1 : upTo(40)];
      return {
        numbers: [outer, middle, inner, upTo(1)],
        results: [outer * inner],
        operands: [outer * middle * inner],
      };
    },
    () => {
      const sizes = list(from(1, 4), () => (random() < 0.1 ? 50 : upTo(7)));
      const before = sizes.map(() => upTo(2));
      const shape = sizes.map((n, axis) => n + before[axis] + upTo(2));
      const order = sizes.map((_, axis) => axis).sort(() => random() - 0.5);
      const to = steps(shape);
      const within = steps(order.map((axis) => sizes[axis]));
      const axes = sizes.flatMap((n, axis) => [n, to[axis], within[order.indexOf(axis)]]);
      const start = to.reduce((at, step, axis) => at + step * before[axis], 0);
      return { numbers: [sizes.length, 1, start, 0, ...axes], results: [product(shape)], operands: [product(sizes)] };
    },
    () => {
      const [outer, rows, count, inner] = [upTo(4), from(1, 9), upTo(9), upTo(20)];
      const indices = Int32Array.from(list(count, () => (random() < 0.01 ? rows : upTo(rows - 1))));
      return {
        numbers: [outer, rows, count, inner],
        results: [outer * count * inner],
        operands: [outer * rows * inner, new Float32Array(indices.buffer)],
      };
    },
    () =>
      convolution(({ numbers, input, filter, output }) => ({ numbers, results: [output], operands: [input, filter] })),
    () =>
      convolution(({ numbers, input, filter, output }) => ({ numbers, results: [input], operands: [output, filter] })),
    () =>
      convolution(({ numbers, input, filter, output }) => ({ numbers, results: [filter], operands: [input, output] })),
    () => {
      const [count, rows, inner] = [upTo(4), upTo(40), upTo(9)];
      const size = count * rows * inner;
      return { numbers: [count, rows, inner, random()], results: [rows], operands: [size, size] };
    },
    () => {
      const [count, rows, inner] = [upTo(4), upTo(40), upTo(9)];
      const size = count * rows * inner;
      return { numbers: [count, rows, inner, random()], results: [size], operands: [size, rows] };
    },
    () => {
      const { numbers, tensors, inputs, outputs, patterns } = network();
      return {
        numbers,
        results: [...outputs, ...inputs, ...tensors],
        operands: [...outputs, ...inputs, ...tensors, ...patterns],
      };
    },
    () => {
      const { numbers, tensors, inputs, outputs } = dense(network());
      return { numbers, results: outputs, operands: [...inputs, ...tensors, ...inputs, ...tensors] };
    },
    () => {
      const { numbers, tensors, inputs, outputs } = dense(network());
      const operands = [...outputs, ...inputs, ...tensors];
      return { numbers, results: [...inputs, ...tensors], operands: [...operands, ...operands] };
    },
    undefined,
    () => step(false),
    () => step(true),
  ];
}

/** The same network without its sparse layers' patterns. */
function dense({ numbers, ...rest }) {
  return { ...rest, numbers: numbers.map((n, i) => (i >= 6 && i % 3 === 0 ? n % 8 : n)) };
}

/** Replaces one number or size. Not a coefficient of a method: through its stages a large one ends in ∞ or ∞ - ∞, as rounding has it. */
function spoil(call, random) {
  const list = [call.numbers, call.results, call.operands][Math.floor(random() * 3)];
  const at = Math.floor(random() * list.length);
  if (list === call.numbers && at > 0 && at < call.coefficients) return;
  if (list === call.numbers) list[at] = [-1, 0.5, NaN, 2 ** 31 - 1, 2 ** 31, 1e12][Math.floor(random() * 6)];
  else if (typeof list[at] === 'number') list[at] = Math.max(0, list[at] + (random() < 0.5 ? 1 : -1));
}

function oracle() {
  const { WebAssembly } = globalThis;
  const source = readFileSync(new URL('../src/wasmModule.ts', import.meta.url), 'utf8');
  const bytes = Buffer.from(/'([^']+)'/.exec(source)[1], 'base64');
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 32768, shared: true });
  const env = { memory, now: () => performance.now() };
  const { base, run } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env }).exports;
  const align = (address) => Math.ceil(address / 16) * 16;
  return (operation, numbers, arrays) => {
    const pointers = base(1) + 8 * numbers.length;
    const sizes = pointers + 4 * arrays.length;
    let free = align(sizes + 4 * arrays.length);
    const addresses = arrays.map(({ byteLength }) => (free = align(free + byteLength)) - align(byteLength));
    if (free > memory.buffer.byteLength) memory.grow(Math.ceil((free - memory.buffer.byteLength) / 65536));
    new Float64Array(memory.buffer, base(1), numbers.length).set(numbers);
    new Uint32Array(memory.buffer, pointers, arrays.length).set(addresses);
    new Int32Array(memory.buffer, sizes, arrays.length).set(arrays.map(({ length }) => length));
    arrays.forEach((array, i) => new Float32Array(memory.buffer, addresses[i], array.length).set(array));
    if (run(operation, base(1), numbers.length, pointers, sizes, arrays.length, free, 1, 0) !== 0) return undefined;
    return arrays.map((array, i) => new Float32Array(memory.buffer, addresses[i], array.length).slice());
  };
}

/**
 * @param seed a whole number from 1
 * @returns the calls as check.cpp reads them, and the results that are expected (undefined: the call must be refused).
 */
export function randomCalls(count, seed) {
  const random = stream(seed);
  const makers = [...generators(random).entries()].filter(([, make]) => make);
  const expect = oracle();
  const chunks = [Buffer.from(Int32Array.of(count).buffer)];
  const calls = [];
  for (let i = 0; i < count; i++) {
    const [operation, make] = makers[i % makers.length];
    const call = make();
    if (random() < 1 / 3) spoil(call, random);
    const { numbers, results, operands, positive } = call;
    const low = positive ? 0.1 : -1;
    const arrays = [
      ...results.map((n) => new Float32Array(n)),
      ...operands.map((n) =>
        typeof n === 'number' ? Float32Array.from({ length: n }, () => low + (1 - low) * random()) : n,
      ),
    ];
    const header = Int32Array.of(operation, numbers.length, results.length, arrays.length);
    const parts = [
      header,
      Float64Array.from(numbers),
      Int32Array.from(arrays, ({ length }) => length),
      ...arrays.slice(results.length),
    ];
    chunks.push(...parts.map(({ buffer }) => Buffer.from(buffer)));
    calls.push({ operation, expected: expect(operation, numbers, arrays)?.slice(0, results.length) });
  }
  return { input: Buffer.concat(chunks), calls };
}
