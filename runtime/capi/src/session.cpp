#include "session.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <unistd.h>

#include "constants.h"
#include "error.h"
#include "zone_ages.h"

namespace amgan_impl {

namespace {

using age_constants::kMaskPx;

long this_process() { return static_cast<long>(getpid()); }

// The cells of the frame where a mask is not 0; all cells without a mask.
std::vector<std::uint8_t> touched(const Plane *mask, int side_px, int multiple) {
    const int side = side_px / multiple;
    std::vector<std::uint8_t> cells(static_cast<std::size_t>(side) * side, mask == nullptr ? 1 : 0);
    for (int y = 0; mask != nullptr && y < side_px; ++y)
        for (int x = 0; x < side_px; ++x)
            if (mask->row(y)[x] != 0.0f) cells[static_cast<std::size_t>(y / multiple) * side + x / multiple] = 1;
    return cells;
}

// Writes the aged frame; with a mask, the change times the mask.
void write_out(const FrameWork &work, const std::vector<std::uint8_t> &aged, const Plane *mask, std::uint8_t *out,
               std::ptrdiff_t out_stride_bytes) {
    const std::size_t row_bytes = std::size_t{3} * work.side_px, padded_bytes = std::size_t{3} * work.padded_px();
    const std::uint8_t *before = work.image.data() + work.halo_px * (padded_bytes + 3);
    for (int y = 0; y < work.side_px; ++y) {
        const std::uint8_t *old_row = before + padded_bytes * y, *new_row = aged.data() + row_bytes * y;
        std::uint8_t *to = out + y * out_stride_bytes;
        if (mask == nullptr) {
            std::memcpy(to, new_row, row_bytes);
            continue;
        }
        for (std::size_t i = 0; i < row_bytes; ++i) {
            const int change = int{new_row[i]} - int{old_row[i]};
            const float mixed = old_row[i] + mask->row(y)[i / 3] * static_cast<float>(change);
            to[i] = static_cast<std::uint8_t>(std::nearbyint(mixed));
        }
    }
}

}  // namespace

Plane frame_mask(const Landmarks &landmarks, int side_px, const Plane *now, const Plane *wanted, int margin_cells) {
    const int coarse = std::min(side_px, kMaskPx);  // computed at low resolution and enlarged, as it is soft
    Plane mask = edit_mask(landmarks, coarse);
    if (now != nullptr && wanted != nullptr) {
        const Plane asked = asked_mask(*now, *wanted, margin_cells, coarse);
        for (std::size_t i = 0; i < mask.values.size(); ++i) mask.values[i] *= asked.values[i];
    }
    if (coarse == side_px) return mask;
    const double step = static_cast<double>(coarse) / side_px;
    return sample_linear(mask, side_px, step, 0.5 * step - 0.5);
}

Session::Session(const std::string &folder, const std::string &device, const std::string &precision)
    : process_(this_process()), bundle_(open_bundle(folder)), engine_(choose_engine(bundle_, device, precision)) {}

bool Session::is_of_this_process() const { return process_ == this_process(); }

amgan_info Session::info() const {
    const Manifest &m = bundle_.manifest;
    const EngineTraits &traits = engine_->traits();
    amgan_info info{};
    info.model = m.model.c_str();
    info.backend = traits.backend.c_str();
    info.device = traits.device.c_str();
    info.precision = traits.precision.c_str();
    info.min_side_px = m.min_frame_px;
    info.max_side_px = m.max_frame_px;
    info.side_step_px = kFrameStepPx;
    info.halo_px = m.halo_px;
    info.cell_px = kCellPx;
    info.estimator_grid = m.estimator_grid;
    info.min_age = static_cast<float>(m.min_age);
    info.max_age = static_cast<float>(m.max_age);
    info.oldest_trained_age = static_cast<float>(m.oldest_trained_age);
    info.neutral_age = static_cast<float>(m.neutral_age);
    info.patterns = m.patterns;
    return info;
}

std::array<Plane, 3> Session::coordinates(const Landmarks &landmarks, int side, int margin) const {
    return bundle_.manifest.on_face ? face_coordinates(landmarks, side, margin) : frame_coordinates(side, margin);
}

void Session::age(const amgan_frame &frame, const Plane &map, int margin_cells, const Landmarks *landmarks,
                  const float *pattern, const Plane *mask, std::uint8_t *out, std::ptrdiff_t out_stride_bytes) const {
    const Manifest &m = bundle_.manifest;
    const int side = frame.side_px, multiple = plan_step_px(engine_->traits().limits, m.tile_multiple);

    FrameWork work;
    work.side_px = side;
    work.halo_px = m.halo_px;
    work.image = with_halo(frame, m.halo_px);
    work.map = engine_map(map, margin_cells, side, m);
    const Landmarks points = landmarks == nullptr ? mean_landmarks() : *landmarks;
    const int around = map_margin(side, m);
    work.positions = engine_positions(coordinates(points, age_constants::kMapCells, around), around, side, m);
    work.pattern = pattern == nullptr ? own_pattern(frame, map, points) : read_pattern(pattern, m);
    work.tiles = plan_tiles(side, engine_->traits().limits, touched(mask, side, multiple), multiple);
    const std::size_t row_bytes = std::size_t{3} * side;
    std::vector<std::uint8_t> aged(row_bytes * side);
    for (int y = 0; y < side; ++y)
        std::memcpy(aged.data() + row_bytes * y, frame.pixels + y * frame.stride_bytes, row_bytes);
    engine_->age(work, aged.data());
    write_out(work, aged, mask, out, out_stride_bytes);
}

std::vector<float> Session::own_pattern(const amgan_frame &frame, const Plane &map, const Landmarks &landmarks) const {
    const auto count = static_cast<std::size_t>(bundle_.manifest.patterns);
    const bool gets_older = std::any_of(map.values.begin(), map.values.end(), [](float years) { return years > 0.0f; });
    if (!gets_older) return std::vector<float>(count, 0.0f);
    return skin_pattern(shrunk(frame, line_constants::kReadPx), landmarks, bundle_.manifest.patterns);
}

Estimator &Session::estimator() {
    const std::lock_guard<std::mutex> hold(opening_);
    if (!estimator_) estimator_ = open_estimator(bundle_);
    return *estimator_;
}

std::vector<float> Session::estimate(const amgan_frame &frame) {
    return estimator().read(shrunk(frame, bundle_.manifest.estimator_px));
}

}  // namespace amgan_impl
