import type { GPGPUProgram, MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import type { BinaryOp, Shape, UnaryOp } from '@sparseflow/tensor';
import type { Info, Runtime } from './runtime.ts';
import { glslPrelude, shaderFunctions, toGlsl } from './shader-functions.ts';

type Program = GPGPUProgram;

const inputNames = ['A', 'B', 'C'] as const;

/** One output element per fragment; operands broadcast to `outShape`. */
function elementwiseProgram(name: string, inputs: number, outShape: Shape): Program {
  const variableNames = inputNames.slice(0, inputs);
  const values = variableNames.map((v) => `get${v}AtOutCoords()`).join(', ');
  return {
    variableNames: [...variableNames],
    outputShape: outShape as number[],
    userCode: `
      ${glslPrelude}
      ${toGlsl(shaderFunctions(name))}
      void main() { setOutput(sf_${name}(${values})); }`,
  };
}

function run(rt: Runtime, name: string, inputs: readonly Info[], outShape: Shape, dtype: Info['dtype']): Info {
  const backend = rt.kernelBackend as MathBackendWebGL;
  return backend.runWebGLProgram(elementwiseProgram(name, inputs.length, outShape), inputs as never, dtype);
}

export function unaryOnWebGl(op: UnaryOp): (rt: Runtime, x: Info) => Info {
  return (rt, x) => run(rt, op, [x], x.shape, x.dtype);
}

export function binaryOnWebGl(op: BinaryOp): (rt: Runtime, a: Info, b: Info, outShape: Shape) => Info {
  return (rt, a, b, outShape) => run(rt, op, [a, b], outShape, a.dtype);
}

export function selectOnWebGl(rt: Runtime, condition: Info, a: Info, b: Info, outShape: Shape): Info {
  return run(rt, 'select', [condition, a, b], outShape, a.dtype);
}

export function affineOnWebGl(rt: Runtime, x: Info, scale: number, shift: number): Info {
  const program: Program = {
    ...elementwiseProgram('affine', 1, x.shape),
    customUniforms: [
      { name: 'scale', type: 'float' },
      { name: 'shift', type: 'float' },
    ],
  };
  return (rt.kernelBackend as MathBackendWebGL).runWebGLProgram(program, [x] as never, x.dtype, [[scale], [shift]]);
}
