// The part of a frame that an engine reads for one tile, and the pixels that it gives.
#pragma once

#include <string>

#include "frame.h"

namespace amgan_impl {

// A tile with its halo: `image` [high, wide, 3], `map` [high / 4, wide / 4], `positions` as many cells of each plane.
struct TileArrays {
    TileArrays(const FrameWork &work, const Tile &tile);

    int high;
    int wide;
    std::vector<std::uint8_t> image;
    std::vector<float> map;
    std::vector<float> positions;
};

// Writes a core, [height, width, 3], into a frame of `side_px`.
void paste_core(const std::vector<std::uint8_t> &core, const Tile &tile, std::uint8_t *aged, int side_px);

// For messages.
std::string name_of(const Tile &tile);

}  // namespace amgan_impl
