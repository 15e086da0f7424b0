import type { DataId } from '@tensorflow/tfjs-core';
import { sizeOf } from '@sparseflow/tensor';
import type { Shape } from '@sparseflow/tensor';
import type { HostArray } from '../host.ts';
import type { Info, Runtime } from '../runtime.ts';

/**
 * What is used of TensorFlow.js 4.22's WebGPUBackend beyond its public methods, because runWebGPUProgram gives one output each. The
 * package is a peer of exactly that version.
 */
interface Internals {
  readonly device: GPUDevice;
  readonly queue: GPUQueue;
  readonly bufferManager: { acquireBuffer(size: number, usage: number): GPUBuffer };
  readonly tensorMap: { get(id: DataId): { readonly resource: GPUBuffer } };
  readonly commandQueueOwnedIds: WeakSet<DataId>;
  /** Buffers that go back to the manager with the next submission. */
  readonly uniformPendingDisposal: GPUBuffer[];
  readonly stagingPendingDisposal: readonly GPUBuffer[];
  readonly commandEncoder: GPUCommandEncoder;
  computePassEncoder: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
  uploadToGPU(id: DataId): void;
  refCount(id: DataId): number;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** One kind of kernel; dispatches with equal keys share a compiled pipeline. */
export interface Program {
  /** Stands for the source. */
  readonly key: string;
  /** WGSL that follows the bindings, with an entry point `main`. */
  readonly source: () => string;
  /** Names and element types of the buffers, those that are read first. */
  readonly reads: readonly Binding[];
  readonly writes: readonly Binding[];
  /** Numbers that may differ between dispatches, in their order. */
  readonly uniforms: readonly Uniform[];
}

export interface Binding {
  readonly name: string;
  readonly type?: 'f32' | 'vec4<f32>';
}

interface Uniform {
  readonly name: string;
  readonly type: 'u32' | 'f32';
}

interface Compiled {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export interface Dispatch {
  readonly program: Program;
  readonly reads: readonly Info[];
  readonly writes: readonly Info[];
  /** Values of the program's uniforms. */
  readonly uniforms: readonly number[];
  readonly groups: readonly [number, number?];
}

/** Storage buffers that WebGPU lets one kernel have (`maxStorageBuffersPerShaderStage`); tfjs does not ask for more. */
export const MAX_BINDINGS = 8;

/** Puts kernels of our own between those of tfjs: on its device, into its command stream, over its buffers. */
export class GpuQueue {
  readonly #rt: Runtime;
  readonly #internals: Internals;
  readonly #compiled = new Map<string, Compiled>();

  constructor(rt: Runtime) {
    this.#rt = rt;
    this.#internals = rt.kernelBackend as unknown as Internals;
  }

  get limits(): GPUSupportedLimits {
    return this.#internals.device.limits;
  }

  /** Whether a buffer of so many floats can be bound. */
  fits(floats: number): boolean {
    return 4 * floats <= Math.min(this.limits.maxStorageBufferBindingSize, this.limits.maxBufferSize);
  }

  /** Whether a tensor still refers to this data. */
  isAlive(id: DataId): boolean {
    return this.#internals.refCount(id) > 0;
  }

  /** An uninitialized tensor that the caller owns. */
  output(shape: Shape): Info {
    const dataId = this.#rt.kernelBackend.write(null!, shape as number[], 'float32');
    this.#internals.uploadToGPU(dataId);
    return { dataId, shape, dtype: 'float32' };
  }

  /** Room for intermediate results, freed when the operation ends. */
  scratch(floats: number): Info {
    return this.#rt.temporary(this.output([Math.max(floats, 1)]));
  }

  /** Host values in a buffer of the pool; tfjs's own upload would create one more each time. */
  upload(values: HostArray, shape: Shape, dtype: 'float32' | 'int32'): Info {
    const dataId = this.#rt.kernelBackend.write(null!, shape as number[], dtype);
    this.#internals.uploadToGPU(dataId);
    // A copy of tfjs that was recorded, not submitted, may still aim at this buffer; the write below would overtake it.
    if (this.#internals.stagingPendingDisposal.length > 0) this.#submit();
    this.#internals.queue.writeBuffer(this.#buffer(dataId), 0, values.buffer, values.byteOffset, values.byteLength);
    return { dataId, shape, dtype };
  }

  run({ program, reads, writes, uniforms, groups }: Dispatch): void {
    const { device } = this.#internals;
    const { pipeline, layout } = this.#compile(program);
    const operands = [...reads, ...writes];
    const resources = [...operands.map(({ dataId }) => this.#buffer(dataId)), this.#uniformBuffer(program, uniforms)];
    const bindGroup = device.createBindGroup({
      layout,
      entries: resources.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    for (const { dataId } of operands) this.#internals.commandQueueOwnedIds.add(dataId);
    this.#internals.ensureCommandEncoderReady();
    const pass = (this.#internals.computePassEncoder ??= this.#internals.commandEncoder.beginComputePass());
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    pass.dispatchWorkgroups(groups[0], groups[1] ?? 1);
    this.#internals.dispatchCountInPass++;
    const batch = this.#rt.core.env().getNumber('WEBGPU_DEFERRED_SUBMIT_BATCH_SIZE');
    if (this.#internals.dispatchCountInPass >= batch) this.#submit();
  }

  #submit(): void {
    this.#internals.ensureCommandEncoderReady();
    this.#internals.endComputePassEncoder();
    this.#internals.submitQueue();
  }

  #buffer(id: DataId): GPUBuffer {
    // Tensors that came from tfjs may still lie on the host.
    this.#internals.uploadToGPU(id);
    return this.#internals.tensorMap.get(id).resource;
  }

  #uniformBuffer({ uniforms }: Program, values: readonly number[]): GPUBuffer {
    const size = 16 * Math.ceil((uniforms.length + 2) / 4);
    const bytes = new DataView(new ArrayBuffer(size));
    bytes.setFloat32(0, NaN, true);
    bytes.setFloat32(4, Infinity, true);
    uniforms.forEach(({ type }, i) => {
      if (type === 'f32') bytes.setFloat32(8 + 4 * i, values[i]!, true);
      else bytes.setUint32(8 + 4 * i, values[i]!, true);
    });
    const { bufferManager, queue, uniformPendingDisposal } = this.#internals;
    const buffer = bufferManager.acquireBuffer(size, GPUBufferUsage.COPY_DST | GPUBufferUsage.UNIFORM);
    queue.writeBuffer(buffer, 0, bytes.buffer);
    uniformPendingDisposal.push(buffer);
    return buffer;
  }

  #compile(program: Program): Compiled {
    const known = this.#compiled.get(program.key);
    if (known) return known;
    const { device } = this.#internals;
    const types: GPUBufferBindingType[] = [
      ...program.reads.map(() => 'read-only-storage' as const),
      ...program.writes.map(() => 'storage' as const),
      'uniform',
    ];
    const layout = device.createBindGroupLayout({
      entries: types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } })),
    });
    const pipeline = device.createComputePipeline({
      label: program.key,
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: device.createShaderModule({ label: program.key, code: sourceOf(program) }),
        entryPoint: 'main',
      },
    });
    const compiled = { pipeline, layout };
    this.#compiled.set(program.key, compiled);
    return compiled;
  }
}

function sourceOf({ source, reads, writes, uniforms }: Program): string {
  const declare = (access: string, at: number) => (binding: Binding, i: number) =>
    `@group(0) @binding(${at + i}) var<storage, ${access}> ${binding.name} : array<${binding.type ?? 'f32'}>;`;
  return `
struct Uniforms {
  // Handed in, so that no compiler can reason about them.
  NAN : f32,
  INFINITY : f32,
${uniforms.map(({ name, type }) => `  ${name} : ${type},`).join('\n')}
}
${reads.map(declare('read', 0)).join('\n')}
${writes.map(declare('read_write', reads.length)).join('\n')}
@group(0) @binding(${reads.length + writes.length}) var<uniform> uniforms : Uniforms;

fn isnan(x : f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn isinf(x : f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
${source()}`;
}

/** Uniforms of type u32 by their names. */
export function counts(...names: readonly string[]): Uniform[] {
  return names.map((name) => ({ name, type: 'u32' }));
}

/** Uniforms of type f32 by their names. */
export function numbers(...names: readonly string[]): Uniform[] {
  return names.map((name) => ({ name, type: 'f32' }));
}

/** One invocation for each of `size` elements: `main` of such a kernel calls `element(index)`. */
export const ELEMENT_THREADS = 128;

/** Source and dispatch of a kernel with one invocation per element, whatever their number; `uniforms.size` bounds it. */
export function elementwiseMain(): string {
  return `
@compute @workgroup_size(${ELEMENT_THREADS})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>,
        @builtin(local_invocation_index) thread : u32) {
  let index = (group.y * groups.x + group.x) * ${ELEMENT_THREADS}u + thread;
  if (index < uniforms.size) { element(index); }
}`;
}

/** Workgroups for so many elements, in two dimensions where one does not reach. */
export function elementGroups(size: number): [number, number] {
  const groups = Math.max(1, Math.ceil(size / ELEMENT_THREADS));
  const y = Math.ceil(groups / 65535);
  return [Math.ceil(groups / y), y];
}

/** The number of elements of a tensor. */
export const sizeOfInfo = (x: Info): number => sizeOf(x.shape);
