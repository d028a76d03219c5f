// Chooses the engine that runs a bundle on this machine.
#include <algorithm>

#include "engine.h"
#include "error.h"

namespace amgan_impl {

namespace {

bool is_gpu(const std::string &device) {
    if (device == "cuda") return true;
    const std::string number = device.substr(std::min<std::size_t>(5, device.size()));
    return device.compare(0, 5, "cuda:") == 0 && !number.empty() && number.size() <= 3 &&
           number.find_first_not_of("0123456789") == std::string::npos;
}

// With a precision OpenVINO, which other engines are compared with.
std::unique_ptr<Engine> open_cpu(const Bundle &bundle, const std::string &precision) {
    std::unique_ptr<Engine> own = precision.empty() ? open_avx2(bundle, kMaxCorePx) : nullptr;
    return own ? std::move(own) : open_openvino(bundle, precision);
}

}  // namespace

std::unique_ptr<Engine> choose_engine(const Bundle &bundle, const std::string &device, const std::string &precision) {
    if (device != "auto" && device != "cpu" && !is_gpu(device))
        throw argument_error("device '" + device + "' is not known: use auto, cpu, cuda or cuda:N, such as cuda:0");
    if (!precision.empty() && precision != "f32" && precision != "f16" && precision != "bf16")
        throw argument_error("'" + precision + "' is not a precision: give f32, f16 or bf16, or null");
    if (device == "cpu") return open_cpu(bundle, precision);
    try {
        return open_tensorrt(bundle, device == "auto" ? "cuda" : device, precision);
    } catch (const Error &) {
        if (device != "auto") throw;
    }
    return open_cpu(bundle, precision);
}

}  // namespace amgan_impl
