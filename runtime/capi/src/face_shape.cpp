#include "face_shape.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "error.h"
#include "soft_polygon.h"
#include "zone_ages.h"
#include "constants.h"

namespace amgan_impl {

namespace {

using namespace mask_constants;
using namespace mesh_constants;

// A mesh point; those of the mesh's upper edge are moved to the usual hairline (mesh.py: raise_hairline).
Corner raised(const Landmarks &landmarks, std::int16_t number) {
    Corner point = landmarks[static_cast<std::size_t>(number)];
    for (std::size_t i = 0; i < std::size(kHairlinePoints); ++i)
        if (kHairlinePoints[i] == number)
            for (std::size_t axis = 0; axis < 2; ++axis)
                point[axis] += kHairlineReach[i] * (landmarks[kForeheadTop][axis] - landmarks[kForeheadMiddle][axis]);
    return point;
}

// A polygon of mesh points; `softness` is the blur's standard deviation as a share of the frame's side.
SoftPolygon soft(const Landmarks &landmarks, const Polygon &polygon, int side, int margin, double softness) {
    std::vector<Corner> corners;
    for (const std::int16_t number : polygon) {
        const Corner point = raised(landmarks, number);
        corners.push_back({point[0] * side + margin, point[1] * side + margin});
    }
    return soft_polygon(std::move(corners), side + 2 * margin, softness * side);
}

}  // namespace

Landmarks read_landmarks(const double *landmarks) {
    if (landmarks == nullptr) throw argument_error("the landmarks are null: give the 468 points of the face");
    Landmarks points{};
    for (std::size_t i = 0; i < points.size(); ++i) {
        points[i] = {landmarks[2 * i], landmarks[2 * i + 1]};
        if (!std::isfinite(points[i][0]) || !std::isfinite(points[i][1]))
            throw argument_error("landmark " + std::to_string(i) + " is not a number: give x and y of 468 points in " +
                                 "units of the frame");
    }
    return points;
}

Plane make_face_mask(const Landmarks &landmarks, int side, int margin) {
    Plane face(side + 2 * margin);
    soft(landmarks, kFaceOval, side, margin, kFaceSoftness).each([&face](int y, int x, float weight) {
        face.row(y)[x] = weight;
    });
    return face;
}

RegionMasks make_region_masks(const Landmarks &landmarks, int side) {
    RegionMasks found{make_face_mask(landmarks, side, 0), {}};
    Plane crowd(side);
    for (const Zone &zone : kZoneTable)
        for (std::size_t s = 0; s < zone.parts; ++s) {
            Plane part(side);
            soft(landmarks, zone.polygons[s], side, 0, kPartSoftness).each([&](int y, int x, float weight) {
                part.row(y)[x] = weight;
                crowd.row(y)[x] += weight;
            });
            found.parts.push_back(std::move(part));
        }
    for (Plane &part : found.parts)
        for (std::size_t i = 0; i < part.values.size(); ++i) part.values[i] /= std::max(crowd.values[i], 1.0f);
    return found;
}

Plane zone_age_field(const Landmarks &landmarks, const amgan_zone_ages &ages, int side, int margin) {
    struct Part {
        SoftPolygon shape;
        float years;  // beyond the base age
    };
    std::vector<Part> parts;
    Plane crowd(side + 2 * margin);  // weighted number of zones per cell
    for (std::size_t z = 0; z < kZones; ++z)
        for (std::size_t s = 0; s < kZoneTable[z].parts; ++s) {
            parts.push_back({soft(landmarks, kZoneTable[z].polygons[s], side, margin, kPartSoftness),
                             age_of(ages, z, s) - ages.base});
            parts.back().shape.each([&](int y, int x, float weight) { crowd.row(y)[x] += weight; });
        }
    Plane field(crowd.side);
    for (const Part &part : parts)
        part.shape.each([&](int y, int x, float weight) {
            field.row(y)[x] += part.years * (weight / std::max(crowd.row(y)[x], 1.0f));
        });
    for (float &years : field.values) years = ages.base + years;
    return field;
}

Plane zone_map(const Landmarks &landmarks, const amgan_zone_ages &ages, int side, int margin, double neutral_age) {
    const Plane field = zone_age_field(landmarks, ages, side, margin);
    const auto neutral = static_cast<float>(neutral_age);
    Plane map(field.side, neutral);
    soft(landmarks, kFaceOval, side, margin, kFaceSoftness).each([&](int y, int x, float weight) {
        map.row(y)[x] = neutral + weight * (field.row(y)[x] - neutral);
    });
    return map;
}

Plane change_map(const Landmarks &landmarks, const Plane &before, const Plane &after, int side, int margin, double oldest) {
    const auto most = static_cast<float>(oldest);
    Plane map(before.side);
    soft(landmarks, kFaceOval, side, margin, kFaceSoftness).each([&](int y, int x, float weight) {
        const float now = before.row(y)[x];
        map.row(y)[x] = weight * (std::min(after.row(y)[x], std::max(now, most)) - now);
    });
    return map;
}

Plane edit_mask(const Landmarks &landmarks, int side_px) {
    Plane mask(side_px);
    soft(landmarks, kFaceOval, side_px, 0, kMaskSoftness).each([&mask](int y, int x, float weight) {
        mask.row(y)[x] = std::clamp(2.0f * weight - 1.0f, 0.0f, 1.0f);
    });
    for (const Polygon *hole : {&kRightEye, &kLeftEye, &kLipsInner})
        soft(landmarks, *hole, side_px, 0, kHoleSoftness).each([&mask](int y, int x, float weight) {
            mask.row(y)[x] *= std::clamp(1.0f - 2.0f * weight, 0.0f, 1.0f);
        });
    return mask;
}

}  // namespace amgan_impl
