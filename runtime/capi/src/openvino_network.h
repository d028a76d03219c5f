// Networks compiled by OpenVINO for the CPU, with the same options as amgan.runtime.engines.openvino in Python: the
// same file, options and cores give the same bits.
#pragma once

#include <map>
#include <mutex>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

#include "bundle.h"

namespace amgan_impl {

// Cores that this thread may use.
int count_cores();

struct NetworkOptions {
    std::string precision;  // "f32", "bf16", or empty for the fastest
    int streams = 1;        // how many inputs are computed concurrently
    // The inputs that there must be, in this order, and the least shape of each; an empty one leaves it open.
    std::vector<std::pair<std::string, std::vector<int>>> inputs;
};

// A compiled network and a pool of requests, which grows with the threads that use it concurrently.
class Network {
  public:
    // Raises Error: AMGAN_ERROR_DEVICE for a precision the CPU lacks, AMGAN_ERROR_BUNDLE for other inputs than wanted,
    // AMGAN_ERROR_ENGINE for what OpenVINO refuses.
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
