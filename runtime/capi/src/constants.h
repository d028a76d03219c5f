// Made by generate_constants.py: do not edit. Constants shared with the Python package.
#pragma once

#include <cstddef>
#include <cstdint>

namespace amgan_impl {

// clang-format off
namespace age_constants {
inline constexpr int kMapCells = 128;
inline constexpr int kMaskPx = 384;
inline constexpr float kFullChangeYears = 6.0f;
inline constexpr float kLeastFace = 0.001f;
inline constexpr double kExactRidge = 0.0001;
inline constexpr double kCoarseRidge = 0.15;
inline constexpr double kFaceRidge = 1e-06;
inline constexpr double kMaxOffsetYears = 15.0;
}  // namespace age_constants

namespace mask_constants {
inline constexpr double kPartSoftness = 0.01;
inline constexpr double kFaceSoftness = 0.02;
inline constexpr double kMaskSoftness = 0.018;
inline constexpr double kHoleSoftness = 0.004;
}  // namespace mask_constants

namespace polygon_constants {
inline constexpr int kLines = 4;
inline constexpr int kSteps = 256;
inline constexpr int kFull = 1024;
inline constexpr int kKernelSum = 16384;
inline constexpr double kReach = 3.0;
}  // namespace polygon_constants

namespace mesh_constants {
inline constexpr std::size_t kForeheadTop = 10;
inline constexpr std::size_t kForeheadMiddle = 9;
inline constexpr std::int16_t kHairlinePoints[9] = {10, 338, 109, 297, 67, 332, 103, 284, 54};
inline constexpr double kHairlineReach[9] = {0.4, 0.4, 0.4, 0.36, 0.36, 0.26, 0.26, 0.12, 0.12};
inline constexpr double kEdge = 1e-09;
inline constexpr double kReferencePx = 512.0;
}  // namespace mesh_constants

namespace pattern_constants {
inline constexpr int kMaxPatterns = 8;
inline constexpr int kSharpness = 3;
inline constexpr int kSignColumns[6] = {1, 2, 7, 5, 3, 6};
inline constexpr double kUsual[6][2] = {{0.8527, 0.0279}, {0.4623, 0.0158}, {0.4083, 0.0567}, {0.1522, 0.0158}, {0.3145, 0.0169}, {0.7999, 0.0211}};
inline constexpr double kFarthest = 3.0;
inline constexpr float kLargestWeightSum = 2.1f;
}  // namespace pattern_constants

namespace line_constants {
inline constexpr int kReadPx = 256;
inline constexpr int kSkinLandmarks[9] = {151, 108, 337, 50, 280, 205, 425, 101, 330};
inline constexpr int kCalmRank = 3;
inline constexpr int kFinePx = 3;
inline constexpr int kBroadPx = 9;
inline constexpr double kReach = 0.13;
inline constexpr double kMostLog = 0.1;
inline constexpr double kUsualContrast = 0.017;
inline constexpr double kFitting[2] = {0.5, 1.4};
inline constexpr double kPaleCodes[2] = {135.0, 195.0};
inline constexpr double kPaleShare = 0.8;
inline constexpr double kLogSteps = 4096.0;
}  // namespace line_constants
// clang-format on

}  // namespace amgan_impl
