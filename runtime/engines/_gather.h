/* The input of the generator's first convolution: codes and the sampled atlas in cells of 2 x 2 px. */
#ifndef AMGAN_GATHER_H
#define AMGAN_GATHER_H

#include "_halves.h"

/* A texture of four channels in bf16 with one more row and column, which repeat the last. */
typedef struct {
    const uint16_t *texels;
    int rows, columns;
} Texture;

#if CAN_BE_FAST
static const float SHARES[CELL] = {0.375f, 0.125f, 0.125f, 0.375f};

/* Four pixels of every inner cell of a row, from two rows of cells. */
static FAST void widen_row(const float *here, const float *other, float share, int cells, float *out) {
    const __m128 shares = _mm_loadu_ps(SHARES);
    float row[WIDEST / CELL];
    for (int c = 0; c < cells; c++) row[c] = __builtin_fmaf(other[c] - here[c], share, here[c]);
    for (int c = 1; c + 1 < cells; c++, out += CELL) {
        __m128 middle = _mm_set1_ps(row[c]);
        __m128 beside = _mm_setr_ps(row[c - 1], row[c - 1], row[c + 1], row[c + 1]);
        _mm_storeu_ps(out, _mm_fmadd_ps(_mm_sub_ps(beside, middle), shares, middle));
    }
}

/* Eight positions in -1..1 as the indices of the texels before them and the weights of those after them. */
static inline FAST __m256i texels_before(__m256 place, int count, __m256 *share) {
    __m256 wide = _mm256_set1_ps((float)count), half = _mm256_set1_ps(0.5f);
    __m256 at = _mm256_mul_ps(_mm256_fmadd_ps(place, wide, _mm256_sub_ps(wide, _mm256_set1_ps(1.0f))), half);
    at = _mm256_max_ps(_mm256_min_ps(at, _mm256_set1_ps((float)(count - 1))), _mm256_setzero_ps());
    __m256 below = _mm256_floor_ps(at);
    *share = _mm256_sub_ps(at, below);
    return _mm256_cvttps_epi32(below);
}

static FAST void find_eight(const Texture *from, __m256 u, __m256 v, int *index, float *right, float *lower) {
    __m256 across, down;
    __m256i column = texels_before(u, from->columns, &across), row = texels_before(v, from->rows, &down);
    __m256i first = _mm256_add_epi32(_mm256_mullo_epi32(row, _mm256_set1_epi32(from->columns + 1)), column);
    _mm256_storeu_si256((__m256i *)index, first);
    _mm256_storeu_ps(right, across);
    _mm256_storeu_ps(lower, down);
}

/* Two texels interpolated between two rows. */
static inline FAST __m256 between_rows(const Texture *from, int index, float lower) {
    const uint16_t *at = from->texels + (size_t)index * 4;
    __m256 upper = eight_halves(at), below = eight_halves(at + (size_t)(from->columns + 1) * 4);
    return _mm256_fmadd_ps(_mm256_sub_ps(below, upper), _mm256_set1_ps(lower), upper);
}

/* The atlas at ``count`` pixels, a multiple of 8: [count, SAMPLED]. */
static FAST void sample_row(const Texture *fine, const Texture *coarse, const float *u, const float *v,
                            const float *years, __m256 gain, int count, float *out) {
    int index[2][8];
    float right[2][8], lower[2][8];
    for (int c = 0; c < count; c += 8) {
        __m256 across = _mm256_loadu_ps(u + c), down = _mm256_loadu_ps(v + c);
        find_eight(fine, across, down, index[0], right[0], lower[0]);
        find_eight(coarse, across, down, index[1], right[1], lower[1]);
        for (int k = 0; k < 8; k++, out += SAMPLED) {
            __m256 one = between_rows(fine, index[0][k], lower[0][k]);
            __m256 other = between_rows(coarse, index[1][k], lower[1][k]);
            __m256 left = _mm256_permute2f128_ps(one, other, 0x20), behind = _mm256_permute2f128_ps(one, other, 0x31);
            __m256 share = _mm256_set_m128(_mm_set1_ps(right[1][k]), _mm_set1_ps(right[0][k]));
            __m256 found = _mm256_fmadd_ps(_mm256_sub_ps(behind, left), share, left);
            _mm256_storeu_ps(out, _mm256_mul_ps(found, _mm256_mul_ps(gain, _mm256_set1_ps(years[c + k]))));
        }
    }
}

/* Write every second pixel of a row of samples [2 * cells, SAMPLED] into planes with the stride ``apart``. */
static FAST void place_samples(const float *from, int cells, uint16_t *to, ptrdiff_t apart) {
    for (int c = 0; c < cells; c += 8) {
        __m256 rows[8];
        for (int k = 0; k < 8; k++) rows[k] = _mm256_loadu_ps(from + (size_t)(c + k) * 2 * SAMPLED);
        transpose_eight(rows);
        for (int k = 0; k < SAMPLED; k++) store_some(to + k * apart + c, in_bf16(rows[k]), cells - c);
    }
}

/* The shuffles that move the bytes ``first``, ``first`` + 6 and so on of 48 to the front. */
static void fill_shuffles(int first, uint8_t shuffles[3][16]) {
    memset(shuffles, 0x80, 3 * 16);
    for (int k = 0; k < 8; k++) {
        int at = first + 6 * k;
        shuffles[at / 16][k] = (uint8_t)(at % 16);
    }
}

/* Codes of every second pixel; they are integers up to 255, which bf16 represents exactly. */
static FAST void place_codes(const uint8_t *from, int side, int cells, uint16_t *to, ptrdiff_t apart) {
    for (int k = 0; k < COLOURS; k++) {
        uint8_t shuffles[3][16];
        fill_shuffles(side * COLOURS + k, shuffles);
        for (int c = 0; c < cells; c += 8) {
            uint8_t last[48] = {0};
            const uint8_t *at = from + (size_t)c * 6;
            if (cells - c < 8) at = memcpy(last, at, (size_t)(cells - c) * 6);
            __m128i found = _mm_setzero_si128();
            for (int i = 0; i < 3; i++)
                found = _mm_or_si128(found, _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(at + 16 * i)),
                                                             _mm_loadu_si128((const __m128i *)shuffles[i])));
            __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(found)));
            bits = _mm256_srli_epi32(bits, 16);
            __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
            store_some(to + k * apart + c, halves, cells - c);
        }
    }
}

/* The input of the first convolution for a tile of ``height`` x ``width`` px, [44, (height / 2 - 4) * (width / 2 - 4)] in
 * bf16; ``planes`` are u, v and spans of years of its cells, ``gain`` those of the eight sampled channels. */
static FAST void gather_rows(Rows image, int height, int width, const Rows planes[3], const Texture *fine,
                             const Texture *coarse, const float *gain, uint16_t *out) {
    int cells = width / CELL, inner = width - 2 * OUTER, half = inner / 2;
    ptrdiff_t apart = (ptrdiff_t)((height - 2 * OUTER) / 2) * half;
    /* Vectors may end after the row, and half of each is read for one kind of pixel. */
    static _Thread_local float at[3][WIDEST + 32], samples[(WIDEST + 32) * SAMPLED];
    __m256 gains = _mm256_loadu_ps(gain);
    for (int y = OUTER; y < height - OUTER; y++) {
        int row = y / CELL, phase = y % CELL, other = phase < 2 ? row - 1 : row + 1;
        for (int p = 0; p < 3; p++)
            widen_row(row_of(planes[p], row), row_of(planes[p], other), SHARES[phase], cells, at[p]);
        sample_row(fine, coarse, at[0], at[1], at[2], gains, (inner + 7) / 8 * 8, samples);
        const uint8_t *codes = (const uint8_t *)row_of(image, y) + OUTER * COLOURS;
        for (int side = 0; side < 2; side++) {
            int pixel = (y & 1) * 2 + side;
            uint16_t *to = out + (size_t)pixel * CHANNELS * apart + (size_t)((y - OUTER) / 2) * half;
            place_codes(codes, side, half, to, apart);
            place_samples(samples + side * SAMPLED, half, to + COLOURS * apart, apart);
        }
    }
}
#else
static void gather_rows(Rows image, int height, int width, const Rows planes[3], const Texture *fine,
                        const Texture *coarse, const float *gain, uint16_t *out) {}
#endif
#endif
