import type { KernelBackend } from '@tensorflow/tfjs-core';
import { sizeOf } from '@sparseflow/tensor';
import type { Shape } from '@sparseflow/tensor';
import type { Info, Runtime } from './runtime.ts';

export type HostArray = Float32Array | Int32Array;

/** What the wasm backend offers beyond tfjs's interface. */
interface WasmBackend extends KernelBackend {
  makeOutput(shape: Shape, dtype: string): Info;
  typedArrayFromHeap(x: Info): HostArray;
}

/** Whether a backend's data lies in memory that JavaScript can read and write in place. */
export function hasHostMemory(rt: Runtime): boolean {
  return rt.name === 'cpu' || rt.name === 'wasm';
}

/**
 * The elements in place, not a copy; the array must not outlive the operation, because an allocation may move the heap of a
 * WebAssembly module. Only where `hasHostMemory`.
 */
export function hostValues(rt: Runtime, x: Info): HostArray {
  if (rt.name === 'wasm') return (rt.kernelBackend as WasmBackend).typedArrayFromHeap(x);
  return rt.kernelBackend.readSync(x.dataId) as HostArray;
}

/** An uninitialized result to be filled in place. */
export function hostOutput(rt: Runtime, shape: Shape, dtype: 'float32' | 'int32'): Info {
  if (rt.name === 'wasm') return (rt.kernelBackend as WasmBackend).makeOutput(shape, dtype);
  const size = sizeOf(shape);
  return rt.write(dtype === 'int32' ? new Int32Array(size) : new Float32Array(size), shape, dtype);
}
