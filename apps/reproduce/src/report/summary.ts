import type { Machine, Result } from '../results/schema.ts';
import { formatDuration } from '../run/describe.ts';
import type { Control } from './claims.ts';
import { claims } from './claims.ts';
import type { Judgement } from './judge.ts';
import { judge } from './judge.ts';
import { escapeXml } from './render.ts';
import { describeMachine, whatIsMissing } from './table.ts';

const words: Readonly<Record<Judgement['verdict'], string>> = {
  yes: 'Confirmed',
  matched: 'Confirmed, but not against every control',
  no: 'Contradicted',
  open: 'Not settled',
  mixed: 'Mixed',
  unjudged: 'Not judged',
};

/** The first section of the page: which claims held, how long everything took, and on what. */
export function renderSummary(results: readonly Result[]): string {
  const judged = judge(claims, results);
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0);
  const points = results.reduce((sum, result) => sum + result.points.length, 0);
  const machines = distinct(results.flatMap(({ machine, machines: several }) => several ?? [machine]));
  const partial = results.filter((result) => whatIsMissing(result) !== undefined);
  return [
    '<section id="summary">',
    '<h2>Summary</h2>',
    ...(judged.length === 0
      ? ['<p>There is not yet anything to compare.</p>']
      : [
          `<p>${inShort(judged)} A claim is judged by differences that are paired over seeds, at the prune ratio with the best validation likelihood or the one that the claim names: confirmed or contradicted where the 95 % interval leaves out zero. What holds against dense flows comes of how they were pruned only where it holds against flows that were trained as long, and against flows pruned at random, too.</p>`,
          `<ol class="claims">${judged.map(renderClaim).join('\n')}</ol>`,
        ]),
    `<ul class="facts">${[
      `${points} models in ${results.length} ${results.length === 1 ? 'study' : 'studies'}`,
      `${formatDuration(seconds)} of computing`,
      ...machines.map(describeMachine),
      ...(partial.length > 0 ? [`still under way: ${partial.map(({ study }) => study).join(', ')}`] : []),
    ]
      .map((fact) => `<li>${escapeXml(fact)}</li>`)
      .join('')}</ul>`,
    '</section>',
  ].join('\n');
}

/** How the claims came out, in a sentence. */
function inShort(judged: readonly Judgement[]): string {
  const counts = Object.entries(words).flatMap(([verdict, word]) => {
    const count = judged.filter((one) => one.verdict === verdict).length;
    return count === 0 ? [] : [`${word.toLowerCase()}: ${count}`];
  });
  return `Of ${judged.length} claims on which there are data, ${counts.join(', ')}.`;
}

function renderClaim(judgement: Judgement): string {
  const { claim, verdict, evidence } = judgement;
  const lines = evidence.map(
    ({ study, what, text, verdict: own }) =>
      `<li><a href="#${escapeXml(study)}">${escapeXml(what)}</a>: ${escapeXml(text)}${verdict === 'mixed' ? `, ${words[own].toLowerCase()}` : ''}</li>`,
  );
  return [
    `<li data-verdict="${verdict}">`,
    `<p class="verdict">${words[verdict]}${why(judgement)}</p>`,
    `<p class="claim">${escapeXml(claim.says)} <span class="note">${escapeXml(claim.where)}</span></p>`,
    `<p class="note">pruned minus ${claim.test.against}, ${escapeXml(quantityOf(claim.test.quantity))}; ${claim.test.better} is better</p>`,
    `<ul class="evidence">${lines.join('')}</ul>`,
    '</li>',
  ].join('');
}

const controls: Readonly<Record<Control, string>> = {
  control: 'training as long without pruning',
  random: 'pruning at random',
};

function why({ verdict, matchedBy }: Judgement): string {
  if (verdict === 'unjudged') return ' (one seed says nothing of chance)';
  if (verdict !== 'matched') return '';
  return ` (${matchedBy.map(({ baseline, verdict: own }) => `against ${controls[baseline]}: ${words[own].toLowerCase()}`).join('; ')})`;
}

function quantityOf(quantity: string): string {
  return quantity === 'testNll' ? 'test NLL' : quantity;
}

function distinct(machines: readonly Machine[]): Machine[] {
  return [...new Map(machines.map((machine) => [JSON.stringify(machine), machine])).values()];
}
