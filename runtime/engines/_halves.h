/* Sizes, and vectors of numbers in bf16, of the CPU engine's operations around its network. Without Python: libamgan
 * compiles them, too. Multiplications and additions are fused where it is written, whatever the compiler's options. */
#ifndef AMGAN_HALVES_H
#define AMGAN_HALVES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../native/_fast.h"

#define CELL 4      /* px of a cell of positions and years */
#define OUTER CELL  /* px around the input of which only the positions are used */
#define COLOURS 3
#define SAMPLED 8   /* channels of the atlas: four fine, four coarse */
#define CHANNELS (COLOURS + SAMPLED)
#define PIXELS 4    /* of a cell of 2 x 2 px */
#define WIDEST 8192 /* px of a tile */
#define PLANES 25   /* years, u, v, their sines and cosines, inside and scale */
#define MARGIN 2    /* cells around the planes that are not used */

/* Rows of pixels or cells, ``step`` bytes apart. */
typedef struct {
    const void *at;
    ptrdiff_t step;
} Rows;

#if CAN_BE_FAST
static inline const void *row_of(Rows rows, int y) { return (const char *)rows.at + y * rows.step; }

/* Eight numbers in bf16. */
static inline FAST __m256 eight_halves(const uint16_t *at) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)at)), 16));
}

static inline FAST void transpose_eight(__m256 *r) {
    __m256 t[8], s[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            s[4 * i + 2 * k] = _mm256_shuffle_ps(t[4 * i + k], t[4 * i + 2 + k], 0x44);
            s[4 * i + 2 * k + 1] = _mm256_shuffle_ps(t[4 * i + k], t[4 * i + 2 + k], 0xEE);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x31);
    }
}

/* Eight numbers in bf16, rounded to even. */
static inline FAST __m128i in_bf16(__m256 values) {
    __m256i bits = _mm256_castps_si256(values);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    bits = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7FFF)), 16);
    return _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
}

static inline FAST void store_some(uint16_t *to, __m128i values, int many) {
    uint16_t part[8];
    if (many >= 8) {
        _mm_storeu_si128((__m128i *)to, values);
        return;
    }
    _mm_storeu_si128((__m128i *)part, values);
    for (int k = 0; k < many; k++) to[k] = part[k];
}
#endif
#endif
