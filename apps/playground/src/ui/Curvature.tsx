import type { Page } from '../page/page.ts';
import type { Estimated } from '../protocol.ts';
import { modelTitles } from './words.ts';

/** How curved the loss is at the models. */
export function Curvature({ page }: { readonly page: Page }) {
  const measuring = page.measuring.value;
  const found = page.curvature.value;
  return (
    <section class="card" aria-labelledby="curvature-title">
      <h2 id="curvature-title">Curvature</h2>
      <div class="row">
        {measuring ? (
          <>
            <progress max={measuring.of} value={measuring.done} aria-label="Products with the Hessian" />
            <button type="button" class="quiet" onClick={page.stopMeasuring}>
              Stop
            </button>
          </>
        ) : (
          <button type="button" onClick={page.measureCurvature}>
            Measure curvature
          </button>
        )}
      </div>
      {found.length === 0 ? (
        <p class="hint">
          Largest eigenvalue and trace of the loss’s Hessian, in the weights that are left. Training waits meanwhile.
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">λ max</th>
              <th scope="col">Trace</th>
            </tr>
          </thead>
          <tbody>
            {found.map(({ model, top, trace, converged }) => (
              <tr key={model}>
                <th scope="row">{modelTitles[model]}</th>
                <td>
                  {withError(top)}
                  {converged ? '' : ' (not converged)'}
                </td>
                <td>{withError(trace)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.length > 0 ? (
        <p class="hint">
          On {found[0]!.points} training points, {found[0]!.products} products. ± is the residual of the eigenvalue and
          the standard error of the trace.
        </p>
      ) : null}
    </section>
  );
}

function withError({ value, error }: Estimated): string {
  return `${significant(value, 3)} ± ${significant(error, 2)}`;
}

function significant(x: number, maximumSignificantDigits: number): string {
  return x.toLocaleString('en', { maximumSignificantDigits });
}
