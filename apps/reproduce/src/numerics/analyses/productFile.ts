import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs';
import type { ProductRecord } from '@sparseflow/hessian';

/**
 * A record of products in a file, one behind the other, so that what is in it survives a killed process. An entry that was being
 * written then is cut off.
 *
 * @param dimension of the operator.
 */
export function productFile(path: string, dimension: number): ProductRecord {
  const size = (dimension + 1) * Float64Array.BYTES_PER_ELEMENT;
  const entries: Float64Array[] = [];
  if (existsSync(path)) {
    const bytes = readFileSync(path);
    const whole = Math.floor(bytes.length / size);
    if (bytes.length > whole * size) truncateSync(path, whole * size);
    for (let i = 0; i < whole; i++) entries.push(new Float64Array(bytes.buffer.slice(...span(bytes, i * size, size))));
  }
  return {
    read: (index) => entries[index],
    append(entry) {
      appendFileSync(path, new Uint8Array(entry.buffer, entry.byteOffset, entry.byteLength));
      entries.push(entry);
    },
  };
}

/** Where bytes of a buffer lie in the memory below it. */
function span({ byteOffset }: Buffer, start: number, length: number): [from: number, to: number] {
  return [byteOffset + start, byteOffset + start + length];
}
