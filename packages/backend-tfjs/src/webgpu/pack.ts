import type { DataId } from '@tensorflow/tfjs-core';
import type { Info } from '../runtime.ts';
import type { Layer, Network } from './network.ts';
import { counts, elementGroups, elementwiseMain, type GpuQueue, type Program } from './queue.ts';

/**
 * Writes one layer into the packed network, as vec4s padded with zeros: the weight as [into / 4, out] of four inputs each, for the
 * forward pass; its transpose as [out / 4, into] of four outputs each, for the reverse pass; and [out] of bias, scale and shift.
 * Neighbouring invocations of those passes then read neighbouring addresses, and a network takes one binding.
 */
function packProgram(has: Layer['has']): Program {
  return {
    key: `pack ${gateNames(has).join(' ')}`,
    reads: ['weight', ...gateNames(has)].map((name) => ({ name })),
    writes: [{ name: 'network', type: 'vec4<f32>' }],
    uniforms: counts('size', 'inputs', 'outputs', 'weightAt', 'transposedAt', 'gatesAt'),
    source: () => `
fn at(o : u32, i : u32) -> f32 {
  if (o >= uniforms.outputs || i >= uniforms.inputs) { return 0.0; }
  return weight[o * uniforms.inputs + i];
}
fn element(index : u32) {
  let to = uniforms.weightAt + index;
  if (to < uniforms.transposedAt) {
    let o = index % uniforms.outputs;
    let i = 4u * (index / uniforms.outputs);
    network[to] = vec4<f32>(at(o, i), at(o, i + 1u), at(o, i + 2u), at(o, i + 3u));
  } else if (to < uniforms.gatesAt) {
    let i = (to - uniforms.transposedAt) % uniforms.inputs;
    let o = 4u * ((to - uniforms.transposedAt) / uniforms.inputs);
    network[to] = vec4<f32>(at(o, i), at(o + 1u, i), at(o + 2u, i), at(o + 3u, i));
  } else {
    let o = to - uniforms.gatesAt;
    network[to] =
      vec4<f32>(${has.bias ? 'bias[o]' : '0.0'}, ${has.scale ? 'scale[o]' : '1.0'}, ${has.shift ? 'shift[o]' : '0.0'}, 0.0);
  }
}
${elementwiseMain()}`,
  };
}

/** The vectors that a layer has, in the order of its tensors. */
export function gateNames(has: Layer['has']): ('bias' | 'scale' | 'shift')[] {
  return (['bias', 'scale', 'shift'] as const).filter((name) => has[name]);
}

interface Packed {
  readonly ids: readonly DataId[];
  readonly key: string;
  readonly network: Info;
}

/**
 * Packed networks by the tensors they were made of. Tensors are immutable, and a solve evaluates the same network hundreds of times, so
 * that packing is a matter of once per optimiser step; only gates that depend on time are packed each time.
 */
export class PackedNetworks {
  readonly #queue: GpuQueue;
  readonly #release: (info: Info) => void;
  #known: Packed[] = [];
  /** Data that some packed network was made of. */
  readonly #sources = new WeakSet<DataId>();

  constructor(queue: GpuQueue, release: (info: Info) => void) {
    this.#queue = queue;
    this.#release = release;
  }

  of(network: Network, tensors: readonly Info[]): Info {
    const known = this.#known.find(
      ({ ids, key }) => key === network.key && ids.every((id, i) => id === tensors[i]!.dataId),
    );
    if (known) return known.network;
    const packed = this.#queue.output([4 * network.packed]);
    let next = 0;
    for (const layer of network.layers) {
      const reads = tensors.slice(next, next + 1 + gateNames(layer.has).length);
      next += reads.length;
      const size = layer.gates + layer.out - layer.weight;
      this.#queue.run({
        program: packProgram(layer.has),
        reads,
        writes: [packed],
        uniforms: [size, layer.into, layer.out, layer.weight, layer.transposed, layer.gates],
        groups: elementGroups(size),
      });
    }
    const ids = tensors.map(({ dataId }) => dataId);
    for (const id of ids) this.#sources.add(id);
    this.#known.push({ ids, key: network.key, network: packed });
    return packed;
  }

  /** To be told of everything that is disposed: frees what was packed of data that is gone. */
  forget(id: DataId): void {
    if (!this.#sources.has(id) || this.#queue.isAlive(id)) return;
    const isOfIt = ({ ids }: Packed): boolean => ids.includes(id);
    for (const dead of this.#known.filter(isOfIt)) this.#release(dead.network);
    this.#known = this.#known.filter((each) => !isOfIt(each));
  }
}
