// A fake of CUDA and TensorRT: work is done as late as a stream allows, and any call can be made to fail.
#pragma once

#include <array>
#include <cstdint>

namespace fake {

constexpr std::size_t kPositions = 4;    // planes of coordinates
constexpr std::size_t kPatterns = 3;  // weights of the mixture, as the tests' tiny bundle has them

// The fake network's output for a pixel value, which depends on the picture, the years, the position of the pixel's
// cell on the face, and the pattern.
inline std::uint8_t aged(std::uint8_t value, float years, const std::array<float, kPositions> &place, const float *pattern) {
    int sum = value + static_cast<int>(years);
    for (std::size_t i = 0; i < kPositions; ++i) sum += static_cast<int>(i + 1) * static_cast<int>(place[i]);
    for (std::size_t i = 0; i < kPatterns; ++i) sum += static_cast<int>((i + 1) * 64 * pattern[i]);
    return static_cast<std::uint8_t>(sum);
}

void fail_at(int call);  // the call that fails, counted from 1 on; 0: none
int calls();             // number of calls since then
int held();              // memory, streams and objects of TensorRT that were not freed
int graphs();            // number of launched graphs
void meet(int threads);  // waits for the GPU block until this many threads wait; 0: no longer
int compiled();          // number of contexts whose kernels were compiled, not taken from a cache
int broken();            // number of violations, such as use of freed memory

}  // namespace fake
