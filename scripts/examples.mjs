// Turns the documentation's examples into modules: every ```ts block that follows an @example in packages/*/src, and every
// ```ts block of the READMEs. They land in a git-ignored .examples folder of their package, so that imports resolve as
// for its own source, with a test that imports each. A block opened with ```ts no-run is type-checked only.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Fenced ts blocks of Markdown lines, as { line, code, run }; `first` is the number of the first line in its file. */
function fencedBlocks(lines, first) {
  const blocks = [];
  let open;
  lines.forEach((text, i) => {
    const fence = /^\s*```(.*)$/.exec(text);
    if (fence && open) {
      if (open.language === 'ts')
        blocks.push({ line: open.line, code: open.code, run: !open.flags.includes('no-run') });
      open = undefined;
    } else if (fence) {
      const [language, ...flags] = fence[1].trim().split(/\s+/);
      open = { line: first + i, language, flags, code: [] };
    } else {
      open?.code.push(text);
    }
  });
  return blocks;
}

/** Stands for an @example without a block, which would never run: a failing test. */
const NO_BLOCK = ["throw new Error('this @example has no ```ts block');"];

/** The blocks of every @example in a source file. */
function sourceBlocks(text) {
  const blocks = [];
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const first = text.slice(0, comment.index).split('\n').length;
    const lines = comment[0]
      .replace(/\*\/$/, '')
      .split('\n')
      .map((line) => line.replace(/^\s*(\/\*\*|\*) ?/, ''));
    let fenced = false;
    const tags = lines.map((line) => {
      if (/^\s*```/.test(line)) fenced = !fenced;
      return fenced ? undefined : /^@(\w+)/.exec(line)?.[1];
    });
    tags.forEach((tag, start) => {
      if (tag !== 'example') return;
      const next = tags.findIndex((other, i) => i > start && other !== undefined);
      const found = fencedBlocks(lines.slice(start, next === -1 ? undefined : next), first + start);
      blocks.push(...(found.length > 0 ? found : [{ line: first + start, code: NO_BLOCK, run: true }]));
    });
  }
  return blocks;
}

/** The TypeScript files of a package, without its tests. */
function sourcesOf(folder) {
  return readdirSync(join(folder, 'src'), { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(folder, 'src', name));
}

function examplesOf(sources, readmes) {
  const read = (path) => readFileSync(path, 'utf8');
  const files = [
    ...sources.map((path) => ({ path, blocks: sourceBlocks(read(path)) })),
    ...readmes.filter(existsSync).map((path) => ({ path, blocks: fencedBlocks(read(path).split('\n'), 1) })),
  ];
  return files.flatMap(({ path, blocks }) => blocks.map((block) => ({ ...block, path: relative(root, path) })));
}

/** Writes the examples of every package, and those of the root README into the application, which has every package. */
export function writeExamples() {
  const packages = readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'src')));
  const app = join(root, 'apps/reproduce');
  const counts = { run: 0, typesOnly: 0 };
  for (const folder of [...packages, app]) {
    const sources = folder === app ? [] : sourcesOf(folder);
    const readmes = folder === app ? [join(root, 'README.md')] : [join(folder, 'README.md')];
    const target = join(folder, '.examples');
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target);
    const tests = [`import { test } from 'vitest';`];
    for (const { path, line, code, run } of examplesOf(sources, readmes)) {
      const file = `${path.replace(/[^\w]+/g, '-')}-${line}.ts`;
      // Blank lines keep the line numbers of the original; the empty export makes a module of code without imports.
      writeFileSync(join(target, file), `${'\n'.repeat(line)}${code.join('\n')}\nexport {};\n`);
      if (run) tests.push(`test('${path}:${line}', () => import('./${file}'), 60_000);`);
      counts[run ? 'run' : 'typesOnly'] += 1;
    }
    if (tests.length > 1) writeFileSync(join(target, 'examples.test.ts'), `${tests.join('\n')}\n`);
  }
  process.stderr.write(`examples: ${counts.run} to run, ${counts.typesOnly} to type-check only\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeExamples();
