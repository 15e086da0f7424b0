import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { sizeOf } from '@sparseflow/tensor';
import type { BinaryOp, Shape, UnaryOp } from '@sparseflow/tensor';
import type { Info, Runtime } from './runtime.ts';
import { shaderFunctions } from './shader-functions.ts';

const inputNames = ['A', 'B', 'C'] as const;
const WORKGROUP = 128;

/** One output element per invocation; operands broadcast to `outShape`. */
function elementwiseProgram(name: string, inputs: number, outShape: Shape, uniforms?: string): WebGPUProgram {
  const variableNames = inputNames.slice(0, inputs);
  const program = {
    shaderKey: `sparseflow_${name}`,
    variableNames: [...variableNames],
    outputShape: outShape as number[],
    dispatchLayout: { x: outShape.map((_, axis) => axis) },
    dispatch: [Math.ceil(sizeOf(outShape) / WORKGROUP), 1, 1] as [number, number, number],
    workgroupSize: [WORKGROUP, 1, 1] as [number, number, number],
    size: true,
    getUserCode: () => `
      ${shaderFunctions(name)}
      fn main(index : i32) {
        if (index < uniforms.size) {
          setOutputAtIndex(index, sf_${name}(${variableNames.map((v) => `get${v}ByOutputIndex(index)`).join(', ')}));
        }
      }`,
  };
  return uniforms === undefined ? program : { ...program, uniforms };
}

function run(rt: Runtime, name: string, inputs: readonly Info[], outShape: Shape, dtype: Info['dtype']): Info {
  const backend = rt.kernelBackend as WebGPUBackend;
  return backend.runWebGPUProgram(elementwiseProgram(name, inputs.length, outShape), inputs as never, dtype);
}

export function unaryOnWebGpu(op: UnaryOp): (rt: Runtime, x: Info) => Info {
  return (rt, x) => run(rt, op, [x], x.shape, x.dtype);
}

export function binaryOnWebGpu(op: BinaryOp): (rt: Runtime, a: Info, b: Info, outShape: Shape) => Info {
  return (rt, a, b, outShape) => run(rt, op, [a, b], outShape, a.dtype);
}

export function selectOnWebGpu(rt: Runtime, condition: Info, a: Info, b: Info, outShape: Shape): Info {
  return run(rt, 'select', [condition, a, b], outShape, a.dtype);
}

export function affineOnWebGpu(rt: Runtime, x: Info, scale: number, shift: number): Info {
  const program = elementwiseProgram('affine', 1, x.shape, 'scale : f32, shift : f32,');
  const uniforms = [scale, shift].map((value) => ({ type: 'float32', data: [value] }));
  return (rt.kernelBackend as WebGPUBackend).runWebGPUProgram(program, [x] as never, x.dtype, uniforms);
}
