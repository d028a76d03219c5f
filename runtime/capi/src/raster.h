// Filled polygons and blur on 8-bit pictures, pixel for pixel as Pillow draws and blurs them: aging maps of zones are
// made of such pictures, in training as well as here.
#pragma once

#include <cstdint>
#include <vector>

namespace amgan_impl {

struct Grey {
    int width = 0;
    int height = 0;
    std::vector<std::uint8_t> values;

    Grey(int wide, int high) : width(wide), height(high), values(static_cast<std::size_t>(wide) * high) {}

    std::uint8_t *row(int y) { return values.data() + static_cast<std::size_t>(y) * width; }
    const std::uint8_t *row(int y) const { return values.data() + static_cast<std::size_t>(y) * width; }
};

struct Point {
    int x = 0;
    int y = 0;
};

// Sets all pixels in and on a polygon to 255.
void fill_polygon(Grey &picture, const std::vector<Point> &corners);

// The means of blocks of 4x4 pixels; width and height are multiples of 4.
Grey reduce_by_4(const Grey &picture);

// Gaussian blur of a standard deviation in px, as three box blurs along each axis.
void blur(Grey &picture, float deviation);

}  // namespace amgan_impl
