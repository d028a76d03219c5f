// Tile geometry: which parts of a frame are computed. The same plan as amgan.runtime.engines.tiles in Python.
#pragma once

#include <cstdint>
#include <vector>

namespace amgan_impl {

constexpr int kCellPx = 4;       // side of a cell of the aging map
constexpr int kTileStepPx = 32;  // engines prepare for every size anew, so there should be few

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

// What an engine likes. `max_core_px`: longest side of a core; `at_least`: into how many tiles a large frame should be
// cut. Where there are `cores`, by area and going up, every core is as large as one of them: that one which takes least
// arithmetic for a frame, a tile costing the area of its core and half of its halo on every side.
struct TileLimits {
    int max_core_px = 0;
    int at_least = 1;
    std::vector<Size> cores;
    int halo_px = 0;
};

// The side of the cells in which a frame is planned, px.
int plan_step_px(const TileLimits &limits, int tile_multiple);

// Tiles that cover all marked cells, in reading order. `cells` has (frame_px / multiple)^2 flags, row by row.
std::vector<Tile> plan_tiles(int frame_px, const TileLimits &limits, const std::vector<std::uint8_t> &cells,
                             int multiple);

}  // namespace amgan_impl
