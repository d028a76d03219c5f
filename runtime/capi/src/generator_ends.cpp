#include "generator_ends.h"

#include <algorithm>
#include <cmath>
#include <openvino/op/convolution.hpp>

#include "generator_cut.h"

namespace amgan_impl {

namespace {

constexpr std::size_t kReach = 4;  // px that the first convolution reads across
constexpr float kWaves[] = {1, 2, 4, 8, 16};
constexpr double kPi = 3.14159265358979323846;

HiddenSlice read_slice(const NodePtr &node, std::size_t channels) {
    require(is_a(*node, "Slice"), "the hidden channels are not only sliced");
    const auto whole = [&](std::size_t input) {
        const Values found = constant_of(node->input_value(input).get_node_shared_ptr());
        return std::vector<std::int64_t>(found.data.begin(), found.data.end());
    };
    const std::vector<std::int64_t> starts = whole(1), stops = whole(2), axes = whole(4);
    const std::int64_t margin = starts.size() > 1 ? starts[1] : 0;
    using Numbers = std::vector<std::int64_t>;
    const bool flat = axes == Numbers{1} && starts.size() == 1 && stops.size() == 1;
    const bool deep = axes == Numbers{1, 2, 3} && starts.size() == 3 && stops.size() == 3 && starts[2] == margin &&
                      stops[1] == -margin && stops[2] == -margin;
    require(flat || deep, "the hidden channels are sliced otherwise");
    require(0 <= starts[0] && starts[0] < stops[0] && stops[0] <= static_cast<std::int64_t>(channels),
            "a slice has other channels");
    return {node, static_cast<std::size_t>(starts[0]), static_cast<std::size_t>(stops[0]), margin};
}

NodePtr only_product(const ov::Model &model, bool sampled) {
    std::vector<NodePtr> found;
    for (const NodePtr &one : all_of(model, "MatMul")) {
        const ov::PartialShape shape = one->get_output_partial_shape(0);
        if ((*shape.rbegin() == ov::Dimension(kSampled)) == sampled) found.push_back(one);
    }
    return only(found);
}

void check_waves(const ov::Model &model) {
    std::vector<float> waves;
    for (const auto &scaled : only(all_of(model, "Sin"))->get_input_node_shared_ptr(0)->input_values()) {
        const Values found = constant_of(constant_input(scaled.get_node_shared_ptr()));
        waves.insert(waves.end(), found.data.begin(), found.data.end());
    }
    require(std::equal(waves.begin(), waves.end(), std::begin(kWaves), std::end(kWaves),
                       [](float one, float other) { return std::abs(one / kPi - other) < 1e-5 * other; }),
            "positions have other waves");
}

}  // namespace

void require(bool fits, const char *otherwise) {
    if (!fits) throw OtherGraph(otherwise);
}

Stem find_stem(const ov::Model &model) {
    std::vector<NodePtr> found;
    for (const NodePtr &one : all_of(model, "Convolution")) {
        const ov::Shape sides = one->input(1).get_shape();
        if (sides.size() == 4 && sides[1] == kChannels && sides[2] == kReach && sides[3] == kReach) found.push_back(one);
    }
    const NodePtr node = only(found);
    const auto convolution = std::dynamic_pointer_cast<ov::op::v1::Convolution>(node);
    require(convolution && convolution->get_strides() == ov::Strides(2, kGroupPx), "the stride is another one");
    const NodePtr sum = reader(node, "Add");
    Stem stem{node, sum, constant_of(node->get_input_node_shared_ptr(1)), constant_of(other_input(sum, node))};
    require(stem.bias.data.size() == stem.weights.shape[0], "the first convolution has another bias");
    return stem;
}

Conditioning find_conditioning(const ov::Model &model) {
    const NodePtr product = only_product(model, false), widened = reader(product, "Unsqueeze");
    const NodePtr both = reader(widened, "Add"), total = other_input(both, widened);
    std::vector<NodePtr> convolutions;
    for (const auto &value : total->input_values())
        if (is_a(*value.get_node(), "Convolution")) convolutions.push_back(value.get_node_shared_ptr());
    const NodePtr node = only(convolutions);
    Conditioning found{node, constant_of(node->get_input_node_shared_ptr(1)),
                       constant_of(product->get_input_node_shared_ptr(1)), constant_of(other_input(total, node)), {}};
    const std::size_t hidden = found.weights.shape.at(0);
    require(found.weights.shape == ov::Shape{hidden, kConditions, 1, 1} && found.pattern.shape.size() == 2 &&
                found.pattern.shape[1] == hidden && found.bias.data.size() == hidden,
            "the conditioning has other planes");
    require(found.pattern.shape[0] <= kMostConditions - kConditions, "there are too many patterns");
    check_waves(model);
    for (const NodePtr &one : readers(reader(both, "Relu"))) found.slices.push_back(read_slice(one, hidden));
    return found;
}

Atlas find_atlas(const ov::Model &model, int patterns) {
    const std::vector<NodePtr> samples = all_of(model, "GridSample");
    require(samples.size() == 2, "there is no atlas of two textures");
    const Values fine = constant_of(samples[0]->get_input_node_shared_ptr(0));
    const Values coarse = constant_of(samples[1]->get_input_node_shared_ptr(0));
    const NodePtr product = only_product(model, true);
    Values gain = constant_of(product->get_input_node_shared_ptr(1));
    Values bias = constant_of(other_input(reader(product, "Add"), product));
    std::vector<NodePtr> maps;
    for (const auto &one : model.get_parameters())
        if (one->output(0).get_names().count("aging_map") > 0) maps.push_back(one);
    const NodePtr years = only(maps);
    const Values span = constant_of(other_input(reader(years, "Multiply"), years));
    const ov::PartialShape heads = only(all_of(model, "Tanh"))->get_output_partial_shape(0);
    const auto is_texture = [](const ov::Shape &shape) {
        return shape.size() == 4 && shape[0] == 1 && shape[1] == kSampled / 2;
    };
    require(is_texture(fine.shape) && is_texture(coarse.shape) && fine.data.size() > coarse.data.size() &&
                gain.shape == ov::Shape{static_cast<std::size_t>(patterns), kSampled} && bias.data.size() == kSampled &&
                span.data.size() == 1 && heads.size() == 4 && heads[1] == ov::Dimension(kHeads),
            "the atlas or the heads have other sizes");
    return {fine, coarse, std::move(gain.data), std::move(bias.data), span.data[0]};
}

std::vector<float> over_cells(const Values &weights) {
    const std::size_t outputs = weights.shape[0], inputs = weights.shape[1];
    std::vector<float> made;
    made.reserve(weights.data.size());
    for (std::size_t o = 0; o < outputs; ++o)
        for (std::size_t pixel = 0; pixel < 4; ++pixel)
            for (std::size_t c = 0; c < inputs; ++c)
                for (std::size_t cell = 0; cell < 4; ++cell) {
                    const std::size_t y = cell / 2 * 2 + pixel / 2, x = cell % 2 * 2 + pixel % 2;
                    made.push_back(weights.data[((o * inputs + c) * kReach + y) * kReach + x]);
                }
    return made;
}

std::vector<float> Conditioning::weights_of(const HiddenSlice &slice) const {
    const std::size_t channels = slice.stop - slice.start, hidden = weights.shape[0], patterns = pattern.shape[0];
    std::vector<float> made(channels * kMostConditions);
    for (std::size_t k = 0; k < channels; ++k) {
        const std::size_t channel = slice.start + k;
        float *row = made.data() + k * kMostConditions;
        std::copy_n(weights.data.begin() + channel * kConditions, kConditions, row);
        for (std::size_t p = 0; p < patterns; ++p) row[kConditions + p] = pattern.data[p * hidden + channel];
    }
    return made;
}

std::vector<float> Conditioning::bias_of(const HiddenSlice &slice) const {
    return {bias.data.begin() + slice.start, bias.data.begin() + slice.stop};
}

}  // namespace amgan_impl
