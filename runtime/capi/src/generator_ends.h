// The two ends of a generator's graph, which generator_cut.cpp cuts off and avx2_weights.cpp reads.
#pragma once

#include <vector>

#include "graph_search.h"

namespace amgan_impl {

constexpr std::size_t kChannels = 11;  // of a pixel: three colours and eight of the atlas

// The first convolution, the addition of its bias, and both as arrays.
struct Stem {
    NodePtr node, sum;
    Values weights, bias;
};

// Channels `start` to `stop` of the hidden channels without `margin` rows and columns on each side.
struct HiddenSlice {
    NodePtr node;
    std::size_t start, stop;
    std::int64_t margin;
};

// The convolution of all of SPADE's hidden channels, its weights, and the slices of its result.
struct Conditioning {
    NodePtr node;
    Values weights, pattern, bias;
    std::vector<HiddenSlice> slices;

    // Of one slice: [channels, kMostConditions], for planes, patterns and padding, and [channels].
    std::vector<float> weights_of(const HiddenSlice &slice) const;
    std::vector<float> bias_of(const HiddenSlice &slice) const;
};

// The learnt atlas: textures [1, 4, rows, columns], gains [patterns, 8] and [8], and units of its years in a year.
struct Atlas {
    Values fine, coarse;
    std::vector<float> gain, bias;
    float span;
};

// Raises OtherGraph.
void require(bool fits, const char *otherwise);

// All raise OtherGraph if the graph is not one that `amgan export` writes.
Stem find_stem(const ov::Model &model);
Conditioning find_conditioning(const ov::Model &model);
Atlas find_atlas(const ov::Model &model, int patterns);

// A 4 x 4 convolution of stride 2 over pixels as one of 2 x 2 over cells, pixel by pixel.
std::vector<float> over_cells(const Values &weights);

}  // namespace amgan_impl
