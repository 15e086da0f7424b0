import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { CHROMIUM_FLAGS, chromiumPath } from './test-support/environment.ts';
import { source } from './test-support/source.ts';

/** Packages with `*.browser.test.ts` files, and the dependencies to bundle before their first test loads. */
const BROWSER_PACKAGES: Readonly<Record<string, readonly string[]>> = {
  tensor: [],
  'backend-cpu': [],
  datasets: [
    'csv-parse/browser/esm/sync',
    '@noble/hashes/legacy.js',
    '@noble/hashes/sha2.js',
    '@noble/hashes/utils.js',
    'valibot',
  ],
  'backend-tfjs': [
    '@tensorflow/tfjs-core',
    '@tensorflow/tfjs-backend-cpu',
    '@tensorflow/tfjs-backend-wasm',
    '@tensorflow/tfjs-backend-webgl',
    '@tensorflow/tfjs-backend-webgpu',
  ],
};

const BROWSER_TESTS = '**/*.browser.test.ts';

/** The examples that also run in a browser, with the tests that they have in Node. */
const BROWSER_EXAMPLES = ['ode-plain-arrays', 'train-flow', 'prune-flow', 'custom-pruner', 'hessian-of-tfjs'];

function folders(parent: string): { name: string; root: string }[] {
  return readdirSync(new URL(parent, import.meta.url))
    .map((name) => ({ name, root: `./${parent}/${name}` }))
    .filter(({ root }) => existsSync(new URL(`${root}/package.json`, import.meta.url)));
}

/** Without them a page has no SharedArrayBuffer, and so no threads. */
const CROSS_ORIGIN_ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Groups of projects run one after the other: those in Node share the cores, those in a browser have them to themselves, and the
 * playground, whose tests measure how long its page takes to answer, comes last and one file at a time.
 */
const GROUP = { node: 0, browser: 1, alone: 2 } as const;

/** Vitest's own choice leaves a core free, which of two is half the machine. */
const WORKERS = Math.max(2, availableParallelism() - 1);

const ALONE = 'playground';

function nodeProject({ name, root }: { name: string; root: string }): TestProjectInlineConfiguration {
  const alone = name === ALONE;
  return {
    ...source,
    root,
    test: {
      name,
      environment: 'node',
      include: ['{src,test}/**/*.test.ts', '*.test.ts'],
      exclude: [BROWSER_TESTS],
      testTimeout: 30_000,
      sequence: { groupOrder: alone ? GROUP.alone : GROUP.node },
      ...(alone && { maxWorkers: 1 }),
    },
  };
}

/** The documentation's examples, written by scripts/examples.mjs. */
const examples: TestProjectInlineConfiguration = {
  ...source,
  test: { name: 'examples', environment: 'node', include: ['{packages,apps}/*/.examples/examples.test.ts'] },
};

interface BrowserProject {
  readonly name: string;
  readonly root: string;
  readonly include: readonly string[];
  readonly dependencies: readonly string[];
}

function browserProject(project: BrowserProject, executablePath: string): TestProjectInlineConfiguration {
  return {
    ...source,
    root: project.root,
    server: { headers: CROSS_ORIGIN_ISOLATION },
    optimizeDeps: { include: [...project.dependencies] },
    test: {
      name: `${project.name}-browser`,
      include: [...project.include],
      testTimeout: 60_000,
      sequence: { groupOrder: GROUP.browser },
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({ launchOptions: { executablePath, args: [...CHROMIUM_FLAGS] } }),
        instances: [{ browser: 'chromium' }],
      },
    },
  };
}

const chromium = chromiumPath();
/** Without Chromium these projects are left out; test-support/environment.test.ts says so. */
const browsers: readonly BrowserProject[] =
  chromium === undefined
    ? []
    : [
        ...Object.entries(BROWSER_PACKAGES).map(([name, dependencies]) => {
          return { name, root: `./packages/${name}`, include: [`{src,test}/${BROWSER_TESTS}`], dependencies };
        }),
        {
          name: 'reproduce',
          root: './apps/reproduce',
          include: [`test/${BROWSER_TESTS}`],
          dependencies: ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu'],
        },
        {
          name: 'examples',
          root: './examples',
          include: [`{${BROWSER_EXAMPLES.join(',')}}/*.test.ts`, `*/${BROWSER_TESTS}`],
          dependencies: [],
        },
      ];

export default defineConfig({
  test: {
    silent: 'passed-only',
    maxWorkers: WORKERS,
    projects: [
      ...[...folders('packages'), ...folders('apps'), ...folders('examples')].map(nodeProject),
      nodeProject({ name: 'environment', root: './test-support' }),
      examples,
      ...browsers.map((project) => browserProject(project, chromium!)),
    ],
  },
});
