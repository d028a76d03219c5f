#include "graph_search.h"

#include <algorithm>
#include <openvino/op/constant.hpp>
#include <set>

namespace amgan_impl {

bool is_a(const ov::Node &node, const std::string &type) { return node.get_type_name() == type; }

std::vector<NodePtr> all_of(const ov::Model &model, const std::string &type) {
    std::vector<NodePtr> found;
    for (const NodePtr &node : model.get_ordered_ops())
        if (is_a(*node, type)) found.push_back(node);
    return found;
}

std::vector<NodePtr> readers(const NodePtr &node) {
    std::vector<NodePtr> found;
    for (const auto &input : node->output(0).get_target_inputs()) found.push_back(input.get_node()->shared_from_this());
    return found;
}

NodePtr reader(const NodePtr &node, const std::string &type) {
    std::vector<NodePtr> found = readers(node);
    found.erase(std::remove_if(found.begin(), found.end(), [&](const NodePtr &one) { return !is_a(*one, type); }),
                found.end());
    return only(found);
}

NodePtr other_input(const NodePtr &node, const NodePtr &than) {
    std::vector<NodePtr> found;
    for (const auto &value : node->input_values())
        if (value.get_node() != than.get()) found.push_back(value.get_node_shared_ptr());
    return only(found);
}

NodePtr constant_input(const NodePtr &node) {
    std::vector<NodePtr> found;
    for (const auto &value : node->input_values())
        if (is_a(*value.get_node(), "Constant")) found.push_back(value.get_node_shared_ptr());
    return only(found);
}

Values constant_of(NodePtr node) {
    static const std::set<std::string> copies = {"Reshape", "Broadcast", "Multiply", "Convert"};
    while (copies.count(node->get_type_name()) > 0) {
        const auto sources = node->input_values();
        const auto real = std::find_if(sources.begin(), sources.end(),
                                       [](const auto &one) { return one.get_element_type().is_real(); });
        node = (real == sources.end() ? sources.front() : *real).get_node_shared_ptr();
    }
    const auto constant = std::dynamic_pointer_cast<ov::op::v0::Constant>(node);
    if (!constant) throw OtherGraph(node->get_friendly_name() + " is not a constant");
    return {constant->cast_vector<float>(), constant->get_shape()};
}

}  // namespace amgan_impl
