import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const TESTS = ['**/*.test.ts', '**/test/**', 'test-support/**'];

/** What scripts use of Node's globals; in TypeScript the compiler knows them. */
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

/** One backend is passed in by the application; no package picks it. */
const noBackend = {
  group: ['@sparseflow/backend-*', '@tensorflow/*', 'webgpu'],
  message: 'No package imports a backend: the application passes one in.',
};

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

const boundaries = Object.entries(MAY_IMPORT).map(([name, allowed]) => ({
  files: [`packages/${name}/src/**/*.ts`],
  ignores: TESTS,
  rules: {
    '@typescript-eslint/no-restricted-imports': [
      'error',
      {
        patterns: [
          ...(name.startsWith('backend-') ? [] : [noBackend]),
          {
            regex: `^@sparseflow/(?!backend-)(?!(${allowed.join('|') || '-'})(/|$))`,
            message: `@sparseflow/${name} may import ${allowed.join(', ') || 'no other package'}.`,
          },
        ],
      },
    ],
  },
}));

export default defineConfig(
  globalIgnores(['**/dist/', 'packages/*/build/', '**/.examples/', 'results/', 'coverage/', '**/.turbo/']),
  js.configs.recommended,
  {
    languageOptions: {
      globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])),
    },
  },
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Shapes are printed in messages; an interface's async method need not await; rules are destructured from plain objects; unions name their cases for the reader.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowArray: true, allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      // Published constants are written with all their digits.
      'no-loss-of-precision': 'off',
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['packages/*/src/**/*.ts', 'apps/*/src/**/*.{ts,tsx}'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
        { selector: 'ExportAllDeclaration', message: 'Name what is exported.' },
      ],
    },
  },
  ...boundaries,
  {
    files: TESTS,
    rules: {
      // Fixtures are parsed JSON.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
