#include "generator_cut.h"

#include <openvino/op/add.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/convert.hpp>
#include <openvino/op/convolution.hpp>
#include <openvino/op/parameter.hpp>
#include <openvino/op/relu.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/slice.hpp>

#include "generator_ends.h"

namespace amgan_impl {

namespace {

using ov::op::v0::Constant;
using ov::op::v0::Convert;
using ov::op::v0::Parameter;

std::shared_ptr<Parameter> input_of(const std::string &name, const ov::PartialShape &shape) {
    const auto made = std::make_shared<Parameter>(ov::element::bf16, shape);
    made->set_friendly_name(name);
    made->output(0).set_names({name});
    return made;
}

ov::Output<ov::Node> convolve(const ov::Output<ov::Node> &x, const ov::Shape &shape, const std::vector<float> &weights,
                              const std::vector<float> &bias) {
    const auto made = std::make_shared<ov::op::v1::Convolution>(
        x, Constant::create(ov::element::f32, shape, weights), ov::Strides{1, 1}, ov::CoordinateDiff{0, 0},
        ov::CoordinateDiff{0, 0}, ov::Strides{1, 1});
    return std::make_shared<ov::op::v1::Add>(made, Constant::create(ov::element::f32, {1, bias.size(), 1, 1}, bias));
}

// Half the length, rounded up; dynamic if the side is.
ov::Dimension in_cells(const ov::Dimension &side) {
    const std::int64_t cells = (side.get_min_length() + kGroupPx - 1) / kGroupPx;
    return side.is_dynamic() ? ov::Dimension(cells, -1) : ov::Dimension(cells);
}

// A 4 x 4 convolution of stride 2 over pixels becomes one of 2 x 2 over cells.
std::shared_ptr<Parameter> replace_stem(const Stem &stem) {
    const ov::PartialShape shape = stem.node->get_input_partial_shape(0);
    const auto seen = input_of("seen", {shape[0], static_cast<std::int64_t>(kSeenPlanes), in_cells(shape[2]),
                                        in_cells(shape[3])});
    const std::size_t outputs = stem.weights.shape[0];
    const auto wide = std::make_shared<Convert>(seen, ov::element::f32);
    stem.sum->output(0).replace(convolve(wide, {outputs, kSeenPlanes, 2, 2}, over_cells(stem.weights), stem.bias.data));
    return seen;
}

// Each slice becomes a convolution with fewer channels.
std::shared_ptr<Parameter> replace_conditioning(const Conditioning &found) {
    const ov::PartialShape shape = found.node->get_input_partial_shape(0);
    const auto planes = input_of("planes", {shape[0], static_cast<std::int64_t>(kMostConditions), shape[2], shape[3]});
    const auto wide = std::make_shared<Convert>(planes, ov::element::f32);
    const auto two = [](std::int64_t one, std::int64_t other) {
        return Constant::create(ov::element::i64, {2}, std::vector<std::int64_t>{one, other});
    };
    for (const HiddenSlice &slice : found.slices) {
        ov::Output<ov::Node> given = wide;
        const std::int64_t margin = slice.margin;
        if (margin != 0)
            given = std::make_shared<ov::op::v8::Slice>(wide, two(margin, margin), two(-margin, -margin), two(1, 1),
                                                        two(2, 3));
        const std::size_t channels = slice.stop - slice.start;
        const auto made = convolve(given, {channels, kMostConditions, 1, 1}, found.weights_of(slice), found.bias_of(slice));
        slice.node->output(0).replace(std::make_shared<ov::op::v0::Relu>(made)->output(0));
    }
    return planes;
}

}  // namespace

CutGenerator cut_generator(const std::shared_ptr<ov::Model> &model, int patterns) {
    if (!cells_usable()) return {model, nullptr};
    Stem stem;
    Conditioning conditioning;
    std::shared_ptr<const PixelCells> cells;
    try {
        stem = find_stem(*model);
        conditioning = find_conditioning(*model);
        Atlas atlas = find_atlas(*model, patterns);
        cells = std::make_shared<PixelCells>(atlas.fine.data, atlas.fine.shape, atlas.coarse.data, atlas.coarse.shape,
                                             std::move(atlas.gain), std::move(atlas.bias), atlas.span);
    } catch (const OtherGraph &) {
        return {model, nullptr};
    } catch (const ov::Exception &) {
        return {model, nullptr};
    }
    const auto seen = replace_stem(stem), planes = replace_conditioning(conditioning);
    // OpenVINO brings fp32 into the order of an output number by number, bf16 in vectors.
    const auto change = std::make_shared<Convert>(only(all_of(*model, "Tanh")), ov::element::bf16);
    const auto result = std::make_shared<ov::op::v0::Result>(change);
    return {std::make_shared<ov::Model>(ov::ResultVector{result}, ov::ParameterVector{seen, planes}), cells};
}

}  // namespace amgan_impl
