#include "tile_arrays.h"

#include <cstring>

namespace amgan_impl {

namespace {

void cut_plane(const Plane &plane, const Tile &tile, int high, int wide, float *to) {
    for (int y = 0; y < high; ++y)
        std::memcpy(to + static_cast<std::size_t>(wide) * y, plane.row(tile.y0 / kCellPx + y) + tile.x0 / kCellPx,
                    sizeof(float) * wide);
}

}  // namespace

TileArrays::TileArrays(const FrameWork &work, const Tile &tile)
    : high(tile.height + 2 * work.halo_px), wide(tile.width + 2 * work.halo_px), image(std::size_t{3} * high * wide),
      map(static_cast<std::size_t>(high / kCellPx) * (wide / kCellPx)), positions(kPositionPlanes * map.size()) {
    const std::size_t padded = static_cast<std::size_t>(work.padded_px()), row_bytes = std::size_t{3} * wide;
    for (int y = 0; y < high; ++y)
        std::memcpy(image.data() + row_bytes * y, work.image.data() + 3 * ((tile.y0 + y) * padded + tile.x0), row_bytes);
    cut_plane(work.map, tile, high / kCellPx, wide / kCellPx, map.data());
    for (std::size_t i = 0; i < kPositionPlanes; ++i)
        cut_plane(work.positions[i], tile, high / kCellPx, wide / kCellPx, positions.data() + i * map.size());
}

void paste_core(const std::vector<std::uint8_t> &core, const Tile &tile, std::uint8_t *aged, int side_px) {
    const std::size_t row_bytes = std::size_t{3} * tile.width;
    for (int y = 0; y < tile.height; ++y) {
        const std::size_t offset = static_cast<std::size_t>(tile.y0 + y) * side_px + tile.x0;
        std::memcpy(aged + 3 * offset, core.data() + row_bytes * y, row_bytes);
    }
}

std::string name_of(const Tile &tile) {
    return "the tile of " + std::to_string(tile.width) + "x" + std::to_string(tile.height) + " px at (" +
           std::to_string(tile.x0) + ", " + std::to_string(tile.y0) + ")";
}

}  // namespace amgan_impl
