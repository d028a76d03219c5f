// A square plane of floats.
#pragma once

#include <cstddef>
#include <vector>

namespace amgan_impl {

struct Plane {
    int side = 0;
    std::vector<float> values;

    Plane() = default;
    explicit Plane(int side_cells, float value = 0.0f)
        : side(side_cells), values(static_cast<std::size_t>(side_cells) * side_cells, value) {}

    float *row(int y) { return values.data() + static_cast<std::size_t>(y) * side; }
    const float *row(int y) const { return values.data() + static_cast<std::size_t>(y) * side; }
};

// Samples a plane at `count` x `count` points, `step` cells apart, the first at `shift` cells from the centre of its
// first cell in both axes. Bilinear, with repeated edges.
Plane sample_linear(const Plane &plane, int count, double step, double shift);

}  // namespace amgan_impl
