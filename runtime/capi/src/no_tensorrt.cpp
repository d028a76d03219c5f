// Stands in for the TensorRT backend where the library is built without it.
#include "engine.h"
#include "error.h"

namespace amgan_impl {

std::unique_ptr<Engine> open_tensorrt(const Bundle &, const std::string &device, const std::string &) {
    throw device_error("device '" + device + "' cannot be had, this libamgan was built without TensorRT: build it with "
                       "TensorRT and CUDA, or use device 'cpu'");
}

}  // namespace amgan_impl
