import type {
  DataId,
  DataType,
  KernelBackend,
  KernelFunc,
  TensorInfo,
  TypedArray as TfjsArray,
} from '@tensorflow/tfjs-core';
import type * as core from '@tensorflow/tfjs-core';
import { BackendError, shapesEqual } from '@sparseflow/tensor';
import type { Shape } from '@sparseflow/tensor';
import type { Compositions } from './compositions.ts';
import type { TfjsBackendName } from './names.ts';

export type TfjsCore = typeof core;

/** A dense block on a tfjs backend. The same as tfjs's TensorInfo, with our readonly shape. */
export interface Info {
  readonly dataId: DataId;
  readonly shape: Shape;
  readonly dtype: DataType;
}

/**
 * Calls the kernels of one tfjs backend directly, so that neither the globally selected backend nor tfjs's tape, scopes and
 * tensor registry take part. Intermediate results are collected in `temporaries` and freed when the operation ends, also when
 * it throws.
 */
export class Runtime {
  readonly name: TfjsBackendName;
  readonly core: TfjsCore;
  readonly kernelBackend: KernelBackend;
  /** What this tfjs backend does not do itself, or not as the interface asks. */
  readonly compositions: Compositions;
  /** Whether the same data may be read under another shape without telling the backend. */
  private readonly viewsAreFree: boolean;
  private readonly kernels = new Map<string, KernelFunc>();
  private readonly temporaries: Info[] = [];

  constructor(name: TfjsBackendName, tfjs: TfjsCore, kernelBackend: KernelBackend, compositions: Compositions) {
    this.name = name;
    this.core = tfjs;
    this.kernelBackend = kernelBackend;
    this.compositions = compositions;
    // webgl packs textures by shape, and TensorFlow's handles carry one.
    this.viewsAreFree = name !== 'webgl' && name !== 'node-gpu';
  }

  /** Runs one kernel. The caller owns the result. @throws {BackendError} when this tfjs backend has no such kernel. */
  run(kernel: string, inputs: Record<string, Info> | readonly Info[], attrs: object = {}): Info {
    let kernelFunc = this.kernels.get(kernel);
    if (kernelFunc === undefined) {
      kernelFunc = this.core.getKernel(kernel, tfjsName(this.name))?.kernelFunc;
      if (kernelFunc === undefined) {
        throw new BackendError(
          `tfjs-${this.name}`,
          `TensorFlow.js has no kernel '${kernel}' for it`,
          'use version 4.22.0 of every @tensorflow package',
        );
      }
      this.kernels.set(kernel, kernelFunc);
    }
    const result = kernelFunc({
      inputs: inputs as unknown as Record<string, TensorInfo>,
      attrs: attrs as never,
      backend: this.kernelBackend,
    });
    return this.adopt(result as TensorInfo);
  }

  /** Marks an intermediate result, to be freed when the operation ends. */
  temporary(info: Info): Info {
    this.temporaries.push(info);
    return info;
  }

  releaseTemporaries(): void {
    while (this.temporaries.length > 0) this.release(this.temporaries.pop()!);
  }

  release(info: Info): void {
    this.kernelBackend.disposeData(info.dataId);
  }

  /** The same data under another shape, for use inside the operation. */
  view(x: Info, shape: Shape): Info {
    if (shapesEqual(x.shape, shape)) return x;
    if (this.viewsAreFree) return { dataId: x.dataId, shape, dtype: x.dtype };
    return this.temporary(this.run('Reshape', { x }, { shape }));
  }

  /** Gives a result that the caller owns another shape. */
  relabel(x: Info, shape: Shape): Info {
    if (shapesEqual(x.shape, shape)) return x;
    if (this.viewsAreFree) return { dataId: x.dataId, shape, dtype: x.dtype };
    return this.run('Reshape', { x: this.temporary(x) }, { shape });
  }

  /** A second owner of the same data. */
  share(x: Info, shape: Shape): Info {
    if (!this.viewsAreFree) return this.run('Reshape', { x }, { shape });
    this.kernelBackend.incRef(x.dataId);
    return { dataId: x.dataId, shape, dtype: x.dtype };
  }

  /** Copies host values in. */
  write(values: TfjsArray, shape: Shape, dtype: DataType): Info {
    return { dataId: this.kernelBackend.write(values, shape as number[], dtype), shape, dtype };
  }

  /** A scalar for use inside the operation. */
  scalar(value: number, dtype: DataType): Info {
    return this.temporary(this.run('Fill', {}, { shape: [], value, dtype }));
  }

  /** Some kernels return a tracked Tensor; the reference moves to us and tfjs forgets the object. */
  private adopt(result: TensorInfo): Info {
    const { dataId, shape, dtype } = result;
    if (!(result instanceof this.core.Tensor)) return result;
    this.kernelBackend.incRef(dataId);
    result.dispose();
    this.core.engine().removeDataId(dataId, this.kernelBackend);
    return { dataId, shape, dtype };
  }
}

/** The name that TensorFlow.js registers a backend under. */
export function tfjsName(name: TfjsBackendName): string {
  return name === 'node-gpu' ? 'tensorflow' : name;
}
