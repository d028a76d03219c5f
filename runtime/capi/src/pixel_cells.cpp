#include <algorithm>
#include <cstring>

#include "face_coordinates.h"
#include "generator_cut.h"
#include "tiles.h"

namespace amgan_impl {

std::uint16_t in_bf16(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

PixelCells::Texture::Texture(const std::vector<float> &values, const ov::Shape &shape)
    : rows(static_cast<int>(shape[2])), columns(static_cast<int>(shape[3])), texels((shape[2] + 1) * (shape[3] + 1) * 4) {
    std::uint16_t *to = texels.data();
    for (int y = 0; y <= rows; ++y)
        for (int x = 0; x <= columns; ++x)
            for (int k = 0; k < 4; ++k) {
                const std::size_t row = static_cast<std::size_t>(k) * rows + std::min(y, rows - 1);
                *to++ = in_bf16(values[row * columns + std::min(x, columns - 1)]);
            }
}

PixelCells::PixelCells(const std::vector<float> &fine, const ov::Shape &fine_shape, const std::vector<float> &coarse,
                       const ov::Shape &coarse_shape, std::vector<float> gain, std::vector<float> bias, float span)
    : fine_(fine, fine_shape), coarse_(coarse, coarse_shape), gain_(std::move(gain)), bias_(std::move(bias)),
      span_(span) {}

void PixelCells::gather(const std::uint8_t *image, int height, int width, const std::vector<float> &map,
                        const float *positions, const std::vector<float> &pattern, std::uint16_t *seen) const {
    std::vector<float> spans(map), gains(bias_);
    for (float &years : spans) years *= span_;
    for (std::size_t i = 0; i < pattern.size(); ++i)
        for (std::size_t k = 0; k < kSampled; ++k) gains[k] += pattern[i] * gain_[i * kSampled + k];
    const float *const planes[3] = {positions, positions + map.size(), spans.data()};
    const cells_texture fine = fine_.view(), coarse = coarse_.view();
    cells_gather(image, height, width, planes, &fine, &coarse, gains.data(), seen);
}

void PixelCells::condition(int height, int width, const std::vector<float> &map, const float *positions,
                           const std::vector<float> &pattern, std::uint16_t *planes) const {
    const int down = height / kCellPx, across = width / kCellPx;
    const std::size_t inner = static_cast<std::size_t>(down - 2 * kMarginCells) * (across - 2 * kMarginCells);
    const float *given[1 + kPositionPlanes] = {map.data()};
    for (std::size_t i = 0; i < kPositionPlanes; ++i) given[1 + i] = positions + i * map.size();
    cells_condition(given, down, across, planes);
    for (std::size_t i = kConditions; i < kMostConditions; ++i) {
        const bool has_pattern = i - kConditions < pattern.size();
        std::fill_n(planes + i * inner, inner, has_pattern ? in_bf16(pattern[i - kConditions]) : std::uint16_t{0});
    }
}

}  // namespace amgan_impl
