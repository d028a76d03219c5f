// A canonical frame on its way through an engine: the caller's picture and map, in the engine's own layout.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "amgan.h"
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

// Cells across the frame that zone maps and coordinates are made with, as in the Python package, and how many more on
// each side cover the halo.
constexpr int kMapCells = 128;
constexpr float kMostLines = 2.1f;  // that the weights of a pattern may add up to
inline int map_margin(int side_px, const Manifest &manifest) {
    return (manifest.halo_px * kMapCells + side_px - 1) / side_px + 1;
}

// Whether a number can be an age that is there now. Readings may lie outside what a bundle can be asked for, by far.
inline bool is_some_age(float years) { return years >= -1000.0f && years <= 1000.0f; }

// Raise Error (AMGAN_ERROR_ARGUMENT) for a frame, a map or an output that makes no sense.
void check_frame(const amgan_frame *frame, const Manifest &manifest);
void check_map(const amgan_map *map);
void check_output(const std::uint8_t *out, std::ptrdiff_t stride_bytes, int side_px);

// A frame with its halo: real pixels as far as the caller has them, then the edge repeated.
std::vector<std::uint8_t> with_halo(const amgan_frame &frame, int halo_px);

// The caller's map as far as its margin goes, its values checked against the bundle's range of ages.
Plane read_map(const amgan_map &map, const Manifest &manifest);

// The caller's map without its margin, its values checked with is_some_age() only.
Plane read_seen_map(const amgan_map &map);

// A map of `margin_cells` cells around its frame for every cell of the engine's. Ages beyond what the generator was
// trained for are taken for the oldest of that.
Plane engine_map(const Plane &map, int margin_cells, int side_px, const Manifest &manifest);

// The coordinates of every cell of the engine's, from those of `margin_cells` cells around the frame.
std::array<Plane, kPositionPlanes> engine_positions(const std::array<Plane, 3> &coordinates, int margin_cells, int side_px,
                                              const Manifest &manifest);

// The caller's mixing weights, whose sum is how strong lines are; raises Error (AMGAN_ERROR_ARGUMENT) for numbers that are none.
std::vector<float> read_pattern(const float *pattern, const Manifest &manifest);

}  // namespace amgan_impl
