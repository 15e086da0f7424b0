import type { Problem } from '../cases.ts';
import type { Prepared } from './implementation.ts';

/** What a person writes first: nested loops over typed arrays, one sample at a time. */
export function preparePlainLoops({ sizes, batch, weights, biases, x, dx, ct, dct }: Problem): Prepared {
  const layers = weights.length;
  const h = sizes.map((n) => new Float64Array(n));
  const dh = sizes.map((n) => new Float64Array(n));
  const du = sizes.map((n) => new Float64Array(n));
  const back = sizes.map((n) => new Float64Array(n));
  const dback = sizes.map((n) => new Float64Array(n));

  const pass = (sample: number): void => {
    const into = sizes[0]!;
    for (let j = 0; j < into; j++) {
      h[0]![j] = x[sample * into + j]!;
      dh[0]![j] = dx[sample * into + j]!;
    }
    for (let l = 0; l < layers; l++) {
      const [from, dfrom, to, dto, u] = [h[l]!, dh[l]!, h[l + 1]!, dh[l + 1]!, du[l + 1]!];
      const [weight, bias, n, m] = [weights[l]!, biases[l]!, sizes[l]!, sizes[l + 1]!];
      for (let r = 0; r < m; r++) {
        let value = bias[r]!;
        let tangent = 0;
        for (let j = 0; j < n; j++) {
          const w = weight[r * n + j]!;
          value += w * from[j]!;
          tangent += w * dfrom[j]!;
        }
        u[r] = tangent;
        if (l < layers - 1) {
          value = 1 / (1 + Math.exp(-value));
          tangent *= value * (1 - value);
        }
        to[r] = value;
        dto[r] = tangent;
      }
    }
  };

  const forward = (): Float32Array[] => {
    const out = sizes[layers]!;
    const [f, df] = [new Float32Array(batch * out), new Float32Array(batch * out)];
    for (let i = 0; i < batch; i++) {
      pass(i);
      f.set(h[layers]!, i * out);
      df.set(dh[layers]!, i * out);
    }
    return [f, df];
  };

  const vjp = (): (Float32Array | Float64Array)[] => {
    const [into, out] = [sizes[0]!, sizes[layers]!];
    const gx = new Float32Array(batch * into);
    const gradients = weights.map((w) => new Float64Array(w.length));
    const biasGradients = biases.map((b) => new Float64Array(b.length));
    for (let i = 0; i < batch; i++) {
      pass(i);
      for (let r = 0; r < out; r++) {
        back[layers]![r] = ct[i * out + r]!;
        dback[layers]![r] = dct[i * out + r]!;
      }
      for (let l = layers - 1; l >= 0; l--) {
        const [b, db, to, dto] = [back[l + 1]!, dback[l + 1]!, back[l]!, dback[l]!];
        const [from, dfrom, u] = [h[l]!, dh[l]!, du[l]!];
        const [weight, gradient, n, m] = [weights[l]!, gradients[l]!, sizes[l]!, sizes[l + 1]!];
        to.fill(0);
        dto.fill(0);
        for (let r = 0; r < m; r++) {
          biasGradients[l]![r]! += b[r]!;
          for (let j = 0; j < n; j++) {
            const at = r * n + j;
            gradient[at]! += b[r]! * from[j]! + db[r]! * dfrom[j]!;
            to[j]! += weight[at]! * b[r]!;
            dto[j]! += weight[at]! * db[r]!;
          }
        }
        if (l === 0) continue;
        for (let j = 0; j < n; j++) {
          const d = from[j]! * (1 - from[j]!);
          to[j] = d * to[j]! + d * (1 - 2 * from[j]!) * u[j]! * dto[j]!;
          dto[j]! *= d;
        }
      }
      gx.set(back[0]!, i * into);
    }
    return [gx, ...gradients.flatMap((gradient, l) => [gradient, biasGradients[l]!])];
  };

  return {
    forward,
    vjp,
    async read() {
      return { forward: forward(), vjp: vjp() };
    },
    dispose: () => undefined,
  };
}
