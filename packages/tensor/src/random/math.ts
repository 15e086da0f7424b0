/*
 * log, cos and sin from additions, multiplications and divisions alone. IEEE 754 rounds those the same everywhere, while Math.log and
 * Math.cos may differ by an ulp between JavaScript engines; with these, equal keys give bit-equal normals on every platform.
 * The tests hold the logarithm to 2 ulp, cosine and sine to an absolute 2⁻⁵¹.
 */

const LN2_HIGH = 0.6931471803691238; // ln 2 cut to 33 bits, so that multiples up to 2^20 are exact
const LN2_LOW = 1.9082149292705877e-10; // ln 2 - LN2_HIGH

/** log(k / 2⁵³) for an integer k from 1 to 2⁵³. */
export function logFraction(k: number): number {
  let exponent = k >= 2 ** 32 ? 63 - Math.clz32(k / 2 ** 32) : 31 - Math.clz32(k);
  let m = k / powerOfTwo[exponent]!; // in [1, 2), exactly
  if (m > Math.SQRT2) {
    m *= 0.5;
    exponent++;
  }
  // log m = 2 artanh s; |s| ≤ 0.172, so the term in s^25 is below 2^-70 of the sum.
  const s = (m - 1) / (m + 1);
  const z = s * s;
  const tail =
    z *
    (1 / 3 +
      z *
        (1 / 5 +
          z *
            (1 / 7 +
              z *
                (1 / 9 +
                  z * (1 / 11 + z * (1 / 13 + z * (1 / 15 + z * (1 / 17 + z * (1 / 19 + z * (1 / 21 + z / 23))))))))));
  const n = exponent - 53;
  return n * LN2_HIGH + (2 * s + (2 * s * tail + n * LN2_LOW));
}

const powerOfTwo = Float64Array.from({ length: 54 }, (_, i) => 2 ** i);

/** Writes cos(2πv) and sin(2πv) to out[0], out[1], for 0 ≤ v < 1. */
export function cosSinTurns(v: number, out: Float64Array): void {
  const quarters = Math.floor(v * 4 + 0.5);
  const a = (v * 4 - quarters) * (Math.PI / 2); // the reduction is exact; |a| ≤ π/4
  const z = a * a;
  // Taylor series: the first terms left out are below 2^-61 and 2^-62.
  const cos =
    1 -
    z *
      (1 / 2 -
        z *
          (1 / 24 -
            z *
              (1 / 720 -
                z *
                  (1 / 40320 -
                    z *
                      (1 / 3628800 -
                        z *
                          (1 / 479001600 -
                            z * (1 / 87178291200 - z * (1 / 20922789888000 - z / 6402373705728000))))))));
  const sin =
    a -
    a *
      z *
      (1 / 6 -
        z *
          (1 / 120 -
            z *
              (1 / 5040 -
                z *
                  (1 / 362880 -
                    z * (1 / 39916800 - z * (1 / 6227020800 - z * (1 / 1307674368000 - z / 355687428096000)))))));
  switch (quarters & 3) {
    case 0:
      out[0] = cos;
      out[1] = sin;
      break;
    case 1:
      out[0] = -sin;
      out[1] = cos;
      break;
    case 2:
      out[0] = -cos;
      out[1] = -sin;
      break;
    default:
      out[0] = sin;
      out[1] = -cos;
  }
}
