// A CUDA and a TensorRT of our own: work is done as late as a stream allows, and any call can be told to fail.
#pragma once

#include <cstdint>

namespace fake {

// What the network of the fake makes of a value of a pixel: depends on the picture, the years and the place.
inline std::uint8_t aged(std::uint8_t value, float years, int x, int y, int frame_px) {
    return static_cast<std::uint8_t>(value + static_cast<int>(years) + x + 3 * y + frame_px);
}

void fail_at(int call);  // the call that fails, counted from 1 on; 0: none
int calls();             // how many calls there were since
int held();              // memory, streams and objects of TensorRT that were not given back
int broken();            // how often a rule was broken, such as use of memory that is gone

}  // namespace fake
