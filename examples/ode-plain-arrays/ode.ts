// Rabbits and foxes (the equations of Lotka and Volterra), solved with plain arrays: no tensors, no backend, no waiting.
import { solve } from '@sparseflow/ode-solvers/plain';

// dy/dt as a function of time and state. Rabbits multiply until foxes eat them; foxes starve without rabbits.
const field = (_t: number, [rabbits, foxes]: Float64Array) => [rabbits * (1 - foxes), foxes * (rabbits - 1)];

// One cycle is over when the foxes pass 1 on their way up again. An event is a function whose zero is looked for.
const cycle = { value: (_t: number, y: Float64Array) => y[1] - 1, direction: 'up' as const };

// `dense` makes the solution a function of time. The solver chooses its steps so that errors stay near the tolerances.
const start = [2, 1];
const solution = solve(field, start, { t0: 0, t1: 100, rtol: 1e-9, atol: 1e-9, events: [cycle], dense: true });

/** What the solver stopped at: the time of one cycle, and the state there. */
export const { t1: period, y1: end, status, stats } = solution;

/** A quantity that the true solution keeps; how far it drifts says how good the numbers are. */
export const invariant = ([rabbits, foxes]: Iterable<number>) => rabbits - Math.log(rabbits) + foxes - Math.log(foxes);
export const drift = invariant(end) - invariant(start);

for (let t = 0; t <= period; t += period / 24) {
  const [rabbits, foxes] = solution.at(t);
  const line = Array.from({ length: 40 }, (_, i) =>
    i === Math.round(rabbits * 10) ? 'r' : i === Math.round(foxes * 10) ? 'f' : ' ',
  );
  console.log(t.toFixed(2).padStart(5), line.join(''));
}
console.log(
  `a cycle takes ${period.toFixed(6)}; ${stats.nfe} evaluations; the invariant drifts by ${drift.toExponential(1)}`,
);
