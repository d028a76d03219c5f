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

}  // namespace amgan_impl
