// The generator's weights for avx2.h, found in the graph of its ONNX file like runtime/engines/avx2_weights.py.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <vector>

#include "avx2.h"

namespace amgan_impl {

struct Avx2Weights {
    std::vector<int> table;     // taps, inputs and outputs of each convolution
    std::vector<float> packed;  // weights and biases
    std::vector<float> fine, coarse;
    std::vector<float> gain, bias;  // [patterns, 8] and [8]
    avx2_generator by;              // points into the others

    // The border of a tile that its core lacks, px.
    int halo_px() const;

    // The gains of the atlas for a pattern.
    std::vector<float> gains(const std::vector<float> &pattern) const;
};

// Null if the graph is not exactly one that `amgan export` writes, or has another number of patterns.
std::unique_ptr<const Avx2Weights> find_avx2_weights(const ov::Model &model, int patterns);

}  // namespace amgan_impl
