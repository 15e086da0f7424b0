import { library } from '../../tsdown.shared.ts';

export default library({
  index: 'src/index.ts',
  'conformance/index': 'src/conformance/index.ts',
  'reference/index': 'src/reference/index.ts',
});
