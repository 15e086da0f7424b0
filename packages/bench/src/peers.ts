import type { Shape } from '@sparseflow/tensor';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Row } from './report.ts';

/** A system that is timed by a Python script. */
export interface Peer {
  readonly name: string;
  /** In the folder peers of this package. Not named as a module that may be looked for: Python would find the script. */
  readonly script: string;
  readonly modules: readonly string[];
}

export const PEERS: readonly Peer[] = [
  { name: 'PyTorch', script: 'time_pytorch.py', modules: ['torch', 'torchdiffeq', 'torchdyn'] },
  { name: 'JAX', script: 'time_jax.py', modules: ['jax', 'diffrax'] },
];

/** Python to run them with; `PYTHON` names another than python3. */
const python = (): string => process.env['PYTHON'] ?? 'python3';

/** Every library that brings its own threads is told the number. */
function environment(threads: number): NodeJS.ProcessEnv {
  const count = String(threads);
  return {
    ...process.env,
    OPENBLAS_NUM_THREADS: '1',
    OMP_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    JAX_PLATFORMS: 'cpu',
    XLA_FLAGS: threads === 1 ? '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1' : '',
  };
}

interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], input: string, threads: number): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(python(), args, { env: environment(threads), stdio: ['pipe', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', ({ message }) => resolve({ status: 127, stdout, stderr: message }));
    child.on('close', (status) => resolve({ status: status ?? 1, stdout, stderr }));
    // A script that ends early closes the pipe; its status says so.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Which of a peer's modules Python cannot import. */
export async function missing({ modules }: Peer): Promise<readonly string[]> {
  const code = `import importlib.util as u, sys\nprint(*[m for m in sys.argv[1:] if u.find_spec(m) is None])`;
  const { status, stdout } = await run(['-c', code, ...modules], '', 1);
  return status === 0 ? stdout.trim().split(/\s+/).filter(Boolean) : modules;
}

/** How a person makes a peer measurable. */
export function howToInstall({ name }: Peer, absent: readonly string[]): string {
  return `${name} is not measured: ${python()} cannot import ${absent.join(', ')}. To install: ${python()} -m pip install ${absent.join(' ')}`;
}

/** Numbers as a script reads them: float32 as base64, since JSON's digits of a million of them would take seconds to read. */
export function encode(values: ArrayLike<number>, shape: Shape): object {
  return { shape, values: Buffer.from(Float32Array.from(values).buffer).toString('base64') };
}

/** Runs a peer's script on the same problems and reads its rows. */
export async function timePeer(
  { script }: Peer,
  input: object,
  threads: number,
): Promise<{ readonly rows: readonly Row[]; readonly problems: readonly string[] } | { readonly error: string }> {
  const path = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  // -B: a compiled module left beside the scripts would be published with them.
  const { status, stdout, stderr } = await run(['-B', path, String(threads)], JSON.stringify(input), threads);
  if (status !== 0) return { error: stderr.trim().split('\n').at(-1) ?? `exit status ${status}` };
  const rows: Row[] = [];
  const problems: string[] = [];
  for (const line of stdout.split('\n').filter((text) => text.startsWith('{'))) {
    const said = JSON.parse(line) as Row | { readonly problem: string };
    if ('problem' in said) problems.push(said.problem);
    else rows.push({ ...said, gflops: null, shareOfPeak: null });
  }
  return { rows, problems };
}
