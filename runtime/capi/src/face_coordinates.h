// Face coordinates of the cells of a frame, and the pattern of a face: identical to amgan.runtime.face.coordinates and
// .pattern in Python.
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

// u, v and inside of the centres of `side` cells across the frame and `margin` more on each side.
std::array<Plane, 3> face_coordinates(const Landmarks &landmarks, int side, int margin);

// The paper's gradients: X and Y across the frame, and 1.
std::array<Plane, 3> frame_coordinates(int side, int margin);

// The points of the mean face, the default position of a face in a canonical frame.
Landmarks mean_landmarks();

// Mixing weights of `count` patterns, 1 to pattern_constants::kMaxPatterns, from the proportions of a face.
std::vector<float> choose_pattern(const Landmarks &landmarks, int count);

// The line strength that suits the skin of a face, 1 on usual skin; `rgb` is its frame of
// line_constants::kReadPx.
double read_line_strength(const std::vector<std::uint8_t> &rgb, const Landmarks &landmarks);

// The mixing weights of a face times the line strength of its skin.
std::vector<float> skin_pattern(const std::vector<std::uint8_t> &rgb, const Landmarks &landmarks, int count);

}  // namespace amgan_impl
