#include "openvino_network.h"

#include <sched.h>

#include <algorithm>
#include <set>
#include <openvino/op/constant.hpp>
#include <openvino/op/result.hpp>
#include <openvino/op/shape_of.hpp>
#include <openvino/op/slice.hpp>
#include <string>
#include <thread>

#include "error.h"

namespace amgan_impl {

namespace {

std::string choose_precision(const std::string &wanted, const std::vector<std::string> &able) {
    const bool has_bf16 = std::find(able.begin(), able.end(), "BF16") != able.end();
    if (wanted.empty()) return has_bf16 ? "bf16" : "f32";
    if (wanted == "f16") throw device_error("the CPU engine has no f16: use precision f32 or bf16, or none");
    if (wanted == "bf16" && !has_bf16) throw device_error("this CPU has no bf16: use precision f32, or none");
    return wanted;
}

void check_inputs(const ov::Model &model, const NetworkOptions &options, const std::string &path) {
    bool good = model.inputs().size() == options.inputs.size();
    std::string wanted;
    for (const auto &[name, shape] : options.inputs) {
        wanted += (wanted.empty() ? "" : ", ") + name;
        const auto has_name = [&name = name](const auto &port) { return port.get_names().count(name) > 0; };
        const auto inputs = model.inputs();
        good = good && std::any_of(inputs.begin(), inputs.end(), has_name);
    }
    if (!good)
        throw bundle_error("'" + path + "' has other inputs than " + wanted + ": export the bundle again");
}

// Dynamic dimensions get a lower bound. Without one OpenVINO has to expect empty layers, and copies a tensor wherever
// a convolution reads a slice.
void set_least_sizes(ov::Model &model, const NetworkOptions &options, const std::string &path) {
    std::map<std::string, ov::PartialShape> shapes;
    for (const auto &[name, least] : options.inputs) {
        ov::PartialShape shape = model.input(name).get_partial_shape();
        if (least.empty()) continue;
        if (shape.rank().is_dynamic() || shape.size() != least.size())
            throw bundle_error("'" + path + "' has another shape of " + name + " than its manifest: export the " +
                               "bundle again");
        for (std::size_t i = 0; i < least.size(); ++i)
            if (shape[i].is_dynamic()) shape[i] = ov::Dimension(least[i], -1);
        shapes[name] = shape;
    }
    if (!shapes.empty()) model.reshape(shapes);
}

// Keeps face coordinates of pixels in f32 in a model that is compiled for bf16, in which atlas positions have errors
// of up to a texel. OpenVINO keeps f32 for operators that lead to an output without a convolution in between, so one
// value of each position plane becomes an additional, unused output.
void keep_positions_exact(ov::Model &model) {
    const std::set<std::string> waves = {"Sin", "Cos"};
    std::vector<ov::Output<ov::Node>> positions;
    bool sampled = false;
    for (const auto &node : model.get_ordered_ops()) {
        if (waves.count(node->get_type_name()) > 0) positions.push_back(node->output(0));
        if (std::string(node->get_type_name()) == "GridSample" && !sampled) {
            positions.push_back(node->input_value(1));
            sampled = true;
        }
    }
    const auto four = [](std::int64_t value) {
        return ov::op::v0::Constant::create(ov::element::i64, ov::Shape{4}, std::vector<std::int64_t>(4, value));
    };
    ov::ResultVector results;
    for (const auto &position : positions)
        results.push_back(std::make_shared<ov::op::v0::Result>(
            std::make_shared<ov::op::v8::Slice>(position, four(0), four(1), four(1))->output(0)));
    // Not add_output(): after a reshape it leaves a model that OpenVINO 2026 cannot copy.
    model.add_results(results);
}

// Makes OpenVINO compute SPADE's product and sum, x * scale + shift, in one pass. It would add the product inside the
// convolution that computes the shift, in place, with two copies; it does not if another operator reads the shift, so
// the shape of each shift becomes an additional, unused output.
void modulate_in_one_pass(ov::Model &model) {
    const auto is = [](const ov::Output<ov::Node> &value, const char *type) {
        return std::string(value.get_node()->get_type_name()) == type;
    };
    ov::ResultVector results;
    for (const auto &node : model.get_ordered_ops()) {
        if (std::string(node->get_type_name()) != "Add" || node->get_input_size() != 2) continue;
        const bool second = is(node->input_value(0), "Multiply");
        const ov::Output<ov::Node> product = node->input_value(second ? 0 : 1), shift = node->input_value(second);
        if (!is(product, "Multiply") || !is(shift, "Add")) continue;
        const auto parts = shift.get_node()->input_values();
        if (std::any_of(parts.begin(), parts.end(), [&](const auto &part) { return is(part, "Convolution"); }))
            results.push_back(std::make_shared<ov::op::v0::Result>(std::make_shared<ov::op::v3::ShapeOf>(shift)->output(0)));
    }
    model.add_results(results);
}

}  // namespace

int count_cores() {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
    return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

Network::Network(const Bundle &bundle, const FileEntry &entry, const NetworkOptions &options) {
    const std::string path = bundle.path_of(entry), content = bundle.read(entry);
    try {
        ov::Core core;
        precision_ = choose_precision(options.precision, core.get_property("CPU", ov::device::capabilities));
        std::shared_ptr<ov::Model> model = core.read_model(content, ov::Tensor());
        check_inputs(*model, options, path);
        set_least_sizes(*model, options, path);
        if (precision_ == "bf16") {
            if (options.cut) model = options.cut(model);
            keep_positions_exact(*model);
            modulate_in_one_pass(*model);
        }
        const ov::element::Type type = precision_ == "bf16" ? ov::element::bf16 : ov::element::f32;
        model_ = core.compile_model(model, "CPU", ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                                    ov::hint::inference_precision(type), ov::num_streams(options.streams),
                                    // A thread that is pinned to one core waits for other work on that core.
                                    ov::hint::enable_cpu_pinning(false));
    } catch (const Error &) {
        throw;
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::exception &error) {
        throw engine_error("OpenVINO cannot load '" + path + "': " + last_line(error.what()));
    }
}

ov::Tensor Desk::tensor(std::size_t number, const ov::Shape &shape) {
    std::vector<std::uint16_t> &memory = halves.at(number);
    if (memory.size() < ov::shape_size(shape)) memory.resize(ov::shape_size(shape));
    return ov::Tensor(ov::element::bf16, shape, memory.data());
}

Desk Network::take_desk() {
    {
        const std::lock_guard<std::mutex> hold(lock_);
        if (!free_.empty()) {
            Desk desk = std::move(free_.back());
            free_.pop_back();
            return desk;
        }
    }
    return {model_.create_infer_request(), {}};
}

void Network::give_back(Desk desk) {
    const std::lock_guard<std::mutex> hold(lock_);
    free_.push_back(std::move(desk));
}

}  // namespace amgan_impl
