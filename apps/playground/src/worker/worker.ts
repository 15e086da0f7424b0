import type { Report, Request } from '../protocol.ts';
import { Host } from './host.ts';

/** What is used of a dedicated worker's global; the types of windows and workers exclude each other. */
interface Port {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(report: Report, transfer: Transferable[]): void;
}
const port = globalThis as unknown as Port;

const host = new Host((report) => port.postMessage(report, buffersIn(report)));
port.onmessage = ({ data }) => host.receive(data);
void host.serve();

/** The arrays of a report, which are handed over. */
function buffersIn(node: unknown, found = new Set<ArrayBuffer>()): Transferable[] {
  if (ArrayBuffer.isView(node)) {
    if (node.buffer instanceof ArrayBuffer) found.add(node.buffer);
  } else if (typeof node === 'object' && node !== null)
    for (const child of Object.values(node)) buffersIn(child, found);
  return [...found];
}
