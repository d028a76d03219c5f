// Any bytes as landmarks, map and ages: processed, or refused with an error text; results must be valid ages.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "error.h"
#include "frame.h"
#include "zone_ages.h"

using namespace amgan_impl;

namespace {

void require(bool good) {
    if (!good) std::abort();
}

void require_ages(const amgan_zone_ages &ages) {
    require(std::isfinite(ages.base));
    for (std::size_t z = 0; z < kZones; ++z)
        for (std::size_t s = 0; s < kZoneTable[z].parts; ++s) require(std::isfinite(ages.years[z][s]));
}

// Takes numbers from the input; repeats the last one at its end.
template <typename Number> struct Source {
    const std::uint8_t *data;
    std::size_t left;
    Number last = Number(0.5);

    Number next() {
        if (left >= sizeof last) {
            std::memcpy(&last, data, sizeof last);
            data += sizeof last, left -= sizeof last;
        }
        return last;
    }
};

void use(const std::uint8_t *data, std::size_t size) {
    const int side = 1 + data[0] % 40;
    const std::size_t half = (size - 1) / 2;
    Source<float> ages{data + 1, half};
    Source<double> places{data + 1 + half, size - 1 - half};
    std::vector<double> points(2 * AMGAN_LANDMARKS);
    for (double &place : points) place = places.next();
    std::vector<float> years(static_cast<std::size_t>(side) * side);
    for (float &one : years) one = ages.next();
    const amgan_map map = {years.data(), static_cast<std::ptrdiff_t>(sizeof(float)) * side, side, 0};

    Manifest m;
    m.min_age = 15.0, m.max_age = 90.0, m.neutral_age = 45.0;
    check_map(&map);
    const Landmarks landmarks = read_landmarks(points.data());
    const amgan_zone_ages now = read_zones(landmarks, read_seen_map(map), m.neutral_age);
    require_ages(now);
    require(std::isfinite(face_age(now)));
    check_some_ages(&now, "ages now");
    const amgan_zone_ages wanted = moved(now, std::clamp(years[0], -1000.0f, 1000.0f), m);
    require_ages(wanted);
    check_wanted(&wanted, &now, m);
    const Plane before = zone_age_field(landmarks, now, 32, 4), after = zone_age_field(landmarks, wanted, 32, 4);
    const Plane mask = asked_mask(before, after, 4, 64);
    for (const float share : mask.values) require(share >= 0.0f && share <= 1.0f);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    if (size == 0) return 0;
    try {
        use(data, size);
    } catch (const Error &error) {
        require(error.status() == AMGAN_ERROR_ARGUMENT && error.what()[0] != '\0');
    }
    return 0;
}
