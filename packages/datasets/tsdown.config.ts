import { library } from '../../tsdown.shared.ts';

export default library({ index: 'src/index.ts', 'node/index': 'src/node/index.ts', 'node/cli': 'src/node/cli.ts' });
