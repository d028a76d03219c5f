// Cuts the tiles of a batch out of their frames, and stitches its cores into them: one launch each, which are nodes of
// the batch's graph. So they are launched for the whole batch; tiles of width 0 and height 0 are left out.
//
// All sides and positions are in px and multiples of 4, which is a cell: 4 px of RGB are 3 words of 32 bits, and one
// float in each plane of ages and coordinates. So all copies are of whole words. make_ptx.py compiles this file to
// tile_kernels.ptx; commit both together.

struct TileDescriptor {
  unsigned long long image;   // the frame with its halo, uint8 [padded, padded, 3]
  unsigned long long planes;  // its ages, then its coordinates, float32 [5, padded / 4, padded / 4]
  unsigned long long aged;    // the result, uint8 [padded - 2 halo, padded - 2 halo, 3]
  int padded, x0, y0, width, height, unused;
};

enum { CELL = 4, WORDS = 3, PLANES = 5 };

// Blocks (1, core_tall + 2 halo, tiles): a row of a tile each. `patterns` has `mixed` floats for each tile.
extern "C" __global__ void gather_tiles(const TileDescriptor *descriptors, const float *patterns, int mixed,
                                        unsigned *image, float *ages, float *coordinates, float *pattern,
                                        int core_wide, int core_tall, int halo) {
  const int tile = blockIdx.z, row = blockIdx.y, first = threadIdx.x, step = blockDim.x;
  const TileDescriptor at = descriptors[tile];
  if (!at.width) return;
  const size_t side = core_tall + 2 * halo, cells = (core_wide + 2 * halo) / CELL, frame_cells = at.padded / CELL;
  const size_t plane_cells = side / CELL * cells;
  const int wide = (at.width + 2 * halo) / CELL, tall = (at.height + 2 * halo) / CELL;
  if (row < tall * CELL) {
    const unsigned *source = (const unsigned *)at.image + ((at.y0 + row) * frame_cells + at.x0 / CELL) * WORDS;
    unsigned *target = image + (tile * side + row) * cells * WORDS;
    for (int i = first; i < wide * WORDS; i += step) target[i] = source[i];
  }
  if (row < tall) {
    const float *source = (const float *)at.planes + (at.y0 / CELL + row) * frame_cells + at.x0 / CELL;
    for (int plane = 0; plane < PLANES; plane++) {
      float *target = plane ? coordinates + (tile * (size_t)(PLANES - 1) + plane - 1) * plane_cells
                            : ages + tile * plane_cells;
      target += row * cells;
      for (int i = first; i < wide; i += step) target[i] = source[plane * frame_cells * frame_cells + i];
    }
  }
  if (row == 0)
    for (int i = first; i < mixed; i += step) pattern[tile * mixed + i] = patterns[tile * mixed + i];
}

// Blocks (1, core_tall, tiles): a row of a core each. Cores of exact tiles agree where they overlap.
extern "C" __global__ void stitch_cores(const TileDescriptor *descriptors, const unsigned *cores, int core_wide,
                                        int core_tall, int halo) {
  const int tile = blockIdx.z, row = blockIdx.y;
  const TileDescriptor at = descriptors[tile];
  if (row >= at.height) return;
  const size_t frame_cells = (at.padded - 2 * halo) / CELL, cells = core_wide / CELL;
  unsigned *target = (unsigned *)at.aged + ((at.y0 + row) * frame_cells + at.x0 / CELL) * WORDS;
  const unsigned *source = cores + (tile * (size_t)core_tall + row) * cells * WORDS;
  for (int i = threadIdx.x; i < at.width / CELL * WORDS; i += blockDim.x) target[i] = source[i];
}
