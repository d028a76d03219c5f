// Tile geometry: the parts of a frame that are computed, as in amgan.runtime.engines.tiles in Python.
#pragma once

#include <cstdint>
#include <vector>

namespace amgan_impl {

constexpr int kCellPx = 4;       // side of a cell of the aging map
constexpr int kTileStepPx = 8;  // engines prepare each size once, so there should be few sizes

// Width and height in px.
struct Size {
    int width = 0;
    int height = 0;
    std::int64_t area() const { return static_cast<std::int64_t>(width) * height; }
};

// The core of one tile, in px of the frame.
struct Tile {
    int x0 = 0;
    int y0 = 0;
    int width = 0;
    int height = 0;
};

// The preferred tiling of an engine. `max_core_px`: longest side of a core; `at_least`: smallest number of tiles of a
// large frame. With `cores`, in ascending order of area, all tiles of a frame have the one of these sizes that costs
// least, where the cost of a tile is the area of its core with half of its halo.
struct TileLimits {
    int max_core_px = 0;
    int at_least = 1;
    std::vector<Size> cores;
    int halo_px = 0;
};

// The side in px of the cells in which tiles are planned.
int plan_step_px(const TileLimits &limits, int tile_multiple);

// Tiles that cover all marked cells, in reading order. `cells` has (frame_px / multiple)^2 flags, row by row.
std::vector<Tile> plan_tiles(int frame_px, const TileLimits &limits, const std::vector<std::uint8_t> &cells,
                             int multiple);

}  // namespace amgan_impl
