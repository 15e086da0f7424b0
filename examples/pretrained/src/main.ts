import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createCpuBackend } from '@sparseflow/backend-cpu';
import { loadPretrained } from './pretrained.ts';
import { show } from './show.ts';

const folder = fileURLToPath(new URL('../checkpoints/', import.meta.url));
const extension = '.safetensors';
const names = readdirSync(folder)
  .filter((file) => file.endsWith(extension))
  .map((file) => file.slice(0, -extension.length));

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`there is no checkpoint '${unknown}'; use ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  const backend = createCpuBackend();
  for (const name of chosen.length > 0 ? chosen : names) {
    const pretrained = loadPretrained(`${folder}${name}${extension}`, backend);
    const { method, pruneRatio, parameters } = pretrained.about;
    const { testNll, testAccuracy, picture } = await show(pretrained, backend);
    const pruned = pruneRatio === 0 ? method : `${method}, ${Math.round(pruneRatio * 1000) / 10} % pruned`;
    const accuracy = testAccuracy === undefined ? '' : `, accuracy ${(testAccuracy * 100).toFixed(1)} %`;
    console.log(`\n${name}: ${pruned}, ${parameters} parameters; test NLL ${testNll.toFixed(4)} nats${accuracy}\n`);
    console.log(picture);
  }
}
