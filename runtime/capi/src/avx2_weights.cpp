#include "avx2_weights.h"

#include <algorithm>
#include <openvino/op/convolution.hpp>
#include <openvino/op/depth_to_space.hpp>
#include <openvino/op/slice.hpp>

#include "generator_cut.h"
#include "generator_ends.h"

namespace amgan_impl {

namespace {

constexpr std::size_t kLanes = 8;
constexpr std::size_t kSeenPadded = 48;  // channels of a cell of 2 x 2 px, with padding

// A convolution: the node that it reads, the addition of its bias, weights as [outputs, inputs, taps, taps], and bias.
struct BiasedConvolution {
    NodePtr from, sum;
    Values weights;
    std::vector<float> bias;
};

// By the addition of its bias.
BiasedConvolution read_convolution(const NodePtr &sum, std::size_t taps, std::size_t stride = 1) {
    std::vector<NodePtr> found;
    for (const auto &value : sum->input_values())
        if (is_a(*value.get_node(), "Convolution")) found.push_back(value.get_node_shared_ptr());
    const auto node = std::dynamic_pointer_cast<ov::op::v1::Convolution>(only(found));
    const ov::CoordinateDiff none(2, 0);
    require(node && node->get_strides() == ov::Strides(2, stride) && node->get_dilations() == ov::Strides(2, 1) &&
                node->get_pads_begin() == none && node->get_pads_end() == none,
            "a convolution has another stride, or padding");
    BiasedConvolution made{node->get_input_node_shared_ptr(0), sum, constant_of(node->get_input_node_shared_ptr(1)),
                           constant_of(other_input(sum, node)).data};
    const ov::Shape &shape = made.weights.shape;
    require(shape.size() == 4 && shape[2] == taps && shape[3] == taps && made.bias.size() == shape[0],
            "a convolution has another size");
    return made;
}

BiasedConvolution convolution_after(const NodePtr &x, std::size_t taps, std::size_t stride = 1) {
    return read_convolution(reader(reader(x, "Convolution"), "Add"), taps, stride);
}

void require_crop(const NodePtr &node, const NodePtr &source, std::int64_t margin) {
    require(is_a(*node, "Slice") && node->get_input_node_shared_ptr(0) == source,
            "what is added is not a part of what it should be");
    const auto is = [&](std::size_t input, std::int64_t first, std::int64_t second) {
        const Values found = constant_of(node->input_value(input).get_node_shared_ptr());
        return found.data == std::vector<float>{static_cast<float>(first), static_cast<float>(second)};
    };
    require(is(1, margin, margin) && is(2, -margin, -margin) && is(4, 2, 3), "a part has other edges");
}

// The ReLU of the sum of a node and of another one without a margin.
NodePtr with_skipped(const NodePtr &x, const NodePtr &other, std::int64_t margin) {
    const NodePtr total = reader(x, "Add");
    require_crop(other_input(total, x), other, margin);
    return reader(total, "Relu");
}

bool is_modulated(const NodePtr &x) {
    const std::vector<NodePtr> found = readers(x);
    return std::any_of(found.begin(), found.end(), [](const NodePtr &one) { return is_a(*one, "Multiply"); });
}

// Collects convolutions in the order of read_generator in _generator.h.
class Packing {
  public:
    explicit Packing(Avx2Weights &to) : to_(to) {}

    void add(const std::vector<float> &weights, std::size_t outputs, std::size_t inputs, std::size_t taps,
             const std::vector<float> &bias) {
        require(outputs % kLanes == 0 && inputs % kLanes == 0, "a convolution has another number of channels");
        const int sizes[] = {static_cast<int>(taps), static_cast<int>(inputs), static_cast<int>(outputs)};
        const std::size_t before = to_.packed.size();
        to_.table.insert(to_.table.end(), std::begin(sizes), std::end(sizes));
        to_.packed.resize(before + avx2_packed_floats(sizes[0], sizes[1], sizes[2]));
        avx2_pack(weights.data(), sizes[0], sizes[1], sizes[2], to_.packed.data() + before);
        to_.packed.insert(to_.packed.end(), bias.begin(), bias.end());
    }

    void add(const BiasedConvolution &one) {
        const ov::Shape &shape = one.weights.shape;
        add(one.weights.data, shape[0], shape[1], shape[2], one.bias);
    }

  private:
    Avx2Weights &to_;
};

// A layer of SPADE; returns the addition of the bias of the convolution after it.
NodePtr add_layer(Packing &packing, const NodePtr &x, const Conditioning &conditioning, std::int64_t number) {
    const NodePtr product = reader(x, "Multiply"), total = reader(product, "Add");
    const BiasedConvolution scale = read_convolution(other_input(product, x), 1);
    const BiasedConvolution shift = read_convolution(other_input(total, product), 1);
    std::vector<HiddenSlice> found;
    for (const HiddenSlice &slice : conditioning.slices)
        if (slice.node == scale.from) found.push_back(slice);
    const HiddenSlice slice = only(found);
    require(slice.margin == number && shift.from == scale.from, "a layer of SPADE reads other channels");
    const BiasedConvolution after = convolution_after(reader(total, "Relu"), 3);
    packing.add(conditioning.weights_of(slice), slice.stop - slice.start, kMostConditions, 1, conditioning.bias_of(slice));
    packing.add(scale);
    packing.add(shift);
    packing.add(after);
    return after.sum;
}

// The first convolution and those over pixels before SPADE; returns the ReLU of the first two, and the last one's sum.
std::vector<NodePtr> add_start(Packing &packing, const Stem &stem) {
    const std::vector<float> seen = over_cells(stem.weights);
    const std::size_t outputs = stem.weights.shape[0], part = kSeenPlanes * 4, padded = kSeenPadded * 4;
    std::vector<float> weights(outputs * padded);
    for (std::size_t o = 0; o < outputs; ++o)
        std::copy_n(seen.begin() + o * part, part, weights.begin() + o * padded);
    packing.add(weights, outputs, kSeenPadded, 2, stem.bias.data);
    const NodePtr fine = reader(stem.sum, "Relu");
    const BiasedConvolution down1 = convolution_after(fine, 2);
    packing.add(down1);
    const NodePtr middle = reader(down1.sum, "Relu");
    const BiasedConvolution down2 = convolution_after(middle, 4, 2);
    packing.add(over_cells(down2.weights), down2.weights.shape[0], 4 * down2.weights.shape[1], 2, down2.bias);
    return {fine, middle, down2.sum};
}

void add_end(Packing &packing, const NodePtr &x, const NodePtr &fine, const NodePtr &middle, std::int64_t layers) {
    const BiasedConvolution up1 = convolution_after(reader(x, "Relu"), 2);
    packing.add(up1);
    const NodePtr pixels = reader(up1.sum, "DepthToSpace");
    const auto how = std::dynamic_pointer_cast<ov::op::v0::DepthToSpace>(pixels);
    require(how && how->get_block_size() == kGroupPx &&
                how->get_mode() == ov::op::v0::DepthToSpace::DepthToSpaceMode::BLOCKS_FIRST,
            "pixels are ordered otherwise");
    const BiasedConvolution up2 = convolution_after(with_skipped(pixels, middle, 2 * layers + 2), 2);
    packing.add(up2);
    const BiasedConvolution heads = convolution_after(with_skipped(up2.sum, fine, 2 * layers + 3), 2);
    reader(heads.sum, "Tanh");
    packing.add(heads);
}

// [1, 4, rows, columns] to [rows + 1, columns + 1, 4]; edges repeat.
std::vector<float> as_texels(const Values &texture) {
    const std::size_t rows = texture.shape[2], columns = texture.shape[3];
    std::vector<float> texels;
    texels.reserve((rows + 1) * (columns + 1) * 4);
    for (std::size_t y = 0; y <= rows; ++y)
        for (std::size_t x = 0; x <= columns; ++x)
            for (std::size_t k = 0; k < 4; ++k)
                texels.push_back(texture.data[(k * rows + std::min(y, rows - 1)) * columns + std::min(x, columns - 1)]);
    return texels;
}

std::unique_ptr<const Avx2Weights> read_graph(const ov::Model &model, int patterns) {
    auto found = std::make_unique<Avx2Weights>();
    Packing packing(*found);
    const Conditioning conditioning = find_conditioning(model);
    Atlas atlas = find_atlas(model, patterns);
    const std::vector<NodePtr> start = add_start(packing, find_stem(model));
    NodePtr x = start[2];
    std::int64_t layers = 0;
    while (is_modulated(x)) {
        const NodePtr before = x;
        for (int k = 0; k < 2; ++k) x = add_layer(packing, x, conditioning, layers++);
        const NodePtr total = reader(x, "Add");
        require_crop(other_input(total, x), before, 2);
        x = total;
    }
    add_end(packing, x, start[0], start[1], layers);
    found->fine = as_texels(atlas.fine), found->coarse = as_texels(atlas.coarse);
    found->gain = std::move(atlas.gain), found->bias = std::move(atlas.bias);
    const auto texture = [](const std::vector<float> &texels, const ov::Shape &shape) {
        return avx2_texture{texels.data(), static_cast<int>(shape[2]), static_cast<int>(shape[3])};
    };
    found->by = {found->table.data(),        static_cast<int>(found->table.size() / 3),
                 found->packed.data(),       texture(found->fine, atlas.fine.shape),
                 texture(found->coarse, atlas.coarse.shape), atlas.span};
    return found;
}

}  // namespace

int Avx2Weights::halo_px() const {
    int layers = 0;
    for (std::size_t i = 0; i < table.size(); i += 3) layers += table[i] == 3;
    return 4 * (layers + 3);
}

std::vector<float> Avx2Weights::gains(const std::vector<float> &pattern) const {
    std::vector<float> made(bias);
    for (std::size_t i = 0; i < pattern.size(); ++i)
        for (std::size_t k = 0; k < kSampled; ++k) made[k] += pattern[i] * gain[i * kSampled + k];
    return made;
}

std::unique_ptr<const Avx2Weights> find_avx2_weights(const ov::Model &model, int patterns) {
    try {
        return read_graph(model, patterns);
    } catch (const OtherGraph &) {
        return nullptr;
    } catch (const ov::Exception &) {
        return nullptr;
    }
}

}  // namespace amgan_impl
