import * as v from 'valibot';
import { DataFileError } from '../errors.ts';
import { bytesOf, using, type DataStorage } from '../storage/storage.ts';

export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/** @throws {DataFileError} when what is there is not what was written */
export async function readJson<S extends v.GenericSchema>(
  storage: DataStorage,
  path: string,
  schema: S,
): Promise<v.InferOutput<S> | undefined> {
  const file = await storage.open(path);
  if (!file) return undefined;
  return using(file, async () => {
    const decoder = new TextDecoder();
    let text = '';
    for await (const bytes of bytesOf(file)) text += decoder.decode(bytes, { stream: true });
    try {
      return v.parse(schema, JSON.parse(text));
    } catch (cause) {
      throw damaged(file.path, 'it is not what was written', { cause });
    }
  });
}

/** A prepared file that is not as it was made. */
export function damaged(path: string, what: string, options?: ErrorOptions): DataFileError {
  return new DataFileError('corrupt', path, what, 'remove its folder: it will be made again', options);
}
