import { availableParallelism } from 'node:os';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import * as v from 'valibot';
import { UsageError } from './errors.ts';
import type { LogFormat } from './logs/runLog.ts';
import { logFormats } from './logs/runLog.ts';
import type { Budget, ChainMethod, Protocol } from './study.ts';
import { budgets, chainMethods, protocols } from './study.ts';

export const backendNames = [
  'auto',
  'native',
  'wasm',
  'reference',
  'tfjs-webgpu',
  'tfjs-node-gpu',
  'tfjs-wasm',
  'tfjs-webgl',
] as const;
export type BackendName = (typeof backendNames)[number];

/** The command line, checked. Paths are absolute. */
export interface Options {
  readonly names: readonly string[];
  readonly budget: Budget;
  readonly backend: BackendName;
  readonly protocol: Protocol;
  /** Undefined: what the budget says. */
  readonly seeds: readonly number[] | undefined;
  /** Methods whose points are computed now, besides the dense models and what `pruners` adds; undefined: all. */
  readonly methods: readonly ChainMethod[] | undefined;
  readonly workers: number;
  readonly out: string;
  readonly dataDir: string | undefined;
  readonly json: boolean;
  readonly fresh: boolean;
  readonly log: LogFormat;
  readonly dryRun: boolean;
  /** Pruners to run the studies with besides their own methods, as they were given. */
  readonly pruners: readonly string[];
}

const oneOf = <const T extends readonly string[]>(option: string, values: T) =>
  v.picklist(values, ({ input }) => `--${option} ${String(input)} is unknown|use one of: ${values.join(', ')}`);

const wholeNumber = (option: string, most: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,6}$/, ({ input }) => `--${option} ${input} is not a whole number|use 1, 2, 3, …`),
    v.transform(Number),
    v.minValue(1, `--${option} 0 is too few|use 1 or more`),
    v.maxValue(most, ({ input }) => `--${option} ${input} is too many|use ${most} or fewer`),
  );

const mostSeeds = 1000;

/** A number N, for seeds 0 … N-1, or a range such as 2-3: what another machine has not computed. */
const seeds = v.pipe(
  v.string(),
  v.regex(
    /^\d{1,6}(?:-\d{1,6})?$/,
    ({ input }) => `--seeds ${input} is not a whole number or a range|use 3 for seeds 0 to 2, or 2-3 for seeds 2 and 3`,
  ),
  v.rawTransform(({ dataset: { value: text }, addIssue, NEVER }) => {
    const refuse = (message: string): typeof NEVER => {
      addIssue({ message });
      return NEVER;
    };
    const [first, last] = text.includes('-') ? text.split('-').map(Number) : [0, Number(text) - 1];
    const count = last! - first! + 1;
    if (text === '0') return refuse('--seeds 0 is too few|use 1 or more');
    if (count < 1) return refuse(`--seeds ${text} ends before it begins|name the smaller seed first`);
    if (count > mostSeeds) return refuse(`--seeds ${text} is too many|use ${mostSeeds} or fewer`);
    return Array.from({ length: count }, (_, i) => first! + i);
  }),
);

/** Names between commas. */
const methodNames = v.pipe(
  v.string(),
  v.transform((text) => text.split(',')),
  v.array(oneOf('methods', chainMethods)),
);

const schema = v.object({
  budget: oneOf('budget', budgets),
  backend: oneOf('backend', backendNames),
  protocol: oneOf('protocol', protocols),
  seeds: v.optional(seeds),
  methods: v.optional(methodNames),
  workers: v.optional(wholeNumber('workers', 256)),
  out: v.pipe(v.string(), v.nonEmpty('--out is empty|name a directory')),
  dataDir: v.optional(
    v.pipe(v.string(), v.nonEmpty('--data-dir is empty|name the directory that holds the data files')),
  ),
  json: v.optional(v.boolean(), false),
  fresh: v.optional(v.boolean(), false),
  log: oneOf('log', logFormats),
  dryRun: v.optional(v.boolean(), false),
  pruner: v.optional(v.array(v.pipe(v.string(), v.nonEmpty('--pruner is empty|name a pruner or a file'))), []),
});

/**
 * Checks what the command line parser collected.
 *
 * @throws UsageError naming the option, its value and what it may be.
 */
export function resolveOptions(names: readonly string[], raw: unknown, cwd: string): Options {
  const parsed = v.safeParse(schema, raw);
  if (!parsed.success) {
    const [what, remedy] = parsed.issues[0].message.split('|');
    throw new UsageError(what!, remedy ?? 'see `pnpm reproduce --help`');
  }
  const { out, dataDir, workers, seeds, methods, pruner, ...rest } = parsed.output;
  const options: Options = {
    ...rest,
    pruners: pruner,
    names: names.length === 0 ? ['gaussians'] : names,
    seeds,
    methods,
    workers: workers ?? availableParallelism(),
    out: resolve(cwd, out),
    dataDir: dataDir === undefined ? undefined : resolve(cwd, dataDir),
  };
  if (options.dataDir !== undefined && statSync(options.dataDir, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(
      `--data-dir ${options.dataDir} is not a directory`,
      'name the directory that holds the data files',
    );
  }
  return options;
}
