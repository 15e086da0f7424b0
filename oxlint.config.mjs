import { readdirSync } from 'node:fs';
import { defineConfig } from 'oxlint';

const TESTS = ['**/*.test.ts', '**/test/**', 'test-support/**'];

/** The one direction of dependency: which workspace packages a package may import. */
const MAY_IMPORT = {
  tensor: [],
  'ode-solvers': ['tensor'],
  cnf: ['tensor', 'ode-solvers'],
  optim: ['tensor'],
  pruning: ['tensor'],
  datasets: ['tensor'],
  hessian: ['tensor'],
  'backend-cpu': ['tensor'],
  'backend-tfjs': ['tensor'],
};

/** What is used of Node's globals in scripts; in TypeScript the compiler knows them. */
const NODE_GLOBALS = [
  'Buffer',
  'URL',
  'WebAssembly',
  'clearTimeout',
  'console',
  'performance',
  'process',
  'setTimeout',
];

const packages = readdirSync(new URL('packages', import.meta.url)).filter((name) => !name.startsWith('backend-'));

/** One backend is passed in by the application; no package picks it. */
const noBackend = {
  regex: '^(@sparseflow/backend-[^/]+|@tensorflow/[^/]+|webgpu)(/|$)',
  message: 'No package imports a backend: the application passes one in.',
};

const boundaries = Object.entries(MAY_IMPORT).map(([name, allowed]) => {
  const forbidden = packages.filter((other) => !allowed.includes(other));
  const noOther = {
    regex: `^@sparseflow/(${forbidden.join('|')})(/|$)`,
    message: `@sparseflow/${name} may import ${allowed.join(', ') || 'no other package'}.`,
  };
  return {
    files: [`packages/${name}/src/**/*.ts`],
    excludeFiles: TESTS,
    rules: {
      'no-restricted-imports': ['error', { patterns: name.startsWith('backend-') ? [noOther] : [noBackend, noOther] }],
    },
  };
});

export default defineConfig({
  options: { typeAware: true },
  plugins: ['typescript', 'oxc'],
  categories: { correctness: 'error' },
  env: { builtin: true },
  globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])),
  ignorePatterns: ['**/dist/', 'packages/*/build/', '**/.examples/', 'results/', 'coverage/', '**/.turbo/'],
  rules: {
    eqeqeq: 'error',
    'no-array-constructor': 'error',
    'no-case-declarations': 'error',
    'no-empty': 'error',
    'no-fallthrough': 'error',
    'no-prototype-builtins': 'error',
    'no-redeclare': 'error',
    'no-regex-spaces': 'error',
    'no-unexpected-multiline': 'error',
    'no-useless-assignment': 'error',
    'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    'no-var': 'error',
    'prefer-const': 'error',
    'prefer-rest-params': 'error',
    'prefer-spread': 'error',
    'preserve-caught-error': 'error',
    // Published constants are written with all their digits.
    'no-loss-of-precision': 'off',
    'typescript/ban-ts-comment': 'error',
    'typescript/consistent-type-exports': 'error',
    'typescript/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
    'typescript/no-empty-object-type': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-misused-promises': 'error',
    'typescript/no-namespace': 'error',
    'typescript/no-require-imports': 'error',
    'typescript/no-unnecessary-type-assertion': 'error',
    'typescript/no-unnecessary-type-constraint': 'error',
    'typescript/no-unsafe-enum-comparison': 'error',
    'typescript/no-unsafe-function-type': 'error',
    'typescript/only-throw-error': 'error',
    'typescript/prefer-promise-reject-errors': 'error',
    'typescript/prefer-readonly': 'error',
    'typescript/restrict-plus-operands': 'error',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    // Shapes are printed in messages; rules are destructured from plain objects; unions name their cases for the reader.
    'typescript/restrict-template-expressions': ['error', { allowArray: true, allowNumber: true, allowBoolean: true }],
    'typescript/unbound-method': 'off',
    'typescript/no-redundant-type-constituents': 'off',
  },
  overrides: [
    {
      files: ['**/*.{ts,tsx}'],
      // Fixtures are parsed JSON.
      excludeFiles: TESTS,
      rules: {
        'typescript/no-unsafe-argument': 'error',
        'typescript/no-unsafe-assignment': 'error',
        'typescript/no-unsafe-member-access': 'error',
        'typescript/no-unsafe-return': 'error',
      },
    },
    { files: ['**/*.{ts,tsx}'], rules: { 'typescript/no-unsafe-call': 'error' } },
    // Elsewhere the compiler knows what there is.
    { files: ['**/*.{js,mjs}'], rules: { 'no-undef': 'error' } },
    {
      files: ['packages/*/src/**/*.ts', 'apps/*/src/**/*.{ts,tsx}'],
      jsPlugins: ['./scripts/lint/exports.mjs'],
      rules: { 'exports/by-name': 'error' },
    },
    ...boundaries,
  ],
});
