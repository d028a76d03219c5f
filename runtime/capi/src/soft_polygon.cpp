#include "soft_polygon.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include "constants.h"

namespace amgan_impl {

namespace {

using namespace polygon_constants;

struct Cells {
    int width = 0;
    int height = 0;
    std::vector<std::int32_t> values;

    Cells(int wide, int high) : width(wide), height(high), values(static_cast<std::size_t>(wide) * high) {}
    std::int32_t *row(int y) { return values.data() + static_cast<std::size_t>(y) * width; }
};

// Integer weights of a Gaussian with the sum kKernelSum.
std::vector<std::int32_t> gaussian_kernel(double deviation) {
    const int reach = std::max(1, static_cast<int>(std::ceil(polygon_constants::kReach * deviation)));
    std::vector<double> shape;
    double total = 0.0;
    for (int i = -reach; i <= reach; ++i) {
        const double at = i / deviation;
        shape.push_back(std::exp(-0.5 * (at * at)));
        total += shape.back();
    }
    std::vector<std::int32_t> kernel;
    std::int32_t rest = kKernelSum;
    for (const double one : shape) {
        kernel.push_back(static_cast<std::int32_t>(std::floor(one / total * kKernelSum + 0.5)));
        rest -= kernel.back();
    }
    kernel[static_cast<std::size_t>(reach)] += rest;
    return kernel;
}

// Updates the winding number to the right of a side: +1 for a downward side, -1 for an upward one. The upper end is
// included, the lower end excluded.
void add_side(Cells &turns, const Corner &from, const Corner &to, int width) {
    const auto line_at = [&](double y) {
        return static_cast<int>(std::clamp(std::ceil(y * kLines - 0.5), 0.0, static_cast<double>(kLines * turns.height)));
    };
    const int sign = to[1] > from[1] ? 1 : -1, end = line_at(std::max(from[1], to[1]));
    for (int line = line_at(std::min(from[1], to[1])); line < end; ++line) {
        const double down = (line + 0.5) / kLines - from[1];
        const double across = (to[0] - from[0]) / (to[1] - from[1]) * down + from[0];
        const auto steps =
            static_cast<int>(std::floor(std::clamp(across, 0.0, static_cast<double>(width)) * kSteps + 0.5));
        std::int32_t *cell = turns.row(line / kLines) + steps / kSteps;
        cell[0] += sign * (kSteps - steps % kSteps);
        cell[1] += sign * (steps % kSteps);
    }
}

// Coverage of each cell by a polygon, 0 to kFull.
Cells coverage(const std::vector<Corner> &corners, int width, int height) {
    Cells turns(width + 2, height);
    for (std::size_t i = 0; i < corners.size(); ++i)
        add_side(turns, corners[i], corners[(i + 1) % corners.size()], width);
    Cells covered(width, height);
    for (int y = 0; y < height; ++y) {
        std::int32_t winding = 0;
        for (int x = 0; x < width; ++x) {
            winding += turns.row(y)[x];
            covered.row(y)[x] = std::min(std::abs(winding), kFull);
        }
    }
    return covered;
}

// The weights of all cells farther from the border than the kernel's radius.
std::vector<float> blurred(Cells &covered, const std::vector<std::int32_t> &kernel) {
    const int around = static_cast<int>(kernel.size()) - 1;
    const int width = covered.width - around, height = covered.height - around;
    Cells across(width, covered.height), down(width, height);
    for (int y = 0; y < covered.height; ++y)
        for (int k = 0; k <= around; ++k)
            for (int x = 0; x < width; ++x) across.row(y)[x] += kernel[k] * covered.row(y)[x + k];
    for (std::int32_t &value : across.values) value = (value + kKernelSum / 2) / kKernelSum;
    for (int y = 0; y < height; ++y)
        for (int k = 0; k <= around; ++k)
            for (int x = 0; x < width; ++x) down.row(y)[x] += kernel[k] * across.row(y + k)[x];
    std::vector<float> weights(down.values.size());
    std::transform(down.values.begin(), down.values.end(), weights.begin(), [](std::int32_t value) {
        return static_cast<float>(value) * (1.0f / (static_cast<float>(kFull) * kKernelSum));
    });
    return weights;
}

}  // namespace

SoftPolygon soft_polygon(std::vector<Corner> corners, int cells, double deviation) {
    const std::vector<std::int32_t> kernel = gaussian_kernel(deviation);
    const int reach = static_cast<int>(kernel.size()) / 2;
    std::array<int, 2> first{}, end{};
    for (std::size_t axis = 0; axis < 2; ++axis) {
        double low = 11.0 * cells, high = -10.0 * cells;
        for (Corner &corner : corners) {
            const double at = corner[axis];
            corner[axis] = at > -10.0 * cells ? std::min(at, 11.0 * cells) : -10.0 * cells;  // also for NaN
            low = std::min(low, corner[axis]);
            high = std::max(high, corner[axis]);
        }
        first[axis] = std::max(0, static_cast<int>(std::floor(low)) - reach);
        end[axis] = std::min(cells, static_cast<int>(std::ceil(high)) + reach);
    }
    if (end[0] <= first[0] || end[1] <= first[1]) return {};
    for (Corner &corner : corners)
        for (std::size_t axis = 0; axis < 2; ++axis) corner[axis] -= first[axis] - reach;
    SoftPolygon found{first[0], first[1], end[0] - first[0], end[1] - first[1], {}};
    Cells covered = coverage(corners, found.width + 2 * reach, found.height + 2 * reach);
    found.weights = blurred(covered, kernel);
    return found;
}

}  // namespace amgan_impl
