/* The planes of SPADE's conditioning: years, positions and their waves. */
#ifndef AMGAN_CONDITION_H
#define AMGAN_CONDITION_H

#include "_halves.h"

#define WAVES 5 /* of positions, each twice as many as the one before */

#if CAN_BE_FAST
static inline FAST __m256 some_of(const float *from, __m256i wanted) { return _mm256_maskload_ps(from, wanted); }

/* Sine and cosine of pi times eight numbers. */
static inline FAST void turn_eight(__m256 at, __m256 *sine, __m256 *cosine) {
    const float sines[6] = {3.14159265f, -5.16771278f, 2.55016404f, -0.59926453f, 0.08214589f, -0.00737043f};
    const float cosines[7] = {1.0f, -4.93480220f, 4.05871213f, -1.33526277f, 0.23533063f, -0.02580689f, 0.00192957f};
    __m256 whole = _mm256_round_ps(at, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), rest = _mm256_sub_ps(at, whole);
    __m256 sign = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtps_epi32(whole), 31));
    __m256 square = _mm256_mul_ps(rest, rest), odd = _mm256_set1_ps(sines[5]), even = _mm256_set1_ps(cosines[6]);
    for (int k = 4; k >= 0; k--) odd = _mm256_fmadd_ps(odd, square, _mm256_set1_ps(sines[k]));
    for (int k = 5; k >= 0; k--) even = _mm256_fmadd_ps(even, square, _mm256_set1_ps(cosines[k]));
    *sine = _mm256_xor_ps(_mm256_mul_ps(odd, rest), sign);
    *cosine = _mm256_xor_ps(even, sign);
}

/* The planes of eight cells, of which only the ``wanted`` ones are read; ``rows`` are years, u, v, inside and scale. */
static inline FAST void planes_of_eight(const float *const rows[5], int c, __m256i wanted, __m256 planes[PLANES]) {
    const __m256 one = _mm256_set1_ps(1.0f);
    __m256 given[5];
    for (int k = 0; k < 5; k++) given[k] = some_of(rows[k] + c, wanted);
    __m256 inside = given[3];
    planes[0] = given[0];
    for (int axis = 0; axis < 2; axis++) {
        __m256 sine, cosine;
        planes[1 + axis] = _mm256_mul_ps(given[1 + axis], inside);
        turn_eight(given[1 + axis], &sine, &cosine);
        for (int wave = 0; wave < WAVES; wave++) {
            planes[3 + 2 * wave + axis] = _mm256_mul_ps(sine, inside);
            planes[3 + 2 * (WAVES + wave) + axis] = _mm256_mul_ps(cosine, inside);
            __m256 twice = _mm256_add_ps(sine, sine), before = cosine;
            cosine = _mm256_fnmadd_ps(twice, sine, one);
            sine = _mm256_mul_ps(twice, before);
        }
    }
    planes[PLANES - 2] = inside;
    planes[PLANES - 1] = given[4];
}

/* The first ``many`` of eight cells, as `planes_of_eight` reads them. */
static inline FAST __m256i first_cells(int many) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(many), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Write a row of planes with the stride ``apart``; ``rows`` are years, u, v, inside and scale. */
static FAST void condition_row(const float *const rows[5], int cells, uint16_t *to, ptrdiff_t apart) {
    for (int c = 0; c < cells; c += 8) {
        __m256 planes[PLANES];
        planes_of_eight(rows, c, first_cells(cells - c), planes);
        for (int k = 0; k < PLANES; k++) store_some(to + k * apart + c, in_bf16(planes[k]), cells - c);
    }
}

/* The planes of a tile of ``height`` x ``width`` cells, [25, (height - 4) * (width - 4)] in bf16; ``given`` are years, u,
 * v, inside and scale. */
static void condition_rows(const Rows given[5], int height, int width, uint16_t *out) {
    int cells = width - 2 * MARGIN;
    ptrdiff_t apart = (ptrdiff_t)(height - 2 * MARGIN) * cells;
    for (int y = MARGIN; y < height - MARGIN; y++) {
        const float *rows[5];
        for (int k = 0; k < 5; k++) rows[k] = (const float *)row_of(given[k], y) + MARGIN;
        condition_row(rows, cells, out + (size_t)(y - MARGIN) * cells, apart);
    }
}
#else
static void condition_rows(const Rows given[5], int height, int width, uint16_t *out) {}
#endif
#endif
