// The generator in fp32 with AVX2: avx2.c compiles the headers of the Python package's extension, runtime/engines/_avx2.c.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A texture of the atlas: [rows + 1, columns + 1, 4], with the last row and column twice.
typedef struct {
    const float *texels;
    int rows, columns;
} avx2_texture;

// Taps, inputs and outputs of each convolution, their packed weights and biases, and the atlas.
typedef struct {
    const int *table;
    int convolutions;
    const float *weights;
    avx2_texture fine, coarse;
    float span;
} avx2_generator;

// An image, [height, width, 3]; years and four planes of positions, [height / 4, width / 4]; weights of patterns; the gains
// of the eight channels of the atlas.
typedef struct {
    const uint8_t *image;
    int height, width;
    const float *years, *positions, *pattern;
    int patterns;
    const float *gain;
} avx2_tile;

// Whether this CPU has AVX2 and FMA, and no AVX-512, whose vectors are twice as wide.
int avx2_is_widest(void);

// Numbers of packed weights, and packing them from [outputs, inputs, taps, taps].
size_t avx2_packed_floats(int taps, int inputs, int outputs);
void avx2_pack(const float *weights, int taps, int inputs, int outputs, float *to);

// Numbers of memory for a tile; 0 if it is too small or large, or if `weights` of that number are not a generator's.
size_t avx2_floats(const avx2_generator *by, size_t weights, int height, int width, int threads);

// Writes the aged core, dense, with up to 64 threads; `memory` is as large as avx2_floats says.
void avx2_age(const avx2_generator *by, const avx2_tile *tile, int threads, float *memory, uint8_t *aged);

#ifdef __cplusplus
}
#endif
