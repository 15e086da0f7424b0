/**
 * Shader compilers may assume that neither NaN nor infinity occurs, and their exp, log, sin, cos and pow may be off by far more
 * than a rounding (WGSL 15.7; GLSL ES 3.0 promises nothing). These functions test bits, not values, for NaN, and reduce their
 * arguments to where the built-in ones are good. They are WGSL with every type written out, so that `toGlsl` can translate them;
 * `isnan`, `isinf` and `uniforms` come with every program.
 */
const functions: Readonly<Record<string, string>> = {
  exp: `fn sf_exp(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    return exp(x);
  }`,
  // Within ±0.35 the Taylor series to x⁷ is good to 6e-9 of the value.
  expm1: `fn sf_expm1(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    if (abs(x) > 0.35) { return exp(x) - 1.0; }
    return x + x * x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x / 5040.0)))));
  }`,
  log: `fn sf_log(x : f32) -> f32 {
    if (isnan(x) || x < 0.0) { return uniforms.NAN; }
    if (x == 0.0) { return -uniforms.INFINITY; }
    if (isinf(x)) { return x; }
    return log(x);
  }`,
  // log(1 + x) = 2 artanh(s), s = x / (2 + x); |s| ≤ 0.18 where the series is used, so s¹¹/11 is 1e-9 of the value.
  log1p: `fn sf_log1p(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    if (x < -0.3 || x > 0.4) { return sf_log(1.0 + x); }
    let s : f32 = x / (2.0 + x);
    let q : f32 = s * s;
    return 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q / 9.0))));
  }`,
  // x − k π/2 in three parts (Cody and Waite), then the Taylor series within ±π/4; good to 1e-7 up to |x| of some thousands.
  sincos: `fn sf_sincos(x : f32, quarter : i32) -> f32 {
    if (isnan(x) || isinf(x)) { return uniforms.NAN; }
    let k : f32 = floor(x * 0.6366197723675814 + 0.5);
    var r : f32 = fma(k, -1.5703125, x);
    r = fma(k, -4.837512969970703125e-4, r);
    r = fma(k, -7.549789948768648e-8, r);
    let q : f32 = r * r;
    let s : f32 = r * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q / 362880.0))));
    let c : f32 = 1.0 + q * (-0.5 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q / 40320.0)));
    let n : i32 = (i32(k) + quarter) & 3;
    let value : f32 = select(s, c, (n & 1) == 1);
    return select(value, -value, n >= 2);
  }`,
  sin: `fn sf_sin(x : f32) -> f32 { return sf_sincos(x, 0); }`,
  cos: `fn sf_cos(x : f32) -> f32 { return sf_sincos(x, 1); }`,
  // From e^−2|x|, which cannot overflow; near 0 from its difference to 1, which does not cancel.
  tanh: `fn sf_tanh(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    let e : f32 = sf_expm1(-2.0 * abs(x));
    return sign(x) * (-e / (2.0 + e));
  }`,
  sigmoid: `fn sf_sigmoid(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    let e : f32 = exp(-abs(x));
    return select(e, 1.0, x >= 0.0) / (1.0 + e);
  }`,
  softplus: `fn sf_softplus(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    return max(x, 0.0) + sf_log1p(exp(-abs(x)));
  }`,
  sign: `fn sf_sign(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    return sign(x);
  }`,
  step: `fn sf_step(x : f32) -> f32 { return select(0.0, 1.0, x > 0.0 && !isnan(x)); }`,
  // As Math.pow: any x to the 0 is 1, NaN where an odd case has no real value, and ±1 to the ±∞ is NaN.
  pow: `fn sf_pow(x : f32, y : f32) -> f32 {
    if (isnan(y)) { return y; }
    if (y == 0.0) { return 1.0; }
    if (isnan(x)) { return x; }
    let size : f32 = abs(x);
    if (isinf(y)) {
      if (size == 1.0) { return uniforms.NAN; }
      return select(0.0, uniforms.INFINITY, (size > 1.0) == (y > 0.0));
    }
    let isInteger : bool = floor(y) == y;
    if (x < 0.0 && !isInteger && !isinf(x)) { return uniforms.NAN; }
    // Above 2²⁴ every float is even.
    let isOdd : bool = isInteger && abs(y) < 16777216.0 && (i32(y) & 1) != 0;
    var value : f32 = 0.0;
    if (size == 0.0 || isinf(x)) { value = select(0.0, uniforms.INFINITY, (size == 0.0) == (y < 0.0)); }
    else if (y == 1.0) { value = size; }
    else if (y == 2.0) { value = size * size; }
    else if (y == 3.0) { value = size * size * size; }
    else if (y == -1.0) { value = 1.0 / size; }
    else if (y == 0.5) { value = sqrt(size); }
    else { value = pow(size, y); }
    let isNegative : bool = (bitcast<u32>(x) >> 31u) == 1u;
    return select(value, -value, isNegative && isOdd);
  }`,
  maximum: `fn sf_maximum(x : f32, y : f32) -> f32 {
    if (isnan(x)) { return x; }
    if (isnan(y)) { return y; }
    return max(x, y);
  }`,
  minimum: `fn sf_minimum(x : f32, y : f32) -> f32 {
    if (isnan(x)) { return x; }
    if (isnan(y)) { return y; }
    return min(x, y);
  }`,
  equal: `fn sf_equal(x : f32, y : f32) -> f32 { return select(0.0, 1.0, x == y && !isnan(x) && !isnan(y)); }`,
  less: `fn sf_less(x : f32, y : f32) -> f32 { return select(0.0, 1.0, x < y && !isnan(x) && !isnan(y)); }`,
  lessEqual: `fn sf_lessEqual(x : f32, y : f32) -> f32 { return select(0.0, 1.0, x <= y && !isnan(x) && !isnan(y)); }`,
  relu: `fn sf_relu(x : f32) -> f32 {
    if (isnan(x)) { return x; }
    return max(x, 0.0);
  }`,
  div: `fn sf_div(x : f32, y : f32) -> f32 { return x / y; }`,
  select: `fn sf_select(c : f32, x : f32, y : f32) -> f32 { return select(y, x, c != 0.0 || isnan(c)); }`,
  affine: `fn sf_affine(x : f32) -> f32 { return x * uniforms.scale + uniforms.shift; }`,
};

/** Functions that a function calls, before it. */
const dependencies: Readonly<Record<string, readonly string[]>> = {
  log1p: ['log'],
  sin: ['sincos'],
  cos: ['sincos'],
  tanh: ['expm1'],
  softplus: ['log', 'log1p'],
};

/** The source of functions and of those they call, which come first; each once. */
export function shaderFunctions(...names: readonly string[]): string {
  const all = new Set(names.flatMap((name) => [...(dependencies[name] ?? []), name]));
  return [...all].map((each) => functions[each]!).join('\n');
}

/** From the subset of WGSL that is used here to GLSL ES 3.0. */
export function toGlsl(wgsl: string): string {
  return wgsl
    .replace(/fn (\w+)\(([^)]*)\) -> f32/g, 'float $1($2)')
    .replace(
      /(?:let |var )?\b(\w+) : (f32|i32|bool)/g,
      (_, name: string, type: 'f32' | 'i32' | 'bool') => `${glslTypes[type]} ${name}`,
    )
    .replaceAll('uniforms.INFINITY', 'uintBitsToFloat(0x7f800000u)')
    .replaceAll('uniforms.', '')
    .replaceAll('bitcast<u32>', 'floatBitsToUint')
    .replaceAll('i32(', 'int(')
    .replaceAll('select(', 'sf_choose(')
    .replaceAll('sf_sf_choose(', 'sf_select(')
    .replaceAll('fma(', 'sf_fma(')
    .replaceAll('isnan(', 'sf_isnan(');
}

const glslTypes = { f32: 'float', i32: 'int', bool: 'bool' } as const;

/** What WGSL has and GLSL ES 3.0 has not. */
export const glslPrelude = `
  float sf_choose(float no, float yes, bool which) { return which ? yes : no; }
  bool sf_isnan(float x) { return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u; }
  float sf_fma(float a, float b, float c) { return a * b + c; }
`;
