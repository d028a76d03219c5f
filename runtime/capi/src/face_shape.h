// Soft masks of a face and its parts in the frame, identical to amgan.runtime.face.region_masks in Python.
#pragma once

#include <array>

#include "amgan.h"
#include "face_tables.h"
#include "plane.h"

namespace amgan_impl {

using Landmarks = std::array<std::array<double, 2>, AMGAN_LANDMARKS>;

// Reads the caller's points; raises Error (AMGAN_ERROR_ARGUMENT) for null and for points that are not finite.
Landmarks read_landmarks(const double *landmarks);

// The masks of the face, 0 to 1, and of its parts, whose sum is at most 1 in every cell. Parts are in the order of the
// zones, the person's right one first.
struct RegionMasks {
    Plane face;
    std::vector<Plane> parts;
};

// The mask of the face: `side` cells across the frame, `margin` more on each side.
Plane make_face_mask(const Landmarks &landmarks, int side, int margin);

RegionMasks make_region_masks(const Landmarks &landmarks, int side);

// The age field of a face, as if it covered the whole frame: `side` cells across the frame, `margin` more on each side.
Plane zone_age_field(const Landmarks &landmarks, const amgan_zone_ages &ages, int side, int margin);

// The aging map of a face: its age field on the face, the neutral age elsewhere.
Plane zone_map(const Landmarks &landmarks, const amgan_zone_ages &ages, int side, int margin, double neutral_age);

// The change in years from the age field `before` to `after`, clamped to ages up to `oldest`; 0 outside the face.
Plane change_map(const Landmarks &landmarks, const Plane &before, const Plane &after, int side, int margin,
                 double oldest);

// The mask of changes, 0 to 1: the skin inside the outline of the face, without eyes and mouth.
Plane edit_mask(const Landmarks &landmarks, int side_px);

}  // namespace amgan_impl
