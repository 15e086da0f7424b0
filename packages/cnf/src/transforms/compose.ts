import { add, disposeTree, fold, scope, splitKey, ValueError } from '@sparseflow/tensor';
import type { Params, Tensor } from '@sparseflow/tensor';
import type { CallOptions, Recorded, Transform, TrainingState } from './transform.ts';
import { sumStats } from './transform.ts';

/**
 * Several transforms, one after another from data to noise. Parameters of the i-th have names that begin with `blocks.i.`.
 *
 * @throws {ValueError} when there are none, or their dimensions differ
 *
 * @example
 * ```ts
 * import { compose, continuous, flow, odeNet } from '@sparseflow/cnf';
 * import { key } from '@sparseflow/tensor';
 * import { createReferenceBackend } from '@sparseflow/tensor/reference';
 *
 * const block = () =>
 *   continuous({ field: odeNet({ shape: 6, hidden: [60], layer: 'concatsquash', activation: 'tanh' }), trainTime: true });
 * const model = flow(compose([block(), block()]));
 * const params = model.init(key(0), { backend: createReferenceBackend() });
 * console.log(Object.keys(params)[0]); // blocks.0.layers.0.weight
 * ```
 */
export function compose(transforms: readonly Transform[]): Transform {
  const [first] = transforms;
  const odd = transforms.find(({ dim }) => dim !== first?.dim);
  if (!first || odd) {
    const what = odd ? `dimensions ${transforms.map(({ dim }) => dim).join(', ')}` : 'no transforms';
    throw new ValueError('compose', what, 'give at least one, all of one dimension');
  }
  const prefix = (i: number): string => `blocks.${i}.`;
  const own = (params: Params, i: number): Params => without(params, prefix(i));
  /** Each draws its own noise. */
  const callOf = (call: CallOptions | undefined, i: number): CallOptions | undefined =>
    call?.key ? { ...call, key: fold(call.key, i) } : call;
  const collect = <T>(of: (t: Transform) => Readonly<Record<string, T>> | undefined): Record<string, T> =>
    Object.assign({}, ...transforms.map((t, i) => withPrefix(of(t) ?? {}, prefix(i)))) as Record<string, T>;
  const locate = (group: string): { transform: Transform; i: number; name: string } => {
    const i = transforms.findIndex((_, at) => group.startsWith(prefix(at)));
    if (i < 0) throw new ValueError('compose', `there is no group '${group}'`, 'use the names in neurons');
    return { transform: transforms[i]!, i, name: group.slice(prefix(i).length) };
  };

  /** Through all of them in order, freeing what lies between. */
  const through = async <R extends { readonly z: Tensor; readonly logDet?: Tensor; dispose?(): void }>(
    order: readonly number[],
    x: Tensor,
    step: (i: number, z: Tensor) => Promise<R>,
  ): Promise<R[]> => {
    const results: R[] = [];
    try {
      for (const i of order) {
        const result = await step(i, results.at(-1)?.z ?? x);
        results.at(-1)?.z.dispose();
        results.push(result);
      }
      return results;
    } catch (error) {
      for (const result of results) {
        disposeTree(result.logDet ? [result.z, result.logDet] : result.z);
        result.dispose?.();
      }
      throw error;
    }
  };
  const total = async (steps: Promise<Awaited<ReturnType<Transform['forward']>>[]>) => {
    const results = await steps;
    const logDets = results.map(({ logDet }) => logDet);
    const logDet = scope(() => addAll(logDets));
    if (logDets.length > 1) disposeTree(logDets);
    return { z: results.at(-1)!.z, logDet, stats: sumStats(results.map(({ stats }) => stats)) };
  };
  const onwards = transforms.map((_, i) => i);
  const backwards = onwards.toReversed();
  const context = transforms.find((t) => t.context !== undefined)?.context;
  const statistics = transforms.flatMap((t, i) => (t.statistics ?? []).map((name) => prefix(i) + name));

  return {
    dim: first.dim,
    ...(context !== undefined && { context }),
    init(key, options) {
      const keys = splitKey(key, transforms.length);
      return Object.assign({}, ...transforms.map((t, i) => withPrefix(t.init(keys[i]!, options), prefix(i)))) as Params;
    },
    forward: (params, x, call) =>
      total(through(onwards, x, (i, z) => transforms[i]!.forward(own(params, i), z, callOf(call, i)))),
    inverse: (params, z, call) =>
      total(through(backwards, z, (i, y) => transforms[i]!.inverse(own(params, i), y, callOf(call, i)))),
    async generate(params, z, call) {
      const results = await through(backwards, z, (i, y) =>
        transforms[i]!.generate(own(params, i), y, callOf(call, i)),
      );
      return { z: results.at(-1)!.z, stats: sumStats(results.map(({ stats }) => stats)) };
    },

    async record(params, x, call) {
      const passes: Recorded[] = [];
      const dispose = (): void => passes.forEach((pass) => pass.dispose());
      try {
        for (const i of onwards) {
          const z = passes.at(-1)?.state.z ?? x;
          passes.push(await transforms[i]!.record(own(params, i), z, callOf(call, i)));
        }
      } catch (error) {
        dispose();
        throw error;
      }
      const state = scope(() => totalOf(passes.map((pass) => pass.state)));
      const shared = new Set(passes.flatMap((pass) => Object.values(pass.state)));
      return {
        state,
        get stats() {
          return sumStats(passes.map(({ stats }) => stats));
        },
        async pullback(cotangent) {
          const grads: Record<string, Tensor> = {};
          let z = cotangent.z;
          try {
            for (const i of backwards) {
              const { penalty, logDet } = cotangent;
              const wants = penalty && passes[i]!.state.penalty;
              const pulled = await passes[i]!.pullback({ z, logDet, ...(wants && { penalty }) });
              if (z !== cotangent.z) z.dispose();
              z = pulled.x;
              Object.assign(grads, withPrefix(pulled.params, prefix(i)));
            }
          } catch (error) {
            if (z !== cotangent.z) z.dispose();
            disposeTree(grads);
            throw error;
          }
          // In the order of the parameters.
          return { x: z, params: Object.fromEntries(Object.keys(params).map((name) => [name, grads[name]!])) };
        },
        dispose() {
          for (const x of Object.values(state)) if (!shared.has(x)) x.dispose();
          dispose();
        },
      };
    },

    async freeze(params, x, call) {
      const frozen = await through(onwards, x, (i, z) => transforms[i]!.freeze(own(params, i), z, callOf(call, i)));
      return {
        run: (p, input) =>
          scope(() => {
            const states: TrainingState[] = [];
            frozen.forEach(({ run }, i) => states.push(run(own(p, i), states.at(-1)?.z ?? input)));
            return totalOf(states);
          }),
        z: frozen.at(-1)!.z,
        stats: sumStats(frozen.map(({ stats }) => stats)),
        dispose: () => frozen.forEach((f) => f.dispose()),
      };
    },

    neurons: transforms.flatMap(({ neurons }, i) =>
      neurons.map(({ name, size, axes }) => ({
        name: prefix(i) + name,
        size,
        axes: axes.map((axis) => ({ ...axis, param: prefix(i) + axis.param })),
      })),
    ),
    positions: collect(({ positions }) => positions),
    resize: (sizes) =>
      compose(transforms.map((t, i) => (t.neurons.length > 0 ? t.resize!(without(sizes, prefix(i))) : t))),
    constants(params, group) {
      const { transform, i, name } = locate(group);
      const { into, ...constants } = transform.constants!(own(params, i), name);
      return {
        ...constants,
        into: into.map(({ weight, bias }) => ({ weight: prefix(i) + weight, bias: prefix(i) + bias })),
      };
    },

    ...(statistics.length > 0 && {
      statistics,
      async observe(params: Params, x: Tensor, call?: CallOptions) {
        const seen: Record<string, Tensor> = {};
        const last = transforms.findLastIndex((t) => t.observe);
        const step = async (i: number, z: Tensor) => {
          const moved = await transforms[i]!.observe?.(own(params, i), z, callOf(call, i));
          Object.assign(seen, withPrefix(moved ?? {}, prefix(i)));
          return transforms[i]!.forward({ ...own(params, i), ...moved }, z, callOf(call, i));
        };
        try {
          const { z, logDet } = await total(through(onwards.slice(0, last + 1), x, step));
          disposeTree([z, logDet]);
          return seen;
        } catch (error) {
          disposeTree(seen);
          throw error;
        }
      },
    }),
  };
}

function withPrefix<T>(record: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]));
}

function without<T>(record: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}

function addAll(terms: readonly Tensor[]): Tensor {
  return terms.slice(1).reduce((sum, term) => add(sum, term), terms[0]!);
}

function totalOf(states: readonly TrainingState[]): TrainingState {
  const penalties = states.flatMap(({ penalty }) => penalty ?? []);
  return {
    z: states.at(-1)!.z,
    logDet: addAll(states.map(({ logDet }) => logDet)),
    ...(penalties.length > 0 && { penalty: addAll(penalties) }),
  };
}
