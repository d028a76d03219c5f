/* The cosine transform of a block of a difference, in steps of its quantization table.
 *
 * Both passes (T.81, A.3.3) are summed in float64, where products of two numbers of float32 are exact, and rounded to
 * float32; the quotients are rounded to whole steps.
 */
#include <math.h>
#include <stdint.h>

#define PX 8
#define BLOCK 64
#define MOST_SIDE 2
#define MOST_UNIT (PX * MOST_SIDE)

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define CAN_BE_FAST 1
#define FAST __attribute__((target("avx2,fma")))
#else
#define CAN_BE_FAST 0
#define FAST
#endif

#if CAN_BE_FAST
/* One pass of the transform over four columns, [8, 4] of rows ``apart`` apart, into rows of a block, transposed. Even
 * cosines are symmetric and odd ones antisymmetric: sums and differences of opposite rows are multiplied, half as many.
 */
static inline FAST void pass_of_four(const double *cosines, const float *from, int apart, float *to) {
    __m256d sums[PX / 2], ways[PX / 2];
    __m128 out[PX];
    for (int k = 0; k < PX / 2; k++) {
        __m256d upper = _mm256_cvtps_pd(_mm_loadu_ps(from + k * apart));
        __m256d lower = _mm256_cvtps_pd(_mm_loadu_ps(from + (PX - 1 - k) * apart));
        sums[k] = _mm256_add_pd(upper, lower);
        ways[k] = _mm256_sub_pd(upper, lower);
    }
#pragma GCC unroll 8
    for (int i = 0; i < PX; i++) {
        const __m256d *given = i % 2 ? ways : sums;
        __m256d total = _mm256_mul_pd(given[0], _mm256_set1_pd(cosines[i * PX]));
#pragma GCC unroll 3
        for (int k = 1; k < PX / 2; k++) total = _mm256_fmadd_pd(given[k], _mm256_set1_pd(cosines[i * PX + k]), total);
        out[i] = _mm256_cvtpd_ps(total);
    }
    _MM_TRANSPOSE4_PS(out[0], out[1], out[2], out[3]);
    _MM_TRANSPOSE4_PS(out[4], out[5], out[6], out[7]);
    for (int c = 0; c < 4; c++) {
        _mm_storeu_ps(to + c * PX, out[c]);
        _mm_storeu_ps(to + c * PX + 4, out[4 + c]);
    }
}

/* The change of a block in quantization steps, [8, 8]; returns 0 if all are 0. */
static inline FAST int steps_of(const double *cosines, const float *table, const float *samples, int16_t *steps) {
    float middle[BLOCK], sums[BLOCK];
    __m256i any = _mm256_setzero_si256();
    for (int c = 0; c < PX; c += 4) pass_of_four(cosines, samples + c, MOST_UNIT, middle + c * PX);
    for (int c = 0; c < PX; c += 4) pass_of_four(cosines, middle + c, PX, sums + c * PX);
    for (int i = 0; i < PX; i++) {
        __m256 row = _mm256_div_ps(_mm256_loadu_ps(sums + i * PX), _mm256_loadu_ps(table + i * PX));
        __m256i whole = _mm256_cvtps_epi32(row);
        any = _mm256_or_si256(any, whole);
        __m128i short_ones = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
        _mm_storeu_si128((__m128i *)(steps + i * PX), short_ones);
    }
    return !_mm256_testz_si256(any, any);
}

/* Whether even cosines are symmetric and odd ones antisymmetric. */
static int is_symmetric(const double *cosines) {
    for (int i = 0; i < PX; i++)
        for (int k = 0; k < PX / 2; k++)
            if (cosines[i * PX + k] != (i % 2 ? -1.0 : 1.0) * cosines[i * PX + PX - 1 - k]) return 0;
    return 1;
}
#else
static int is_symmetric(const double *cosines) { return 1; }

/* The change of a block in quantization steps, [8, 8]; returns 0 if all are 0. */
static inline int steps_of(const double *cosines, const float *table, const float *samples, int16_t *steps) {
    float middle[BLOCK];
    int any = 0;
    for (int i = 0; i < PX; i++) {
        double sums[PX] = {0};
        for (int k = 0; k < PX; k++)
            for (int c = 0; c < PX; c++) sums[c] += cosines[i * PX + k] * (double)samples[k * MOST_UNIT + c];
        for (int c = 0; c < PX; c++) middle[c * PX + i] = (float)sums[c];
    }
    for (int j = 0; j < PX; j++) {
        double sums[PX] = {0};
        for (int k = 0; k < PX; k++)
            for (int i = 0; i < PX; i++) sums[i] += cosines[j * PX + k] * (double)middle[k * PX + i];
        for (int i = 0; i < PX; i++) {
            int step = (int)rintf((float)sums[i] / table[i * PX + j]);
            steps[i * PX + j] = (int16_t)step;
            any |= step;
        }
    }
    return any != 0;
}
#endif
