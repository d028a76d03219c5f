// Any bytes as manifest.json: accepted, or refused with an error text; accepted ones must give valid tiles and maps.
#include <algorithm>
#include <cstdlib>

#include "error.h"
#include "frame.h"
#include "manifest.h"

using namespace amgan_impl;

namespace {

void require(bool good) {
    if (!good) std::abort();
}

// The numbers of an accepted manifest give tiles inside the frame.
void plan(const Manifest &m) {
    const int side = std::min(m.min_frame_px, 2048), multiple = std::max(m.tile_multiple, kTileStepPx);
    if (side % multiple != 0) return;
    const std::size_t cells = static_cast<std::size_t>(side / multiple) * static_cast<std::size_t>(side / multiple);
    for (const std::vector<Size> &cores : {std::vector<Size>{}, std::vector<Size>{{256, 304}, {640, 640}}})
        for (const Tile &tile :
             plan_tiles(side, {640, 3, cores, m.halo_px}, std::vector<std::uint8_t>(cells, 1), multiple)) {
            require(tile.x0 >= 0 && tile.y0 >= 0 && tile.width > 0 && tile.height > 0);
            require(tile.x0 + tile.width <= side && tile.y0 + tile.height <= side);
        }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    try {
        plan(parse_manifest({reinterpret_cast<const char *>(data), size}, "fuzzed"));
    } catch (const Error &error) {
        require(error.status() == AMGAN_ERROR_BUNDLE && error.what()[0] != '\0');
    }
    return 0;
}
