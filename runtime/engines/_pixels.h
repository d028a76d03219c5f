/* The two ends of the generator in fp32, with channels last: what its first convolutions read, and its change added to
 * the codes. Positions are those of _gather.h and _condition.h, which make the same for bf16. */
#ifndef AMGAN_PIXELS_H
#define AMGAN_PIXELS_H

#include "_condition.h"
#include "_gather.h"

#define SEEN 48       /* channels of a cell of 2 x 2 px: PIXELS * CHANNELS, and zeros */
#define CONDITIONS 32 /* planes, the weights of patterns, and zeros */
#define HEADS (2 * PIXELS * COLOURS)
#define HALF_CHANGE 63.75f

/* A texture of four channels in fp32 with one more row and column, which repeat the last. */
typedef struct {
    const float *texels;
    int rows, columns;
} Texels;

/* A tile: codes, [height, width, 3]; years, u, v, inside and scale, [height / 4, width / 4]; weights of patterns. */
typedef struct {
    Rows image, given[5];
    int height, width, patterns;
    const float *pattern;
} TileInputs;

/* The atlas: two textures, the gains of their eight channels for a tile, and the units of its years in a year. */
typedef struct {
    Texels fine, coarse;
    float gain[SAMPLED], span;
} Atlas;

#if CAN_BE_FAST
/* Two texels interpolated between two rows, in fp32. */
static inline FAST __m256 between_texels(const Texels *from, int index, float lower) {
    const float *at = from->texels + (size_t)index * 4;
    __m256 upper = _mm256_loadu_ps(at), below = _mm256_loadu_ps(at + (size_t)(from->columns + 1) * 4);
    return _mm256_fmadd_ps(_mm256_sub_ps(below, upper), _mm256_set1_ps(lower), upper);
}

/* Eight pixels of the atlas: SAMPLED numbers for each, ``apart`` and ``apart_odd`` numbers apart in turn. */
static FAST void sample_eight(const Atlas *atlas, const float *u, const float *v, const float *years, int many, float *to,
                              float *to_odd, ptrdiff_t apart) {
    const Texture fine = {NULL, atlas->fine.rows, atlas->fine.columns};
    const Texture coarse = {NULL, atlas->coarse.rows, atlas->coarse.columns};
    __m256 gain = _mm256_mul_ps(_mm256_loadu_ps(atlas->gain), _mm256_set1_ps(atlas->span));
    int index[2][8];
    float right[2][8], lower[2][8];
    find_eight(&fine, _mm256_loadu_ps(u), _mm256_loadu_ps(v), index[0], right[0], lower[0]);
    find_eight(&coarse, _mm256_loadu_ps(u), _mm256_loadu_ps(v), index[1], right[1], lower[1]);
    for (int k = 0; k < many; k++) {
        __m256 one = between_texels(&atlas->fine, index[0][k], lower[0][k]);
        __m256 other = between_texels(&atlas->coarse, index[1][k], lower[1][k]);
        __m256 left = _mm256_permute2f128_ps(one, other, 0x20), behind = _mm256_permute2f128_ps(one, other, 0x31);
        __m256 share = _mm256_set_m128(_mm_set1_ps(right[1][k]), _mm_set1_ps(right[0][k]));
        __m256 found = _mm256_fmadd_ps(_mm256_sub_ps(behind, left), share, left);
        _mm256_storeu_ps((k & 1 ? to_odd : to) + k / 2 * apart, _mm256_mul_ps(found, _mm256_mul_ps(gain, _mm256_set1_ps(years[k]))));
    }
}

/* Numbers that `see_row` needs as spare memory. */
static inline size_t seen_spare_floats(int width) { return 3 * ((size_t)width + 32); }

/* One row of pixels, ``y`` from OUTER on, of what the first convolution reads: cells [(width - 8) / 2, SEEN] to ``to``. */
static FAST void see_row(const TileInputs *tile, const Atlas *atlas, int y, float *to, float *spare) {
    int cells = tile->width / CELL, inner = tile->width - 2 * OUTER, row = y / CELL, phase = y % CELL;
    int other = phase < 2 ? row - 1 : row + 1;
    const int planes[3] = {1, 2, 0};
    float *at[3];
    for (int p = 0; p < 3; p++) {
        Rows rows = tile->given[planes[p]];
        at[p] = spare + p * (tile->width + 32);
        widen_row(row_of(rows, row), row_of(rows, other), SHARES[phase], cells, at[p]);
        memset(at[p] + inner, 0, sizeof(float) * 8);
    }
    const uint8_t *codes = (const uint8_t *)row_of(tile->image, y) + OUTER * COLOURS;
    float *cell = to + (y & 1) * 2 * CHANNELS;
    for (int x = 0; x < inner; x += 8, cell += 4 * SEEN) {
        int many = inner - x < 8 ? inner - x : 8;
        float *first = cell + COLOURS;
        sample_eight(atlas, at[0] + x, at[1] + x, at[2] + x, many, first, first + CHANNELS, SEEN);
        for (int k = 0; k < many; k++)
            for (int i = 0; i < COLOURS; i++)
                cell[k / 2 * SEEN + (k & 1) * CHANNELS + i] = codes[(x + k) * COLOURS + i];
    }
    for (int c = 0; c < inner / 2; c++) memset(to + c * SEEN + PIXELS * CHANNELS, 0, sizeof(float) * (SEEN - PIXELS * CHANNELS));
}

/* One row of cells, ``y`` from MARGIN on, of the conditioning: [width / 4 - 4, CONDITIONS]. */
static FAST void condition_cells(const TileInputs *tile, int y, float *to) {
    int cells = tile->width / CELL - 2 * MARGIN;
    const float *rows[5];
    for (int k = 0; k < 5; k++) rows[k] = (const float *)row_of(tile->given[k], y) + MARGIN;
    for (int c = 0; c < cells; c += 8, to += 8 * CONDITIONS) {
        __m256 planes[CONDITIONS];
        int many = cells - c < 8 ? cells - c : 8;
        planes_of_eight(rows, c, first_cells(many), planes);
        for (int k = PLANES; k < CONDITIONS; k++)
            planes[k] = _mm256_set1_ps(k - PLANES < tile->patterns ? tile->pattern[k - PLANES] : 0.0f);
        for (int k = 0; k < CONDITIONS; k += 8) {
            transpose_eight(planes + k);
            for (int i = 0; i < many; i++) _mm256_storeu_ps(to + i * CONDITIONS + k, planes[k + i]);
        }
    }
}

/* Add the change [cells, HEADS], tanh of colours and attention, to the codes of one row, rounded and clipped to 0..255.
 * Eight numbers after the last cell are read. */
static FAST void change_row(const uint8_t *codes, const float *change, int y, int cells, uint8_t *to) {
    const __m256 span = _mm256_set1_ps(HALF_CHANGE);
    const float *delta = change + (y & 1) * 2 * COLOURS, *attention = delta + PIXELS * COLOURS;
    for (int c = 0; c < cells; c++, codes += 6, to += 6, delta += HEADS, attention += HEADS) {
        uint8_t part[8] = {0};
        memcpy(part, codes, 6);
        __m256 opened = _mm256_fmadd_ps(_mm256_loadu_ps(attention), span, span);
        __m256 code = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)part)));
        __m256i sum = _mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_loadu_ps(delta), opened, code));
        __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        _mm_storel_epi64((__m128i *)part, _mm_packus_epi16(words, words));
        memcpy(to, part, 6);
    }
}
#endif
#endif
