#include "face_shape.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "error.h"
#include "raster.h"
#include "zone_ages.h"

namespace amgan_impl {

namespace {

constexpr int kSupersample = 4;
constexpr double kPartSoftness = 0.010;
constexpr double kFaceSoftness = 0.020;
constexpr double kMaskSoftness = 0.018;
constexpr double kHoleSoftness = 0.004;

// A soft polygon: weights of the cells from (left, top) on that it covers.
struct Patch {
    int left = 0;
    int top = 0;
    Grey weights{0, 0};

    // Calls a function with each row and column of the canvas, and the weight there.
    template <typename Function> void each(Function &&function) const {
        for (int y = 0; y < weights.height; ++y)
            for (int x = 0; x < weights.width; ++x)
                function(top + y, left + x, static_cast<float>(weights.row(y)[x]) / 255.0f);
    }
};

// A mesh point; those of the mesh's upper edge are moved up to where foreheads usually end (mesh.py: raise_hairline).
std::array<double, 2> raised(const Landmarks &landmarks, std::int16_t number) {
    std::array<double, 2> point = landmarks[static_cast<std::size_t>(number)];
    for (const HairlineReach &one : kHairlineReach)
        if (one.point == number)
            for (std::size_t axis = 0; axis < 2; ++axis)
                point[axis] += one.reach * (landmarks[kForeheadTop][axis] - landmarks[kForeheadMiddle][axis]);
    return point;
}

// An antialiased polygon, its edges blurred by `softness` (standard deviation as a share of the frame's side).
Patch soft_polygon(const Landmarks &landmarks, const Polygon &polygon, int side, int margin, double softness) {
    const int cells = side + 2 * margin;
    std::vector<std::array<double, 2>> points;
    std::array<double, 2> low = {1e9, 1e9}, high = {-1e9, -1e9};
    for (const std::int16_t number : polygon) {
        std::array<double, 2> point = raised(landmarks, number);
        for (std::size_t axis = 0; axis < 2; ++axis) {
            point[axis] = std::clamp(point[axis] * side + margin, -10.0 * cells, 11.0 * cells);
            low[axis] = std::min(low[axis], point[axis]);
            high[axis] = std::max(high[axis], point[axis]);
        }
        points.push_back(point);
    }
    const double blur_cells = softness * side;
    const int reach = static_cast<int>(std::ceil(3.2 * blur_cells)) + 4;
    std::array<int, 2> first{}, end{};
    for (std::size_t axis = 0; axis < 2; ++axis) {
        first[axis] = std::max(0, static_cast<int>(std::floor(low[axis])) - reach);
        end[axis] = std::min(cells, static_cast<int>(std::ceil(high[axis])) + reach);
    }
    if (end[0] <= first[0] || end[1] <= first[1]) return {};
    std::vector<Point> corners;
    for (const auto &point : points) {
        const auto corner = [&](std::size_t axis) {
            return static_cast<int>((point[axis] - first[axis]) * kSupersample - 0.5);
        };
        corners.push_back({corner(0), corner(1)});
    }
    Grey canvas((end[0] - first[0]) * kSupersample, (end[1] - first[1]) * kSupersample);
    fill_polygon(canvas, corners);
    Patch patch{first[0], first[1], reduce_by_4(canvas)};
    blur(patch.weights, static_cast<float>(blur_cells));
    return patch;
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

Plane face_footprint(const Landmarks &landmarks, int side, int margin) {
    Plane face(side + 2 * margin);
    soft_polygon(landmarks, kFaceOval, side, margin, kFaceSoftness).each([&face](int y, int x, float weight) {
        face.row(y)[x] = weight;
    });
    return face;
}

Footprints make_footprints(const Landmarks &landmarks, int side) {
    Footprints found{face_footprint(landmarks, side, 0), {}};
    Plane crowd(side);
    for (const Zone &zone : kZoneTable)
        for (std::size_t s = 0; s < zone.parts; ++s) {
            Plane part(side);
            soft_polygon(landmarks, zone.polygons[s], side, 0, kPartSoftness).each([&](int y, int x, float weight) {
                part.row(y)[x] = weight;
                crowd.row(y)[x] += weight;
            });
            found.parts.push_back(std::move(part));
        }
    for (Plane &part : found.parts)
        for (std::size_t i = 0; i < part.values.size(); ++i) part.values[i] /= std::max(crowd.values[i], 1.0f);
    return found;
}

Plane zone_level(const Landmarks &landmarks, const amgan_zone_ages &ages, int side, int margin) {
    const int cells = side + 2 * margin;
    // How many zones lie on a cell, and their ages beyond the base age, both weighted.
    Plane crowd(cells), offset(cells);
    for (std::size_t z = 0; z < kZones; ++z)
        for (std::size_t s = 0; s < kZoneTable[z].parts; ++s) {
            const float years = age_of(ages, z, s) - ages.base;
            const Patch patch = soft_polygon(landmarks, kZoneTable[z].polygons[s], side, margin, kPartSoftness);
            patch.each([&](int y, int x, float weight) {
                crowd.row(y)[x] += weight;
                offset.row(y)[x] += weight * years;
            });
        }
    for (std::size_t i = 0; i < offset.values.size(); ++i)
        offset.values[i] = ages.base + offset.values[i] / std::max(crowd.values[i], 1.0f);
    return offset;
}

Plane zone_map(const Landmarks &landmarks, const amgan_zone_ages &ages, int side, int margin, double neutral_age) {
    const Plane level = zone_level(landmarks, ages, side, margin);
    const auto neutral = static_cast<float>(neutral_age);
    Plane map(level.side, neutral);
    soft_polygon(landmarks, kFaceOval, side, margin, kFaceSoftness).each([&](int y, int x, float weight) {
        map.row(y)[x] = neutral + weight * (level.row(y)[x] - neutral);
    });
    return map;
}

Plane edit_mask(const Landmarks &landmarks, int side_px) {
    Plane mask(side_px);
    soft_polygon(landmarks, kFaceOval, side_px, 0, kMaskSoftness).each([&mask](int y, int x, float weight) {
        mask.row(y)[x] = std::clamp(2.0f * weight - 1.0f, 0.0f, 1.0f);
    });
    for (const Polygon *hole : {&kRightEye, &kLeftEye, &kLipsInner})
        soft_polygon(landmarks, *hole, side_px, 0, kHoleSoftness).each([&mask](int y, int x, float weight) {
            mask.row(y)[x] *= std::clamp(1.0f - 2.0f * weight, 0.0f, 1.0f);
        });
    return mask;
}

}  // namespace amgan_impl
