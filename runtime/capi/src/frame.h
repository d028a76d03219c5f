// The input of an engine for a canonical frame: the caller's picture and map in the engine's layout.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "amgan.h"
#include "constants.h"
#include "face_coordinates.h"
#include "manifest.h"
#include "plane.h"
#include "tiles.h"

namespace amgan_impl {

// `image` is [side + 2 halo, side + 2 halo, 3] RGB; `map` [(side + 2 halo) / 4]^2 years; `positions` as many cells of u, v,
// inside and scale; `pattern` the mixing weights; `tiles` the cores to compute.
struct FrameWork {
    int side_px = 0;
    int halo_px = 0;
    std::vector<std::uint8_t> image;
    Plane map;
    std::array<Plane, kPositionPlanes> positions;
    std::vector<float> pattern;
    std::vector<Tile> tiles;

    int padded_px() const { return side_px + 2 * halo_px; }
    int padded_cells() const { return padded_px() / kCellPx; }
};

// Cells across the frame for zone maps and coordinates, as in the Python package, and the margin on each side that
// covers the halo.
inline int map_margin(int side_px, const Manifest &manifest) {
    return (manifest.halo_px * age_constants::kMapCells + side_px - 1) / side_px + 1;
}

// Whether a number can be a present age. Estimates may be far outside a bundle's range of ages.
inline bool is_some_age(float years) { return years >= -1000.0f && years <= 1000.0f; }

// Raise Error (AMGAN_ERROR_ARGUMENT) for an invalid frame, map or output.
void check_frame(const amgan_frame *frame, const Manifest &manifest);
void check_map(const amgan_map *map);
void check_output(const std::uint8_t *out, std::ptrdiff_t stride_bytes, int side_px);

// A frame with its halo: the caller's pixels where available, otherwise the repeated edge.
std::vector<std::uint8_t> with_halo(const amgan_frame &frame, int halo_px);

// The caller's map with its margin, with values checked against the bundle's range of ages.
Plane read_map(const amgan_map &map, const Manifest &manifest);

// The caller's map without its margin, with values checked by is_some_age() only.
Plane read_seen_map(const amgan_map &map);

// Resamples a map with `margin_cells` cells around the frame to the engine's cells. Ages above the oldest trained age
// are clamped to it.
Plane engine_map(const Plane &map, int margin_cells, int side_px, const Manifest &manifest);

// Resamples coordinates with `margin_cells` cells around the frame to the engine's cells.
std::array<Plane, kPositionPlanes> engine_positions(const std::array<Plane, 3> &coordinates, int margin_cells, int side_px,
                                              const Manifest &manifest);

// The caller's mixing weights, whose sum is the line strength; raises Error (AMGAN_ERROR_ARGUMENT) for invalid ones.
std::vector<float> read_pattern(const float *pattern, const Manifest &manifest);

}  // namespace amgan_impl
