// The ages of a face's zones: validated, read from a map, and moved, as in the Python package.
#pragma once

#include "amgan.h"
#include "face_shape.h"
#include "manifest.h"
#include "plane.h"

namespace amgan_impl {

// The age of one side of a zone; the base age if it has none.
float age_of(const amgan_zone_ages &ages, std::size_t zone, std::size_t side);

// Raises Error (AMGAN_ERROR_ARGUMENT) for null and for impossible ages. `what` names the ages in the message.
void check_some_ages(const amgan_zone_ages *ages, const char *what);

// Raises Error (AMGAN_ERROR_ARGUMENT) for a wanted age outside the bundle's range, unless it equals the age in `now`,
// which may be null.
void check_wanted(const amgan_zone_ages *wanted, const amgan_zone_ages *now, const Manifest &manifest);

// The ages whose map is closest to this one, which covers the frame; see zone_reading.cpp.
amgan_zone_ages read_zones(const Landmarks &landmarks, const Plane &map, double neutral_age);

// The apparent age of a whole face: the mean of its zones, with the two sides of a zone averaged.
double face_age(const amgan_zone_ages &ages);

// The ages of a face that is moved to `years` as a whole: each zone keeps its offset, scaled down in proportion if the
// face gets younger; an offset beyond 15 years shrinks by the length of the move, down to 15. Changed ages are clamped
// to the bundle's range.
amgan_zone_ages moved(const amgan_zone_ages &now, double years, const Manifest &manifest);

// The mask of a requested change, 0 to 1, over the frame without the margin: 0 where two age fields agree, 1 from 6
// years of difference on.
Plane asked_mask(const Plane &now, const Plane &wanted, int margin, int side_px);

}  // namespace amgan_impl
