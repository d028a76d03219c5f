// See cells.h.
#include "cells.h"

#include "../../engines/_blend.h"
#include "../../engines/_condition.h"
#include "../../engines/_gather.h"

static Rows rows_of(const void *at, size_t bytes) { return (Rows){at, (ptrdiff_t)bytes}; }

int cells_usable(void) { return usable(); }

void cells_gather(const uint8_t *image, int height, int width, const float *const planes[3], const cells_texture *fine,
                  const cells_texture *coarse, const float *gain, uint16_t *out) {
    const Texture textures[2] = {{fine->texels, fine->rows, fine->columns},
                                 {coarse->texels, coarse->rows, coarse->columns}};
    Rows rows[3];
    for (int k = 0; k < 3; k++) rows[k] = rows_of(planes[k], sizeof(float) * (size_t)(width / CELL));
    gather_rows(rows_of(image, COLOURS * (size_t)width), height, width, rows, &textures[0], &textures[1], gain, out);
}

void cells_condition(const float *const given[5], int height, int width, uint16_t *out) {
    Rows rows[5];
    for (int k = 0; k < 5; k++) rows[k] = rows_of(given[k], sizeof(float) * (size_t)width);
    condition_rows(rows, height, width, out);
}

void cells_blend(const uint8_t *core, ptrdiff_t core_step, int height, int width, const uint16_t *change, uint8_t *out) {
    blend_rows((Rows){core, core_step}, height, width, change, out, (ptrdiff_t)width * COLOURS);
}
