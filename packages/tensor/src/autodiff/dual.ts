import { bind, hasOwnKernel, type Maybe, type Primitive } from '../primitive.ts';
import { Tensor, type Trace } from '../tensor.ts';
import { nextLevel } from './level.ts';

/** Forward mode: every followed value carries its tangent along. */
export class DualTrace implements Trace {
  readonly level = nextLevel();

  /** Pairs a value with its tangent; a null tangent needs no following. */
  pair(primal: Tensor, tangent: Maybe): Tensor {
    if (!tangent || primal.dtype === 'int32') return primal;
    return new Tensor(primal.backend, primal.shape, primal.dtype, undefined, { trace: this, primal, tangent });
  }

  lower(x: Tensor): Tensor {
    return x.box?.trace === this ? x.box.primal : x;
  }

  tangent(x: Tensor): Maybe {
    return x.box?.trace === this ? x.box.tangent! : null;
  }

  process(primitive: Primitive, inputs: readonly Tensor[], params: unknown): Tensor[] {
    if (primitive.jvp === undefined || !hasOwnKernel(primitive, inputs)) return primitive.decompose!(inputs, params);
    const primals = inputs.map((x) => this.lower(x));
    const outputs = bind(primitive, primals, params);
    if (primitive.jvp === null) return outputs;
    const tangents = primitive.jvp(
      inputs.map((x) => this.tangent(x)),
      { inputs: primals, outputs, params },
    );
    return outputs.map((y, i) => this.pair(y, tangents[i] ?? null));
  }
}
