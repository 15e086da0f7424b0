import { BackendError } from '@sparseflow/tensor';
import type { TfjsBackendName } from './names.ts';
import type { TfjsCore } from './runtime.ts';

/** The version of every TensorFlow.js package that this was made for and tested with. */
const VERSION = '4.22.0';

/**
 * One loader per package. The first four are written out so that bundlers find them; the last two only exist in Node, so bundlers
 * must not look for them.
 */
const loaders = {
  '@tensorflow/tfjs-core': () => import('@tensorflow/tfjs-core'),
  '@tensorflow/tfjs-backend-cpu': () => import('@tensorflow/tfjs-backend-cpu'),
  '@tensorflow/tfjs-backend-wasm': () => import('@tensorflow/tfjs-backend-wasm'),
  '@tensorflow/tfjs-backend-webgl': () => import('@tensorflow/tfjs-backend-webgl'),
  '@tensorflow/tfjs-backend-webgpu': () => import('@tensorflow/tfjs-backend-webgpu'),
  '@tensorflow/tfjs-node-gpu': () => importUnseen('@tensorflow/tfjs-node-gpu'),
  webgpu: () => importUnseen('webgpu'),
} as const;

export type PackageName = keyof typeof loaders;

export const backendPackages: Readonly<Record<TfjsBackendName, PackageName>> = {
  cpu: '@tensorflow/tfjs-backend-cpu',
  wasm: '@tensorflow/tfjs-backend-wasm',
  webgl: '@tensorflow/tfjs-backend-webgl',
  webgpu: '@tensorflow/tfjs-backend-webgpu',
  'node-gpu': '@tensorflow/tfjs-node-gpu',
};

function importUnseen(specifier: string): Promise<unknown> {
  return import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
}

/**
 * Imports an optional peer. In Node these packages are CommonJS and in bundles ES modules, so what they export is found under
 * `default` or at the top.
 *
 * @throws {BackendError} when it is not installed, or does not load.
 */
export async function importPackage<T extends object>(label: string, name: PackageName, probe: keyof T): Promise<T> {
  let module: T & { default?: T };
  try {
    module = (await loaders[name]()) as T & { default?: T };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw isNotFound(cause, name)
      ? new BackendError(label, `the package '${name}' is not installed`, `npm install ${installable(name)}`, { cause })
      : new BackendError(label, `the package '${name}' does not load: ${firstLine(message)}`, loadRemedy(name), {
          cause,
        });
  }
  return probe in module ? module : (module.default ?? module);
}

export function importCore(label: string): Promise<TfjsCore> {
  return importPackage<TfjsCore>(label, '@tensorflow/tfjs-core', 'engine');
}

function isNotFound(cause: unknown, name: string): boolean {
  if (!(cause instanceof Error)) return false;
  const code = (cause as { code?: string }).code;
  const missing =
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    /(Could not|Failed to) resolve/.test(cause.message);
  // Quoted, because a dependency that is missing is reported with the path of the package that wants it.
  return missing && [`'${name}'`, `"${name}"`].some((quoted) => cause.message.includes(quoted));
}

function installable(name: PackageName): string {
  return name === 'webgpu' ? 'webgpu' : `${name}@${VERSION}`;
}

function loadRemedy(name: PackageName): string {
  if (name !== '@tensorflow/tfjs-node-gpu') return `reinstall it: npm install ${installable(name)}`;
  return (
    'allow its install script, which downloads libtensorflow (npm rebuild @tensorflow/tfjs-node-gpu --build-addon-from-source), ' +
    'install the CUDA version it names, and run Node 18 to 22 (version 4.22 fails from Node 23 on); or use webgpu or wasm'
  );
}

/** Errors of this project end their sentences themselves. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.replace(/\.+$/, '');
}
