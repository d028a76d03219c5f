// Where on the mean face every cell of a frame lies, and which pattern a face gets: what amgan.runtime.face.coordinates
// and .pattern do in Python, number for number.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "face_shape.h"
#include "plane.h"

namespace amgan_impl {

constexpr std::size_t kMeshPoints = AMGAN_LANDMARKS;
constexpr std::size_t kRingCount = 36;
constexpr std::size_t kTriangleCount = 962;
constexpr std::size_t kRingTriangles = 72;  // the first ones, around the face

extern const double kAtlasRectangle[4];  // left, top, right, bottom
extern const double kMeanPoints[kMeshPoints][2];
extern const double kRingPoints[kRingCount][2];
extern const double kPositions[kMeshPoints + kRingCount][2];
extern const double kFit[3][kMeshPoints];
extern const std::int16_t kTriangles[kTriangleCount][3];

constexpr std::size_t kPositionPlanes = 4;
constexpr int kMaxPatterns = 8;

// u, v and inside of the centres of `side` cells across the frame and `margin` more on each side.
std::array<Plane, 3> face_coordinates(const Landmarks &landmarks, int side, int margin);

// The paper's gradients instead: X and Y across the frame, and 1.
std::array<Plane, 3> frame_coordinates(int side, int margin);

// The points of the mean face: where a face lies in a canonical frame as long as nothing better is known.
Landmarks mean_landmarks();

// Mixing weights of `count` patterns, 1 to kMaxPatterns, that follow from the proportions of a face.
std::vector<float> choose_pattern(const Landmarks &landmarks, int count);

// Side of the frame that line strength is read in.
inline constexpr int kLineReadPx = 256;

// How strong new lines may be on the skin of a face, 1 as usual: `rgb` is its frame of kLineReadPx.
double read_line_strength(const std::vector<std::uint8_t> &rgb, const Landmarks &landmarks);

// The mixing weights that follow from a face, times how strong lines may be on its skin.
std::vector<float> skin_pattern(const std::vector<std::uint8_t> &rgb, const Landmarks &landmarks, int count);

}  // namespace amgan_impl
