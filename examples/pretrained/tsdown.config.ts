import { defineConfig } from 'tsdown';

export default defineConfig({
  entry: { main: 'src/main.ts', pack: 'src/pack.ts' },
  format: 'esm',
  platform: 'node',
  target: 'node20',
  dts: false,
  fixedExtension: false,
});
