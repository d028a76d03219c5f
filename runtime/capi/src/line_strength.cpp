// The line strength of a face's skin: see amgan.runtime.face.line_strength in Python for the reasons.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "constants.h"
#include "face_coordinates.h"

namespace amgan_impl {

namespace {

using namespace line_constants;

constexpr int kSide = kReadPx;

// Log intensity of every pixel in integer steps, and the sum of its channels.
class Skin {
  public:
    explicit Skin(const std::vector<std::uint8_t> &rgb) : light_(kSide * kSide), total_(kSide * kSide) {
        std::array<long, 766> table{};
        for (std::size_t i = 0; i < table.size(); ++i)
            table[i] = std::lrint(kLogSteps * std::log(static_cast<double>(i) / 3.0 + 8.0));
        for (std::size_t i = 0; i < light_.size(); ++i) {
            total_[i] = rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2];
            light_[i] = table[static_cast<std::size_t>(total_[i])];
        }
    }

    long total(int x, int y) const { return total_[index(x, y)]; }

    // Difference of the fine and the broad mean around a pixel, in steps times kBroadPx squared.
    double band(int x, int y) const {
        constexpr long kScale = (kBroadPx / kFinePx) * (kBroadPx / kFinePx);
        const double most = std::nearbyint(kMostLog * kLogSteps * kBroadPx * kBroadPx);
        const long apart = kScale * box_sum(x, y, kFinePx / 2) - box_sum(x, y, kBroadPx / 2);
        return std::clamp(static_cast<double>(apart), -most, most);
    }

  private:
    static std::size_t index(int x, int y) {
        return static_cast<std::size_t>(std::clamp(y, 0, kSide - 1)) * kSide + std::clamp(x, 0, kSide - 1);
    }

    long box_sum(int x, int y, int reach) const {
        long sum = 0;
        for (int j = -reach; j <= reach; ++j)
            for (int i = -reach; i <= reach; ++i) sum += light_[index(x + i, y + j)];
        return sum;
    }

    std::vector<long> light_, total_;
};

// Pixels `low` to `high` (exclusive) of the square around a landmark.
struct Range {
    int low, high;

    Range(double middle, double reach) {
        const auto at = [](double value, int least, int most) {
            return static_cast<int>(std::clamp(std::floor(value + 0.5), static_cast<double>(least),
                                               static_cast<double>(most)));
        };
        low = at(middle - reach, 0, kSide - 1);
        high = at(middle + reach, low + 1, kSide);
    }
};

double square_reach(const Landmarks &landmarks) {
    double apart[2];
    for (std::size_t axis = 0; axis < 2; ++axis)
        apart[axis] = (landmarks[33][axis] + landmarks[133][axis]) / 2.0 -
                      (landmarks[362][axis] + landmarks[263][axis]) / 2.0;
    return std::max(line_constants::kReach * std::sqrt(apart[0] * apart[0] + apart[1] * apart[1]) * kSide, 2.0);
}

}  // namespace

double read_line_strength(const std::vector<std::uint8_t> &rgb, const Landmarks &landmarks) {
    const Skin skin(rgb);
    const double reach = square_reach(landmarks);
    std::array<double, std::size(kSkinLandmarks)> squares{}, codes{};
    for (std::size_t i = 0; i < std::size(kSkinLandmarks); ++i) {
        const auto &point = landmarks[static_cast<std::size_t>(kSkinLandmarks[i])];
        const Range columns(point[0] * kSide, reach), rows(point[1] * kSide, reach);
        double sum = 0.0;
        long total = 0;
        for (int y = rows.low; y < rows.high; ++y)
            for (int x = columns.low; x < columns.high; ++x) {
                const double band = skin.band(x, y);
                sum += band * band;
                total += skin.total(x, y);
            }
        const int count = (rows.high - rows.low) * (columns.high - columns.low);
        squares[i] = sum / count;
        codes[i] = static_cast<double>(total) / (3 * count);
    }
    std::sort(squares.begin(), squares.end());
    std::sort(codes.begin(), codes.end());
    const double contrast = std::sqrt(squares[kCalmRank]) / (kLogSteps * kBroadPx * kBroadPx) / kUsualContrast;
    const double fitting = std::clamp(std::sqrt(contrast), kFitting[0], kFitting[1]);
    const double share = std::clamp((codes[std::size(kSkinLandmarks) / 2] - kPaleCodes[0]) / (kPaleCodes[1] - kPaleCodes[0]), 0.0, 1.0);
    const double pale = share * share * (3.0 - 2.0 * share);
    return fitting * (1.0 - (1.0 - kPaleShare) * pale);
}

std::vector<float> skin_pattern(const std::vector<std::uint8_t> &rgb, const Landmarks &landmarks, int count) {
    std::vector<float> weights = choose_pattern(landmarks, count);
    const float strength = static_cast<float>(read_line_strength(rgb, landmarks));
    for (float &weight : weights) weight *= strength;
    return weights;
}

}  // namespace amgan_impl
