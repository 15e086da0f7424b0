import { DataFileError } from '../errors.ts';
import { bytesOf, type StoredFile } from '../storage/storage.ts';

/**
 * The unpacked bytes of a gzip file, piece by piece.
 *
 * @throws {DataFileError} when the file is truncated or its checksum does not fit.
 */
export async function* gunzip(file: StoredFile): AsyncGenerator<Uint8Array, void, undefined> {
  const packed = bytesOf(file);
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const { done, value } = await packed.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
  });
  const reader = (source.pipeThrough(new DecompressionStream('gzip')) as ReadableStream<Uint8Array>).getReader();
  let unpacked = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      unpacked += value.length;
      yield value;
    }
  } catch (cause) {
    if (cause instanceof DataFileError) throw cause;
    throw new DataFileError(
      'corrupt',
      file.path,
      `the gzip stream is truncated or damaged after ${unpacked} unpacked bytes (${(cause as Error).message})`,
      'get the file again',
      { cause },
    );
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
