import { existsSync } from 'node:fs';

/** What a machine needs for the browser tests and for WebGPU in Node, on Debian. */
const REMEDY = 'apt-get install chromium libvulkan1';

const CHROMIUM_PATHS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Debian's chromium ships SwiftShader, a software Vulkan driver that Dawn accepts. */
const SWIFTSHADER_ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** Dawn opens the Vulkan loader by this name; the directories are those of Debian and Fedora on x64 and arm64. */
const VULKAN_LOADERS = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'].map(
  (directory) => `${directory}/libvulkan.so.1`,
);

/** Path of a Chromium that tests can drive: `CHROMIUM_PATH` when set, otherwise where systems usually put it. */
export function chromiumPath(): string | undefined {
  const chosen = process.env['CHROMIUM_PATH'];
  return chosen === undefined
    ? CHROMIUM_PATHS.find((path) => existsSync(path))
    : existsSync(chosen)
      ? chosen
      : undefined;
}

/**
 * Flags with which headless Chromium offers a WebGPU adapter on a machine without a GPU. Naming a Vulkan or SwiftShader
 * implementation as well takes the adapter away, and without the last three Chromium waits for servers it cannot reach.
 */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Points Vulkan at the software driver, so that the `webgpu` package finds an adapter on a machine without a GPU. Call it
 * before the package is imported. A `VK_ICD_FILENAMES` that is already set wins: that is how to test on a real GPU.
 *
 * @returns whether an adapter can be expected
 */
export function enableSoftwareWebGpu(): boolean {
  if (process.env['VK_ICD_FILENAMES'] !== undefined) return true;
  if (!existsSync(SWIFTSHADER_ICD) || !VULKAN_LOADERS.some((path) => existsSync(path))) return false;
  process.env['VK_ICD_FILENAMES'] = SWIFTSHADER_ICD;
  process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
  return true;
}

/**
 * Decides whether tests that need `what` run. Where it is missing, one line says so and how to get it; with CI=true that
 * is an error, since CI leaves nothing out.
 *
 * @example
 * ```ts no-run
 * describe.runIf(requireOrExplain('WebGPU in Node', enableSoftwareWebGpu()))('webgpu', () => { … });
 * ```
 */
export function requireOrExplain(what: string, present: boolean, remedy: string = REMEDY): boolean {
  if (present) return true;
  const line = `not used: ${what}, so its tests do not run. To get it: ${remedy}`;
  if (process.env['CI'] === 'true') throw new Error(line);
  process.stderr.write(`${line}\n`);
  return false;
}
