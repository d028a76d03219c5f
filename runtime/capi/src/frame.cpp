#include "frame.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include "constants.h"
#include "error.h"

namespace amgan_impl {

namespace {

constexpr int kMaxMapCells = 16384;
using mesh_constants::kReferencePx;
using pattern_constants::kLargestWeightSum;

// Whether rows of this number of bytes fit into the stride.
bool stride_fits(std::ptrdiff_t stride_bytes, std::size_t row_bytes) {
    const auto wide = static_cast<std::ptrdiff_t>(row_bytes);
    return stride_bytes >= wide || stride_bytes <= -wide;
}

void require_stride(const char *what, std::ptrdiff_t stride_bytes, std::size_t row_bytes) {
    if (!stride_fits(stride_bytes, row_bytes))
        throw argument_error(std::string(what) + " has a stride of " + std::to_string(stride_bytes) +
                             " bytes, but its rows have " + std::to_string(row_bytes) +
                             ": give the bytes from a row to the next");
}

}  // namespace

void check_frame(const amgan_frame *frame, const Manifest &m) {
    if (frame == nullptr || frame->pixels == nullptr)
        throw argument_error("the frame is null: give a picture of a face");
    const int side = frame->side_px;
    if (side < m.min_frame_px || side > m.max_frame_px || side % kFrameStepPx != 0)
        throw argument_error("a frame cannot be " + std::to_string(side) + " px wide: give " +
                             std::to_string(m.min_frame_px) + " to " + std::to_string(m.max_frame_px) +
                             " px, a multiple of " + std::to_string(kFrameStepPx));
    if (frame->margin_px < 0)
        throw argument_error("a frame cannot have a margin of " + std::to_string(frame->margin_px) +
                             " px: give 0 where there is none");
    require_stride("the frame", frame->stride_bytes, std::size_t{3} * side);
}

void check_map(const amgan_map *map) {
    if (map == nullptr || map->years == nullptr)
        throw argument_error("the aging map is null: give at least one age");
    if (map->side_cells < 1 || map->side_cells > kMaxMapCells)
        throw argument_error("an aging map cannot have " + std::to_string(map->side_cells) +
                             " cells across: give 1 to " + std::to_string(kMaxMapCells));
    if (map->margin_cells < 0 || map->margin_cells > kMaxMapCells)
        throw argument_error("an aging map cannot have a margin of " + std::to_string(map->margin_cells) +
                             " cells: give 0 where there is none");
    const std::size_t row_bytes = sizeof(float) * map->side_cells;
    if (map->side_cells + map->margin_cells > 1) require_stride("the aging map", map->stride_bytes, row_bytes);
}

void check_output(const std::uint8_t *out, std::ptrdiff_t stride_bytes, int side_px) {
    if (out == nullptr) throw argument_error("the output is null: give memory for the aged frame");
    require_stride("the output", stride_bytes, std::size_t{3} * side_px);
}

std::vector<std::uint8_t> with_halo(const amgan_frame &frame, int halo_px) {
    const int side = frame.side_px, margin = std::min(frame.margin_px, halo_px), padded = side + 2 * halo_px;
    const int low = -margin, high = side + margin - 1;  // rows and columns that may be read
    const std::size_t row_bytes = std::size_t{3} * padded;
    std::vector<std::uint8_t> image(row_bytes * padded);
    for (int y = 0; y < padded; ++y) {
        const std::uint8_t *from = frame.pixels + std::clamp(y - halo_px, low, high) * frame.stride_bytes;
        std::uint8_t *to = image.data() + row_bytes * y;
        const int bare = halo_px - margin;
        std::memcpy(to + 3 * bare, from + 3 * low, std::size_t{3} * (high + 1 - low));
        for (int x = 0; x < bare; ++x) {
            std::memcpy(to + 3 * x, from + 3 * low, 3);
            std::memcpy(to + 3 * (padded - 1 - x), from + 3 * high, 3);
        }
    }
    return image;
}

Plane read_map(const amgan_map &map, const Manifest &m) {
    const auto most = static_cast<float>(m.max_age - m.min_age);
    Plane plane(map.side_cells + 2 * map.margin_cells);
    const char *first = reinterpret_cast<const char *>(map.years) - sizeof(float) * map.margin_cells;
    for (int y = 0; y < plane.side; ++y) {
        const std::ptrdiff_t row = y - map.margin_cells;
        const char *from = first + row * map.stride_bytes;
        std::memcpy(plane.row(y), from, sizeof(float) * plane.side);
        for (int x = 0; x < plane.side; ++x)
            if (!(plane.row(y)[x] >= -most && plane.row(y)[x] <= most))
                throw argument_error("the aging map asks for a change of " + in_words(plane.row(y)[x]) +
                                     " years: ask for " + in_words(-most) + " to " + in_words(most));
    }
    return plane;
}

Plane read_seen_map(const amgan_map &map) {
    Plane plane(map.side_cells);
    const char *first = reinterpret_cast<const char *>(map.years);
    for (int y = 0; y < plane.side; ++y) {
        std::memcpy(plane.row(y), first + y * map.stride_bytes, sizeof(float) * plane.side);
        for (int x = 0; x < plane.side; ++x)
            if (!is_some_age(plane.row(y)[x]))
                throw argument_error("the aging map shows an age of " + in_words(plane.row(y)[x]) +
                                     " years, which nobody has: give years everywhere");
    }
    return plane;
}

namespace {

// Resamples a plane with `margin_cells` cells around the frame to the engine's cells.
Plane engine_plane(const Plane &plane, int margin_cells, int side_px, const Manifest &m) {
    const int cells = (side_px + 2 * m.halo_px) / kCellPx;
    const double step = static_cast<double>(kCellPx) * (plane.side - 2 * margin_cells) / side_px;
    const double halo_cells = static_cast<double>(m.halo_px) / kCellPx;
    return sample_linear(plane, cells, step, margin_cells - halo_cells * step + 0.5 * step - 0.5);
}

}  // namespace

Plane engine_map(const Plane &map, int margin_cells, int side_px, const Manifest &m) {
    return engine_plane(map, margin_cells, side_px, m);
}

std::array<Plane, kPositionPlanes> engine_positions(const std::array<Plane, 3> &coordinates, int margin_cells, int side_px,
                                              const Manifest &m) {
    std::array<Plane, kPositionPlanes> positions;
    for (std::size_t i = 0; i < coordinates.size(); ++i)
        positions[i] = engine_plane(coordinates[i], margin_cells, side_px, m);
    positions.back() = Plane(positions[0].side, static_cast<float>(std::log2(side_px / kReferencePx)));
    return positions;
}

std::vector<float> read_pattern(const float *pattern, const Manifest &m) {
    std::vector<float> weights(pattern, pattern + m.patterns);
    float sum = 0.0f;
    for (const float weight : weights) {
        if (!(weight >= 0.0f && weight <= kLargestWeightSum))
            throw argument_error("the pattern has a weight of " + in_words(weight) + ": give " +
                                 std::to_string(m.patterns) + " weights of 0 to " + in_words(kLargestWeightSum));
        sum += weight;
    }
    if (sum > kLargestWeightSum + 1e-3f)
        throw argument_error("the weights of the pattern add up to " + in_words(sum) + ": their sum is how strong lines " +
                             "are, at most " + in_words(kLargestWeightSum));
    return weights;
}

}  // namespace amgan_impl
