// Rasterisation of polygons with soft edges: coverage of cells, blurred by a Gaussian. Bit-identical to
// amgan.runtime.face.soft_polygon in Python, as all arithmetic is in integers.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace amgan_impl {

// The rectangle of a polygon on a canvas, from (left, top) on, and its weights there, 0 to 1.
struct SoftPolygon {
    int left = 0;
    int top = 0;
    int width = 0;
    int height = 0;
    std::vector<float> weights;

    // Calls a function with each row and column of the canvas, and the weight there.
    template <typename Function> void each(Function &&function) const {
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x)
                function(top + y, left + x, weights[static_cast<std::size_t>(y) * width + x]);
    }
};

using Corner = std::array<double, 2>;

// A polygon on a canvas of `cells` x `cells`, cell i from i to i + 1; `deviation` is the blur's, in cells.
SoftPolygon soft_polygon(std::vector<Corner> corners, int cells, double deviation);

}  // namespace amgan_impl
