import type { ConvSpec, Shape } from '@sparseflow/tensor';
import type { Info, Runtime } from '../runtime.ts';

/** TensorFlow.js's names for the same numbers. */
export function convAttributes({ strides, padding }: ConvSpec): object {
  return {
    strides,
    pad: [[0, 0], padding[0], padding[1], [0, 0]],
    dataFormat: 'NHWC',
    dilations: [1, 1],
    dimRoundingMode: 'floor',
  };
}

export function conv2d(rt: Runtime, input: Info, filter: Info, spec: ConvSpec): Info {
  return rt.run('Conv2D', { x: input, filter }, convAttributes(spec));
}

/** The adjoint of conv2d in its input. */
export function conv2dInput(rt: Runtime, dy: Info, filter: Info, spec: ConvSpec, inputShape: Shape): Info {
  return rt.run('Conv2DBackpropInput', { dy, filter }, { ...convAttributes(spec), inputShape });
}

/** The adjoint of conv2d in its filter. */
export function conv2dFilter(rt: Runtime, input: Info, dy: Info, spec: ConvSpec, filterShape: Shape): Info {
  const composition = rt.compositions.conv2dFilter;
  if (composition) return composition.compute(rt, input, dy, spec, filterShape);
  return rt.run('Conv2DBackpropFilter', { x: input, dy }, { ...convAttributes(spec), filterShape });
}
