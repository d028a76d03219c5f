#include "plane.h"

#include <algorithm>
#include <cmath>

namespace amgan_impl {

namespace {

// The position of a sample between two cells of a line.
struct Sample {
    int low = 0;
    int high = 0;
    float share = 0.0f;  // of `high`
};

std::vector<Sample> samples(int side, int count, double step, double shift) {
    std::vector<Sample> found(count);
    for (int i = 0; i < count; ++i) {
        const double at = std::clamp(i * step + shift, 0.0, side - 1.0);
        found[i].low = static_cast<int>(at);
        found[i].high = std::min(found[i].low + 1, side - 1);
        found[i].share = static_cast<float>(at - found[i].low);
    }
    return found;
}

float mixed(float low, float high, float share) { return low + (high - low) * share; }

}  // namespace

Plane sample_linear(const Plane &plane, int count, double step, double shift) {
    const std::vector<Sample> line = samples(plane.side, count, step, shift);
    Plane out(count);
    for (int y = 0; y < count; ++y) {
        const float *above = plane.row(line[y].low), *below = plane.row(line[y].high);
        float *row = out.row(y);
        for (int x = 0; x < count; ++x) {
            const Sample &at = line[x];
            row[x] = mixed(mixed(above[at.low], above[at.high], at.share),
                           mixed(below[at.low], below[at.high], at.share), line[y].share);
        }
    }
    return out;
}

}  // namespace amgan_impl
