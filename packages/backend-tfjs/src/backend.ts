import type { KernelBackend } from '@tensorflow/tfjs-core';
import { BackendError, DisposedTensorError, DTypeError, sizeOf, SparseflowError, ValueError } from '@sparseflow/tensor';
import type { Backend, Buffer, DType, FusedKernel, Operand, Shape, TypedArray } from '@sparseflow/tensor';
import { compositions } from './compositions.ts';
import type { DeviceWatch } from './device-errors.ts';
import { hasHostMemory, hostValues } from './host.ts';
import { conv2d, conv2dFilter, conv2dInput } from './kernels/conv.ts';
import { affine, binary, cast, select, unary } from './kernels/elementwise.ts';
import { gather, scatterAdd } from './kernels/indexing.ts';
import { broadcastTo, concat, fill, pad, slice, transpose } from './kernels/layout.ts';
import { matMul } from './kernels/matmul.ts';
import { reduce } from './kernels/reduce.ts';
import type { TfjsBackendName } from './names.ts';
import { Runtime, type Info, type TfjsCore } from './runtime.ts';
import { fusedOnWebGpu, type GpuKernel } from './webgpu/fused.ts';
import { PackedNetworks } from './webgpu/pack.ts';
import { GpuQueue } from './webgpu/queue.ts';

/** A Backend that computes with the kernels of one TensorFlow.js backend. */
export interface TfjsBackend extends Backend {
  readonly tfjs: {
    /** Which of the TensorFlow.js backends. */
    readonly name: TfjsBackendName;
    /** The tfjs-core that it is registered with. */
    readonly core: TfjsCore;
    /** TensorFlow.js's own object. */
    readonly kernelBackend: KernelBackend;
  };
  /** Takes one reference to data of this tfjs backend over as a buffer. @internal */
  adopt(info: Info | undefined): Buffer;
  /** Another reference for tfjs to own; undefined for an empty buffer. @internal */
  lend(x: Operand): Info | undefined;
}

/** Our handle. `info` goes away on disposal; a buffer without elements never has one. */
interface TfjsBuffer {
  info: Info | undefined;
  disposed: boolean;
}

type Supported = 'float32' | 'int32';

/** Wraps a ready tfjs backend. */
export function wrapKernelBackend(
  name: TfjsBackendName,
  core: TfjsCore,
  kernelBackend: KernelBackend,
  device: DeviceWatch,
): TfjsBackend {
  const rt = new Runtime(name, core, kernelBackend, compositions[name]);
  const label = `tfjs-${name}`;
  const gpu = name === 'webgpu' ? new GpuQueue(rt) : undefined;
  const networks = gpu && new PackedNetworks(gpu, (info) => rt.release(info));
  let live = 0;

  /** Data that a tfjs tensor refers, or referred, to as well. */
  const shared = new WeakSet<object>();

  const wrap = (info: Info | undefined): Buffer => {
    live++;
    return { info, disposed: false } satisfies TfjsBuffer;
  };

  const release = (info: Info): void => {
    releaseData(info);
    networks?.forget(info.dataId);
  };

  const releaseData = (info: Info): void => {
    if (!shared.has(info.dataId)) return rt.release(info);
    // tfjs may have moved the data to another of its backends, and keeps books of its own.
    const engine = core.engine();
    const owner = engine.state.tensorInfo.get(info.dataId)?.backend ?? kernelBackend;
    if (owner.disposeData(info.dataId)) engine.removeDataId(info.dataId, owner);
  };

  /** Runs one operation: temporaries are freed, foreign errors get a name. */
  const compute = <T>(op: string, outShape: Shape, kernel: () => T): T => {
    device.assertPresent();
    if (gpu && !gpu.fits(sizeOf(outShape))) {
      throw new BackendError(
        label,
        `${op} to shape [${outShape}] needs ${Math.ceil(sizeOf(outShape) / 2 ** 18)} MiB in one piece, more than this device can bind`,
        'use smaller batches or a smaller network, or another backend',
      );
    }
    try {
      return kernel();
    } catch (cause) {
      if (cause instanceof SparseflowError) throw cause;
      const message = (cause instanceof Error ? cause.message : String(cause)).replace(/\.+$/, '');
      throw new BackendError(
        label,
        `${op} to shape [${outShape}] failed: ${message}`,
        'use smaller operands, or another backend',
        { cause },
      );
    } finally {
      rt.releaseTemporaries();
    }
  };

  /** Runs one operation with one result; without elements it needs no kernel. */
  const result = (op: string, outShape: Shape, kernel: () => Info): Buffer =>
    sizeOf(outShape) === 0 ? wrap(undefined) : wrap(compute(op, outShape, kernel));

  const open = (op: string, x: Operand): Info => {
    const buffer = x.buffer as TfjsBuffer;
    if (buffer.disposed) throw new DisposedTensorError(op, x.shape);
    return buffer.info!;
  };

  /** The decomposition runs where this gives nothing. */
  const fusedKernel =
    (op: string, kernel: GpuKernel): FusedKernel =>
    (inputs, params, outputs) => {
      if (inputs.some(({ dtype }) => dtype !== 'float32')) return undefined;
      return compute(op, outputs[0]!.shape, () => {
        const blocks = inputs.map((x) => open(op, x));
        return kernel(
          blocks,
          inputs.map(({ shape }) => shape),
          params,
        )?.map(wrap);
      });
    };

  const isEmpty = (x: Operand): boolean =>
    (x.buffer as TfjsBuffer).info === undefined && !(x.buffer as TfjsBuffer).disposed;

  const supported = (op: string, dtype: DType): Supported => {
    if (dtype === 'float64') {
      throw new DTypeError(
        op,
        `TensorFlow.js has no float64 (backend '${label}')`,
        'use float32, or the reference backend',
      );
    }
    return dtype;
  };

  const read = (values: unknown, dtype: DType): TypedArray => {
    // Other backends than wasm hand out the array they hold; callers own theirs.
    const array = values as Float32Array | Int32Array;
    if (dtype === 'int32') return array instanceof Int32Array && name === 'wasm' ? array : Int32Array.from(array);
    return array instanceof Float32Array && name === 'wasm' ? array : Float32Array.from(array);
  };

  const empty = (dtype: DType): TypedArray => (dtype === 'int32' ? new Int32Array(0) : new Float32Array(0));

  const inRange = (op: string, indices: Info, n: number): void => {
    if (!hasHostMemory(rt)) return;
    const values = hostValues(rt, indices);
    for (let i = 0; i < values.length; i++) {
      if (values[i]! < 0 || values[i]! >= n) {
        throw new ValueError(
          op,
          `index ${values[i]} at position ${i} is out of range for ${n} rows`,
          `use indices from 0 to ${n - 1}`,
        );
      }
    }
  };

  return {
    name: label,
    dtypes: ['float32', 'int32'],
    tfjs: { name, core, kernelBackend },

    upload(values, shape, dtype) {
      const target = supported('upload', dtype);
      return result('upload', shape, () => {
        // A copy, because some backends keep the array.
        const copy = target === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
        if (gpu) return gpu.upload(copy, shape, target);
        const info = rt.write(copy, shape, target);
        // Otherwise small operations on fresh data run on the CPU.
        if (name === 'webgl') (kernelBackend as unknown as { uploadToGPU(id: object): void }).uploadToGPU(info.dataId);
        return info;
      });
    },
    async download(x) {
      const info = open('download', x);
      if (info === undefined) return empty(x.dtype);
      device.assertPresent();
      // The buffer may be disposed before a GPU has answered.
      kernelBackend.incRef(info.dataId);
      try {
        const values = await kernelBackend.read(info.dataId).catch(async (cause: unknown) => {
          await device.explain();
          device.assertPresent();
          throw cause;
        });
        device.assertSound();
        return read(values, x.dtype);
      } finally {
        release(info);
      }
    },
    ...(hasHostMemory(rt) || name === 'node-gpu'
      ? {
          downloadSync(x: Operand): TypedArray {
            const info = open('downloadSync', x);
            return info === undefined ? empty(x.dtype) : read(kernelBackend.readSync(info.dataId), x.dtype);
          },
        }
      : {}),
    dispose(buffer) {
      const owned = buffer as TfjsBuffer;
      if (owned.disposed) throw new DisposedTensorError('dispose', owned.info?.shape ?? []);
      const { info } = owned;
      owned.disposed = true;
      owned.info = undefined;
      live--;
      if (info !== undefined) release(info);
    },
    liveBuffers: () => live,

    fill: (shape, value, dtype) => {
      const target = supported('fill', dtype);
      return result('fill', shape, () => fill(rt, shape, value, target));
    },
    cast: (x, dtype) => {
      const target = supported('cast', dtype);
      return result('cast', x.shape, () => cast(rt, open('cast', x), target));
    },

    unary: (op, x) => result(op, x.shape, () => unary(rt, op, open(op, x))),
    affine: (x, scale, shift) => result('affine', x.shape, () => affine(rt, open('affine', x), scale, shift)),
    binary: (op, a, b, outShape) => result(op, outShape, () => binary(rt, op, open(op, a), open(op, b), outShape)),
    select: (condition, a, b, outShape) =>
      result('select', outShape, () =>
        select(rt, open('select', condition), open('select', a), open('select', b), outShape),
      ),

    matMul: (a, b, transposeA, transposeB, outShape) =>
      result('matMul', outShape, () => {
        // An empty inner axis: every sum is empty.
        if (isEmpty(a) || isEmpty(b)) return fill(rt, outShape, 0, supported('matMul', a.dtype));
        return matMul(rt, open('matMul', a), open('matMul', b), transposeA, transposeB, outShape);
      }),
    conv2d: (input, filter, spec, outShape) =>
      result('conv2d', outShape, () => {
        if (isEmpty(input) || isEmpty(filter)) return fill(rt, outShape, 0, supported('conv2d', input.dtype));
        return conv2d(rt, open('conv2d', input), open('conv2d', filter), spec);
      }),
    conv2dInput: (dy, filter, spec, inputShape) =>
      result('conv2dInput', inputShape, () => {
        if (isEmpty(dy) || isEmpty(filter)) return fill(rt, inputShape, 0, supported('conv2dInput', dy.dtype));
        return conv2dInput(rt, open('conv2dInput', dy), open('conv2dInput', filter), spec, inputShape);
      }),
    conv2dFilter: (input, dy, spec, filterShape) =>
      result('conv2dFilter', filterShape, () => {
        if (isEmpty(input) || isEmpty(dy)) return fill(rt, filterShape, 0, supported('conv2dFilter', input.dtype));
        return conv2dFilter(rt, open('conv2dFilter', input), open('conv2dFilter', dy), spec, filterShape);
      }),

    reduce: (op, x, axes, outShape) =>
      result(op, outShape, () => {
        if (isEmpty(x))
          return fill(rt, outShape, op === 'sum' ? 0 : op === 'max' ? -Infinity : Infinity, supported(op, x.dtype));
        return reduce(rt, op, open(op, x), axes, outShape);
      }),
    broadcastTo: (x, shape) => result('broadcastTo', shape, () => broadcastTo(rt, open('broadcastTo', x), shape)),
    reshape: (x, shape) => result('reshape', shape, () => rt.share(open('reshape', x), shape)),
    transpose: (x, permutation) =>
      result(
        'transpose',
        permutation.map((axis) => x.shape[axis]!),
        () => transpose(rt, open('transpose', x), permutation),
      ),
    slice: (x, begin, size) => result('slice', size, () => slice(rt, open('slice', x), begin, size)),
    pad: (x, padding) => {
      const outShape = x.shape.map((n, axis) => n + padding[axis]![0] + padding[axis]![1]);
      return result('pad', outShape, () =>
        isEmpty(x) ? fill(rt, outShape, 0, supported('pad', x.dtype)) : pad(rt, open('pad', x), padding),
      );
    },
    concat: (xs, axis, outShape) =>
      result('concat', outShape, () =>
        concat(
          rt,
          xs.filter((x) => !isEmpty(x)).map((x) => open('concat', x)),
          axis,
          outShape,
        ),
      ),
    gather: (x, indices, axis) => {
      const outShape = [...x.shape.slice(0, axis), indices.shape[0]!, ...x.shape.slice(axis + 1)];
      return result('gather', outShape, () => {
        const rows = open('gather', indices);
        inRange('gather', rows, x.shape[axis]!);
        return gather(rt, open('gather', x), rows, axis);
      });
    },
    scatterAdd: (updates, indices, axis, outShape) =>
      result('scatterAdd', outShape, () => {
        if (isEmpty(updates) || isEmpty(indices)) return fill(rt, outShape, 0, supported('scatterAdd', updates.dtype));
        const rows = open('scatterAdd', indices);
        inRange('scatterAdd', rows, outShape[axis]!);
        return scatterAdd(rt, open('scatterAdd', updates), rows, axis, outShape);
      }),

    ...(gpu && networks
      ? {
          fused: Object.fromEntries(
            Object.entries(fusedOnWebGpu(rt, gpu, networks)).map(([op, kernel]) => [op, fusedKernel(op, kernel)]),
          ),
        }
      : {}),

    adopt(info) {
      if (info) shared.add(info.dataId);
      return wrap(info);
    },
    lend(x) {
      const info = open('toTfjs', x);
      if (info === undefined) return undefined;
      const lent = rt.share(info, x.shape);
      shared.add(lent.dataId);
      return lent;
    },
  };
}
