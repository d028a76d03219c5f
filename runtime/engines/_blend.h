/* The generator's end: its change is added to the codes. */
#include "_halves.h"

#define HALF_SPAN 63.75f

#if CAN_BE_FAST
/* Up to eight numbers in bf16. */
static inline FAST __m256 some_halves(const uint16_t *from, int many) {
    uint16_t part[8] = {0};
    if (many < 8) from = memcpy(part, from, sizeof(uint16_t) * (size_t)many);
    return eight_halves(from);
}

/* Add the network's change to the codes of one row, rounded and clipped to 0..255. */
static FAST void blend_row(const uint8_t *codes, const uint16_t *delta, const uint16_t *attention, ptrdiff_t apart,
                           int cells, uint8_t *out) {
    const __m256 span = _mm256_set1_ps(HALF_SPAN);
    for (int c = 0; c < cells; c += 8) {
        int many = cells - c < 8 ? cells - c : 8;
        size_t bytes = (size_t)many * 2 * COLOURS;
        uint8_t before[8 * 6 + 8] = {0}, after[8 * 6 + 8];
        __m256 rows[8];
        for (int k = 0; k < 6; k++) {
            __m256 opened = _mm256_fmadd_ps(some_halves(attention + k * apart + c, many), span, span);
            rows[k] = _mm256_mul_ps(some_halves(delta + k * apart + c, many), opened);
        }
        rows[6] = rows[7] = _mm256_setzero_ps();
        transpose_eight(rows);
        memcpy(before, codes + (size_t)c * 6, bytes);
        for (int k = 0; k < 8; k++) {
            __m256i code = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(before + 6 * k)));
            __m256i sum = _mm256_cvtps_epi32(_mm256_add_ps(_mm256_cvtepi32_ps(code), rows[k]));
            __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
            _mm_storel_epi64((__m128i *)(after + 6 * k), _mm_packus_epi16(words, words));
        }
        memcpy(out + (size_t)c * 6, after, bytes);
    }
}

/* Blend a core of ``height`` x ``width`` px; ``change`` is the network's output, [24, height / 2 * width / 2]. */
static void blend_rows(Rows core, int height, int width, const uint16_t *change, uint8_t *out, ptrdiff_t out_step) {
    int cells = width / 2;
    ptrdiff_t apart = (ptrdiff_t)(height / 2) * cells;
    for (int y = 0; y < height; y++) {
        const uint16_t *delta = change + (size_t)(y & 1) * 6 * apart + (size_t)(y / 2) * cells;
        blend_row(row_of(core, y), delta, delta + PIXELS * COLOURS * apart, apart, cells, out + y * out_step);
    }
}
#else
static void blend_rows(Rows core, int height, int width, const uint16_t *change, uint8_t *out, ptrdiff_t out_step) {}
#endif
