// Searching a graph of OpenVINO for operators by their types and neighbours.
#pragma once

#include <memory>
#include <openvino/core/model.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace amgan_impl {

using NodePtr = std::shared_ptr<ov::Node>;

// The graph is another one than was expected.
class OtherGraph : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// A constant of a graph, converted to float.
struct Values {
    std::vector<float> data;
    ov::Shape shape;
};

bool is_a(const ov::Node &node, const std::string &type);

// The only element; raises OtherGraph.
template <typename T> T only(const std::vector<T> &found) {
    if (found.size() != 1) throw OtherGraph(std::to_string(found.size()) + " operators are like one");
    return found.front();
}

std::vector<NodePtr> all_of(const ov::Model &model, const std::string &type);

// The operators that read a node's first output.
std::vector<NodePtr> readers(const NodePtr &node);

// The only reader of a type; raises OtherGraph.
NodePtr reader(const NodePtr &node, const std::string &type);

// The input of a binary operator that is not an output of `than`; raises OtherGraph.
NodePtr other_input(const NodePtr &node, const NodePtr &than);

// The only input of an operator that is a constant; raises OtherGraph.
NodePtr constant_input(const NodePtr &node);

// The constant that a node is, or is a reshaped or repeated copy of; raises OtherGraph.
Values constant_of(NodePtr node);

}  // namespace amgan_impl
