import { library } from '../../tsdown.shared.ts';

// The helpers' script is loaded as it is.
export default { ...library({ index: 'src/index.ts' }), copy: 'src/wasmWorker.js' };
