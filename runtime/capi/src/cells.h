// The generator's operations around the network that OpenVINO computes in bf16; cells.c compiles the headers of the
// Python package's extension, runtime/engines/_cells.c, so both give the same bits. All bf16 numbers are uint16_t.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A texture of the atlas: [rows + 1, columns + 1, 4] in bf16, with the last row and column twice.
typedef struct {
    const uint16_t *texels;
    int rows, columns;
} cells_texture;

// Whether this CPU has the instructions that the functions below need.
int cells_usable(void);

// The first convolution's input, [44, (height / 2 - 4) * (width / 2 - 4)], for `image`, [height, width, 3]; `planes` are u,
// v and spans of years, [height / 4, width / 4], and `gain` the gains of the eight channels of the atlas.
void cells_gather(const uint8_t *image, int height, int width, const float *const planes[3], const cells_texture *fine,
                  const cells_texture *coarse, const float *gain, uint16_t *out);

// The planes of SPADE's conditioning, [25, (height - 4) * (width - 4)]; `given` are years, u, v, inside and scale,
// [height, width].
void cells_condition(const float *const given[5], int height, int width, uint16_t *out);

// The aged core, [height, width, 3], for the codes at `core`, whose rows are `core_step` bytes apart, and the network's
// output, [24, height / 2 * width / 2].
void cells_blend(const uint8_t *core, ptrdiff_t core_step, int height, int width, const uint16_t *change, uint8_t *out);

#ifdef __cplusplus
}
#endif
