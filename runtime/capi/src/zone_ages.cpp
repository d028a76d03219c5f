#include "zone_ages.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "constants.h"
#include "error.h"
#include "frame.h"

namespace amgan_impl {

namespace {

using age_constants::kFullChangeYears;
using age_constants::kMaxOffsetYears;

// Calls a function for each side of each zone.
template <typename Function> void each_part(Function &&function) {
    for (std::size_t z = 0; z < kZones; ++z)
        for (std::size_t s = 0; s < kZoneTable[z].parts; ++s) function(z, s);
}

void check_range(float years, const Manifest &m) {
    if (!(years >= static_cast<float>(m.min_age) && years <= static_cast<float>(m.max_age)))
        throw argument_error("an age of " + in_words(years) + " years cannot be had: give " + in_words(m.min_age) +
                             " to " + in_words(m.max_age));
}

// The share of an offset that a face of `face` years keeps at `years`: 1 when older, less when younger.
double share_kept(double face, double years) { return face > 0.0 ? std::clamp(years / face, 0.0, 1.0) : 1.0; }

// An offset after a move: reduced by the length of the move, but not below the limit.
double limited(double offset, double share, double move) {
    const double limit = std::max(kMaxOffsetYears, std::fabs(offset) - std::fabs(move));
    return std::clamp(share * offset, -limit, limit);
}

}  // namespace

float age_of(const amgan_zone_ages &ages, std::size_t zone, std::size_t side) {
    const float years = ages.years[zone][side];
    return std::isnan(years) ? ages.base : years;
}

void check_some_ages(const amgan_zone_ages *ages, const char *what) {
    if (ages == nullptr)
        throw argument_error(std::string("the ") + what + " are null: give a base age and the ages of the zones");
    const auto check = [what](float years) {
        if (!is_some_age(years))
            throw argument_error(std::string("one of the ") + what + " is " + in_words(years) +
                                 " years, which nobody has: give years, and NAN only for zones of the base age");
    };
    check(ages->base);
    each_part([&](std::size_t z, std::size_t s) { check(age_of(*ages, z, s)); });
}

void check_wanted(const amgan_zone_ages *wanted, const amgan_zone_ages *now, const Manifest &m) {
    if (wanted == nullptr)
        throw argument_error("the zone ages are null: give a base age and the ages of the zones");
    if (now != nullptr) check_some_ages(now, "ages now");
    if (now == nullptr || wanted->base != now->base) check_range(wanted->base, m);
    each_part([&](std::size_t z, std::size_t s) {
        const float years = age_of(*wanted, z, s);
        if (now == nullptr || years != age_of(*now, z, s)) check_range(years, m);
    });
}

double face_age(const amgan_zone_ages &ages) {
    double sum = 0.0;
    for (std::size_t z = 0; z < kZones; ++z) {
        double zone = 0.0;
        for (std::size_t s = 0; s < kZoneTable[z].parts; ++s) zone += age_of(ages, z, s);
        sum += zone / static_cast<double>(kZoneTable[z].parts);
    }
    return sum / static_cast<double>(kZones);
}

amgan_zone_ages moved(const amgan_zone_ages &now, double years, const Manifest &m) {
    const double face = face_age(now), move = years - face, share = share_kept(face, years);
    const auto one = [&](float before) {
        const auto after = static_cast<float>(years + limited(before - face, share, move));
        return after == before ? before
                               : std::clamp(after, static_cast<float>(m.min_age), static_cast<float>(m.max_age));
    };
    amgan_zone_ages wanted = now;
    if (move == 0.0) return wanted;
    wanted.base = one(now.base);
    each_part([&](std::size_t z, std::size_t s) { wanted.years[z][s] = one(age_of(now, z, s)); });
    return wanted;
}

Plane asked_mask(const Plane &now, const Plane &wanted, int margin, int side_px) {
    Plane asked(now.side - 2 * margin);
    for (int y = 0; y < asked.side; ++y)
        for (int x = 0; x < asked.side; ++x) {
            const float years = wanted.row(y + margin)[x + margin] - now.row(y + margin)[x + margin];
            const float share = std::clamp(std::fabs(years) / kFullChangeYears, 0.0f, 1.0f);
            asked.row(y)[x] = share * share * (3.0f - 2.0f * share);
        }
    const double step = static_cast<double>(asked.side) / side_px;
    return sample_linear(asked, side_px, step, 0.5 * step - 0.5);
}

}  // namespace amgan_impl
