// `pnpm test …`: builds what is out of date, checks the types of the documentation's examples, then runs every test, those
// examples included. Arguments go to vitest.
import { writeExamples } from './examples.mjs';
import { run, turbo } from './turbo.mjs';

const built = await turbo('build');
writeExamples();
const types = await run('tsc', ['-p', 'tsconfig.examples.json']);
const tests = await run('vitest', ['run', ...process.argv.slice(2)]);
process.exitCode = built && types.status === 0 && tests.status === 0 ? 0 : 1;
