/* The generator in fp32 with AVX2: its convolutions by Winograd's algorithm, one pass over memory for each.
 *
 * Several threads compute one tile: every step is divided into groups of rows, which do not change a number. Without
 * Python: libamgan may compile it, too. */
#ifndef AMGAN_GENERATOR_H
#define AMGAN_GENERATOR_H

#include "_pixels.h"
#include "_winograd.h"

#define ENDS 6          /* convolutions that are not in blocks: stem, two down, two up, heads */
#define MOST_LAYERS 32  /* of SPADE */
#define PARTS 4         /* convolutions of a layer: hidden, scale, shift, and the one that reads what is modulated */
#define MOST_STEPS (MOST_LAYERS + ENDS)

/* A layer of SPADE with the convolution that follows it. */
typedef struct {
    Convolution hidden, scale, shift, by;
} Layer;

typedef struct {
    Convolution stem, down1, down2, up1, up2, heads;
    Layer layers[MOST_LAYERS];
    int count;
} Generator;

/* Read convolutions from ``table``, taps, inputs and outputs of each, and ``weights``, the packed weights and the bias of
 * each, in this order: stem, down1, down2, the PARTS of every layer, up1, up2, heads. Returns the number of weights, or 0
 * if the convolutions are not those of a generator. */
static size_t read_generator(const int *table, int convolutions, const float *weights, Generator *to) {
    int layers = (convolutions - ENDS) / PARTS;
    if (layers < 2 || layers > MOST_LAYERS || layers % 2 || ENDS + layers * PARTS != convolutions) return 0;
    Convolution all[ENDS + PARTS * MOST_LAYERS];
    const float *at = weights;
    for (int k = 0; k < convolutions; k++) {
        Convolution *one = &all[k];
        int taps = table[3 * k], in = table[3 * k + 1], out = table[3 * k + 2];
        if (taps < 1 || taps > 3 || in < 8 || in % 8 || in > 4096 || out < 8 || out % 8 || out > 4096) return 0;
        *one = (Convolution){taps, in, out, at, at + packed_floats(taps, in, out)};
        at = one->bias + out;
    }
    *to = (Generator){.stem = all[0], .down1 = all[1], .down2 = all[2], .count = layers};
    for (int k = 0; k < layers; k++) memcpy(&to->layers[k], &all[3 + PARTS * k], sizeof(Layer));
    const Convolution *last = &all[3 + PARTS * layers];
    to->up1 = last[0], to->up2 = last[1], to->heads = last[2];
    int wide = to->down2.outputs, fine = to->stem.outputs, middle = to->down1.outputs;
    int fits = to->stem.inputs == SEEN && to->down1.inputs == fine && to->down2.inputs == 4 * middle &&
               to->up1.inputs == wide && to->up1.outputs == 4 * middle && to->up2.inputs == middle &&
               to->up2.outputs == fine && to->heads.inputs == fine && to->heads.outputs == HEADS;
    for (int k = 0; k < ENDS; k++) fits = fits && (k < 3 ? all[k] : last[k - 3]).taps == 2;
    for (int k = 0; k < layers; k++) {
        const Layer *layer = &to->layers[k];
        int hidden = layer->hidden.outputs;
        fits = fits && layer->hidden.taps == 1 && layer->scale.taps == 1 && layer->shift.taps == 1 && layer->by.taps == 3 &&
               layer->hidden.inputs == CONDITIONS && layer->scale.inputs == hidden && layer->shift.inputs == hidden &&
               layer->scale.outputs == wide && layer->shift.outputs == wide && layer->by.inputs == wide &&
               layer->by.outputs == wide;
    }
    return fits ? (size_t)(at - weights) : 0;
}

#if CAN_BE_FAST
typedef struct Step Step;

/* A convolution of a tile: where its input comes from and where its output goes. */
struct Step {
    const Convolution *by;
    void (*fill)(const Step *, int y, float *to, float *spare); /* writes one row of the input */
    const float *from;
    int high, wide; /* of the input */
    const Layer *layer; /* of a modulated input */
    const float *beside; /* conditioning of a modulated input, or what is added to an enlarged one */
    ptrdiff_t beside_row;
    Outputs to;
};

/* Write the product of a row of pixels [wide, channels] and a convolution of 1 x 1 for one block of outputs. ``x`` NULL:
 * with its bias; otherwise ``x`` * (that) + the product with ``other``. Both made positive. */
INLINE void product_row(const Convolution *by, const Convolution *other, const float *given, int count, int n, const int wide,
                        const float *x, float *to) {
    ptrdiff_t in = by->inputs, out = by->outputs, first = (ptrdiff_t)n * in;
    for (int p = 0; p < count; p += TOGETHER) {
        int at = p + TOGETHER <= count ? p : count - TOGETHER;
        __m256 sums[TOGETHER][3];
#pragma GCC unroll 4
        for (int r = 0; r < TOGETHER; r++)
#pragma GCC unroll 3
            for (int j = 0; j < wide; j++) sums[r][j] = _mm256_loadu_ps(by->bias + n + LANES * j);
        multiply(given + at * in, in, by->weights + first, by->inputs, wide, sums);
        if (x) {
#pragma GCC unroll 4
            for (int r = 0; r < TOGETHER; r++)
#pragma GCC unroll 3
                for (int j = 0; j < wide; j++)
                    sums[r][j] = _mm256_fmadd_ps(sums[r][j], _mm256_loadu_ps(x + (at + r) * out + n + LANES * j),
                                                 _mm256_loadu_ps(other->bias + n + LANES * j));
            multiply(given + at * in, in, other->weights + first, by->inputs, wide, sums);
        }
#pragma GCC unroll 4
        for (int r = 0; r < TOGETHER; r++)
#pragma GCC unroll 3
            for (int j = 0; j < wide; j++)
                _mm256_storeu_ps(to + (at + r) * out + n + LANES * j, _mm256_max_ps(sums[r][j], _mm256_setzero_ps()));
    }
}

/* `product_row` for all outputs. */
static FAST void product_rows(const Convolution *by, const Convolution *other, const float *given, int count,
                              const float *x, float *to) {
    for (int n = 0; n < by->outputs; n += BLOCK) {
        int width = by->outputs - n < BLOCK ? by->outputs - n : BLOCK;
        if (width == 24)
            product_row(by, other, given, count, n, 3, x, to);
        else if (width == 16)
            product_row(by, other, given, count, n, 2, x, to);
        else
            product_row(by, other, given, count, n, 1, x, to);
    }
}

/* A row as it is. */
static void fill_same(const Step *of, int y, float *to, float *spare) {
    size_t row = (size_t)of->wide * of->by->inputs;
    (void)spare;
    memcpy(to, of->from + y * row, sizeof(float) * row);
}

/* Cells of 2 x 2 px of a picture with twice the rows and columns. */
static void fill_cells(const Step *of, int y, float *to, float *spare) {
    size_t pair = (size_t)of->by->inputs / 2, row = of->wide * pair;
    const float *upper = of->from + 2 * y * row, *lower = upper + row;
    (void)spare;
    for (int c = 0; c < of->wide; c++, upper += pair, lower += pair, to += 2 * pair) {
        memcpy(to, upper, sizeof(float) * pair);
        memcpy(to + pair, lower, sizeof(float) * pair);
    }
}

/* The pixels of cells, with what they skipped added, made positive. */
static FAST void fill_pixels(const Step *of, int y, float *to, float *spare) {
    size_t pair = 2 * (size_t)of->by->inputs, cells = (size_t)of->wide / 2;
    const float *from = of->from + y / 2 * cells * 2 * pair + (y & 1) * pair, *skipped = of->beside + y * of->beside_row;
    (void)spare;
    for (size_t c = 0; c < cells; c++, from += 2 * pair, skipped += pair, to += pair)
        for (size_t k = 0; k < pair; k += LANES) {
            __m256 sum = _mm256_add_ps(_mm256_loadu_ps(from + k), _mm256_loadu_ps(skipped + k));
            _mm256_storeu_ps(to + k, _mm256_max_ps(sum, _mm256_setzero_ps()));
        }
}

/* A row that SPADE modulates: max(0, x * scale + shift). */
static FAST void fill_modulated(const Step *of, int y, float *to, float *spare) {
    const Layer *layer = of->layer;
    product_rows(&layer->hidden, NULL, of->beside + y * of->beside_row, of->wide, NULL, spare);
    product_rows(&layer->scale, &layer->shift, spare, of->wide, of->from + (size_t)y * of->wide * layer->by.inputs, to);
}

/* Numbers in a row of the input that `compute_rows` keeps: the last tiles go beyond its end. */
static size_t strip_row(const Step *step) {
    int taps = step->by->taps, tiles = (step->wide - taps + 1 + tile_step(taps) - 1) / tile_step(taps);
    return ((size_t)(tiles + TOGETHER) * tile_step(taps) + taps) * step->by->inputs + 2 * LANES;
}

/* Numbers of spare memory of a step. */
static size_t step_spare_floats(const Step *step) {
    int taps = step->by->taps;
    size_t hidden = step->layer ? (size_t)step->wide * step->layer->hidden.outputs : 0;
    return tile_side(taps) * strip_row(step) + spare_floats(taps, step->by->inputs) + hidden;
}

static inline int tile_rows(const Step *step) {
    int taps = step->by->taps;
    return (step->high - taps + 1 + tile_step(taps) - 1) / tile_step(taps);
}

/* The rows of tiles from ``first`` to ``stop`` of a step. */
static FAST void compute_rows(const Step *step, int first, int stop, float *spare) {
    int taps = step->by->taps, side = tile_side(taps), every = tile_step(taps);
    int down = step->high - taps + 1, across = step->wide - taps + 1, tiles = (across + every - 1) / every;
    size_t row = strip_row(step), filled = (size_t)step->wide * step->by->inputs;
    float *rows[MOST_SIDE], *rest = spare + side * row, *tile_spare = rest;
    if (step->layer) tile_spare += (size_t)step->wide * step->layer->hidden.outputs;
    for (int k = 0; k < side; k++) {
        rows[k] = spare + k * row;
        memset(rows[k] + filled, 0, sizeof(float) * (row - filled));
    }
    for (int t = first; t < stop; t++) {
        int y = t * every, kept = t > first ? side - every : 0;
        float *turned[MOST_SIDE];
        for (int k = 0; k < side; k++) turned[k] = rows[(k + (t > first ? every : 0)) % side];
        memcpy(rows, turned, sizeof(turned[0]) * side);
        for (int k = kept; k < side; k++) {
            if (y + k < step->high)
                step->fill(step, y + k, rows[k], rest);
            else
                memset(rows[k], 0, sizeof(float) * filled);
        }
        Outputs of = step->to;
        of.to += y * of.row;
        if (of.add) of.add += y * of.add_row;
        of.down = down - y < every ? down - y : every, of.across = across;
        if (taps == 3)
            convolve_tiles(step->by, 6, rows, tiles, of, tile_spare);
        else
            convolve_tiles(step->by, 4, rows, tiles, of, tile_spare);
    }
}
#endif
#endif
