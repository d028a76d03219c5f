/* Convolutions of 2 x 2 and 3 x 3 by Winograd's algorithm, in fp32: Lavin and Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2016. F(3 x 3, 2 x 2) takes 16 products for 9 outputs instead of 36, F(4 x 4, 3 x 3) 36 for 16
 * instead of 144. Channels come last. Without Python: libamgan may compile it, too. */
#ifndef AMGAN_WINOGRAD_H
#define AMGAN_WINOGRAD_H

#include <stddef.h>
#include <string.h>

#include "_halves.h"

#define LANES 8
#define TOGETHER 4    /* pixels or tiles that a product computes at once */
#define BLOCK 24      /* output channels that it computes at once, or fewer at the end */
#define MOST_POINTS 36
#define MOST_SIDE 6   /* inputs of a tile along one axis */
#define MOST_TILES 48 /* transformed at once: more would not fit into the second cache */

/* A convolution without padding: ``taps`` x ``taps`` with weights of `pack_winograd`, or a product of 1 x 1. The numbers
 * of channels are multiples of 8. */
typedef struct {
    int taps, inputs, outputs;
    const float *weights, *bias;
} Convolution;

static inline int tile_side(int taps) { return taps == 3 ? 6 : 4; }
static inline int tile_step(int taps) { return taps == 3 ? 4 : 3; }
static inline size_t packed_floats(int taps, int inputs, int outputs) {
    int side = taps == 1 ? 1 : tile_side(taps);
    return (size_t)side * side * inputs * outputs;
}

/* One axis of the transform of ``taps`` weights. */
static void spread_weights(int taps, const double *g, int step, double *to) {
    if (taps == 1) {
        to[0] = g[0];
    } else if (taps == 2) {
        double a = g[0], b = g[step];
        to[0] = a, to[1] = (a + b) / 2, to[2] = (a - b) / 2, to[3] = b;
    } else {
        double a = g[0], b = g[step], c = g[2 * step];
        to[0] = a / 4, to[1] = -(a + b + c) / 6, to[2] = -(a - b + c) / 6;
        to[3] = (a + 2 * b + 4 * c) / 24, to[4] = (a - 2 * b + 4 * c) / 24, to[5] = c;
    }
}

/* Transform weights [outputs, inputs, taps, taps] and put them in the order in which products read them: blocks of
 * BLOCK outputs (the last may have fewer), points, inputs, outputs of the block. */
static void pack_winograd(const float *weights, int taps, int inputs, int outputs, float *to) {
    int side = taps == 1 ? 1 : tile_side(taps), points = side * side;
    for (int o = 0; o < outputs; o++) {
        int first = o / BLOCK * BLOCK, width = outputs - first < BLOCK ? outputs - first : BLOCK;
        float *block = to + (size_t)first * points * inputs + (o - first);
        for (int i = 0; i < inputs; i++) {
            double g[9] = {0}, half[MOST_SIDE][3] = {{0}}, whole[MOST_SIDE] = {0};
            for (int k = 0; k < taps * taps; k++) g[k] = weights[((size_t)o * inputs + i) * taps * taps + k];
            for (int x = 0; x < taps; x++) {
                spread_weights(taps, g + x, taps, whole);
                for (int y = 0; y < side; y++) half[y][x] = whole[y];
            }
            for (int y = 0; y < side; y++) {
                spread_weights(taps, half[y], 1, whole);
                for (int x = 0; x < side; x++) block[((size_t)(y * side + x) * inputs + i) * width] = (float)whole[x];
            }
        }
    }
}

#if CAN_BE_FAST
#define INLINE static inline __attribute__((always_inline)) FAST

/* Add the product of TOGETHER rows of ``a``, ``step`` numbers apart, and ``b`` [count, 8 * wide] to ``sums``. */
INLINE void multiply(const float *a, ptrdiff_t step, const float *b, int count, const int wide, __m256 sums[TOGETHER][3]) {
    for (int k = 0; k < count; k++, b += LANES * wide) {
        __m256 given[3];
#pragma GCC unroll 3
        for (int j = 0; j < wide; j++) given[j] = _mm256_loadu_ps(b + LANES * j);
#pragma GCC unroll 4
        for (int r = 0; r < TOGETHER; r++) {
            __m256 one = _mm256_broadcast_ss(a + r * step + k);
#pragma GCC unroll 3
            for (int j = 0; j < wide; j++) sums[r][j] = _mm256_fmadd_ps(one, given[j], sums[r][j]);
        }
    }
}

/* One axis of the transform of a tile's inputs. */
INLINE void spread_inputs(const int side, __m256 *d) {
    if (side == 4) {
        __m256 before = d[1];
        d[0] = _mm256_sub_ps(d[0], d[2]);
        d[1] = _mm256_add_ps(before, d[2]);
        d[2] = _mm256_sub_ps(d[2], before);
        d[3] = _mm256_sub_ps(d[3], before);
        return;
    }
    const __m256 two = _mm256_set1_ps(2.0f), four = _mm256_set1_ps(4.0f), five = _mm256_set1_ps(5.0f);
    __m256 a = _mm256_fnmadd_ps(four, d[2], d[4]), b = _mm256_fnmadd_ps(four, d[1], d[3]);
    __m256 c = _mm256_sub_ps(d[4], d[2]), e = _mm256_mul_ps(two, _mm256_sub_ps(d[3], d[1]));
    d[0] = _mm256_fmadd_ps(four, d[0], _mm256_fnmadd_ps(five, d[2], d[4]));
    d[5] = _mm256_fmadd_ps(four, d[1], _mm256_fnmadd_ps(five, d[3], d[5]));
    d[1] = _mm256_add_ps(a, b);
    d[2] = _mm256_sub_ps(a, b);
    d[3] = _mm256_add_ps(c, e);
    d[4] = _mm256_sub_ps(c, e);
}

/* One axis of the transform of a tile's products to outputs. */
INLINE void join_outputs(const int side, const __m256 *m, __m256 *y) {
    __m256 a = _mm256_add_ps(m[1], m[2]), b = _mm256_sub_ps(m[1], m[2]);
    if (side == 4) {
        y[0] = _mm256_add_ps(m[0], a);
        y[1] = b;
        y[2] = _mm256_add_ps(a, m[3]);
        return;
    }
    const __m256 two = _mm256_set1_ps(2.0f), four = _mm256_set1_ps(4.0f), eight = _mm256_set1_ps(8.0f);
    __m256 c = _mm256_add_ps(m[3], m[4]), d = _mm256_sub_ps(m[3], m[4]);
    y[0] = _mm256_add_ps(_mm256_add_ps(m[0], a), c);
    y[1] = _mm256_fmadd_ps(two, d, b);
    y[2] = _mm256_fmadd_ps(four, c, a);
    y[3] = _mm256_fmadd_ps(eight, d, _mm256_add_ps(b, m[5]));
}

/* Transform ``tiles`` tiles of rows [.., channels], the first one at ``left`` px: [side * side, tiles, channels] with
 * ``apart`` numbers between points. */
INLINE void transform_inputs(const int side, float *const *rows, int left, int channels, int tiles, float *to,
                             ptrdiff_t apart) {
    const int step = side == 6 ? 4 : 3;
    for (int t = 0; t < tiles; t++)
        for (int c = 0; c < channels; c += LANES, to += LANES) {
            ptrdiff_t at = (ptrdiff_t)(left + t * step) * channels + c;
            __m256 half[MOST_SIDE][MOST_SIDE];
#pragma GCC unroll 6
            for (int x = 0; x < side; x++) {
                __m256 column[MOST_SIDE];
#pragma GCC unroll 6
                for (int y = 0; y < side; y++) column[y] = _mm256_loadu_ps(rows[y] + at + x * channels);
                spread_inputs(side, column);
#pragma GCC unroll 6
                for (int y = 0; y < side; y++) half[y][x] = column[y];
            }
#pragma GCC unroll 6
            for (int y = 0; y < side; y++) {
                spread_inputs(side, half[y]);
#pragma GCC unroll 6
                for (int x = 0; x < side; x++) _mm256_storeu_ps(to + (y * side + x) * apart, half[y][x]);
            }
        }
}

/* Products of all points: [points, tiles, 8 * wide] from [points, tiles, channels], whose points are ``apart``. */
INLINE void multiply_points(int points, const float *given, ptrdiff_t apart, int tiles, int channels, const float *weights,
                            const int wide, float *to) {
    for (int p = 0; p < points; p++, given += apart, weights += (ptrdiff_t)channels * LANES * wide)
        for (int t = 0; t < tiles; t += TOGETHER) {
            __m256 sums[TOGETHER][3];
#pragma GCC unroll 4
            for (int r = 0; r < TOGETHER; r++)
#pragma GCC unroll 3
                for (int j = 0; j < wide; j++) sums[r][j] = _mm256_setzero_ps();
            multiply(given + (ptrdiff_t)t * channels, channels, weights, channels, wide, sums);
#pragma GCC unroll 4
            for (int r = 0; r < TOGETHER; r++)
#pragma GCC unroll 3
                for (int j = 0; j < wide; j++, to += LANES) _mm256_storeu_ps(to, sums[r][j]);
        }
}

/* Hyperbolic tangent with an error of some 1e-7. */
INLINE __m256 tanh_eight(__m256 x) {
    const float shares[6] = {0.69314718f, 0.24022651f, 0.05550411f, 0.00961813f, 0.00133336f, 0.00015403f};
    const __m256 one = _mm256_set1_ps(1.0f), most = _mm256_set1_ps(30.0f);
    __m256 power = _mm256_mul_ps(x, _mm256_set1_ps(2.88539008f)); /* e^2x as a power of two */
    power = _mm256_max_ps(_mm256_min_ps(power, most), _mm256_sub_ps(_mm256_setzero_ps(), most));
    __m256 whole = _mm256_round_ps(power, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 rest = _mm256_sub_ps(power, whole), sum = _mm256_set1_ps(shares[5]);
    for (int k = 4; k >= 0; k--) sum = _mm256_fmadd_ps(sum, rest, _mm256_set1_ps(shares[k]));
    sum = _mm256_fmadd_ps(sum, rest, one);
    __m256 scale = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127)), 23));
    return _mm256_sub_ps(one, _mm256_div_ps(_mm256_set1_ps(2.0f), _mm256_fmadd_ps(sum, scale, one)));
}

typedef enum { AS_IS, POSITIVE, TANH } Activation;

/* The rows of an output: where its first row of a tile goes, and what is added to it (NULL: nothing). */
typedef struct {
    float *to;
    ptrdiff_t row;
    const float *add;
    ptrdiff_t add_row;
    int channels, down, across; /* rows and pixels that exist */
    Activation activation;
} Outputs;

/* Write the outputs of ``tiles`` tiles, from the first ``across``, for 8 * wide channels. */
INLINE void transform_outputs(const int side, const float *products, int tiles, const int wide, const float *bias, Outputs of) {
    const int step = side == 6 ? 4 : 3;
    ptrdiff_t apart = (ptrdiff_t)tiles * LANES * wide;
    for (int t = 0; t < tiles && t * step < of.across; t++) {
        int many = of.across - t * step < step ? of.across - t * step : step;
        for (int c = 0; c < LANES * wide; c += LANES) {
            const float *at = products + (ptrdiff_t)t * LANES * wide + c;
            __m256 half[4][MOST_SIDE], made[4], offset = _mm256_loadu_ps(bias + c);
#pragma GCC unroll 6
            for (int x = 0; x < side; x++) {
                __m256 column[MOST_SIDE];
#pragma GCC unroll 6
                for (int k = 0; k < side; k++) column[k] = _mm256_loadu_ps(at + (k * side + x) * apart);
                join_outputs(side, column, made);
#pragma GCC unroll 4
                for (int k = 0; k < step; k++) half[k][x] = made[k];
            }
#pragma GCC unroll 4
            for (int k = 0; k < step; k++) {
                if (k >= of.down) break;
                join_outputs(side, half[k], made);
#pragma GCC unroll 4
                for (int x = 0; x < step; x++) {
                    if (x >= many) break;
                    ptrdiff_t place = (ptrdiff_t)(t * step + x) * of.channels + c;
                    __m256 sum = _mm256_add_ps(made[x], offset);
                    if (of.add) sum = _mm256_add_ps(sum, _mm256_loadu_ps(of.add + k * of.add_row + place));
                    if (of.activation == POSITIVE) sum = _mm256_max_ps(sum, _mm256_setzero_ps());
                    if (of.activation == TANH) sum = tanh_eight(sum);
                    _mm256_storeu_ps(of.to + k * of.row + place, sum);
                }
            }
        }
    }
}

/* One row of tiles: ``side`` rows of inputs to as many rows of outputs as ``of`` says. ``spare`` holds transformed tiles
 * and their products. */
INLINE void convolve_tiles(const Convolution *by, const int side, float *const *rows, int tiles, Outputs of, float *spare) {
    const int step = side == 6 ? 4 : 3, points = side * side;
    int parts = (tiles + MOST_TILES - 1) / MOST_TILES;
    int most = ((tiles + parts - 1) / parts + TOGETHER - 1) / TOGETHER * TOGETHER;
    ptrdiff_t apart = (ptrdiff_t)most * by->inputs + 2 * LANES; /* not a multiple of a page */
    float *products = spare + points * apart;
    for (int first = 0; first < tiles; first += most) {
        int left = first * step, many = tiles - first < most ? (tiles - first + TOGETHER - 1) / TOGETHER * TOGETHER : most;
        transform_inputs(side, rows, left, by->inputs, many, spare, apart);
        for (int n = 0; n < by->outputs; n += BLOCK) {
            int width = by->outputs - n < BLOCK ? by->outputs - n : BLOCK;
            const float *weights = by->weights + (ptrdiff_t)n * points * by->inputs;
            Outputs part = of;
            ptrdiff_t place = (ptrdiff_t)left * of.channels + n;
            part.to += place, part.across -= left;
            if (part.add) part.add += place;
            if (width == 24) {
                multiply_points(points, spare, apart, many, by->inputs, weights, 3, products);
                transform_outputs(side, products, many, 3, by->bias + n, part);
            } else if (width == 16) {
                multiply_points(points, spare, apart, many, by->inputs, weights, 2, products);
                transform_outputs(side, products, many, 2, by->bias + n, part);
            } else {
                multiply_points(points, spare, apart, many, by->inputs, weights, 1, products);
                transform_outputs(side, products, many, 1, by->bias + n, part);
            }
        }
    }
}

/* Numbers that `convolve_tiles` needs as spare memory. */
static inline size_t spare_floats(int taps, int inputs) {
    size_t points = (size_t)tile_side(taps) * tile_side(taps);
    return points * ((size_t)MOST_TILES * inputs + 2 * LANES + (size_t)MOST_TILES * BLOCK);
}
#endif
#endif
