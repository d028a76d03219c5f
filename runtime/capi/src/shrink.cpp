// Resizes a frame to the estimator's size like amgan.runtime.face.warp in Python: means of whole blocks, then bicubic.
#include <algorithm>
#include <array>
#include <cmath>

#include "session.h"

namespace amgan_impl {

namespace {

constexpr int kStepsPerPx = 32;
constexpr double kSharpness = -0.75;  // Keys' bicubic kernel

// A square RGB picture.
struct Picture {
    int side = 0;
    std::vector<std::uint8_t> values;

    explicit Picture(int side_px) : side(side_px), values(std::size_t{3} * side_px * side_px) {}

    std::uint8_t *at(int x, int y) { return values.data() + std::size_t{3} * (static_cast<std::size_t>(y) * side + x); }
    const std::uint8_t *at(int x, int y) const { return const_cast<Picture *>(this)->at(x, y); }
};

std::uint8_t rounded(double value) { return static_cast<std::uint8_t>(std::nearbyint(std::clamp(value, 0.0, 255.0))); }

// Means of blocks of factor x factor pixels; incomplete blocks repeat the edge.
Picture block_means(const amgan_frame &frame, int factor) {
    Picture small((frame.side_px + factor - 1) / factor);
    const int last = frame.side_px - 1;
    for (int y = 0; y < small.side; ++y)
        for (int x = 0; x < small.side; ++x) {
            std::array<long, 3> sum{};
            for (int j = 0; j < factor; ++j)
                for (int i = 0; i < factor; ++i) {
                    const std::uint8_t *pixel = frame.pixels +
                                                std::min(y * factor + j, last) * frame.stride_bytes +
                                                std::ptrdiff_t{3} * std::min(x * factor + i, last);
                    for (std::size_t c = 0; c < 3; ++c) sum[c] += pixel[c];
                }
            for (std::size_t c = 0; c < 3; ++c)
                small.at(x, y)[c] = rounded(static_cast<double>(sum[c]) / (static_cast<double>(factor) * factor));
        }
    return small;
}

// Four neighbours on a line and their weights.
struct Taps {
    std::array<int, 4> indices{};
    std::array<double, 4> weights{};
};

double kernel(double distance) {
    const double d = std::fabs(distance), a = kSharpness;
    if (d < 1.0) return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    return d < 2.0 ? a * (((d - 5.0) * d + 8.0) * d - 4.0) : 0.0;
}

std::vector<Taps> taps(int many, int few, double ratio) {
    std::vector<Taps> line(static_cast<std::size_t>(few));
    for (int i = 0; i < few; ++i) {
        const double at = std::nearbyint(((i + 0.5) * ratio - 0.5) * kStepsPerPx) / kStepsPerPx;
        const int cell = static_cast<int>(std::floor(at));
        for (int k = 0; k < 4; ++k) {
            line[static_cast<std::size_t>(i)].indices[static_cast<std::size_t>(k)] = std::clamp(cell - 1 + k, 0, many - 1);
            line[static_cast<std::size_t>(i)].weights[static_cast<std::size_t>(k)] = kernel(at - (cell - 1 + k));
        }
    }
    return line;
}

}  // namespace

std::vector<std::uint8_t> shrunk(const amgan_frame &frame, int side_px) {
    const double ratio = static_cast<double>(frame.side_px) / side_px;
    const int factor = std::max(1, static_cast<int>(ratio + 1e-6));
    const Picture coarse = block_means(frame, factor);
    const std::vector<Taps> line = taps(coarse.side, side_px, ratio / factor);
    Picture small(side_px);
    for (int y = 0; y < side_px; ++y)
        for (int x = 0; x < side_px; ++x) {
            const Taps &down = line[static_cast<std::size_t>(y)], &across = line[static_cast<std::size_t>(x)];
            std::array<double, 3> sum{};
            for (std::size_t j = 0; j < 4; ++j)
                for (std::size_t i = 0; i < 4; ++i)
                    for (std::size_t c = 0; c < 3; ++c)
                        sum[c] += down.weights[j] * across.weights[i] *
                                  coarse.at(across.indices[i], down.indices[j])[c];
            for (std::size_t c = 0; c < 3; ++c) small.at(x, y)[c] = rounded(sum[c]);
        }
    return small.values;
}

}  // namespace amgan_impl
