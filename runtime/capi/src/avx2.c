// See avx2.h.
#include "avx2.h"

#include "../../engines/_tile.h"

#if CAN_BE_FAST
static Run run_of(const Generator *by, const avx2_generator *given, int height, int width, int threads) {
    Run run = {.by = by, .tile = {.height = height, .width = width}, .planned = threads};
    run.atlas.fine = (Texels){given->fine.texels, given->fine.rows, given->fine.columns};
    run.atlas.coarse = (Texels){given->coarse.texels, given->coarse.rows, given->coarse.columns};
    run.atlas.span = given->span;
    return run;
}

int avx2_is_widest(void) { return usable() && !__builtin_cpu_supports("avx512f"); }

size_t avx2_floats(const avx2_generator *given, size_t weights, int height, int width, int threads) {
    Generator by;
    const int fits = height % CELL == 0 && width % CELL == 0 && height >= 3 * CELL && width >= 3 * CELL &&
                     height <= WIDEST && width <= WIDEST && threads >= 1 && threads <= MOST_THREADS;
    if (!fits || read_generator(given->table, given->convolutions, given->weights, &by) != weights) return 0;
    Run run = run_of(&by, given, height, width, threads);
    return plan_run(&run, (float *)SLACK);
}

void avx2_age(const avx2_generator *given, const avx2_tile *tile, int threads, float *memory, uint8_t *aged) {
    Generator by;
    read_generator(given->table, given->convolutions, given->weights, &by);
    Run run = run_of(&by, given, tile->height, tile->width, threads);
    const ptrdiff_t row = (ptrdiff_t)sizeof(float) * (tile->width / CELL);
    run.tile.image = (Rows){tile->image, (ptrdiff_t)COLOURS * tile->width};
    run.tile.patterns = tile->patterns, run.tile.pattern = tile->pattern;
    run.tile.given[0] = (Rows){tile->years, row};
    for (int k = 0; k < 4; k++)
        run.tile.given[1 + k] = (Rows){(const char *)tile->positions + k * (tile->height / CELL) * row, row};
    memcpy(run.atlas.gain, tile->gain, sizeof run.atlas.gain);
    plan_run(&run, memory);
    run.aged = aged, run.aged_row = (ptrdiff_t)COLOURS * 2 * run.change.wide;
    compute_tile(&run);
}
#else
int avx2_is_widest(void) { return 0; }

size_t avx2_floats(const avx2_generator *given, size_t weights, int height, int width, int threads) { return 0; }

void avx2_age(const avx2_generator *given, const avx2_tile *tile, int threads, float *memory, uint8_t *aged) {}
#endif

size_t avx2_packed_floats(int taps, int inputs, int outputs) { return packed_floats(taps, inputs, outputs); }

void avx2_pack(const float *weights, int taps, int inputs, int outputs, float *to) {
    pack_winograd(weights, taps, inputs, outputs, to);
}
