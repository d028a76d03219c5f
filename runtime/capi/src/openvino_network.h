// Networks compiled by OpenVINO for the CPU, with the options of amgan.runtime.engines.openvino in Python: the same
// file, options and cores give bit-identical results.
#pragma once

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
};

// A compiled network and a pool of requests, which grows with the number of concurrent callers.
class Network {
  public:
    // Raises Error: AMGAN_ERROR_DEVICE for an unsupported precision, AMGAN_ERROR_BUNDLE for other inputs,
    // AMGAN_ERROR_ENGINE if OpenVINO cannot compile the network.
    Network(const Bundle &bundle, const FileEntry &entry, const NetworkOptions &options);

    const std::string &precision() const { return precision_; }
    ov::InferRequest take_request();
    void give_back(ov::InferRequest request);

  private:
    ov::CompiledModel model_;
    std::string precision_;
    std::mutex lock_;
    std::vector<ov::InferRequest> free_;
};

}  // namespace amgan_impl
