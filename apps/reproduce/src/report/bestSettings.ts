import { percent } from '../plan.ts';
import type { Method } from '../study.ts';
import type { Row } from './rows.ts';
import { formatEstimate } from './statistics.ts';

const asked: readonly (readonly [method: Method, flows: string])[] = [
  ['dense', 'dense flows'],
  ['unstructured', 'flows pruned weight by weight'],
  ['structured', 'flows pruned neuron by neuron'],
  ['random', 'flows without as many weights, drawn at random,'],
  ['control', 'controls'],
];

/** A row of the table of all numbers. */
interface Candidate {
  /** Its setting. */
  readonly label: string;
  readonly row: Row;
}

/**
 * Which setting a study of settings finds the best, in a sentence: for each method the one with the lowest mean validation NLL, as choosing by the
 * test set would flatter it. Undefined where there is nothing to choose from.
 */
export function bestSettings(all: readonly Candidate[]): string | undefined {
  const found = asked.flatMap(([method, flows]) => {
    const best = lowest(all.filter(({ row }) => row.method === method));
    if (best === undefined) return [];
    const { pruneRatio, testNll } = best.row;
    const at = method === 'dense' ? '' : ` at ${percent(pruneRatio)} %`;
    return [`${best.label}${at} among ${flows} (${formatEstimate(testNll!)})`];
  });
  return found.length === 0
    ? undefined
    : `The setting with the lowest validation NLL, with its test NLL in nats: ${found.join('; ')}.`;
}

function lowest(candidates: readonly Candidate[]): Candidate | undefined {
  const valueOf = ({ row }: Candidate): number => row.validationNll?.mean ?? Infinity;
  return candidates
    .filter(({ row: { validationNll, testNll } }) => validationNll !== undefined && testNll !== undefined)
    .toSorted((a, b) => valueOf(a) - valueOf(b))[0];
}
