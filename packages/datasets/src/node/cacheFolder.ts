import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** `$XDG_CACHE_HOME/sparseflow`, by the XDG Base Directory Specification: ~/.cache where the variable is not an absolute path. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['XDG_CACHE_HOME'];
  return join(chosen !== undefined && isAbsolute(chosen) ? chosen : join(homedir(), '.cache'), 'sparseflow');
}

/** Where fetched files are put unless told otherwise. */
export function defaultDataFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(cacheFolder(environment), 'data');
}
