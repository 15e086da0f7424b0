// `pnpm run doctor` (`pnpm doctor` is a command of pnpm itself): builds what is out of date, then says which backends work here. Standard output
// belongs to that command line alone.
import { fileURLToPath } from 'node:url';
import { turbo } from './turbo.mjs';

if (await turbo('build', 'reproduce...')) {
  const doctor = new URL('../apps/reproduce/dist/doctor.js', import.meta.url);
  process.argv[1] = fileURLToPath(doctor);
  await import(doctor.href);
} else {
  process.exitCode = 1;
}
