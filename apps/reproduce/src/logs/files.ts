import { join } from 'node:path';
import type { LogFiles, LogFormat } from './runLog.ts';

/**
 * Where a point's logs are in a results directory. TensorBoard shows a folder as a run, so its folders say what they hold;
 * a part of the address keeps points of other settings apart.
 *
 * @param base folder of the point's files.
 */
export function logFiles(
  base: string,
  { address, label }: { readonly address: string; readonly label: string },
  format: LogFormat,
): LogFiles {
  const name = label.replaceAll(/[^\w.]+/g, '-').replaceAll(/^-|-$/g, '');
  return {
    ...(format === 'jsonl' || format === 'both' ? { jsonl: join(base, 'logs', `${address}.jsonl`) } : {}),
    ...(format === 'tensorboard' || format === 'both'
      ? { events: join(base, 'tensorboard', `${name}-${address.slice(0, 8)}`, 'events.out.tfevents.sparseflow') }
      : {}),
  };
}
