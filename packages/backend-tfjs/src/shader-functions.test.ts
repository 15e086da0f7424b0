import { describe, expect, it } from 'vitest';
import { glslPrelude, shaderFunctions, toGlsl } from './shader-functions.ts';

describe('toGlsl', () => {
  it('translates types, constants and calls', () => {
    expect(toGlsl(shaderFunctions('sigmoid'))).toMatchInlineSnapshot(`
      "float sf_sigmoid(float x) {
          if (sf_isnan(x)) { return x; }
          float e = exp(-abs(x));
          return sf_choose(e, 1.0, x >= 0.0) / (1.0 + e);
        }"
    `);
    expect(toGlsl(shaderFunctions('select'))).toMatchInlineSnapshot(
      `"float sf_select(float c, float x, float y) { return sf_choose(y, x, c != 0.0 || sf_isnan(c)); }"`,
    );
  });

  it('leaves no WGSL behind', () => {
    for (const name of ['log1p', 'sin', 'cos', 'tanh', 'softplus', 'pow', 'maximum', 'affine']) {
      expect(toGlsl(shaderFunctions(name))).not.toMatch(/\b(fn|let|var|f32|i32|u32|bitcast|uniforms|fma)\b|->/);
    }
  });

  it('defines what it calls', () => {
    const source = ['sin', 'pow', 'tanh', 'softplus'].map((name) => toGlsl(shaderFunctions(name))).join('\n');
    const called = new Set(source.match(/\bsf_\w+(?=\()/g));
    const defined = new Set((glslPrelude + source).match(/(?<=(?:float|bool) )sf_\w+(?=\()/g));
    expect([...called].filter((name) => !defined.has(name))).toEqual([]);
  });
});
