// The zones of the face, and the parts of it that a change must spare, as polygons of mesh points.
#pragma once

#include <cstddef>
#include <cstdint>

namespace amgan_impl {

// A polygon: numbers of mesh points, in a table that lives as long as the library.
struct Polygon {
    const std::int16_t *points = nullptr;
    std::size_t count = 0;

    const std::int16_t *begin() const { return points; }
    const std::int16_t *end() const { return points + count; }
};

// One polygon, or two: the person's right, then left.
struct Zone {
    const char *name;
    std::size_t parts;
    Polygon polygons[2];
};

constexpr std::size_t kZones = 15;
extern const Zone kZoneTable[kZones];
extern const Polygon kFaceOval;
extern const Polygon kRightEye;
extern const Polygon kLeftEye;
extern const Polygon kLipsInner;

// How far a point of the mesh's upper edge moves up, in distances from kForeheadMiddle to kForeheadTop.
struct HairlineReach {
    std::int16_t point;
    double reach;
};

constexpr std::size_t kForeheadTop = 10;
constexpr std::size_t kForeheadMiddle = 9;
constexpr HairlineReach kHairlineReach[] = {{10, 0.40}, {338, 0.40}, {109, 0.40}, {297, 0.36}, {67, 0.36},
                                            {332, 0.26}, {103, 0.26}, {284, 0.12}, {54, 0.12}};

}  // namespace amgan_impl
