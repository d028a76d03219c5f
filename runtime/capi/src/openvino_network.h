// Networks compiled by OpenVINO for the CPU, with the options of amgan.runtime.engines.openvino in Python: the same
// file, options and cores give bit-identical results.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "bundle.h"

namespace amgan_impl {

// Number of cores that this thread may use.
int count_cores();

struct NetworkOptions {
    std::string precision;  // "f32", "bf16", or empty for the fastest
    int streams = 1;        // how many inputs are computed concurrently
    // The required inputs in order, with the smallest shape of each; an empty shape sets no bound.
    std::vector<std::pair<std::string, std::vector<int>>> inputs;
    // Returns the model to compile in bf16 instead of the given one; it may be empty.
    std::function<std::shared_ptr<ov::Model>(const std::shared_ptr<ov::Model> &)> cut;
};

// An inference request, and memory of its tensors in bf16 that run after run uses again: new pages would cost a tenth of
// what is written into them.
struct Desk {
    ov::InferRequest request;
    std::array<std::vector<std::uint16_t>, 3> halves;

    // A tensor of any content in the memory `number`.
    ov::Tensor tensor(std::size_t number, const ov::Shape &shape);
};

// A compiled network and a pool of desks, which grows with the number of concurrent callers.
class Network {
  public:
    // Raises Error: AMGAN_ERROR_DEVICE for an unsupported precision, AMGAN_ERROR_BUNDLE for other inputs,
    // AMGAN_ERROR_ENGINE if OpenVINO cannot compile the network.
    Network(const Bundle &bundle, const FileEntry &entry, const NetworkOptions &options);

    const std::string &precision() const { return precision_; }
    Desk take_desk();
    void give_back(Desk desk);

  private:
    ov::CompiledModel model_;
    std::string precision_;
    std::mutex lock_;
    std::vector<Desk> free_;
};

}  // namespace amgan_impl
