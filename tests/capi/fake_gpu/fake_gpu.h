// A CUDA and a TensorRT of our own: work is done as late as a stream allows, and any call can be told to fail.
#pragma once

#include <array>
#include <cstdint>

namespace fake {

constexpr std::size_t kPositions = 4;    // planes of coordinates
constexpr std::size_t kPatterns = 3;  // weights of the mixture, as the tests' tiny bundle has them

// What the network of the fake makes of a value of a pixel: depends on the picture, the years, where the pixel's cell
// lies on the face, and the pattern.
inline std::uint8_t aged(std::uint8_t value, float years, const std::array<float, kPositions> &place, const float *pattern) {
    int sum = value + static_cast<int>(years);
    for (std::size_t i = 0; i < kPositions; ++i) sum += static_cast<int>(i + 1) * static_cast<int>(place[i]);
    for (std::size_t i = 0; i < kPatterns; ++i) sum += static_cast<int>((i + 1) * 64 * pattern[i]);
    return static_cast<std::uint8_t>(sum);
}

void fail_at(int call);  // the call that fails, counted from 1 on; 0: none
int calls();             // how many calls there were since
int held();              // memory, streams and objects of TensorRT that were not given back
int graphs();            // how many graphs were launched
void meet(int threads);  // from now on, whoever waits for the GPU waits until so many do at the same time; 0: no longer
int broken();            // how often a rule was broken, such as use of memory that is gone

}  // namespace fake
