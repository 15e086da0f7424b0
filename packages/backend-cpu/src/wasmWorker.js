// A helper thread of the WebAssembly kernels: an instance on the shared memory that takes parts of tasks until the thread is ended.
// Plain JavaScript, because Node and browsers load this file as it is, from the sources as from the package.
const port = globalThis.process?.getBuiltinModule?.('node:worker_threads').parentPort ?? globalThis;

port.onmessage = ({ data: { module, memory, thread } }) => {
  const now = () => performance.now();
  const kernels = new WebAssembly.Instance(module, { env: { memory, now } }).exports;
  kernels.__stack_pointer.value = kernels.stackOf(thread);
  try {
    kernels.serve(thread);
  } catch (error) {
    // A trap: nobody must wait for the part that it ended.
    kernels.abandon();
    throw error;
  }
};
