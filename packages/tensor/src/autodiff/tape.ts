import { add } from '../ops/binary.ts';
import { bind, hasOwnKernel, type Maybe, type Primitive } from '../primitive.ts';
import { Tensor, type Box, type Trace } from '../tensor.ts';
import { nextLevel } from './level.ts';

/** One recorded operation, with its operands and results one level below the tape. */
interface Node {
  readonly primitive: Primitive | undefined; // undefined: an input of the differentiated function
  readonly params: unknown;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly parents: readonly (TapeBox | undefined)[];
  /** Scratch space of a sweep: cotangents or tangents of the outputs. */
  flow: Maybe[] | undefined;
}

interface TapeBox extends Box {
  readonly node: Node;
  readonly index: number;
}

/**
 * A recording of a function's operations, swept backwards for vector-Jacobian products or forwards for Jacobian-vector
 * products at the recorded point. `mode` is the rule that the sweep will use: a fused operation without it is recorded
 * through its decomposition.
 */
export class Tape implements Trace {
  readonly level = nextLevel();
  readonly #mode: 'vjp' | 'jvp';
  readonly #nodes: Node[] = [];

  constructor(mode: 'vjp' | 'jvp') {
    this.#mode = mode;
  }

  /** Marks a value as an input. Integer tensors have no derivative and pass unchanged. */
  input(x: Tensor): Tensor {
    if (x.dtype === 'int32') return x;
    return this.#follow(this.#push(undefined, undefined, [], [x], []), 0);
  }

  /** The value one level down. */
  lower(x: Tensor): Tensor {
    return x.box?.trace === this ? x.box.primal : x;
  }

  process(primitive: Primitive, inputs: readonly Tensor[], params: unknown): Tensor[] {
    const rule = primitive[this.#mode];
    if (rule === undefined || !hasOwnKernel(primitive, inputs)) return primitive.decompose!(inputs, params);
    const primals = inputs.map((x) => this.lower(x));
    const outputs = bind(primitive, primals, params);
    if (rule === null) return outputs;
    const parents = inputs.map((x) => (x.box?.trace === this ? (x.box as TapeBox) : undefined));
    const node = this.#push(primitive, params, primals, outputs, parents);
    return outputs.map((_, i) => this.#follow(node, i));
  }

  /** Sweeps backwards from cotangents of `outputs` to cotangents of `inputs`. */
  backward(inputs: readonly Tensor[], outputs: readonly Tensor[], cotangents: readonly Tensor[]): Maybe[] {
    try {
      outputs.forEach((y, i) => this.#accumulate(boxOf(y, this), cotangents[i]));
      for (let n = this.#nodes.length - 1; n >= 0; n--) {
        const node = this.#nodes[n]!;
        if (!node.flow || !node.primitive) continue;
        const needed = node.parents.map((parent) => parent !== undefined);
        const contributions = node.primitive.vjp!(node.flow, node, needed);
        node.parents.forEach((parent, i) => this.#accumulate(parent, contributions[i] ?? null));
      }
      return inputs.map((x) => flowOf(boxOf(x, this)));
    } finally {
      this.#clear();
    }
  }

  /** Sweeps forwards from tangents of `inputs` to tangents of `outputs`. */
  forward(inputs: readonly Tensor[], outputs: readonly Tensor[], tangents: readonly Tensor[]): Maybe[] {
    try {
      inputs.forEach((x, i) => this.#accumulate(boxOf(x, this), tangents[i]));
      for (const node of this.#nodes) {
        if (!node.primitive) continue;
        const incoming = node.parents.map(flowOf);
        if (incoming.some((t) => t)) node.flow = node.primitive.jvp!(incoming, node);
      }
      return outputs.map((y) => flowOf(boxOf(y, this)));
    } finally {
      this.#clear();
    }
  }

  #push(
    primitive: Primitive | undefined,
    params: unknown,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    parents: Node['parents'],
  ): Node {
    const node: Node = { primitive, params, inputs, outputs, parents, flow: undefined };
    this.#nodes.push(node);
    return node;
  }

  #follow(node: Node, index: number): Tensor {
    const primal = node.outputs[index]!;
    const box: TapeBox = { trace: this, primal, node, index };
    return new Tensor(primal.backend, primal.shape, primal.dtype, undefined, box);
  }

  #accumulate(box: TapeBox | undefined, value: Maybe): void {
    if (!box || !value) return;
    const flow = (box.node.flow ??= box.node.outputs.map(() => null));
    const before = flow[box.index]!;
    flow[box.index] = before ? add(before, value) : value;
  }

  #clear(): void {
    for (const node of this.#nodes) node.flow = undefined;
  }
}

function boxOf(x: Tensor, tape: Tape): TapeBox | undefined {
  return x.box?.trace === tape ? (x.box as TapeBox) : undefined;
}

function flowOf(box: TapeBox | undefined): Maybe {
  return box?.node.flow?.[box.index] ?? null;
}
