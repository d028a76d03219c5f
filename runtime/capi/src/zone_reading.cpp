// The ages of zones from a map by least squares, which removes the influence of neighbouring zones and of the neutral
// surroundings, as amgan.runtime.ages.maps.read_map in Python.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "zone_ages.h"
#include "constants.h"

namespace amgan_impl {

namespace {

using namespace age_constants;

constexpr int kCells = kMapCells;  // of the masks; a map of this size is read exactly

// Weights for averaging `many` equal cells to `few` equal ones on a line, row by row.
std::vector<double> overlaps(int few, int many) {
    std::vector<double> weights(static_cast<std::size_t>(few) * many);
    const double wide = static_cast<double>(many) / few;
    for (int i = 0; i < few; ++i)
        for (int j = static_cast<int>(i * wide); j < std::min(many, static_cast<int>((i + 1) * wide) + 1); ++j) {
            const double low = std::max(i * wide, static_cast<double>(j)), high = std::min((i + 1) * wide, j + 1.0);
            weights[static_cast<std::size_t>(i) * many + j] = std::max(0.0, high - low) / wide;
        }
    return weights;
}

// A plane averaged down to `side` cells across.
Plane averaged(const Plane &plane, int side) {
    if (plane.side == side) return plane;
    const auto many = static_cast<std::size_t>(plane.side), few = static_cast<std::size_t>(side);
    const std::vector<double> weights = overlaps(side, plane.side);
    std::vector<double> rows(few * many);
    for (std::size_t i = 0; i < few; ++i)
        for (std::size_t y = 0; y < many; ++y)
            if (const double weight = weights[i * many + y]; weight > 0.0)
                for (std::size_t x = 0; x < many; ++x) rows[i * many + x] += weight * plane.values[y * many + x];
    Plane small(side);
    for (std::size_t i = 0; i < few; ++i)
        for (std::size_t j = 0; j < few; ++j) {
            double sum = 0.0;
            for (std::size_t x = 0; x < many; ++x) sum += weights[j * many + x] * rows[i * many + x];
            small.values[i * few + j] = static_cast<float>(sum);
        }
    return small;
}

// The basis of a map: the contributions of the base age, then of each part, times the mask of the face.
std::vector<Plane> basis_of(const RegionMasks &masks) {
    std::vector<Plane> basis{masks.face};
    for (const Plane &part : masks.parts) {
        Plane shown = part;
        for (std::size_t i = 0; i < shown.values.size(); ++i) {
            basis[0].values[i] -= part.values[i] * masks.face.values[i];
            shown.values[i] *= masks.face.values[i];
        }
        basis.push_back(std::move(shown));
    }
    return basis;
}

// The same at an estimator's cells, each with the mean age of the face inside it, weighted by its share of face.
void coarsen(std::vector<Plane> &basis, Plane &seen, const Plane &fine_face) {
    const Plane face = averaged(fine_face, seen.side);
    for (Plane &one : basis) {
        for (std::size_t i = 0; i < one.values.size(); ++i) one.values[i] *= fine_face.values[i];
        one = averaged(one, seen.side);
        for (std::size_t i = 0; i < one.values.size(); ++i)
            one.values[i] *= face.values[i] / std::max(face.values[i], kLeastFace);
    }
    for (std::size_t i = 0; i < seen.values.size(); ++i) seen.values[i] *= face.values[i];
}

double product(const Plane &a, const Plane &b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.values.size(); ++i) sum += static_cast<double>(a.values[i]) * b.values[i];
    return sum;
}

using Doubles = std::vector<double>;

// Solves a square linear system by elimination; each row ends with its right-hand side.
Doubles solved(std::vector<Doubles> rows) {
    const std::size_t count = rows.size();
    for (std::size_t k = 0; k < count; ++k) {
        std::size_t best = k;
        for (std::size_t i = k + 1; i < count; ++i)
            if (std::fabs(rows[i][k]) > std::fabs(rows[best][k])) best = i;
        std::swap(rows[k], rows[best]);
        for (std::size_t i = k + 1; i < count; ++i) {
            const double share = rows[i][k] / rows[k][k];
            for (std::size_t j = k; j <= count; ++j) rows[i][j] -= share * rows[k][j];
        }
    }
    Doubles found(count);
    for (std::size_t k = count; k-- > 0;) {
        double rest = rows[k][count];
        for (std::size_t j = k + 1; j < count; ++j) rest -= rows[k][j] * found[j];
        found[k] = rest / rows[k][k];
    }
    return found;
}

// The x that minimises |x basis - seen|^2 + ridge |x[1:] - x[0]|^2.
Doubles nearest(const std::vector<Plane> &basis, const Plane &seen, double ridge) {
    const std::size_t count = basis.size();
    std::vector<Doubles> rows(count, Doubles(count + 1));
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j <= i; ++j) rows[i][j] = rows[j][i] = product(basis[i], basis[j]);
        rows[i][count] = product(basis[i], seen);
    }
    rows[0][0] += ridge * static_cast<double>(count - 1) + kFaceRidge;
    for (std::size_t i = 1; i < count; ++i) {
        rows[0][i] -= ridge;
        rows[i][0] -= ridge;
        rows[i][i] += ridge;
    }
    return solved(std::move(rows));
}

}  // namespace

amgan_zone_ages read_zones(const Landmarks &landmarks, const Plane &map, double neutral_age) {
    const RegionMasks masks = make_region_masks(landmarks, kCells);
    std::vector<Plane> basis = basis_of(masks);
    Plane seen = averaged(map, std::min(map.side, kCells));
    const auto neutral = static_cast<float>(neutral_age);
    for (float &years : seen.values) years -= neutral;
    const bool coarse = seen.side != kCells;
    if (coarse) coarsen(basis, seen, masks.face);
    const Doubles found = nearest(basis, seen, coarse ? kCoarseRidge : kExactRidge);

    amgan_zone_ages ages{};
    ages.base = static_cast<float>(found[0] + neutral_age);
    std::size_t next = 1;
    for (std::size_t z = 0; z < kZones; ++z)
        for (std::size_t s = 0; s < 2; ++s)
            ages.years[z][s] =
                s < kZoneTable[z].parts ? static_cast<float>(found[next++] + neutral_age) : std::nanf("");
    return ages;
}

}  // namespace amgan_impl
