// Cuts a generator for bf16 at its first convolutions and at its heads, like runtime/engines/openvino_cut.py: what is cut
// off is computed by cells.h, in fewer passes over memory than OpenVINO needs.
#pragma once

#include <cstdint>
#include <memory>
#include <openvino/core/model.hpp>
#include <vector>

#include "cells.h"

namespace amgan_impl {

constexpr int kGroupPx = 2;               // side of a cell at full resolution
constexpr std::size_t kSeenPlanes = 44;   // of the input "seen": four pixels of three colours and eight sampled channels
constexpr std::size_t kSampled = 8;       // channels of the atlas that are sampled at a pixel
constexpr std::size_t kConditions = 25;   // planes that condition the network
constexpr std::size_t kMostConditions = 32;  // of the input "planes", with padding to one block of AMX
constexpr std::size_t kHeads = 24;        // planes of the output
constexpr int kOuterPx = 4;               // px around the input of which only the positions are used
constexpr int kMarginCells = 2;           // cells around a tile whose planes are not used

// Rounds to bf16, half to even.
std::uint16_t in_bf16(float value);

// The removed parts of a generator that depend on its weights.
class PixelCells {
  public:
    // Textures as [1, 4, rows, columns], `gain` as [patterns, 8].
    PixelCells(const std::vector<float> &fine, const ov::Shape &fine_shape, const std::vector<float> &coarse,
               const ov::Shape &coarse_shape, std::vector<float> gain, std::vector<float> bias, float span);

    // Writes the input "seen", bf16 [44, height / 2 - 4, width / 2 - 4], for an image [height, width, 3], its map of years
    // [height / 4, width / 4] and its positions, planes of u, v, inside and scale of the map's size.
    void gather(const std::uint8_t *image, int height, int width, const std::vector<float> &map, const float *positions,
                const std::vector<float> &pattern, std::uint16_t *seen) const;

    // Writes the input "planes", bf16 [32, height / 4 - 4, width / 4 - 4], for the same.
    void condition(int height, int width, const std::vector<float> &map, const float *positions,
                   const std::vector<float> &pattern, std::uint16_t *planes) const;

  private:
    struct Texture {
        Texture(const std::vector<float> &values, const ov::Shape &shape);
        cells_texture view() const { return {texels.data(), rows, columns}; }

        int rows;
        int columns;
        std::vector<std::uint16_t> texels;
    };

    Texture fine_;
    Texture coarse_;
    std::vector<float> gain_;
    std::vector<float> bias_;
    float span_;
};

struct CutGenerator {
    std::shared_ptr<ov::Model> model;         // the rest, with the inputs "seen" and "planes"
    std::shared_ptr<const PixelCells> cells;  // null if the whole graph has to be computed
};

// Cuts a generator and changes the given model. It stays whole if its ends are not exactly those that `amgan export`
// writes, if it has another number of patterns, or if cells_usable() is 0.
CutGenerator cut_generator(const std::shared_ptr<ov::Model> &model, int patterns);

}  // namespace amgan_impl
