// The pattern of lines and folds of a face: see amgan.runtime.face.pattern in Python for the reasons.
#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <iterator>

#include "constants.h"
#include "face_coordinates.h"

namespace amgan_impl {

namespace {

using namespace pattern_constants;

constexpr std::size_t kProportions = std::size(kUsual);

using Numbers = std::initializer_list<std::size_t>;

double mean(const Landmarks &points, Numbers numbers, std::size_t axis) {
    double total = 0.0;
    for (const std::size_t number : numbers) total += points[number][axis];
    return total / static_cast<double>(numbers.size());
}

double between(const Landmarks &points, Numbers one, Numbers other) {
    const double x = mean(points, one, 0) - mean(points, other, 0), y = mean(points, one, 1) - mean(points, other, 1);
    return std::sqrt(x * x + y * y);
}

std::array<double, kProportions> proportions(const Landmarks &points) {
    const double height = std::max(between(points, {10}, {152}), 1e-9);
    const double width = std::max(between(points, {234}, {454}), 1e-9);
    return {width / height,
            between(points, {33, 133}, {362, 263}) / width,
            between(points, {61}, {291}) / width,
            between(points, {105, 334}, {33, 133, 362, 263}) / height,
            between(points, {168}, {2}) / height,
            between(points, {172}, {397}) / width};
}

bool is_odd(int bits) {
    bool odd = false;
    for (; bits != 0; bits &= bits - 1) odd = !odd;
    return odd;
}

}  // namespace

std::vector<float> choose_pattern(const Landmarks &landmarks, int count) {
    std::array<double, kProportions> values = proportions(landmarks);
    for (std::size_t i = 0; i < kProportions; ++i)
        values[i] = std::clamp((values[i] - kUsual[i][0]) / kUsual[i][1], -kFarthest, kFarthest);
    std::vector<double> powers;
    double total = 0.0;
    for (int number = 0; number < count; ++number) {
        double score = 0.0;
        for (std::size_t i = 0; i < kProportions; ++i)
            score += is_odd(number & kSignColumns[i]) ? -values[i] : values[i];
        score *= 0.5;
        const double rising = score + std::sqrt(score * score + 1.0);
        double power = 1.0;
        for (int i = 0; i < kSharpness; ++i) power *= rising;
        powers.push_back(power);
        total += power;
    }
    std::vector<float> weights;
    for (const double power : powers) weights.push_back(static_cast<float>(power / total));
    return weights;
}

}  // namespace amgan_impl
