import type { StoredStudy } from '../results/store.ts';
import { formatDuration } from '../run/describe.ts';
import type { Table } from './content.ts';
import { contentOf, wordColumns } from './content.ts';
import { escapeXml } from './render.ts';
import { beforeComparing, howItWasRun, whatIsMissing } from './table.ts';
import { renderSummary } from './summary.ts';
import { colours, darkColours, onPage } from './theme.ts';

/**
 * index.html over everything in a results directory: one file that asks for nothing else, readable in light and dark and on a phone.
 */
export function renderPage(studies: readonly StoredStudy[]): string {
  const contents =
    studies.length < 2
      ? ''
      : `<nav aria-label="Studies"><ul>${studies.map(({ study, result }) => `<li><a href="#${study}">${escapeXml(result.title)}</a></li>`).join('')}</ul></nav>`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<title>Sparse Flows: reproduction</title>',
    '<link rel="icon" href="data:,">',
    `<style>${styles}</style>`,
    '</head>',
    '<body>',
    '<header><h1>Sparse Flows, reproduced</h1>',
    '<p>Continuous normalizing flows, pruned round by round, next to the published numbers and to two baselines that the paper does not have: a control that is trained just as long without pruning, and pruning at random.</p>',
    contents,
    '</header>',
    '<main>',
    ...(studies.length === 0
      ? ['<p>No finished point yet.</p>']
      : [renderSummary(studies.map(({ result }) => result)), ...studies.map(renderStudy)]),
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function renderStudy({ study, result, figures }: StoredStudy): string {
  const { says, tables } = contentOf(result);
  const notes = beforeComparing(result);
  const run = howItWasRun(result);
  const missing = whatIsMissing(result);
  const several = result.seeds.length > 1;
  const short = [
    `${result.budget} budget`,
    result.protocol === 'paper' ? undefined : `protocol ${result.protocol}`,
    `${result.seeds.length} ${several ? 'seeds' : 'seed'}`,
    `${result.points.length} ${result.task === 'classification' ? 'classifiers' : 'flows'}`,
    result.backend,
    `${formatDuration(result.seconds)} of computing`,
  ].filter((item) => item !== undefined);
  return [
    `<section id="${escapeXml(study)}">`,
    `<h2>${escapeXml(result.title)}</h2>`,
    `<p>${escapeXml(result.about)}</p>`,
    ...(missing === undefined ? [] : [`<p class="partial">${escapeXml(missing)}</p>`]),
    `<ul class="facts">${short.map((item) => `<li>${escapeXml(item)}</li>`).join('')}</ul>`,
    ...ordered(figures).map(([name, svg]) => renderFigure(study, name, svg)),
    '<h3>What it says</h3>',
    `<ul>${says.map((sentence) => `<li>${escapeXml(sentence)}</li>`).join('\n')}</ul>`,
    ...tables.flatMap((table) => [
      `<h3>${table.title}</h3>`,
      renderTable(table),
      `<p class="note">${quoted(table.note)}</p>`,
    ]),
    ...(notes.length === 0
      ? []
      : [
          '<h3>Before comparing</h3>',
          `<ul class="note">${notes.map((remark) => `<li>${escapeXml(remark)}</li>`).join('')}</ul>`,
        ]),
    '<details><summary>How it was run</summary>',
    `<dl>${run.map(([name, value]) => `<div><dt>${escapeXml(name)}</dt><dd>${name === 'command' ? `<code>${escapeXml(value)}</code>` : escapeXml(value)}</dd></div>`).join('')}</dl>`,
    `<p class="note">Files: <code>${escapeXml(study)}/result.json</code>, <code>table.md</code>, <code>figures/</code>.</p>`,
    '</details>',
    '</section>',
  ].join('\n');
}

/** Figures in the order of reading: first what a study is about, then what it looks like. Within a kind, by name. */
const figureOrder = [
  'protocols',
  'nll',
  'settings',
  'measures',
  'spectrum',
  'landscape-line',
  'landscape',
  'density',
  'vector',
  'samples',
];

function ordered(figures: ReadonlyMap<string, string>): [string, string][] {
  const rank = (name: string): number => {
    const found = figureOrder.findIndex((kind) => name === kind || name.startsWith(`${kind}-`));
    return found === -1 ? figureOrder.length : found;
  };
  // Unstructured pruning comes first everywhere else, too.
  return [...figures].sort(([a], [b]) => rank(a) - rank(b) || b.localeCompare(a));
}

function renderFigure(study: string, name: string, svg: string): string {
  // The drawing scales down with the page; wide ones may instead be scrolled, so that their text stays readable.
  const width = Number(/\bwidth="(\d+)"/.exec(svg)?.[1] ?? 720);
  const scaled = onPage(svg).replace(/<svg ([^>]*?)width="\d+" height="\d+"/, '<svg $1');
  const links = ['svg', 'png'].map(
    (form) =>
      `<a href="${escapeXml(`${study}/figures/${name}.${form}`)}">${form.toUpperCase()}<span class="name"> of ${escapeXml(name)}</span></a>`,
  );
  return `<figure id="${escapeXml(name)}"><div class="scroll" tabindex="0" role="group" aria-label="Figure"><div style="min-width:${Math.min(width, width > 800 ? 880 : 520)}px;max-width:${width}px">${scaled}</div></div><figcaption class="note">${links.join(' · ')}</figcaption></figure>`;
}

/** Text with names in backquotes as markup. */
function quoted(text: string): string {
  return escapeXml(text).replaceAll(/`([^`]*)`/g, '<em>$1</em>');
}

function renderTable({ title, columns, rows, methods = [] }: Table): string {
  const text = (column: string): string => (wordColumns.has(column) ? ' class="text"' : '');
  const head = columns.map((column) => `<th scope="col"${text(column)}>${escapeXml(column)}</th>`).join('');
  const body = rows.map((row, i) => {
    const cells = columns.map((column) => {
      const dot = column === 'method' && methods[i] !== undefined ? ` data-method="${methods[i]}"` : '';
      return `<td${text(column)}${dot}>${escapeXml(row[column]!).replaceAll('± ', '±\u00a0')}</td>`;
    });
    const first = columns[0]!;
    const starts = i > 0 && row[first] !== rows[i - 1]![first] ? ' class="starts"' : '';
    return `<tr${starts}>${cells.join('')}</tr>`;
  });
  // On paper nothing can be scrolled.
  const wide = columns.length > 12 ? ' class="wide"' : '';
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escapeXml(title)}"><table${wide}><thead><tr>${head}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table></div>`;
}

const variables = (palette: Readonly<Record<string, string>>): string =>
  Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';');

const styles = `
:root{color-scheme:light dark;${variables(colours)}}
@media (prefers-color-scheme:dark){:root{${variables(darkColours)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--background);color:var(--ink);font:16px/1.55 Inter,system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;-webkit-text-size-adjust:100%}
header,main{max-width:80rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.375rem;line-height:1.25;margin:0 0 .25rem;letter-spacing:-.005em}
h3{font-size:1rem;margin:2rem 0 .5rem}
p,header p,section>ul:not(.facts){max-width:46rem}
p{margin:.25rem 0 .75rem}
section{border-top:1px solid var(--grid);margin-top:2.5rem;padding:2rem 0 1rem}
ul{padding-left:1.25rem;margin:.25rem 0}
li+li{margin-top:.35rem}
a{color:var(--unstructured)}
nav ul,.facts{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.4rem 1.25rem}
.facts{gap:.4rem;font-size:.8125rem;margin:.75rem 0 0}
.facts li,nav li{margin:0}
.facts li{border:1px solid var(--grid);border-radius:1rem;padding:.1rem .7rem;color:var(--muted)}
.partial{border-left:3px solid var(--structured);padding-left:.75rem}
.note{color:var(--muted);font-size:.875rem}
.note em{font-style:normal;color:var(--ink)}
figure{margin:1.5rem 0}
.name{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
figure svg{display:block;width:100%;height:auto}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch}
.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:2px solid var(--unstructured);outline-offset:2px}
table{border-collapse:collapse;font-size:.8125rem;font-variant-numeric:tabular-nums;white-space:nowrap;margin:.25rem 0}
th,td{text-align:right;padding:.3rem .55rem}
th:first-child,td:first-child{padding-left:0}
th{font-weight:600;color:var(--muted);border-bottom:1px solid var(--muted);vertical-align:bottom}
.text{text-align:left}
tr.starts td{border-top:1px solid var(--grid)}
td[data-method]::before{content:"";display:inline-block;width:.6em;height:.6em;border-radius:50%;margin-right:.5em;background:var(--muted)}
${(['dense', 'unstructured', 'structured', 'random', 'control'] as const).map((method) => `td[data-method=${method}]::before{background:var(--${method})}`).join('\n')}
summary{cursor:pointer;margin-top:1.5rem;font-weight:600}
dl{margin:.75rem 0;font-size:.875rem}
dl div{display:grid;grid-template-columns:7rem 1fr;gap:.75rem;padding:.2rem 0}
dt{color:var(--muted)}
dd{margin:0;overflow-wrap:anywhere}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.claims{list-style:none;padding:0;margin:1.25rem 0;display:grid;gap:.75rem}
.claims>li{margin:0;border-left:4px solid var(--muted);padding:.1rem 0 .1rem .9rem;break-inside:avoid}
.claims>li[data-verdict=yes]{border-color:var(--control)}
.claims>li[data-verdict=no]{border-color:var(--structured)}
.claims p{margin:0;max-width:none}
.verdict{font-size:.8125rem;font-weight:600;color:var(--muted)}
[data-verdict=yes]>.verdict{color:var(--control)}
[data-verdict=no]>.verdict{color:var(--structured)}
.claim{font-weight:600}
.claim .note{font-weight:400;white-space:nowrap}
.evidence{font-size:.875rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.evidence li+li{margin-top:.1rem}
@media (max-width:40rem){.claim .note{white-space:normal}}
@media (max-width:40rem){dl div{grid-template-columns:1fr;gap:0}header{padding-top:1.5rem}}
@page{margin:12mm}
@page wide{size:landscape}
@media print{:root{color-scheme:light;font-size:11px;${variables(colours)}}body{font-size:1rem}header,main{max-width:none;padding:0}section{break-inside:auto}section:not(#summary){break-before:page}figure,tr,li{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}.scroll>div{min-width:0!important}table{font-size:8px;white-space:normal}th,td{padding:.15rem .2rem}table.wide{font-size:6.5px}.wide th,.wide td{padding:.15rem .1rem}.scroll:has(.wide){page:wide}figcaption{display:none}details::details-content{content-visibility:visible}nav{display:none}a{color:inherit;text-decoration:none}}
`.trim();
